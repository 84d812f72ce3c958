// A client of the W3C WebDriver protocol, as much of it as the journeys need, and the driver it talks to.
// Elements are found as a person finds them: by what they are and what they are called.

import { setTimeout as pause } from "node:timers/promises";
import { end, freePort, start, until } from "./process.mjs";

const DRIVER = "/usr/bin/WebKitWebDriver";
const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

/** No single wish takes the driver this long, unless it has lost its window. */
const PATIENCE = 30_000;

/** Keys that are not letters, as the protocol spells them. */
export const KEYS = { tab: "\uE004", enter: "\uE007", escape: "\uE00C", shift: "\uE008", space: " ", f6: "\uE036" };

/** Runs inside the page: every visible element of a role, with the name assistive technology would read. */
const FIND = `
  const [role, name, within] = arguments;
  const roles = {
    button: "button, [role=button], summary",
    link: "a[href], [role=link]",
    heading: "h1, h2, h3, h4, [role=heading]",
    alert: "[role=alert]",
    status: "[role=status], output",
    radio: "input[type=radio], [role=radio]",
    row: "tr, [role=row]",
    region: "section[aria-label], section[aria-labelledby], [role=region]",
    text: "p, li, td, th, dd, dt, span, strong, h1, h2, h3, code, pre, div",
  };
  const textOf = (element) => (element.innerText ?? element.textContent ?? "").replace(/\\s+/g, " ").trim();
  const nameOf = (element) => {
    const by = element.getAttribute("aria-labelledby");
    if (by) return by.split(/\\s+/).map((id) => textOf(document.getElementById(id) ?? document.createElement("i"))).join(" ").trim();
    return element.getAttribute("aria-label")?.trim() || element.labels?.[0] && textOf(element.labels[0]) || textOf(element) || element.title;
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

  /** Presses keys one after another, each down and up again; `shift+` holds shift. */
  async press(...keys) {
    const actions = keys.flatMap((key) => {
      const held = key.startsWith("shift+");
      const value = KEYS[held ? key.slice(6) : key] ?? key;
      const stroke = [{ type: "keyDown", value }, { type: "keyUp", value }];
      return held ? [{ type: "keyDown", value: KEYS.shift }, ...stroke, { type: "keyUp", value: KEYS.shift }] : stroke;
    });
    await this.#ask("POST", "/actions", { actions: [{ type: "key", id: "keyboard", actions }] });
    await this.#ask("DELETE", "/actions");
  }

  /** The name of what has the keyboard. */
  focused() {
    return this.execute(`
      const element = document.activeElement;
      return element && element !== document.body
        ? (element.getAttribute("aria-label") ?? element.innerText ?? "").replace(/\\s+/g, " ").trim()
        : null;`);
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
