// The rest of a desktop beside the window: who shows notifications and the tray. See `desktop.py`.

import { fileURLToPath } from "node:url";
import { until } from "./process.mjs";

const PROGRAM = fileURLToPath(new URL("./desktop.py", import.meta.url));

/** The system's Python: the packages of its bus are installed for no other. */
const PYTHON = "/usr/bin/python3";

/** Puts a desktop on a desk, with a tray or without. */
export async function putDesktop(desk, { tray = true } = {}) {
  const child = desk.background(PYTHON, [PROGRAM, ...(tray ? ["--tray"] : [])], { stdio: ["pipe", "pipe", desk.log] });
  const desktop = new Desktop(child);
  await desktop.there();
  return desktop;
}

class Desktop {
  #child;
  #lines = [];
  #rest = "";
  #asking = Promise.resolve();

  constructor(child) {
    this.#child = child;
    child.stdout.setEncoding("utf8").on("data", (text) => {
      const lines = (this.#rest + text).split("\n");
      this.#rest = lines.pop();
      this.#lines.push(...lines);
    });
  }

  there() {
    return this.#next("the desktop is there");
  }

  async #next(what) {
    const line = await until(what, 15_000, () => this.#lines.shift());
    const { answer, error } = JSON.parse(line);
    if (error) throw new Error(`${what}: ${error}`);
    return answer;
  }

  #ask(request, given) {
    const asked = this.#asking.then(() => {
      this.#child.stdin.write(`${JSON.stringify({ do: request, with: given })}\n`);
      return this.#next(`the desktop answers ${request}`);
    });
    this.#asking = asked.catch(() => undefined);
    return asked;
  }

  /** Every notification so far. */
  notifications() {
    return this.#ask("notifications");
  }

  /** Clicks a notification. */
  click(id) {
    return this.#ask("click", id);
  }

  /** The tray's icon and menu, as `{ icon, menu: [[text, enabled]] }`; nothing while there is none. */
  tray() {
    return this.#ask("tray");
  }

  /** Chooses what begins like this in the tray's menu. */
  choose(text) {
    return this.#ask("choose", text);
  }

  /** The windows by title, as `{ seen, size }`. */
  windows() {
    return this.#ask("windows");
  }

  /** Closes a window as its frame would. */
  close(title) {
    return this.#ask("close", title);
  }
}
