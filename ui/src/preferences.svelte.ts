// How this person wants to see things on this computer. Kept in the window's own storage: it is nobody's evidence.

import { followTheme } from "./ipc";
import { localZone, type Zone } from "./format";

const KEY = "lifeboat.display";

interface Kept {
  theme: "system" | "light" | "dark";
  density: "compact" | "comfortable";
  motion: "system" | "reduced";
  zone: "local" | "utc";
  letters: boolean;
}

const DEFAULTS: Kept = { theme: "system", density: "compact", motion: "system", zone: "local", letters: true };
const CHOICES: { [Name in keyof Kept]: readonly Kept[Name][] } = {
  theme: ["system", "light", "dark"],
  density: ["compact", "comfortable"],
  motion: ["system", "reduced"],
  zone: ["local", "utc"],
  letters: [true, false],
};

function read(): Kept {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    if (typeof found !== "object" || found === null) return DEFAULTS;
    const known = Object.entries(found).filter(([name, value]) =>
      (CHOICES[name as keyof Kept] as readonly unknown[] | undefined)?.includes(value),
    );
    return { ...DEFAULTS, ...Object.fromEntries(known) };
  } catch {
    return DEFAULTS;
  }
}

class Preferences {
  #kept = $state.raw<Kept>(read());
  #desktop = $state.raw<"light" | "dark">("light");
  readonly #local = localZone();

  /** The theme in force. */
  readonly theme = $derived(this.#kept.theme === "system" ? this.#desktop : this.#kept.theme);
  /** The zone shown beside UTC; without a label when only UTC is wanted. */
  readonly zone: Zone = $derived(this.#kept.zone === "utc" ? { id: "UTC", label: null } : this.#local);

  get kept(): Kept {
    return this.#kept;
  }

  choose(change: Partial<Kept>): void {
    this.#kept = { ...this.#kept, ...change };
    this.apply();
    try {
      localStorage.setItem(KEY, JSON.stringify(this.#kept));
    } catch {
      // Without storage the choice holds until the window closes.
    }
  }

  start(): void {
    this.apply();
    void followTheme((theme) => {
      this.#desktop = theme;
      this.apply();
    });
  }

  private apply(): void {
    const root = document.documentElement;
    root.dataset["theme"] = this.theme;
    root.dataset["density"] = this.#kept.density;
    root.dataset["motion"] = this.#kept.motion;
  }
}

export const preferences = new Preferences();
