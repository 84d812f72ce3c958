// What the window knows: the last good answer of each question with its age, and the problem if the newest try failed.
// Answers are kept as Rust gave them. Nothing here decides what is good or bad.

import * as ipc from "./ipc";
import { words } from "./locales/en";
import type { AppView } from "./types/AppView";
import type { AvailabilityReport } from "./types/AvailabilityReport";
import type { Board } from "./types/Board";
import type { Credentials } from "./types/Credentials";
import type { DataView } from "./types/DataView";
import type { DoctorReport } from "./types/DoctorReport";
import type { EntryView } from "./types/EntryView";
import type { PlanView } from "./types/PlanView";
import type { PresenceView } from "./types/PresenceView";
import type { Problem } from "./types/Problem";
import type { QuitQuestion } from "./types/QuitQuestion";
import type { RangeProgress } from "./types/RangeProgress";
import type { RangeSize } from "./types/RangeSize";
import type { Readiness } from "./types/Readiness";
import type { ShellEvent } from "./types/ShellEvent";

export const SCREENS = [
  "status",
  "incidents",
  "runbooks",
  "drills",
  "backups",
  "plan",
  "executive",
  "journal",
  "settings",
  "welcome",
] as const;
export type Screen = (typeof SCREENS)[number];

/** Where the window is: a screen, and what is open on it. */
interface Place {
  screen: Screen;
  /** What kind of thing is open, such as `check`. */
  kind: string | null;
  /** Which one. */
  id: string | null;
}

type Sheet = "palette" | "keys" | "environment" | null;

const BOARD_EVERY = 1_000;
const APP_EVERY = 5_000;
/** What adds up over days is asked for again this often, and when a health has changed. */
const LOOK_BACK_EVERY = 30_000;
/** A board not refreshed for this long is called out, whatever the checks themselves say. */
const BOARD_SILENT_AFTER = 5_000;

/** The newest good answer to one question, and the problem of the newest try. */
class Answer<Value> {
  value = $state.raw<Value | null>(null);
  problem = $state.raw<Problem | null>(null);
  /** When the value arrived, by this window's clock. */
  at = $state.raw<number | null>(null);
  waiting = $state.raw(false);
  #again = false;

  constructor(private readonly ask: () => Promise<Value>) {}

  /** Asks. While one question is under way, any number of further calls become one more. */
  async read(): Promise<void> {
    if (this.waiting) {
      this.#again = true;
      return;
    }
    this.waiting = true;
    try {
      do {
        this.#again = false;
        try {
          this.put(await this.ask());
        } catch (thrown) {
          this.problem = ipc.toProblem(thrown);
        }
      } while (this.#again);
    } finally {
      this.waiting = false;
    }
  }

  put(value: Value): void {
    this.value = value;
    this.problem = null;
    this.at = Date.now();
  }
}

/** The practice range coming up or going down. */
class RangeJob {
  doing = $state.raw<"up" | "down" | null>(null);
  steps = $state.raw<RangeProgress[]>([]);
  startedAt = $state.raw<number | null>(null);
  problem = $state.raw<Problem | null>(null);
}

class Lifeboat {
  readonly app = new Answer<AppView>(ipc.appRead);
  readonly board = new Answer<Board>(ipc.boardRead);
  readonly plan = new Answer<PlanView>(ipc.planRead);
  readonly doctor = new Answer<DoctorReport>(ipc.doctorRun);
  readonly readiness = new Answer<Readiness>(ipc.readinessRead);
  readonly availability = new Answer<AvailabilityReport[]>(ipc.availabilityRead);
  readonly data = new Answer<DataView>(ipc.dataRead);
  readonly credentials = new Answer<Credentials>(ipc.credentialList);
  readonly presence = new Answer<PresenceView>(ipc.presenceRead);
  readonly range = new RangeJob();

  /** This window's clock, once a second. */
  now = $state.raw(Date.now());
  place = $state.raw<Place>({ screen: "status", kind: null, id: null });
  sheet = $state.raw<Sheet>(null);
  /** Checks this window has asked for and not heard of yet; `*` stands for all. */
  checking = $state.raw<ReadonlySet<string>>(new Set());
  /** What went wrong with the last thing a person asked for. */
  failure = $state.raw<Problem | null>(null);
  /** What is read out: politely, or at once. */
  said = $state.raw<{ polite: string; assertive: string }>({ polite: "", assertive: "" });
  /** The newest journal entry heard of. */
  heard = $state.raw<EntryView | null>(null);
  /** The question before quitting, while it is open. */
  quitting = $state.raw<QuitQuestion | null>(null);
  #trail = $state.raw<Place[]>([]);

  /** The board to show: never one of another environment than the one chosen last. */
  readonly shown = $derived.by((): Board | null => {
    const [app, board] = [this.app, this.board];
    const chosen = app.value?.environment;
    const isOther = chosen && board.value && board.value.environment.id !== chosen.id;
    return isOther && (app.at ?? 0) >= (board.at ?? 0) ? null : board.value;
  });
  readonly boardAge = $derived(this.board.at === null ? null : Math.max(0, this.now - this.board.at));
  readonly boardSilent = $derived(this.boardAge !== null && this.boardAge >= BOARD_SILENT_AFTER);
  readonly isPractice = $derived(this.app.value?.environment?.kind === "range");

  /** Begins asking and listening; the answer ends it. */
  start(): () => void {
    this.place = fromHash(window.location.hash) ?? this.place;
    const moved = () => {
      const place = fromHash(window.location.hash);
      if (place) this.place = place;
    };
    const looked = () => {
      if (document.visibilityState === "visible") void this.board.read();
    };
    const clock = setInterval(() => {
      this.now = Date.now();
      if (document.visibilityState === "visible") void this.board.read();
    }, BOARD_EVERY);
    const slow = setInterval(() => {
      if (document.visibilityState === "visible") void this.app.read();
    }, APP_EVERY);
    const slowest = setInterval(() => {
      if (document.visibilityState === "visible") this.lookBack();
    }, LOOK_BACK_EVERY);
    window.addEventListener("hashchange", moved);
    document.addEventListener("visibilitychange", looked);
    const deaf = (thrown: unknown) => {
      this.failure = ipc.toProblem(thrown);
      return () => undefined;
    };
    const listening = [
      ipc.onJournal((entry) => this.hear(entry)).catch(deaf),
      ipc.onShell((event) => this.obey(event)).catch(deaf),
    ];
    ipc.windowReady().catch((thrown: unknown) => {
      this.failure = ipc.toProblem(thrown);
    });
    void this.open();
    return () => {
      clearInterval(clock);
      clearInterval(slow);
      clearInterval(slowest);
      window.removeEventListener("hashchange", moved);
      document.removeEventListener("visibilitychange", looked);
      for (const heard of listening) void heard.then((end) => end());
    };
  }

  private async open(): Promise<void> {
    await Promise.all([this.app.read(), this.board.read(), this.presence.read()]);
    // What was asked while the page was not there to hear it.
    this.quitting ??= this.presence.value?.quit ?? null;
    this.lookBack();
    if (this.app.value?.first_run && fromHash(window.location.hash) === null) this.go("welcome");
  }

  private hear(entry: EntryView): void {
    this.heard = entry;
    void this.board.read();
    this.lookBack();
    if (!entry.kind.startsWith("health-")) void this.app.read();
    if (entry.kind === "plan-adopted") void this.plan.read();
  }

  private obey(event: ShellEvent): void {
    if (event.kind === "quit") this.quitting = event.asked;
    else window.location.hash = event.place;
  }

  /** Answers the question before quitting. */
  async answerQuit(quit: boolean): Promise<void> {
    this.quitting = null;
    await this.attempt(() => ipc.quitAnswer(quit));
  }

  private lookBack(): void {
    void this.readiness.read();
    void this.availability.read();
  }

  go(screen: Screen, kind: string | null = null, id: string | null = null): void {
    const inside = screen === this.place.screen && this.place.kind !== null && kind !== null;
    this.#trail = inside ? [...this.#trail, this.place].slice(-20) : [];
    this.show({ screen, kind, id });
  }

  /** What `back` returns to, if it is still inside the same screen. */
  get before(): Place | null {
    return this.#trail.at(-1) ?? null;
  }

  /** Closes what is open on the screen, or returns to what was open before it. */
  back(): void {
    const before = this.#trail.at(-1);
    this.#trail = this.#trail.slice(0, -1);
    this.show(before ?? { screen: this.place.screen, kind: null, id: null });
  }

  private show(place: Place): void {
    this.place = place;
    this.sheet = null;
    const hash = toHash(this.place);
    if (window.location.hash !== hash) window.location.hash = hash;
  }

  say(text: string, urgency: "polite" | "assertive" = "polite"): void {
    // A text that is the same as before would not be read out again.
    const before = this.said[urgency];
    this.said = { ...this.said, [urgency]: before === text ? `${text}\u00a0` : text };
  }

  /** Does something a person asked for; what goes wrong stays visible until the next try or until it is put away. */
  async attempt<Value>(act: () => Promise<Value>): Promise<Value | null> {
    this.failure = null;
    try {
      return await act();
    } catch (thrown) {
      this.failure = ipc.toProblem(thrown);
      this.say(words.problem.sentence(this.failure), "assertive");
      return null;
    }
  }

  async check(ids: string[] | null): Promise<void> {
    const asked = ids ?? ["*"];
    if (asked.every((id) => this.checking.has(id))) return;
    this.checking = new Set([...this.checking, ...asked]);
    try {
      const results = await this.attempt(() => ipc.checkRun(ids));
      if (results) this.say(words.status.checked(results));
      await this.board.read();
    } finally {
      this.checking = new Set([...this.checking].filter((id) => !asked.includes(id)));
    }
  }

  async chooseEnvironment(id: string): Promise<boolean> {
    const view = await this.attempt(() => ipc.environmentChoose(id));
    if (!view) return false;
    this.app.put(view);
    // What was told of the environment before must not stand under another's name.
    this.readiness.value = null;
    this.availability.value = null;
    this.lookBack();
    if (view.environment) this.say(words.environment.chosen(view.environment));
    await this.board.read();
    return true;
  }

  /** Starts the practice range and looks at it. */
  async startRange(size: RangeSize = "small"): Promise<boolean> {
    if (this.range.doing) return false;
    Object.assign(this.range, { doing: "up", steps: [], startedAt: Date.now(), problem: null });
    try {
      await ipc.rangeUp(size, (step) => {
        this.range.steps = [...this.range.steps, step].slice(-200);
        this.say(words.range.stepOf(step));
      });
      await this.app.read();
      const app = this.app.value;
      const range = app?.environments.find((choice) => choice.kind === "range");
      if (range && app?.environment?.id !== range.id) await this.chooseEnvironment(range.id);
      await this.board.read();
      return true;
    } catch (thrown) {
      this.range.problem = ipc.toProblem(thrown);
      this.say(words.problem.sentence(this.range.problem), "assertive");
      void this.app.read();
      return false;
    } finally {
      this.range.doing = null;
    }
  }

  async stopRange(): Promise<void> {
    if (this.range.doing) return;
    Object.assign(this.range, { doing: "down", steps: [], startedAt: Date.now(), problem: null });
    try {
      await ipc.rangeDown();
      this.say(words.range.stopped);
    } catch (thrown) {
      this.range.problem = ipc.toProblem(thrown);
      this.say(words.problem.sentence(this.range.problem), "assertive");
    } finally {
      this.range.doing = null;
      await Promise.all([this.app.read(), this.board.read()]);
    }
  }
}

function fromHash(hash: string): Place | null {
  const [screen, kind, ...id] = hash.replace(/^#\/?/, "").split("/").map(decode);
  const known = SCREENS.find((name) => name === screen);
  if (!known) return null;
  return { screen: known, kind: kind || null, id: id.length > 0 ? id.join("/") : null };
}

function toHash({ screen, kind, id }: Place): string {
  return `#/${[screen, kind, id].flatMap((part) => (part === null ? [] : [encodeURIComponent(part)])).join("/")}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const lifeboat = new Lifeboat();
