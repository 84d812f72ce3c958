// Words from outside that would like to be more than words: five hundred strings in everything the window is told, on
// every screen. They are text and nothing else. Each string holds a number, so that one that did something is known.

import type { Server } from "node:http";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch, open, serve } from "./bridge";
import { World } from "./world";

const COUNT = 500;
const hit = "window.hit=1;alert(1)";

const PIECES = [
  `<script data-hostile>${hit}</script>`,
  `<img data-hostile src=x onerror="${hit}">`,
  `"><svg data-hostile onload="${hit}">`,
  `'><details data-hostile open ontoggle='${hit}'>`,
  `</textarea></pre></title><iframe data-hostile srcdoc="<script>parent.hit=1</script>"></iframe>`,
  `<a data-hostile href="javascript:${hit}">x</a>`,
  `javascript:${hit}`,
  `<style data-hostile>*{display:none}</style>`,
  `<base data-hostile href="https://example.org/">`,
  `<meta data-hostile http-equiv="refresh" content="0;url=https://example.org/">`,
  `<form data-hostile action="https://example.org/"><button>`,
  `<input data-hostile autofocus onfocus="${hit}">`,
  `<link data-hostile rel=stylesheet href="https://example.org/x.css">`,
  `<object data-hostile data="data:text/html,x">`,
  `<!--`,
  `]]>`,
  `&lt;img data-hostile src=x&gt;`,
  "{@html '<b data-hostile>'}",
  "{{constructor.constructor('window.hit=1')()}}",
  "${window.hit=1}",
  "\u202egnp.exe",
  "\u200b\u2060\ufeff",
  "\u2066\u061c\u2069",
  "\u001b[2J\u009b31m",
  "\u0000\u0007\u007f",
  "\r\nforged: line\u2028\u2029",
  "'; DROP TABLE entries; --",
  "../../../../etc/passwd",
  `=HYPERLINK("https://example.org")`,
  "e\u0301".repeat(40),
  "__proto__",
  "constructor",
];

const strings = Array.from({ length: COUNT }, (_, number) => {
  const [one, other] = [PIECES[number % PIECES.length], PIECES[(number * 7 + 3) % PIECES.length]];
  const text = `${one ?? ""} ${other ?? ""} #${number}`;
  return number % 50 === 49 ? `${text} `.repeat(40) : text;
});

/** Texts that the window tells things apart by: these come from choices of the core, not from outside. */
const CHOICES = new Set(
  "id kind code severity state finding phase health worst to verdict tone watching level size current of check part parts checks environment device sequence hash at as_of checked_at since bound_at from svg requires uses".split(
    " ",
  ),
);

/** Every other text of an answer ends in a hostile string; the text before it keeps the screens apart. */
class HostileWorld extends World {
  private next = 0;

  private spoil(value: unknown, key = ""): unknown {
    if (typeof value === "string") {
      if (CHOICES.has(key)) return value;
      this.next += 1;
      return `${value} ${strings[this.next % COUNT] ?? ""}`;
    }
    if (Array.isArray(value)) return value.map((item) => this.spoil(item, key));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, this.spoil(item, name)]));
  }

  override async invoke(...given: Parameters<World["invoke"]>): Promise<unknown> {
    const answer = await super.invoke(...given);
    // The plan's document is read by its own words; what is said about it and its files is from outside.
    if (given[0] !== "plan_read") return this.spoil(answer);
    const { plan, files, faults, findings, ...rest } = answer as Record<string, unknown>;
    const places = (list: unknown) =>
      (list as Record<string, unknown>[]).map(({ file, places, ...words }) => ({
        ...(this.spoil(words) as object),
        ...(file === undefined ? {} : { file }),
        ...(places === undefined ? {} : { places }),
      }));
    const texts = (files as { name: string; text: string }[]).map(({ name, text }) => ({
      name,
      text: text
        .split("\n")
        .map((line) => String(this.spoil(line)).replaceAll(/[\r\n]/g, ""))
        .join("\n"),
    }));
    const document = this.spoilPlan(plan);
    return {
      ...(this.spoil(rest) as object),
      plan: document,
      files: texts,
      faults: places(faults),
      findings: places(findings),
    };
  }

  /** Names and sentences of a plan; its references and measures stay what they are. */
  private spoilPlan(value: unknown, key = ""): unknown {
    if (typeof value === "string") return SENTENCES.has(key) ? this.spoil(value) : value;
    if (Array.isArray(value)) return value.map((item) => this.spoilPlan(item, key));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, this.spoilPlan(item, name)]));
  }
}

const SENTENCES = new Set(
  "name title why reason what note description fallback owner version url means text".split(" "),
);

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

/** What hostile strings have brought about on this page, in words; and how many of them are shown as text. */
const look = (page: Page) =>
  page.evaluate(() => {
    const told: string[] = [];
    if ("hit" in window) told.push("a script ran");
    for (const element of document.querySelectorAll("[data-hostile], iframe, object, embed, base, form[action]"))
      told.push(`there is ${element.outerHTML.slice(0, 80)}`);
    for (const element of document.querySelectorAll("*"))
      for (const { name, value } of element.attributes)
        if (name.startsWith("on") || /^\s*javascript:/i.test(value)) told.push(`<${element.localName} ${name}>`);
    for (const element of document.querySelectorAll("a[href]"))
      if (!(element as HTMLAnchorElement).href.startsWith(window.location.origin)) told.push("a link leads away");
    return { told, shown: document.body.textContent.match(/#\d+/g)?.length ?? 0 };
  });

test("hostile words are words on every screen", { timeout: 180_000 }, async () => {
  const world = new HostileWorld();
  const { page, complaints, close } = await open(browser, address, { world, hash: "#/welcome" });
  const dialogs: string[] = [];
  const strangers: string[] = [];
  page.on("dialog", (dialog) => {
    dialogs.push(dialog.message());
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(address)) strangers.push(request.url());
  });
  for (const [index, text] of strings.entries())
    world.append("note", text, { environment: text, [text]: text, index }, 0, { actor: `person:${text}` });
  world.set("database-port", "outage", strings[1] ?? "", strings[2] ?? "");
  world.set("twilio-status", "unknown", strings[8] ?? "");
  const numbers = new Set<string>();

  async function isInert(name: string, least: number): Promise<void> {
    const { told, shown } = await look(page);
    expect(told, name).toEqual([]);
    expect(shown, `${name} shows hostile words`).toBeGreaterThanOrEqual(least);
    for (const number of (await page.evaluate(() => document.body.textContent.match(/#\d+/g))) ?? [])
      numbers.add(number);
    expect([dialogs, strangers, complaints], name).toEqual([[], [], []]);
    expect(page.url().startsWith(address), name).toBe(true);
  }

  async function at(hash: string, ready: string): Promise<void> {
    await page.evaluate((to) => (window.location.hash = to), hash);
    await page.locator(ready).filter({ visible: true }).first().waitFor();
  }

  await page.locator("main tbody tr").first().waitFor();
  await isInert("welcome", 1);
  await at("#/status", "main h1");
  await isInert("status", 20);
  await at("#/status/check/database-port", "aside pre");
  await isInert("check", 20);
  await page.getByRole("button", { name: "Show as table" }).click();
  await isInert("check as table", 20);
  await at("#/status/part/payment-processing", "aside");
  await isInert("function", 20);
  await at("#/journal", "main tbody tr");
  await isInert("journal", 20);
  await page.locator("[data-opens]").first().click();
  await page.locator("aside pre").waitFor();
  await isInert("entry", 20);
  await at("#/plan", "#plan-environments");
  await isInert("plan", 5);
  await page
    .getByRole("button", { name: /^Go to/ })
    .first()
    .click();
  await page.locator("aside mark").waitFor();
  await isInert("file", 20);
  for (const screen of ["incidents", "runbooks", "drills", "backups", "executive"]) {
    await at(`#/${screen}`, "main h1");
    await isInert(screen, 0);
  }
  await at("#/settings", "main tbody tr");
  await isInert("settings", 1);
  await page.keyboard.press("Control+k");
  await page.locator("dialog[open]").waitFor();
  await isInert("palette", 1);
  await page.keyboard.press("Escape");
  world.breakPlan();
  world.append("plan-adopted", strings[3] ?? "", {});
  await at("#/plan", "main ol li");
  await isInert("faults", 5);
  // Between them the screens have shown enough of the strings to speak for all.
  expect(numbers.size).toBeGreaterThan(200);
  await close();
});
