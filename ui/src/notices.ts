// Notices that stay until what they tell of is mended. Each is read from what Rust answered; none is worked out here.

import type { AppView } from "./types/AppView";
import { duration } from "./format";
import { words } from "./locales/en";
import type { Board } from "./types/Board";
import type { PresenceView } from "./types/PresenceView";
import type { Problem } from "./types/Problem";
import type { RangeProgress } from "./types/RangeProgress";

export interface Notice {
  key: string;
  title: string;
  detail: string | null;
  act: "faults" | "range" | "clean" | "credentials" | "journal" | "retry" | null;
}

export interface Seen {
  app: AppView | null;
  appProblem: Problem | null;
  board: Board | null;
  boardProblem: Problem | null;
  boardAge: number | null;
  boardSilent: boolean;
  presence: PresenceView | null;
  /** The range coming up or going down, if it is, with its newest step. */
  range: { doing: "up" | "down" | null; step: RangeProgress | null; problem: Problem | null };
  /** Whether the screen itself tells of the range. */
  rangeShown: boolean;
}

/** Worst first. */
export function notices(seen: Seen): Notice[] {
  const { app, board } = seen;
  const found: Notice[] = [];
  const add = (key: string, title: string, detail: string | null, act: Notice["act"] = null) =>
    found.push({ key, title, detail, act });
  const problem = (key: string, value: Problem, act: Notice["act"] = null) =>
    add(key, words.problem.title(value), value.hint, act);

  if (app?.journal_read_only) {
    add("read-only", words.notices.readOnly, words.problem.sentence(app.journal_read_only), "journal");
  }
  if (seen.appProblem) problem("app-read", seen.appProblem, "retry");
  if (app?.problem) problem("app", app.problem);
  if (seen.boardProblem) problem("board-read", seen.boardProblem, "retry");
  if (seen.boardSilent && seen.boardAge !== null) {
    add("silent", words.notices.boardSilent(duration(seen.boardAge)), words.notices.boardSilentDetail, "retry");
  }
  if (app && app.plan_faults > 0) {
    add("faults", words.notices.planFaults(app.plan_faults), words.notices.planFaultsDetail, "faults");
  }
  if (!seen.rangeShown) range(seen, add, problem);
  if (board?.watching === "nobody") add("nobody", words.notices.nobody, words.notices.nobodyDetail);
  if (app && app.keychain.state !== "available") {
    const detail = [app.keychain.detail, words.notices.keychainDetail].filter(Boolean).join(" ");
    add("keychain", words.notices.keychain[app.keychain.state], detail, "credentials");
  }
  if (seen.presence?.was_not_ready) {
    add("graphics", words.presence.safeGraphics, words.presence.safeGraphicsDetail);
  }
  return found;
}

function range(
  { app, range }: Seen,
  add: (key: string, title: string, detail: string | null, act?: Notice["act"]) => void,
  problem: (key: string, value: Problem, act?: Notice["act"]) => void,
): void {
  if (range.doing === "up") {
    add("range-starting", words.notices.rangeStarting, range.step ? words.range.stepOf(range.step) : null);
  } else if (range.problem && app?.range.phase !== "up") {
    problem("range-failed", range.problem, "range");
  } else if (app?.environment?.kind === "range" && range.doing === null && app.range.phase !== "up") {
    const titles = {
      down: words.notices.rangeDown,
      broken: words.notices.rangeBroken,
      starting: words.notices.rangeStarting,
    };
    const isStarting = app.range.phase === "starting";
    const detail = app.range.detail || (isStarting ? null : words.notices.rangeDownDetail);
    add("range", titles[app.range.phase], detail, isStarting ? null : app.range.phase === "broken" ? "clean" : "range");
  }
}
