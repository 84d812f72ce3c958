// The wall in a real browser: the same picture at every size, nothing to scroll, nothing that acts.

import type { Server } from "node:http";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, open, serve } from "./bridge";
import { clean } from "./look";
import { World } from "./world";

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

const SIZES = [
  { width: 1920, height: 1080 },
  { width: 3840, height: 2160 },
  { width: 1280, height: 800 },
];

describe("the wall", () => {
  test.each(SIZES)("fits at $width × $height, whatever is broken", { timeout: 240_000 }, async (viewport) => {
    const world = new World();
    const opened = await open(browser, `${address}kiosk.html`, { world, viewport, hash: "" });
    const { page } = opened;
    await page.getByRole("heading", { level: 1, name: /All 17/ }).waitFor();
    const inside = () =>
      page.evaluate(() => {
        const root = document.documentElement;
        // Also where it is shifted furthest.
        const wall = document.querySelector<HTMLElement>(".wall");
        if (wall) wall.style.translate = "0.2rem 0.2rem";
        const cut = [...document.querySelectorAll("main, header, footer, section")].filter(
          (box) => box.scrollHeight > box.clientHeight + 1 || box.scrollWidth > box.clientWidth + 1,
        );
        return {
          scrolls: root.scrollHeight > root.clientHeight || root.scrollWidth > root.clientWidth,
          cut: cut.map((box) => `${box.tagName} ${box.scrollHeight} in ${box.clientHeight}`),
        };
      });
    const fits = { scrolls: false, cut: [] };
    expect(await inside()).toEqual(fits);
    await clean(opened, `wall-${viewport.width}`);
    for (const check of ["database-port", "database-reads-and-writes", "payments-health"])
      world.set(check, "outage", "connection refused ".repeat(20));
    await page.getByRole("heading", { level: 1, name: /do not work/ }).waitFor();
    expect(await inside()).toEqual(fits);
    await clean(opened, `wall-outage-${viewport.width}`);
    await page.keyboard.press("ArrowRight");
    await page.getByRole("heading", { level: 1, name: "Availability" }).waitFor();
    await page.getByRole("table").waitFor();
    expect(await inside()).toEqual(fits);
    await clean(opened, `wall-availability-${viewport.width}`);
    const size = await page.evaluate(() => getComputedStyle(document.documentElement).fontSize);
    expect(parseFloat(size)).toBeCloseTo(Math.min(viewport.width / 80, viewport.height / 45), 1);
    await opened.close();
  });

  test("goes on at the page it was on when it is loaded again", async () => {
    const { page, close } = await open(browser, `${address}kiosk.html`, { hash: "" });
    await page.getByRole("heading", { level: 1, name: /All 17/ }).waitFor();
    await page.keyboard.press("ArrowRight");
    await page.reload();
    await page.getByText("Availability, page 2 of 2").waitFor();
    await close();
  });

  test("beats by its clock alone where motion is not wanted", async () => {
    const { page, close } = await open(browser, `${address}kiosk.html`, { hash: "", reducedMotion: "reduce" });
    await page.getByRole("heading", { level: 1, name: /All 17/ }).waitFor();
    const colours = new Set<string>();
    for (let beat = 0; beat < 2; beat += 1) {
      const before = await page.getByRole("timer").innerText();
      await page.waitForFunction(
        (text) => document.querySelector<HTMLElement>("[role=timer]")?.innerText !== text,
        before,
      );
      colours.add(await page.locator(".pulse").evaluate((pulse) => getComputedStyle(pulse).backgroundColor));
    }
    expect(colours.size).toBe(1);
    await close();
  });
});
