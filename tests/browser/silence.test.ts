// Maintenance and mute in a real browser: asked for in a sheet, always in sight, ended early.

import type { Server } from "node:http";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, open, serve } from "./bridge";
import { at, clean, sideways } from "./look";
import { problem, World } from "./world";

let server: Server;
let address: string;
let browser: Browser;

beforeAll(async () => {
  ({ server, address } = await serve());
  browser = await launch();
});

afterAll(async () => {
  await browser.close();
  await new Promise((done) => server.close(done));
});

describe("a maintenance", () => {
  test(
    "is begun for a part with the keyboard, is told on the board, and is ended early",
    { timeout: 240_000 },
    async () => {
      const world = new World();
      const opened = await open(browser, address, { world });
      const { page } = opened;
      world.set("database-port", "outage", "connection refused");
      await page.getByRole("heading", { level: 1, name: /do not work/ }).waitFor();
      await at(page, "#/status/part/primary-database", "aside h2");
      const opener = page.getByRole("complementary").getByRole("button", { name: "Maintenance …" });
      await opener.focus();
      await page.keyboard.press("Enter");
      const sheet = page.getByRole("dialog", { name: "Maintenance of PostgreSQL" });
      await sheet.waitFor();
      await clean(opened, "maintenance-sheet");
      await sheet.getByRole("radio", { name: "In 4 h" }).check();
      await sheet.getByLabel(/^Reason/).fill("minor upgrade <b>15.14</b>");
      await page.keyboard.press("Enter");
      await sheet.waitFor({ state: "detached" });
      const line = page.getByRole("list", { name: "Muted and in maintenance" }).getByRole("listitem");
      expect(await line.innerText()).toMatch(
        /Maintenance PostgreSQL until .* UTC.*by mona.*minor upgrade <b>15\.14<\/b>/s,
      );
      const given = world.calls.find((call) => call.command === "maintenance_begin")?.given["wanted"] as {
        scope: unknown;
        from: unknown;
        until: string;
      };
      expect(given.scope).toEqual({ part: "primary-database" });
      expect(given.from).toBeNull();
      expect(Math.abs(Date.parse(given.until) - Date.now() - 4 * 3_600_000)).toBeLessThan(60_000);
      await page.getByRole("complementary").getByText("MAINTENANCE").first().waitFor();
      await clean(opened, "maintenance");
      await line.getByRole("button", { name: "End now: maintenance of PostgreSQL" }).click();
      await line.waitFor({ state: "detached" });
      await page.getByRole("heading", { level: 1, name: /do not work/ }).waitFor();
      await opened.close();
    },
  );

  test("is planned for a time of this computer, and what Rust refuses is said in the sheet", async () => {
    const world = new World();
    const { page, close } = await open(browser, address, { world, timezoneId: "Asia/Tokyo" });
    await page.getByRole("heading", { level: 1, name: /All 17/ }).waitFor();
    await page.getByRole("button", { name: "Maintenance …" }).click();
    const sheet = page.getByRole("dialog", { name: "Maintenance of everything" });
    await sheet.getByRole("group", { name: "Begins" }).getByRole("radio", { name: "At a time" }).check();
    await sheet.getByLabel(/^From/).fill("2030-05-01T03:00");
    await sheet.getByRole("group", { name: "Ends" }).getByRole("radio", { name: "At a time" }).check();
    await sheet.getByLabel(/^Until/).fill("2030-05-01T05:30");
    await sheet.getByLabel(/^Reason/).fill("move");
    world.refusals.set(
      "maintenance_begin",
      problem("usage", "a maintenance this far ahead", "Plan it 90 days ahead at most."),
    );
    await sheet.getByRole("button", { name: "Plan maintenance" }).click();
    await sheet.getByText("Plan it 90 days ahead at most.").waitFor();
    world.refusals.clear();
    await sheet.getByRole("button", { name: "Plan maintenance" }).click();
    await sheet.waitFor({ state: "detached" });
    const wanted = world.calls.findLast((call) => call.command === "maintenance_begin")?.given["wanted"];
    expect(wanted).toEqual({
      scope: "everything",
      from: "2030-04-30T18:00:00.000Z",
      until: "2030-04-30T20:30:00.000Z",
      reason: "move",
    });
    await page.getByText("planned from").waitFor();
    await page.getByRole("heading", { level: 1, name: /All 17/ }).waitFor();
    await page.getByRole("button", { name: "Take back: maintenance of everything" }).click();
    await page.getByText("planned from").waitFor({ state: "detached" });
    await close();
  });
});

describe("a mute", () => {
  test.each(["light", "dark"] as const)(
    "hides nothing but the alarm, and says so (%s)",
    { timeout: 240_000 },
    async (colorScheme) => {
      const world = new World();
      const opened = await open(browser, address, { world, colorScheme, hash: "#/status/check/database-port" });
      const { page } = opened;
      world.set("database-port", "outage", "connection refused");
      world.set("database-reads-and-writes", "outage", "connection refused");
      world.because.set("database-reads-and-writes", { part: "supabase", name: "Supabase" });
      world.flapping.add("database-port");
      const panel = page.getByRole("complementary");
      await panel.getByText("Flapping, so its changes do not alarm one by one.").waitFor();
      await panel.getByRole("button", { name: "Mute …" }).click();
      const sheet = page.getByRole("dialog", { name: "Mute alarms of Database port" });
      await clean(opened, `mute-sheet-${colorScheme}`);
      await sheet.getByRole("button", { name: "Mute", exact: true }).click();
      await sheet.waitFor({ state: "detached" });
      await panel.getByText("Muted, so it does not alarm.").waitFor();
      await panel.getByText("OUTAGE").first().waitFor();
      await at(page, "#/status/check/database-reads-and-writes", "aside .verdict .link");
      await clean(opened, `mute-${colorScheme}`);
      await panel.getByRole("button", { name: "Supabase" }).click();
      await page.getByRole("heading", { level: 2, name: "Supabase" }).waitFor();
      await page.setViewportSize({ width: 480, height: 800 });
      await page.evaluate(() => (window.location.hash = "#/status"));
      await page.getByRole("list", { name: "Muted and in maintenance" }).waitFor();
      expect(await sideways(page)).toBe(0);
      await opened.close();
    },
  );
});
