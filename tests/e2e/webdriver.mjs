// A client of the W3C WebDriver protocol, as much of it as the journeys need, and the driver it talks to.
// Elements are found as a person finds them: by what they are and what they are called.

import { setTimeout as pause } from "node:timers/promises";
import { end, freePort, start, until } from "./process.mjs";

const DRIVER = "/usr/bin/WebKitWebDriver";
const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

/** No single wish takes the driver this long, unless it has lost its window. */
const PATIENCE = 30_000;

/** Keys that are not letters, as the protocol spells them. */
const KEYS = {
  tab: "\uE004",
  enter: "\uE007",
  escape: "\uE00C",
  shift: "\uE008",
  control: "\uE009",
  space: " ",
  f6: "\uE036",
  right: "\uE014",
};

/** Runs inside the page: the name of an element as assistive technology would read it. */
const NAMES = `
  const textOf = (node) => {
    if (node.nodeType === Node.TEXT_NODE) return node.data;
    if (node.nodeType !== Node.ELEMENT_NODE || node.getAttribute("aria-hidden") === "true") return "";
    if (node.hasAttribute("aria-label")) return " " + node.getAttribute("aria-label") + " ";
    if (["SCRIPT", "STYLE"].includes(node.tagName)) return "";
    const inside = [...node.childNodes].map(textOf).join("");
    return getComputedStyle(node).display === "inline" ? inside : " " + inside + " ";
  };
  const tidy = (text) => text.replace(/\\s+/g, " ").trim();
  const nameOf = (element) => {
    const by = element.getAttribute("aria-labelledby");
    if (by) return tidy(by.split(/\\s+/).map((id) => document.getElementById(id)).map((label) => (label ? textOf(label) : "")).join(" "));
    return tidy(element.getAttribute("aria-label") ?? (element.labels?.[0] ? textOf(element.labels[0]) : textOf(element))) || element.title;
  };
`;

/** Runs inside the page: every visible element of a role, with the name assistive technology would read. */
const FIND = `
  ${NAMES}
  const [role, name, within] = arguments;
  const roles = {
    button: "button, [role=button], summary",
    link: "a[href], [role=link]",
    heading: "h1, h2, h3, h4, [role=heading]",
    alert: "[role=alert]",
    status: "[role=status], output",
    radio: "input[type=radio], [role=radio]",
    row: "tr, [role=row]",
    tab: "[role=tab]",
    listitem: "li, [role=listitem]",
    region: "section[aria-label], section[aria-labelledby], [role=region]",
    text: "p, li, td, th, dd, dt, span, strong, h1, h2, h3, code, pre, mark",
  };
  const visible = (element) => element.getClientRects().length > 0 && getComputedStyle(element).visibility !== "hidden";
  const wanted = name instanceof Object ? new RegExp(name.source, name.flags) : name;
  const fits = (found) => (typeof wanted === "string" ? found === wanted : wanted.test(found));
  const root = within ?? document;
  return [...root.querySelectorAll(roles[role] ?? role)].filter((element) => visible(element) && fits(nameOf(element)));
`;

const wire = (name) => (name instanceof RegExp ? { source: name.source, flags: name.flags } : name);

/** A refusal of the driver, with the name the protocol gives it. */
export class DriverError extends Error {
  constructor({ error, message }) {
    super(`${error}: ${message}`);
    this.code = error;
  }
}

/** Starts the driver and, through it, the program with its window. */
export async function openSession({ program, args, env, log }) {
  const port = await freePort();
  const driver = start(DRIVER, [`--port=${port}`], { env, stdio: ["ignore", log, log] });
  const base = `http://127.0.0.1:${port}`;
  try {
    await until("the WebDriver answers", 10_000, async () => (await fetch(`${base}/status`)).ok);
    const { sessionId } = await ask(base, "POST", "/session", {
      capabilities: { alwaysMatch: { "webkitgtk:browserOptions": { binary: program, args } } },
    });
    return new Session(driver, `${base}/session/${sessionId}`);
  } catch (error) {
    await end(driver);
    throw error;
  }
}

async function ask(base, method, path, body) {
  const answer = await fetch(base + path, {
    method,
    body: body === undefined ? undefined : JSON.stringify(body),
    headers: { "content-type": "application/json" },
    signal: AbortSignal.timeout(PATIENCE),
  });
  const { value } = await answer.json();
  if (!answer.ok) throw new DriverError(value);
  return value;
}

/** One window under control. */
export class Session {
  #driver;
  #base;

  constructor(driver, base) {
    this.#driver = driver;
    this.#base = base;
  }

  #ask(method, path, body) {
    return ask(this.#base, method, path, body);
  }

  /** Runs a function body in the page. */
  execute(script, ...args) {
    return this.#ask("POST", "/execute/sync", { script, args });
  }

  /** Runs a function body in the page whose last argument is called with the answer. */
  executeAsync(script, ...args) {
    return this.#ask("POST", "/execute/async", { script, args });
  }

  /** Every visible element of this role and name now. */
  all(role, name, within = null) {
    return this.execute(FIND, role, wire(name), within);
  }

  /** The first visible element of this role and name, waited for. */
  async find(role, name, { within = null, patience = 10_000 } = {}) {
    return until(`there is a ${role} "${name}"`, patience, async () => (await this.all(role, name, within))[0]);
  }

  /** Waits until no visible element has this role and name. */
  async gone(role, name, { patience = 10_000 } = {}) {
    await until(`there is no ${role} "${name}"`, patience, async () => (await this.all(role, name)).length === 0);
  }

  /** Clicks what has this role and name. */
  async click(role, name, options) {
    const element = await this.find(role, name, options);
    await this.#ask("POST", `/element/${element[ELEMENT]}/click`, {});
  }

  text(element) {
    return this.#ask("GET", `/element/${element[ELEMENT]}/text`);
  }

  /** Presses keys one after another; `control+k` holds the first while the second is pressed. */
  async press(...keys) {
    const actions = keys.flatMap((key) => {
      const parts = key.length === 1 ? [key] : key.split("+");
      const values = parts.map((part) => KEYS[part] ?? part);
      return [
        ...values.map((value) => ({ type: "keyDown", value })),
        ...values.reverse().map((value) => ({ type: "keyUp", value })),
      ];
    });
    await this.#ask("POST", "/actions", { actions: [{ type: "key", id: "keyboard", actions }] });
    await this.#ask("DELETE", "/actions");
  }

  /** Types a text, letter by letter. */
  type(text) {
    return this.press(...text);
  }

  /** The name of what has the keyboard. */
  async focused() {
    const element = await this.execute(
      "return document.activeElement === document.body ? null : document.activeElement",
    );
    return element && this.execute(`${NAMES} return nameOf(arguments[0]);`, element);
  }

  /** Moves with Tab until what has this name has the keyboard. */
  async tabTo(name, most = 60) {
    for (let step = 0; step < most; step += 1) {
      const focused = await this.focused();
      if (focused !== null && (name instanceof RegExp ? name.test(focused) : focused === name)) return;
      await this.press("tab");
    }
    throw new Error(`Tab did not reach "${name}" in ${most} steps`);
  }

  /** The window's content as PNG. */
  async picture() {
    return Buffer.from(await this.#ask("GET", "/screenshot"), "base64");
  }

  /** Asks the driver to end the window, then ends the driver and whatever it left. */
  async close() {
    await Promise.race([this.#ask("DELETE", "").catch(() => undefined), pause(10_000)]);
    await end(this.#driver);
  }
}
