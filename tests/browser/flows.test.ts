// The window in a real browser, on the built files and under the shell's own security policy. With LIFEBOAT_PICTURES set
// to a folder, every screen looked at is also kept there as a picture.

import type { Server } from "node:http";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, open, serve } from "./bridge";
import { at, clean, focused, picture, sideways } from "./look";
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

function breakAll(world: World): void {
  world.set("database-port", "outage", "connection refused");
  world.set(
    "database-reads-and-writes",
    "outage",
    "could not connect: connection refused",
    "connection refused\npassword=***",
  );
  world.set("database-replication", "degraded", "the standby is 68 MiB behind");
  world.set("twilio-status", "unknown", "could not look: name could not be resolved");
  world.suspect("payments-health", "degraded", 1);
  world.age("push-status");
}

describe.each(["light", "dark"] as const)("%s", (colorScheme) => {
  test("every screen is without a fault axe can find", { timeout: 240_000 }, async () => {
    const world = new World();
    const opened = await open(browser, address, { world, colorScheme });
    const { page } = opened;
    await page.getByRole("heading", { level: 1, name: /All 17 checks are operational/ }).waitFor();
    expect(await page.evaluate(() => document.documentElement.dataset["theme"])).toBe(colorScheme);
    await clean(opened, `status-good-${colorScheme}`);
    breakAll(world);
    await page.getByRole("heading", { level: 1, name: /do not work/ }).waitFor();
    await clean(opened, `status-bad-${colorScheme}`);
    await at(page, "#/status/check/database-reads-and-writes", "aside pre");
    await clean(opened, `check-${colorScheme}`);
    await page.getByRole("button", { name: "Show as table" }).click();
    await clean(opened, `check-table-${colorScheme}`);
    await at(page, "#/status/part/payment-processing", "aside .causes");
    await clean(opened, `function-${colorScheme}`);
    await at(page, "#/status/part/configuration", "aside .empty");
    await clean(opened, `unchecked-${colorScheme}`);
    await at(page, "#/journal", "tbody tr");
    await clean(opened, `journal-${colorScheme}`);
    await page.locator("[data-opens]").first().click();
    await page.locator("aside pre").waitFor();
    await clean(opened, `entry-${colorScheme}`);
    await at(page, "#/plan", "#plan-environments");
    await clean(opened, `plan-${colorScheme}`);
    await page.getByRole("button", { name: /^Two texts name different channels/ }).click();
    await page.getByRole("button", { name: "Go to severities.toml:41:6" }).click();
    await page.locator("aside mark").waitFor();
    await clean(opened, `finding-${colorScheme}`);
    for (const screen of ["incidents", "runbooks", "drills", "backups", "executive"]) {
      await at(page, `#/${screen}`, "main .empty");
      await clean(opened, `${screen}-${colorScheme}`);
    }
    await at(page, "#/settings/diagnostics", "tbody tr");
    await clean(opened, `settings-${colorScheme}`);
    await at(page, "#/welcome", "tbody tr");
    await clean(opened, `welcome-${colorScheme}`);
    for (const [key, name] of [
      ["Control+k", "palette"],
      ["?", "keys"],
    ] as const) {
      await page.keyboard.press(key);
      await page.locator("dialog[open]").waitFor();
      await clean(opened, `${name}-${colorScheme}`);
      await page.keyboard.press("Escape");
      await page.locator("dialog").waitFor({ state: "detached" });
    }
    await page.getByRole("button", { name: /Choose environment/ }).click();
    await page.locator("dialog[open]").waitFor();
    await clean(opened, `environment-${colorScheme}`);
    await page.keyboard.press("Escape");
    world.breakPlan();
    world.readOnly = problem("journal-damaged", "entry 0193-a1/3 is not as it was written", "Keep the file.");
    world.watching = "nobody";
    world.keychain = { state: "locked", detail: "The login collection is locked." };
    world.append("plan-adopted", "the plan has faults", {});
    await at(page, "#/plan", "main ol li");
    await page.getByRole("button", { name: "Go to checks.toml:88:12" }).click();
    await page.locator("aside mark").waitFor();
    await page.getByRole("button", { name: /more notices/ }).click();
    await clean(opened, `faults-${colorScheme}`);
    await opened.close();
  });
});

describe("with the keyboard alone", () => {
  test("every screen, region and panel is reached, and the focus is always seen", async () => {
    const world = new World();
    const { page, close } = await open(browser, address, { world });
    await page.getByRole("heading", { level: 1, name: /operational/ }).waitFor();
    await page.keyboard.press("Tab");
    expect(await focused(page)).toBe("Skip to the main part");
    await page.keyboard.press("Enter");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("main");

    const regions: (string | null)[] = [];
    for (let step = 0; step < 4; step += 1) {
      await page.keyboard.press("F6");
      regions.push(await page.evaluate(() => document.activeElement?.tagName ?? null));
    }
    expect(regions).toEqual(["FOOTER", "HEADER", "NAV", "MAIN"]);
    await page.keyboard.press("Shift+F6");
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe("NAV");

    for (const [key, heading] of [
      ["Control+2", /incidents/],
      ["Control+3", /runbooks/],
      ["Control+4", /drills/],
      ["Control+5", /backups/],
      ["Control+6", /DR-SAMIA/],
      ["Control+7", /executives/],
      ["j", /entries/],
      [",", /Settings/],
      ["F8", /incidents/],
      ["Control+1", /operational/],
    ] as const) {
      await page.keyboard.press(key);
      const found = page.getByRole("heading", { level: 1, name: heading });
      await found.waitFor();
      expect(await found.evaluate((element) => element === document.activeElement), key).toBe(true);
    }

    // From the heading to the first function, in, and back out again to where one was.
    const first = page.locator('[data-opens="part/user-authentication"]');
    for (let step = 0; step < 8 && !(await first.evaluate((one) => one === document.activeElement)); step += 1) {
      await page.keyboard.press("Tab");
    }
    expect(await focused(page)).toBe("User authentication");
    const ring = await page.evaluate(() => getComputedStyle(document.activeElement as Element).outlineWidth);
    expect(ring).toBe("2px");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 2, name: "User authentication" }).waitFor();
    expect(await focused(page)).toBe("User authentication");
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => document.activeElement?.getAttribute("data-opens") === "part/user-authentication");

    // A check through the palette, its chart point by point.
    await page.keyboard.press("Control+k");
    await page.keyboard.type("standby");
    await page.keyboard.press("Enter");
    const chart = page.getByRole("slider", { name: /Latency/ });
    await chart.waitFor();
    for (
      let step = 0;
      step < 40 && !(await chart.evaluate((element) => element === document.activeElement));
      step += 1
    ) {
      await page.keyboard.press("Tab");
    }
    await page.keyboard.press("End");
    const last = await chart.getAttribute("aria-valuetext");
    await page.keyboard.press("ArrowLeft");
    const before = await chart.getAttribute("aria-valuetext");
    expect(last).toMatch(/^\d\d:\d\d:\d\d: \d+ ms, operational$/);
    expect(before).not.toBe(last);
    expect(await page.locator("figure .under").innerText()).toContain(before);
    await close();
  });

  test("Ctrl+Enter presses the main button of the screen", async () => {
    const world = new World();
    const { page, close } = await open(browser, address, { world, hash: "#/journal" });
    await page.locator("tbody tr").first().waitFor();
    await page.keyboard.press("Control+Enter");
    await page.getByRole("heading", { level: 1, name: /chain verified/ }).waitFor();
    expect(world.calls.some((call) => call.command === "journal_verify")).toBe(true);
    await close();
  });
});

describe("the board", () => {
  test("shows a fault as soon as its fact is heard, reads it out, and its end too", async () => {
    const world = new World();
    const { page, close } = await open(browser, address, { world });
    await page.getByRole("heading", { level: 1, name: /All 17/ }).waitFor();
    world.set("database-port", "outage", "connection refused");
    await page.getByRole("heading", { level: 1, name: /do not work/ }).waitFor({ timeout: 2_000 });
    await page
      .getByRole("alert")
      .filter({ hasText: /do not work/ })
      .waitFor({ state: "attached" });
    const row = page.getByRole("row", { name: /Payment processing/ });
    expect(await row.innerText()).toMatch(/OUTAGE\s+since \d\d:\d\d:\d\d UTC/);
    world.set("database-port", "operational", "accepted");
    await page.getByRole("heading", { level: 1, name: /All 17/ }).waitFor({ timeout: 2_000 });
    await page
      .getByRole("status")
      .filter({ hasText: /All 17/ })
      .waitFor({ state: "attached" });
    await close();
  });

  test("is re-checked with R: all of it, or the check that is open", async () => {
    const world = new World();
    const { page, close } = await open(browser, address, { world });
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.keyboard.press("r");
    await page.getByRole("status").filter({ hasText: "Checked 17; all operational." }).waitFor({ state: "attached" });
    await page.getByRole("button", { name: /^Log archiving/ }).click();
    await page.getByRole("heading", { level: 2, name: "Log archiving" }).waitFor();
    await page.keyboard.press("r");
    await page.getByRole("status").filter({ hasText: "Log archiving: operational" }).waitFor({ state: "attached" });
    const asked = world.calls.filter((call) => call.command === "check_run").map((call) => call.given["checks"]);
    expect(asked).toEqual([null, ["database-archive"]]);
    await close();
  });

  test("that is not refreshed any more keeps what it had, and says so", async () => {
    const world = new World();
    const { page, close } = await open(browser, address, { world });
    await page.getByRole("heading", { level: 1, name: /All 17/ }).waitFor();
    world.refusals.set("board_read", problem("journal-busy", "the journal is held by another program", "Close it."));
    const notices = page.getByRole("region", { name: "Notices" });
    await notices.getByText("The journal is held by another program.").waitFor();
    await notices.getByText(/The board was last refreshed \d+ s ago/).waitFor({ timeout: 10_000 });
    expect(await page.getByRole("heading", { level: 1 }).innerText()).toMatch(/All 17/);
    world.refusals.clear();
    await notices.waitFor({ state: "hidden" });
    await close();
  });

  test("is asked again only as often as it has to be", async () => {
    const world = new World();
    const { page, close } = await open(browser, address, { world });
    await page.getByRole("heading", { level: 1 }).waitFor();
    const from = world.calls.length;
    await page.waitForFunction(
      (start) => performance.now() - start > 3_500,
      await page.evaluate(() => performance.now()),
    );
    const asked = world.calls.slice(from).map((call) => call.command);
    expect(asked.filter((command) => command === "board_read").length).toBeLessThanOrEqual(5);
    expect(asked.filter((command) => command === "app_read").length).toBeLessThanOrEqual(2);
    await close();
  });
});

describe("the journal", () => {
  test("grows on its own, but never under what is being read", async () => {
    const world = new World();
    for (let index = 0; index < 320; index += 1) world.append("watch-started", `entry ${index}`, { index });
    const { page, close } = await open(browser, address, { world, hash: "#/journal" });
    const rows = page.locator("tbody tr");
    await page.getByText("entry 319").waitFor();
    world.append("watch-stopped", "seen at once", {});
    await rows.first().getByText("seen at once").waitFor();

    const read = page.getByRole("row", { name: /entry 300/ });
    await page.locator("main").evaluate((main) => (main.scrollTop = 400));
    const where = await read.evaluate((row) => row.getBoundingClientRect().top);
    world.append("watch-stopped", "later one", {});
    world.append("watch-stopped", "later two", {});
    const more = page.getByRole("button", { name: /2 new entries/ });
    await more.waitFor();
    expect(await read.evaluate((row) => row.getBoundingClientRect().top)).toBe(where);
    await more.click();
    await rows.first().getByText("later two").waitFor();

    for (let times = 0; times < 6; times += 1) {
      const older = page.getByRole("button", { name: "Load older" });
      if ((await older.count()) === 0) break;
      await older.click();
      await page.getByRole("button", { name: "Reading …" }).waitFor({ state: "detached" });
      expect(await rows.count()).toBeLessThanOrEqual(200);
    }
    await page.getByRole("button", { name: /Back to the newest/ }).click();
    await rows.first().getByText("later two").waitFor();
    await close();
  });

  test("is filtered by kind and text", async () => {
    const world = new World();
    breakAll(world);
    const { page, close } = await open(browser, address, { world, hash: "#/journal" });
    await page.getByLabel("Kind").selectOption("health-changed");
    await page.getByLabel("Text").fill("standby");
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
    expect(await page.locator("tbody tr").innerText()).toMatch(/68 MiB behind/);
    await page.getByLabel("Text").fill("no such thing");
    await page.getByRole("heading", { name: "No entry matches the filter" }).waitFor();
    await page.getByRole("button", { name: "Clear filter" }).first().click();
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 7);
    await close();
  });
});

test("a fault of the plan leads to its line", async () => {
  const world = new World();
  world.breakPlan();
  const { page, close } = await open(browser, address, { world });
  await page.getByRole("button", { name: "Show faults" }).click();
  await page.getByRole("button", { name: "Go to checks.toml:88:12" }).click();
  const marked = page.locator("aside mark");
  await marked.waitFor();
  expect(await marked.innerText()).toBe('interval = "5 minutes"');
  const inSight = await marked.evaluate((line) => {
    const [box, holder] = [line.getBoundingClientRect(), line.closest(".file")?.getBoundingClientRect()];
    return holder !== undefined && box.top >= holder.top && box.bottom <= holder.bottom;
  });
  expect(inSight).toBe(true);
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => document.activeElement?.textContent === "Go");
  await close();
});

test("a finding of the plan is found, and its second place leads to its line", async () => {
  const { page, close, complaints } = await open(browser, address, { hash: "#/plan" });
  await page.getByRole("heading", { level: 2, name: "Findings" }).waitFor();
  const findings = page.getByRole("region", { name: "Findings" });
  await findings.getByText("12 of 12 shown").waitFor();
  const channels = findings.getByRole("button", { name: /^Two texts name different channels/ });
  expect(await channels.getAttribute("aria-expanded")).toBe("false");

  // By weight, then by text, then to the second place, all from the keyboard.
  await findings.getByRole("button", { name: "5 warnings" }).focus();
  await page.keyboard.press("Enter");
  await findings.getByText("5 of 12 shown").waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.type("p1 slack");
  await findings.getByText("1 of 12 shown").waitFor();
  expect(await channels.getAttribute("aria-expanded")).toBe("true");
  for (const name of ["Two texts name different channels 1 finding", "Go to severities.toml:15:6"]) {
    await page.keyboard.press("Tab");
    expect(await focused(page)).toBe(name);
  }
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  const marked = page.locator("aside mark");
  await marked.waitFor();
  expect(await marked.innerText()).toBe('by = ["slack", "sms"]');
  await page.getByRole("heading", { level: 2, name: "severities.toml:41:6" }).waitFor();
  expect(await focused(page)).toBe("severities.toml:41:6");
  expect(await page.locator("aside").innerText()).toContain("People wait for the message at the wrong place.");
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => document.activeElement?.textContent.trim() === "Go to severities.toml:41:6");
  expect(complaints).toEqual([]);
  await close();
});

test("the first run starts the range step by step and ends on the board", async () => {
  const world = new World();
  world.firstRun = true;
  world.environment = "production";
  world.range = { ...world.range, phase: "down", ports: [], since: null };
  let next: () => void = () => undefined;
  world.step = () => new Promise((go) => (next = go));
  const { page, close, complaints } = await open(browser, address, { world, hash: "" });
  await page.getByRole("heading", { level: 1, name: /A plan is only worth/ }).waitFor();
  await page.keyboard.press("Control+Enter");
  await page.getByText("looking for free ports", { exact: true }).waitFor();
  next();
  await page.getByText("making the primary’s data folder", { exact: true }).waitFor();
  expect(await page.getByRole("progressbar").getAttribute("value")).toBe("2");
  await picture(page, "welcome-progress");
  world.step = () => Promise.resolve();
  next();
  await page.getByRole("heading", { level: 1, name: /All 17 checks/ }).waitFor();
  expect(await page.locator("header").innerText()).toMatch(/PRACTICE RANGE/);
  expect(
    world.calls.some(({ command, given }) => command === "environment_choose" && given["environment"] === "range"),
  ).toBe(true);
  expect(complaints).toEqual([]);
  await close();
});

describe("sizes", () => {
  const screens = [
    "#/status",
    "#/status/check/database-port",
    "#/journal",
    "#/plan",
    "#/plan/finding/channels-differ%40severities.toml%3A15%3A6%232",
    "#/settings/diagnostics",
    "#/welcome",
    "#/drills",
  ];

  test.each([
    ["the smallest window", { viewport: { width: 1024, height: 640 } }],
    ["200 % of a laptop", { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 }],
    ["400 %", { viewport: { width: 320, height: 256 }, deviceScaleFactor: 4 }],
    ["a wall", { viewport: { width: 2560, height: 1440 } }],
  ])("%s loses nothing", async (name, size) => {
    const world = new World();
    breakAll(world);
    const { page, close } = await open(browser, address, { world, ...size });
    for (const hash of screens) {
      await at(page, hash, "main h1, aside h2");
      await page
        .locator("aside figure, aside .file, tbody tr, main .empty")
        .filter({ visible: true })
        .first()
        .waitFor();
      const cut = await page.evaluate(() =>
        [...document.querySelectorAll<HTMLElement>("main button, main h1, main td")]
          .filter((element) => element.checkVisibility() && element.closest(".file, .unseen") === null)
          .filter((element) => element.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
          .filter((element) => {
            // What is wider than the window must be in something that scrolls sideways by itself.
            for (let up = element.parentElement; up; up = up.parentElement) {
              if (up.scrollWidth > up.clientWidth && /auto|scroll/.test(getComputedStyle(up).overflowX)) return false;
            }
            return true;
          })
          .map((element) => element.textContent.trim().slice(0, 40)),
      );
      expect(cut, `${name} ${hash}`).toEqual([]);
      expect(await sideways(page), `${name} ${hash}`).toBe(0);
      await picture(page, `${name.replaceAll(/\W+/g, "-")}-${hash.replaceAll(/\W+/g, "-")}`);
    }
    await close();
  });
});

test("targets are at least 24 by 24 pixels", async () => {
  const world = new World();
  breakAll(world);
  const { page, close } = await open(browser, address, { world });
  for (const hash of [
    "#/status",
    "#/status/part/payment-processing",
    "#/journal",
    "#/plan",
    "#/settings/diagnostics",
  ]) {
    await at(page, hash, "tbody tr");
    const small = await page.evaluate(() =>
      [...document.querySelectorAll<HTMLElement>("button, select, input:not([type=radio]), label.option")]
        .filter((element) => element.checkVisibility() && element.getBoundingClientRect().height < 24)
        .map((element) => element.textContent.trim()),
    );
    expect(small, hash).toEqual([]);
  }
  await close();
});

test("nothing moves for those who want less motion, and forced colours keep the shapes", async () => {
  const world = new World();
  breakAll(world);
  const { page, close } = await open(browser, address, { world, reducedMotion: "reduce", forcedColors: "active" });
  await page.getByRole("heading", { level: 1, name: /do not work/ }).waitFor();
  await page.getByRole("button", { name: /^Standby follows Degraded/ }).click();
  await page.locator("aside").waitFor();
  expect(await page.evaluate(() => document.getAnimations().length)).toBe(0);
  expect(await page.locator("main svg.outage").count()).toBeGreaterThan(3);
  await picture(page, "forced-colours");
  await close();
});

test("hostile words do nothing", async () => {
  const hostile = `<img src=x onerror="window.hit=1"><svg onload="window.hit=1"><script>window.hit=1</script>`;
  const world = new World();
  world.set("database-port", "outage", hostile, hostile);
  world.suspect("payments-health", "outage", 2);
  const { page, complaints, close } = await open(browser, address, { world, hash: "#/status/check/database-port" });
  await page.locator("aside pre").waitFor();
  expect(await page.locator("aside pre").innerText()).toBe(hostile);
  await at(page, "#/journal", "tbody tr");
  await page.locator("[data-opens]").first().click();
  await page.locator("aside pre").waitFor();
  expect(await page.evaluate(() => "hit" in window)).toBe(false);
  expect(await page.locator("img, script:not([src])").count()).toBe(0);
  expect(complaints).toEqual([]);
  await close();
});
