// The part of the journal that is on screen: pages newest first, live entries that never push what is being read, and
// at most as many rows as the window can hold.

import * as ipc from "./ipc";
import type { EntryView } from "./types/EntryView";
import type { Problem } from "./types/Problem";
import type { Verification } from "./types/Verification";

export const PAGE = 50;
export const MOST = 200;

export class JournalList {
  entries = $state.raw<EntryView[]>([]);
  total = $state.raw(0);
  verification = $state.raw<Verification | null>(null);
  readOnly = $state.raw<Problem | null>(null);
  problem = $state.raw<Problem | null>(null);
  loaded = $state.raw(false);
  busy = $state.raw(false);
  /** New entries that wait until somebody wants to see them. */
  newer = $state.raw<EntryView[]>([]);
  /** Whether the newest rows were let go to make room for older ones. */
  detached = $state.raw(false);
  kind = $state.raw<string | null>(null);
  text = $state.raw<string | null>(null);
  #cursor = $state.raw<string | null>(null);
  #turn = 0;
  #asking = false;
  #again = false;

  readonly hasOlder = $derived(this.#cursor !== null);
  readonly filtered = $derived(this.kind !== null || this.text !== null);

  private ask(before: string | null) {
    return ipc.journalList({ before, limit: PAGE, kind: this.kind, check: null, text: this.text });
  }

  /** The newest page, in place of whatever is there. */
  async first(): Promise<void> {
    const turn = ++this.#turn;
    this.busy = true;
    try {
      const page = await this.ask(null);
      if (turn !== this.#turn) return;
      this.entries = page.entries;
      this.#cursor = page.cursor;
      this.note(page);
      this.newer = [];
      this.detached = false;
    } catch (thrown) {
      if (turn === this.#turn) this.problem = ipc.toProblem(thrown);
    } finally {
      if (turn === this.#turn) {
        this.busy = false;
        this.loaded = true;
      }
    }
  }

  /** One page further back. Beyond the most rows there may be, the newest are let go. */
  async older(): Promise<void> {
    if (this.busy || this.#cursor === null) return;
    const turn = ++this.#turn;
    this.busy = true;
    try {
      const page = await this.ask(this.#cursor);
      if (turn !== this.#turn) return;
      const all = [...this.entries, ...without(page.entries, this.entries)];
      this.detached ||= all.length > MOST;
      this.entries = all.slice(-MOST);
      this.#cursor = page.cursor;
      this.note(page);
    } catch (thrown) {
      if (turn === this.#turn) this.problem = ipc.toProblem(thrown);
    } finally {
      if (turn === this.#turn) this.busy = false;
    }
  }

  /** Looks for newer entries. While somebody is `reading` they only wait, and are counted. */
  async refresh(reading: () => boolean): Promise<void> {
    if (!this.loaded) return;
    if (this.#asking) {
      this.#again = true;
      return;
    }
    this.#asking = true;
    try {
      do {
        this.#again = false;
        await this.look(reading);
      } while (this.#again);
    } finally {
      this.#asking = false;
    }
  }

  private async look(reading: () => boolean): Promise<void> {
    const turn = this.#turn;
    try {
      const page = await this.ask(null);
      if (turn !== this.#turn) return;
      this.note(page);
      const fresh = without(page.entries, this.entries);
      if (this.detached) {
        this.newer = [...without(fresh, this.newer), ...this.newer];
      } else if (reading()) {
        this.newer = fresh;
      } else if (fresh.length === page.entries.length || this.entries.length + fresh.length > MOST) {
        this.entries = page.entries;
        this.#cursor = page.cursor;
        this.newer = [];
      } else if (fresh.length > 0) {
        this.entries = [...fresh, ...this.entries];
        this.newer = [];
      }
    } catch (thrown) {
      if (turn === this.#turn) this.problem = ipc.toProblem(thrown);
    }
  }

  /** Loads further back until the entry is there, as far as the rows go. */
  async find(id: string): Promise<EntryView | null> {
    for (;;) {
      const found = this.entries.find((entry) => entry.id === id);
      if (found) return found;
      if (!this.hasOlder || this.busy || this.entries.length >= MOST) return null;
      await this.older();
      if (this.problem) return null;
    }
  }

  async filter(kind: string | null, text: string | null): Promise<void> {
    this.kind = kind || null;
    this.text = text?.trim() || null;
    await this.first();
  }

  private note(page: { total: number; verification: Verification | null; read_only: Problem | null }): void {
    this.total = page.total;
    this.verification = page.verification ?? this.verification;
    this.readOnly = page.read_only;
    this.problem = null;
  }
}

function without(entries: EntryView[], known: EntryView[]): EntryView[] {
  return entries.filter((entry) => !known.some((other) => other.id === entry.id));
}
