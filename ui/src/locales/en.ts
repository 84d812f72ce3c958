// Every word of the window, in English. Another language is another table of this shape.

import type { Health } from "../types/Health";
import type { Finding } from "../types/Finding";
import type { EnvironmentKind } from "../types/EnvironmentKind";
import type { ProbeKind } from "../types/ProbeKind";
import type { Problem } from "../types/Problem";
import type { CheckResult } from "../types/CheckResult";
import type { Watching } from "../types/Watching";
import { count } from "../format";
import { capital, plural } from "./grammar";
import { availability, history, needs, readiness } from "./lookback";
import { findings, plan } from "./plan";
import { range, settings, welcome } from "./settings";
import { breaker } from "./breaker";
import { silence } from "./silence";
import { keys, notYet, palette } from "./window";

const health: Record<Health, string> = {
  "not-checked": "Not checked",
  operational: "Operational",
  degraded: "Degraded",
  outage: "Outage",
  unknown: "Unknown",
  maintenance: "Maintenance",
};

const environmentKind: Record<EnvironmentKind, string> = {
  production: "PRODUCTION",
  staging: "STAGING",
  range: "PRACTICE RANGE",
};

const finding: Record<Finding, string> = {
  good: "Good",
  lacking: "Lacking",
  missing: "Missing",
  unknown: "Unknown",
};

const probe: Record<ProbeKind, string> = {
  http: "HTTP request",
  tcp: "TCP connection",
  tls: "TLS certificate",
  postgres: "PostgreSQL",
  "postgres-replication": "PostgreSQL replication",
  "postgres-archive": "PostgreSQL archive",
  "object-newest": "Newest object",
  "postgres-size": "Database size",
  sql: "SQL query",
  plugin: "Monitoring plug-in",
  heartbeat: "Heartbeat",
  journey: "Journey",
  "object-sample": "Object sample",
  bucket: "Bucket settings",
  dns: "DNS name",
  "file-newest": "Newest file",
  "status-page": "Status page",
  vendor: "Vendor interface",
};

const fact: Record<string, string> = {
  "plan-adopted": "Plan adopted",
  "health-changed": "Health changed",
  "flapping-began": "Flapping began",
  "flapping-ended": "Flapping ended",
  "watch-started": "Watching started",
  "watch-stopped": "Watching stopped",
  "watch-interrupted": "Watching interrupted",
  "maintenance-planned": "Maintenance planned",
  "maintenance-ended": "Maintenance ended early",
  muted: "Alarms muted",
  unmuted: "Alarms unmuted",
  "breaker-opened": "Circuit breaker opened",
  "breaker-closed": "Circuit breaker closed",
  "breaker-forced": "Circuit breaker set by hand",
  "range-started": "Range started",
  "range-stopped": "Range stopped",
  "fault-injected": "Fault switched on",
  "fault-mended": "Fault mended",
};

const watching: Record<Watching, string> = {
  here: "checking from this window",
  elsewhere: "checked by another Lifeboat on this computer",
  nobody: "nobody is checking",
};

export const words = {
  product: "Lifeboat",
  planLine: (title: string, version: string | null) => `${title}${version ? ` v${version}` : ""}`,
  noPlan: "no plan",
  skip: "Skip to the main part",
  close: "Close",
  reading: "Reading …",
  none: "none",
  asOf: "as of",
  ago: (length: string) => `${length} ago`,
  since: "since",
  stale: "Stale",
  health,
  finding,
  probe,
  facts: fact,
  breaker,
  silence,
  factOf: (kind: string) => fact[kind] ?? capital(kind.replaceAll("-", " ")),

  screens: {
    status: "Status",
    incidents: "Incidents",
    runbooks: "Runbooks",
    drills: "Drills",
    backups: "Backups",
    plan: "Plan",
    executive: "Executive",
    journal: "Journal",
    settings: "Settings",
    welcome: "Welcome",
  },

  regions: {
    header: "Application",
    navigation: "Screens",
    notices: "Notices",
    status: "Keys and freshness",
    detail: "Details",
  },

  problem: {
    bugHint: "This is a mistake in Lifeboat. Please report it with the output of `lifeboat doctor`.",
    sentence: (problem: Problem) => `${capital(problem.message)}.${problem.hint ? ` ${problem.hint}` : ""}`,
    title: (problem: Problem) => `${capital(problem.message)}.`,
    code: (problem: Problem) => problem.code,
    message: capital,
    dismiss: "Put away",
    retry: "Try again",
  },

  environment: {
    kind: environmentKind,
    choose: "Choose environment",
    title: "Which environment to look at",
    lead: "The plan stays the same; only the places it points at change. Checks read and never repair.",
    current: "in use",
    chosen: (tag: { name: string }) => `Now looking at ${tag.name}.`,
    bound: "came up",
    cost: {
      production: "The real platform. Checks run against it from this computer.",
      staging: "A copy for trying things. Mistakes cost time, not customers.",
      range: "Real servers on this computer, made for breaking.",
    } satisfies Record<EnvironmentKind, string>,
    noneYet: "No environment",
    empty: "The plan names no environment.",
  },

  notices: {
    more: (rest: number) => `${plural(rest, "more notice")}`,
    fewer: "Show fewer",
    readOnly: "The journal is open for reading only",
    planFaults: (faults: number) => `${plural(faults, "fault")} in the plan’s files`,
    planFaultsDetail: "Open the list to see each one at its line.",
    showFaults: "Show faults",
    rangeDown: "The practice range is down",
    rangeBroken: "The practice range did not end well",
    rangeStarting: "The practice range is coming up",
    rangeDownDetail: "Its checks have nothing to reach.",
    nobody: "Nobody is checking",
    nobodyDetail: "What is shown only gets older until checking begins again.",
    keychain: {
      locked: "The keychain is locked",
      absent: "This computer has no keychain service",
      available: "",
    },
    keychainDetail: "Checks that need a stored credential cannot run and stay unknown.",
    boardSilent: (length: string) => `The board was last refreshed ${length} ago`,
    boardSilentDetail: "What is shown is the last good answer.",
  },

  status: {
    recheckAll: "Re-check all",
    recheck: "Re-check",
    checking: "checking …",
    waitingBoard: "Reading the board …",
    counts: {
      operational: "operational",
      degraded: "degraded",
      outage: "outage",
      unknown: "unknown",
      not_checked: "not checked",
      maintenance: "in maintenance",
    },
    countsLabel: "Checks by health",
    newest: "newest check",
    neverChecked: "nothing checked yet",
    watching,
    functions: "Business functions",
    systems: "Systems",
    stores: "Data stores",
    providers: "Providers",
    changes: "Changed in the last hour",
    noChanges: "No check changed its health in the last hour. Every change is kept in the journal.",
    openJournal: "Open journal",
    state: "State",
    rto: "RTO",
    optional: "optional",
    moreCauses: (rest: number) => `+${rest}`,
    fallback: "Fallback",
    suspect: (count: number, of: number) => `suspect ${count} of ${of}`,
    suspectLong: (verdict: Health, count: number, of: number) =>
      `Suspect ${count} of ${of}: the newest answers say ${health[verdict].toLowerCase()}. Health changes after ${of} in a row.`,
    noCheck: "no check in the plan",
    checks: "Checks",
    noChecksHere: "The plan has no check for it, so nothing is known of it. Add one under [checks] in the plan.",
    causes: "What is at fault",
    noCauses: "Nothing it stands on is at fault.",
    required: "required",
    parts: "Stands on",
    showAll: "Back to the board",
    backTo: (name: string) => `Back to ${name}`,
    checked: (results: CheckResult[]) => {
      const bad = results.filter((result) => result.sample.verdict !== "operational");
      if (results.length === 1 && results[0]) {
        return `${results[0].name}: ${health[results[0].sample.verdict].toLowerCase()}, ${results[0].sample.reason}`;
      }
      return bad.length === 0
        ? `Checked ${results.length}; all operational.`
        : `Checked ${results.length}; ${bad.length} not operational.`;
    },
    gone: "There is no such row on this board",
    goneHint: "The plan or the environment has changed since. Go back to the board.",
  },

  check: {
    of: (part: string, kind: ProbeKind) => `${probe[kind]} · tells of ${part}`,
    means: "What it means",
    reason: "Reason",
    latency: "Took",
    every: "Every",
    definition: "How the plan defines it",
    failing: "Latest answer that was not operational",
    answerKept: "The answer, with secrets removed",
    noAnswer: "No answer was received, so none is kept.",
    measurements: "Measured",
    samples: "Newest samples",
    time: "Time (UTC)",
    verdict: "Verdict",
    took: "Took",
  },

  history,
  availability,
  readiness,
  needs,

  chart: {
    keys: "Left and right arrow keys move between points, Home and End to the ends.",
    point: (label: string, value: string, tone: string | null) =>
      `${label}: ${value}${tone && tone in health ? `, ${health[tone as Health].toLowerCase()}` : ""}`,
    hint: "Arrow keys read single points",
    table: "Show as table",
    refused: "The drawing could not be shown safely; the table has the same values.",
    label: (title: string) => `Points of ${title}`,
  },

  table: {
    older: "Older",
    newer: "Newer",
    span: (from: number, to: number, of: number) => `${count(from)}–${count(to)} of ${count(of)}`,
    empty: "Nothing yet.",
  },

  journal: {
    title: (total: number) => `${plural(total, "entry", "entries")}`,
    chain: {
      never: "not verified in this session",
      intact: "chain verified",
      bad: "CHAIN BROKEN",
    },
    verify: "Verify chain",
    verifying: "Verifying …",
    export: "Export journal",
    exporting: "Exporting …",
    exported: (entries: number, path: string) => `Wrote ${plural(entries, "entry", "entries")} to ${path}`,
    verified: (intact: number, took: string) =>
      `${plural(intact, "entry is", "entries are")} as written. Verified in ${took}.`,
    verifiedSince: (intact: number) =>
      `${plural(intact, "entry is", "entries are")} vouched for: verified since the last signed checkpoint, the rest is being verified.`,
    broken: (entry: string, fault: string, intact: number) =>
      `Entry ${entry} is not as it was written: ${fault}. The ${plural(intact, "entry", "entries")} before it can be relied on.`,
    filter: "Filter",
    kind: "Kind",
    anyKind: "Any kind",
    text: "Text",
    textPlaceholder: "in the summary, actor or body",
    clear: "Clear filter",
    time: "Time (UTC)",
    who: "Who",
    what: "What",
    where: "Where",
    hash: "Hash",
    newer: (waiting: number) => `${plural(waiting, "new entry", "new entries")} — show`,
    newest: "Back to the newest",
    older: "Load older",
    end: "This is the beginning of the journal.",
    shown: (shown: number, total: number) => `${count(shown)} of ${count(total)} shown`,
    empty: "The journal is empty",
    emptyWhy:
      "Every change of health, every start and stop is kept here and can never be edited. Nothing has happened yet.",
    emptyAct: "Re-check all",
    noMatch: "No entry matches the filter",
    body: "The fact, as it is stored",
    device: "Device",
    sequence: "Sequence",
    actor: "Actor",
    kindLabel: "Kind",
    environment: "Environment",
    check: "Check",
    openCheck: "Open check",
    at: "At",
    notLoaded: "This entry is not among those loaded",
    notLoadedHint: "Load older entries, or clear the filter.",
  },

  plan,
  findings,

  settings,
  range,

  welcome,
  notYet,

  palette,
  keys,

  updated: "updated",
} as const;
