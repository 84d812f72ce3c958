// Recomputes the contrast of every colour from the token file itself (WCAG 2.2, 1.4.3 and 1.4.11).

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const css = readFileSync(join(import.meta.dirname, "styles/tokens.css"), "utf8");

function block(selector: string): Map<string, string> {
  const from = css.indexOf(`${selector} {`);
  if (from === -1) throw new Error(`no ${selector}`);
  const body = css.slice(from, css.indexOf("}", from));
  return new Map([...body.matchAll(/--([\w-]+):\s*([^;]+);/g)].map((match) => [match[1] ?? "", match[2] ?? ""]));
}

const raw = block(":root");

function colours(selector: string): (name: string) => string {
  const meanings = block(selector);
  return (name) => {
    const value = meanings.get(name) ?? "";
    const reference = /^var\(--(raw-[\w-]+)\)$/.exec(value)?.[1];
    const found = reference === undefined ? undefined : raw.get(reference);
    if (!found || !/^#[0-9a-f]{6}$/.test(found)) throw new Error(`${selector} --${name} is not a raw colour: ${value}`);
    return found;
  };
}

function luminance(hex: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5]
    .map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

const themes = [
  [
    ':root[data-theme="dark"]',
    {
      text: 14.6,
      muted: 7.7,
      focus: 9.2,
      outage: 6.2,
      degraded: 8.5,
      caution: 11.6,
      information: 8.3,
      verified: 8.5,
      unknown: 7.7,
    },
  ],
  [
    ':root[data-theme="light"]',
    {
      text: 16.4,
      muted: 6.6,
      focus: 6.2,
      outage: 6.4,
      degraded: 5.6,
      caution: 5.8,
      information: 6.2,
      verified: 6.0,
      unknown: 6.6,
    },
  ],
] as const;

describe.each(themes)("%s", (selector, measured) => {
  const colour = colours(selector);
  const texts = Object.keys(measured);
  const grounds = ["background", "surface", "raised", "selected"];

  test.each(Object.entries(measured))("%s on the surface is %d : 1, as measured", (name, ratio) => {
    expect(contrast(colour(name), colour("surface"))).toBeCloseTo(ratio, 0);
    expect(Math.abs(contrast(colour(name), colour("surface")) - ratio)).toBeLessThan(0.11);
  });

  test.each(grounds.flatMap((ground) => texts.map((text) => [text, ground] as const)))(
    "%s can be read on %s",
    (text, ground) => expect(contrast(colour(text), colour(ground))).toBeGreaterThanOrEqual(4.5),
  );

  test.each(grounds)("edges and the focus ring can be seen on %s", (ground) => {
    expect(contrast(colour("edge"), colour(ground))).toBeGreaterThanOrEqual(3);
    expect(contrast(colour("focus"), colour(ground))).toBeGreaterThanOrEqual(3);
  });

  test.each(["primary", "outage", "degraded"])("words on a block of %s can be read", (block) => {
    expect(contrast(colour("on-strong"), colour(block))).toBeGreaterThanOrEqual(4.5);
  });
});

test("print has its own meanings, all readable on paper", () => {
  const print = css.slice(css.indexOf("@media print"));
  const names = [
    ...print
      .slice(0, print.indexOf("@media (forced"))
      .matchAll(/--(text|muted|outage|degraded|unknown): var\(--(raw-day-[\w-]+)\)/g),
  ];
  expect(names).toHaveLength(5);
  for (const [, , reference] of names) {
    expect(contrast(raw.get(reference ?? "") ?? "", "#ffffff")).toBeGreaterThanOrEqual(4.5);
  }
});

test("forced colours give every meaning a system colour", () => {
  const meanings = [...block(':root[data-theme="dark"]').keys()];
  const forced = css.slice(css.indexOf("@media (forced-colors: active)"));
  for (const name of meanings) expect(forced).toMatch(new RegExp(`--${name}: [A-Z][A-Za-z]+;`));
});

test("components name no colour of their own", () => {
  const files = import.meta.glob("./{components,pages}/*.svelte", { query: "?raw", import: "default", eager: true });
  expect(Object.keys(files).length).toBeGreaterThan(20);
  for (const [name, text] of Object.entries(files)) {
    expect(`${name} ${/#[0-9a-f]{3,8}\b(?=[^}]*})/i.exec(String(text).split("<style>")[1] ?? "")?.[0] ?? ""}`).toBe(
      `${name} `,
    );
    expect(`${name} ${/\b(margin|padding|border)-(left|right)\b/.exec(String(text))?.[0] ?? ""}`).toBe(`${name} `);
  }
});
