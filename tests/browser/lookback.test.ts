// What adds up over time, in a real browser: history, availability, readiness, dependencies, and the settings.

import type { Server } from "node:http";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, open, serve } from "./bridge";
import { at, clean, focused, sideways } from "./look";
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

function broken(): World {
  const world = new World();
  world.set("database-port", "outage", "connection refused");
  world.set("database-replication", "degraded", "the standby is 68 MiB behind");
  return world;
}

describe.each(["light", "dark"] as const)("%s", (colorScheme) => {
  test("everything that looks back is without a fault axe can find", { timeout: 240_000 }, async () => {
    const opened = await open(browser, address, {
      world: broken(),
      colorScheme,
      viewport: { width: 1280, height: 1500 },
    });
    const { page } = opened;
    await page.getByRole("heading", { level: 2, name: "Recovery readiness" }).waitFor();
    await clean(opened, `readiness-${colorScheme}`);
    await page.getByRole("radio", { name: "Dependencies" }).check({ force: true });
    await page.locator(".cause").first().waitFor();
    await clean(opened, `needs-${colorScheme}`);
    await page.getByRole("radio", { name: "Who needs it" }).check({ force: true });
    await clean(opened, `needed-${colorScheme}`);
    await at(page, "#/status/check/database-port", "aside figure");
    for (const span of ["24 hours", "7 days", "90 days"]) {
      await page.getByRole("radiogroup", { name: "Span" }).first().getByLabel(span).check({ force: true });
      await page.getByRole("heading", { level: 3, name: /Latency and verdicts/ }).waitFor();
      await clean(opened, `history-${span.replace(" ", "-")}-${colorScheme}`);
    }
    await page.getByRole("button", { name: "Show as table" }).click();
    await clean(opened, `history-table-${colorScheme}`);
    for (const tab of ["profile", "display", "zone", "credentials", "data", "range", "diagnostics"]) {
      await at(page, `#/settings/${tab}`, `[data-tab="${tab}"][aria-selected="true"]`);
      if (tab === "diagnostics") await page.locator("tbody tr").first().waitFor();
      await clean(opened, `settings-${tab}-${colorScheme}`);
    }
    await opened.close();
  });
});

test("every number of readiness leads to where it comes from", async () => {
  const { page, close } = await open(browser, address, { world: broken() });
  const section = page.getByRole("region", { name: "Recovery readiness" });
  await section.waitFor();
  expect(await section.getByText("never").count()).toBeGreaterThan(2);
  await section
    .getByRole("button", { name: /16 min/ })
    .first()
    .click();
  await page.locator("aside h2").waitFor();
  expect(page.url()).toContain("#/status/check/");
  await page.keyboard.press("Escape");
  await section.getByRole("button", { name: "maintenance.toml:2" }).click();
  await page.getByRole("heading", { level: 2, name: "maintenance.toml:2:1" }).waitFor();
  expect(page.url()).toContain("#/plan/line/");
  await page.keyboard.press("Escape");
  await page.locator("aside").waitFor({ state: "detached" });
  await close();
});

test("the way to the cause is open, and the rest opens with the keyboard", async () => {
  const { page, close } = await open(browser, address, { world: broken() });
  await page.getByRole("radio", { name: "Dependencies" }).check({ force: true });
  const tree = page.getByRole("region", { name: "What stands on what" });
  await tree.waitFor();
  expect(await tree.locator(".cause").allInnerTexts()).toContainEqual(expect.stringContaining("connection refused"));
  const closed = tree.getByRole("button", { expanded: false }).first();
  const name = await closed.getAttribute("aria-label");
  await closed.focus();
  await page.keyboard.press("Enter");
  expect(await focused(page)).toBe("");
  const turned = tree.locator(`button.turn[aria-label="${name}"]`).first();
  expect(await turned.getAttribute("aria-expanded")).toBe("true");
  await tree.getByRole("button", { name: "Close all" }).click();
  expect(await tree.getByRole("button", { expanded: true }).count()).toBe(0);
  await tree.getByRole("button", { name: "Open all" }).click();
  expect(await tree.getByRole("button", { expanded: false }).count()).toBe(0);
  // A part opens beside it, and the tree stays where it is.
  await tree.getByRole("button", { name: "PostgreSQL" }).last().click();
  await page.locator("aside h2").waitFor();
  expect(await tree.count()).toBe(1);
  await close();
});

test("a history is read part by part, and says where nobody looked", async () => {
  const { page, world, close } = await open(browser, address, { hash: "#/status/check/database-port" });
  await page.getByRole("radio", { name: "24 hours" }).check({ force: true });
  const chart = page.getByRole("slider", { name: /Latency and verdicts/ });
  await chart.focus();
  await page.keyboard.press("Home");
  expect(await chart.getAttribute("aria-valuetext")).toMatch(/: not observed$/);
  await page.keyboard.press("End");
  expect(await chart.getAttribute("aria-valuetext")).toMatch(/half within \d+ ms/);
  expect(world.calls.filter((call) => call.command === "check_history").at(-1)?.given["span"]).toBe("24h");
  await close();
});

test("availability never stands without how much of it is known", async () => {
  const { page, close } = await open(browser, address, { hash: "#/status/part/payment-processing" });
  const cells = page.locator("td.up").filter({ hasText: "%" });
  await cells.first().waitFor();
  for (const text of await cells.allInnerTexts()) expect(text).toMatch(/known: [\d.]+\s%/);
  expect(await page.locator("aside .bar").getAttribute("aria-label")).toContain("of the time that is known");
  await close();
});

test("the settings are kept by Rust, hold at once, and say when they cannot be kept", async () => {
  const world = new World();
  const { page, close } = await open(browser, address, { world, hash: "#/settings" });
  await page.getByRole("textbox", { name: "Name" }).fill("R. Haddad");
  await page.getByRole("button", { name: "Use this name" }).click();
  await page.locator("form").getByText("From now on the journal says R. Haddad.").waitFor();
  expect(world.settings.name).toBe("R. Haddad");
  await page.getByRole("tab", { name: "Profile" }).focus();
  await page.keyboard.press("ArrowRight");
  expect(await focused(page)).toBe("Display");
  await page.getByRole("radio", { name: "Dark" }).check();
  expect(await page.evaluate(() => document.documentElement.dataset["theme"])).toBe("dark");
  await page.getByRole("radio", { name: "Largest" }).check();
  expect(await page.evaluate(() => getComputedStyle(document.documentElement).fontSize)).toBe("20px");
  await page.getByRole("tab", { name: "Time zone" }).click();
  await page.getByRole("radio", { name: /another zone/ }).check();
  await page.getByLabel("Zone", { exact: true }).selectOption("Asia/Tokyo");
  await page
    .getByText(/Tokyo$/)
    .filter({ visible: true })
    .first()
    .waitFor();
  expect(world.settings).toMatchObject({ theme: "dark", text: "largest", zone: "Asia/Tokyo" });
  world.refusals.set(
    "settings_write",
    problem("permission-denied", "the settings could not be kept", "See the folder."),
  );
  await page.getByRole("radio", { name: "UTC only" }).check();
  await page.getByText("The settings could not be kept.").waitFor();
  await page.getByText("It holds until the window closes.").waitFor();
  await close();
});

test("nothing is lost at 200 % and on a narrow window", async () => {
  for (const width of [640, 400]) {
    const { page, close } = await open(browser, address, { world: broken(), viewport: { width, height: 720 } });
    await page.getByRole("heading", { level: 2, name: "Recovery readiness" }).waitFor();
    expect(await sideways(page), `status at ${width}`).toBe(0);
    await page.getByRole("radio", { name: "Dependencies" }).check({ force: true });
    expect(await sideways(page), `needs at ${width}`).toBe(0);
    for (const hash of [
      "#/status/check/database-port",
      "#/settings/data",
      "#/settings/zone",
      "#/settings/diagnostics",
    ]) {
      await page.evaluate((to) => (window.location.hash = to), hash);
      await page.locator("h1, h2").filter({ visible: true }).first().waitFor();
      expect(await sideways(page), `${hash} at ${width}`).toBe(0);
    }
    await close();
  }
});
