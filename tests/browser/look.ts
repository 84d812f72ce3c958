// Looking at the window: going somewhere, judging what is there, keeping its picture.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "playwright-core";
import { expect } from "vitest";
import type { Opened } from "./bridge";

export async function at(page: Page, hash: string, ready: string): Promise<void> {
  await page.evaluate((to) => (window.location.hash = to), hash);
  await page.locator(ready).filter({ visible: true }).first().waitFor();
}

export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env["LIFEBOAT_PICTURES"];
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

export async function clean({ page, complaints }: Opened, name: string): Promise<void> {
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished)));
  await picture(page, name);
  const { violations } = await new AxeBuilder({ page }).analyze();
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" | ")}`);
  expect(found, name).toEqual([]);
  expect(complaints, name).toEqual([]);
}

export const focused = (page: Page) =>
  page.evaluate(() => document.activeElement?.textContent.replaceAll(/\s+/g, " ").trim());
export const sideways = (page: Page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
