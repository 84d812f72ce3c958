import { mkdirSync } from "node:fs";
import { test } from "vitest";
import { launch, open, serve } from "./bridge";
import { World, problem } from "./world";

test("pictures", async () => {
  const folder = process.env["SHOTS"]!;
  mkdirSync(folder, { recursive: true });
  const { server, address } = await serve();
  const browser = await launch();
  for (const colorScheme of ["light", "dark"] as const) {
    for (const [width, height, zoom] of [
      [1280, 800, ""],
      [640, 400, "-zoom"],
    ] as const) {
      const world = new World();
      const { page, complaints } = await open(browser, address, {
        world,
        colorScheme,
        viewport: { width, height },
        deviceScaleFactor: zoom ? 2 : 1,
      });
      const shot = async (name: string, hash?: string, full = false) => {
        if (hash)
          await page.evaluate((h) => {
            location.hash = h;
          }, hash);
        await page.waitForTimeout(500);
        await page.screenshot({ path: `${folder}/${name}${zoom}-${colorScheme}.png`, fullPage: full || !!zoom });
      };
      await page.waitForSelector("h1");
      await shot("status-good");
      world.set("database-port", "outage", "connection refused", null);
      world.set(
        "database-reads-and-writes",
        "outage",
        "could not connect: connection refused",
        'psql: error: connection to server at "127.0.0.1", port 21432 failed: Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?\npassword=***',
      );
      world.set("database-replication", "degraded", "the standby is 68 MiB behind", null);
      world.set("twilio-status", "unknown", "could not look: name could not be resolved");
      world.suspect("payments-health", "degraded", 1);
      world.age("push-status");
      await shot("status-bad");
      await shot("check", "#/status/check/database-reads-and-writes");
      await shot("part", "#/status/part/payment-processing");
      await shot("journal", "#/journal");
      await shot("entry", `#/journal/entry/${encodeURIComponent(world.entries[0]!.id)}`);
      await shot("plan", "#/plan");
      world.breakPlan();
      world.watching = "nobody";
      world.keychain = { state: "locked", detail: "The login collection is locked." };
      world.readOnly = problem(
        "journal-damaged",
        "entry 0193-a1/3 is not what was written",
        "Keep the file and open a new home.",
      );
      await page.waitForTimeout(5500);
      await shot("faults", "#/plan");
      await page.locator("[data-opens]").nth(2).click();
      await shot("fault");
      await shot("settings", "#/settings", true);
      await shot("drills", "#/drills");
      await page.keyboard.press("Control+k");
      await page.keyboard.type("data");
      await shot("palette");
      await page.keyboard.press("Escape");
      await page.keyboard.press("?");
      await shot("keys");
      await page.keyboard.press("Escape");
      await shot("welcome", "#/welcome");
      if (complaints.length) console.log(colorScheme, complaints);
      await page.context().close();
    }
  }
  await browser.close();
  server.close();
}, 200000);
