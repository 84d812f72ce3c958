// How this person wants to see things. Rust keeps it in the home, so that command line and window agree; what could not
// be kept holds until the window closes.

import { localZone, zoneOf, type Zone } from "./format";
import { followTheme, settingsRead, settingsWrite, toProblem } from "./ipc";
import type { Problem } from "./types/Problem";
import type { Settings } from "./types/Settings";

const USUAL: Settings = {
  name: null,
  role: "commander",
  theme: "system",
  density: "compact",
  motion: "system",
  text: "usual",
  zone: "local",
  letters: true,
  notifications: true,
  sound: true,
};

/** Whether this window knows a zone by that name. */
function isKnown(zone: string): boolean {
  try {
    return Intl.DateTimeFormat("en-GB", { timeZone: zone }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

class Preferences {
  #kept = $state.raw<Settings>(USUAL);
  #desktop = $state.raw<"light" | "dark">("light");
  readonly #local = localZone();
  /** Why what was chosen last could not be kept. */
  problem = $state.raw<Problem | null>(null);

  /** The theme in force. */
  readonly theme = $derived(this.#kept.theme === "system" ? this.#desktop : this.#kept.theme);
  /** The zone shown beside UTC; without a label when only UTC is wanted. */
  readonly zone: Zone = $derived.by(() => {
    const chosen = this.#kept.zone;
    if (chosen === "utc") return { id: "UTC", label: null };
    return chosen === "local" || !isKnown(chosen) ? this.#local : zoneOf(chosen);
  });

  get kept(): Settings {
    return this.#kept;
  }

  /** Holds at once; kept when the answer comes. Answers whether it was. */
  async choose(change: Partial<Settings>): Promise<boolean> {
    const before = this.#kept;
    this.show({ ...before, ...change });
    try {
      this.show({ ...this.#kept, ...(await settingsWrite(this.#kept)) });
      this.problem = null;
      return true;
    } catch (thrown) {
      this.problem = toProblem(thrown);
      // What Rust refuses as wrong is taken back; what could not be written down still holds in this window.
      if (this.problem.field !== null) this.show(before);
      return false;
    }
  }

  /** Reads what was chosen before the first paint, so that nothing is shown otherwise first. */
  async start(): Promise<void> {
    this.apply();
    void followTheme((theme) => {
      this.#desktop = theme;
      this.apply();
    });
    try {
      this.show(await settingsRead());
    } catch (thrown) {
      this.problem = toProblem(thrown);
    }
  }

  private show(settings: Settings): void {
    this.#kept = settings;
    this.apply();
  }

  private apply(): void {
    const root = document.documentElement;
    root.dataset["theme"] = this.theme;
    root.dataset["density"] = this.#kept.density;
    root.dataset["motion"] = this.#kept.motion;
    root.dataset["text"] = this.#kept.text;
  }
}

export const preferences = new Preferences();
