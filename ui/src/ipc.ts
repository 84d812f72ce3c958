// The one border to Rust: every command, the one event, and the theme of the window. Nothing else in the window
// knows the shell. What Rust answers is passed on as it is; what goes wrong is always a `Problem`.

import { Channel, invoke } from "@tauri-apps/api/core";
import { listen } from "@tauri-apps/api/event";
import { getCurrentWindow } from "@tauri-apps/api/window";
import { words } from "./locales/en";
import type { Settings } from "./types/Settings";
import type { Readiness } from "./types/Readiness";
import type { HistorySpan } from "./types/HistorySpan";
import type { DataView } from "./types/DataView";
import type { CheckHistory } from "./types/CheckHistory";
import type { AvailabilityReport } from "./types/AvailabilityReport";
import type { AppView } from "./types/AppView";
import type { Board } from "./types/Board";
import type { BreakerView } from "./types/BreakerView";
import type { CheckDetail } from "./types/CheckDetail";
import type { CheckResult } from "./types/CheckResult";
import type { DoctorReport } from "./types/DoctorReport";
import type { EntryView } from "./types/EntryView";
import type { Export } from "./types/Export";
import type { Forced } from "./types/Forced";
import type { JournalPage } from "./types/JournalPage";
import type { JournalQuery } from "./types/JournalQuery";
import type { PlanView } from "./types/PlanView";
import type { Problem } from "./types/Problem";
import type { RangeProgress } from "./types/RangeProgress";
import type { RangeSize } from "./types/RangeSize";
import type { RangeStatus } from "./types/RangeStatus";
import type { Silence } from "./types/Silence";
import type { SilenceWanted } from "./types/SilenceWanted";
import type { Verification } from "./types/Verification";

/** Any thrown thing as a problem, so that every screen can show it the same way. */
export function toProblem(thrown: unknown): Problem {
  if (typeof thrown === "object" && thrown !== null && "code" in thrown && "message" in thrown) {
    return { hint: null, field: null, ...thrown } as Problem;
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { code: "bug", message, hint: words.problem.bugHint, field: null };
}

async function call<Answer>(command: string, given: Record<string, unknown> = {}): Promise<Answer> {
  try {
    return await invoke<Answer>(command, given);
  } catch (thrown) {
    throw toProblem(thrown);
  }
}

export const appRead = () => call<AppView>("app_read");
export const environmentChoose = (environment: string) => call<AppView>("environment_choose", { environment });
export const boardRead = () => call<Board>("board_read");
export const checkRun = (checks: string[] | null) => call<CheckResult[]>("check_run", { checks });
export const checkRead = (check: string) => call<CheckDetail>("check_read", { check });
export const checkHistory = (check: string, span: HistorySpan) => call<CheckHistory>("check_history", { check, span });
export const availabilityRead = () => call<AvailabilityReport[]>("availability_read");
export const readinessRead = () => call<Readiness>("readiness_read");
export const settingsRead = () => call<Settings>("settings_read");
export const settingsWrite = (settings: Settings) => call<Settings>("settings_write", { settings });
export const dataRead = () => call<DataView>("data_read");
export const maintenanceBegin = (wanted: SilenceWanted) => call<Silence[]>("maintenance_begin", { wanted });
export const maintenanceEnd = (entry: string) => call<Silence[]>("maintenance_end", { entry });
export const mute = (wanted: SilenceWanted) => call<Silence[]>("mute", { wanted });
export const breakerForce = (provider: string, forced: Forced | null, reason: string) =>
  call<BreakerView>("breaker_force", { provider, forced, reason });
export const unmute = (entry: string) => call<Silence[]>("unmute", { entry });
export const journalList = (query: JournalQuery) => call<JournalPage>("journal_list", { query });
export const journalVerify = () => call<Verification>("journal_verify");
export const journalExport = () => call<Export>("journal_export");
export const planRead = () => call<PlanView>("plan_read");
export const doctorRun = () => call<DoctorReport>("doctor_run");
export const rangeDown = () => call<RangeStatus>("range_down");
export const windowReady = () => call<null>("window_ready");

/** Brings the range up; `step` is told of each step while it happens. */
export function rangeUp(size: RangeSize, step: (progress: RangeProgress) => void): Promise<RangeStatus> {
  const progress = new Channel<RangeProgress>();
  progress.onmessage = step;
  return call<RangeStatus>("range_up", { size, progress });
}

/** Calls back with every entry appended to the journal, by this program or another. */
export function onJournal(heard: (entry: EntryView) => void): Promise<() => void> {
  return listen<EntryView>("journal", (event) => heard(event.payload));
}

/**
 * The desktop's theme, and each change of it. The media query alone is not enough: on Linux it has been seen to
 * stay at its first value.
 */
export async function followTheme(changed: (theme: "light" | "dark") => void): Promise<void> {
  const media = window.matchMedia("(prefers-color-scheme: dark)");
  changed(media.matches ? "dark" : "light");
  media.addEventListener("change", () => changed(media.matches ? "dark" : "light"));
  try {
    const theme = await getCurrentWindow().theme();
    if (theme) changed(theme);
    await getCurrentWindow().onThemeChanged(({ payload }) => changed(payload));
  } catch {
    // Without the shell's word the media query stands.
  }
}
