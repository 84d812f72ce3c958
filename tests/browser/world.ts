// A stand-in for Rust behind the window's border: one small platform with the bundled plan's shape, which tests break,
// mend and write about. It answers in the generated types and decides just enough to be believable.

import type { AppView } from "../../ui/src/types/AppView";
import type { CheckHistory } from "../../ui/src/types/CheckHistory";
import type { DataView } from "../../ui/src/types/DataView";
import type { HistorySpan } from "../../ui/src/types/HistorySpan";
import type { Settings } from "../../ui/src/types/Settings";
import type { BreakerView } from "../../ui/src/types/BreakerView";
import type { Forced } from "../../ui/src/types/Forced";
import type { Board } from "../../ui/src/types/Board";
import type { Cause } from "../../ui/src/types/Cause";
import type { CheckDetail } from "../../ui/src/types/CheckDetail";
import type { CheckResult } from "../../ui/src/types/CheckResult";
import type { CheckRow } from "../../ui/src/types/CheckRow";
import type { Counts } from "../../ui/src/types/Counts";
import type { DoctorReport } from "../../ui/src/types/DoctorReport";
import type { EntryView } from "../../ui/src/types/EntryView";
import type { EnvironmentChoice } from "../../ui/src/types/EnvironmentChoice";
import type { FunctionRow } from "../../ui/src/types/FunctionRow";
import type { Health } from "../../ui/src/types/Health";
import type { JournalPage } from "../../ui/src/types/JournalPage";
import type { JournalQuery } from "../../ui/src/types/JournalQuery";
import type { PartRow } from "../../ui/src/types/PartRow";
import type { Plan } from "../../ui/src/types/Plan";
import type { PlanFault } from "../../ui/src/types/PlanFault";
import type { PlanFinding } from "../../ui/src/types/PlanFinding";
import type { PlanText } from "../../ui/src/types/PlanText";
import type { PlanView } from "../../ui/src/types/PlanView";
import type { Problem } from "../../ui/src/types/Problem";
import type { RangeProgress } from "../../ui/src/types/RangeProgress";
import type { RangeStatus } from "../../ui/src/types/RangeStatus";
import type { RecentChange } from "../../ui/src/types/RecentChange";
import type { Sample } from "../../ui/src/types/Sample";
import type { Silence } from "../../ui/src/types/Silence";
import type { SilenceWanted } from "../../ui/src/types/SilenceWanted";
import type { Verification } from "../../ui/src/types/Verification";
import { chart } from "./chart";
import { availabilityReport, historyChart, historyParts, readinessOf } from "./lookback";
import { findingSeeds, findingTexts } from "./findings";
import { planDocument } from "./plan";
import { checkSeeds, functionSeeds, partSeeds } from "./seeds";

const WEIGHT: Record<Health, number> = {
  operational: 0,
  maintenance: 1,
  "not-checked": 2,
  unknown: 3,
  degraded: 4,
  outage: 5,
};
const worst = (healths: Health[]) =>
  healths.reduce<Health>((one, other) => (WEIGHT[other] > WEIGHT[one] ? other : one), "operational");

const STEPS = [
  "looking for free ports",
  "making the primary’s data folder",
  "starting the primary",
  "filling 10 000 orders",
  "copying the standby",
  "starting the object store",
  "writing media objects",
  "taking the first backup",
  "starting the platform’s stand-in",
];

export interface Listener {
  journal(entry: EntryView): void;
}

/** What verifying found, where a test says nothing else. */
export function verified(more: Partial<Verification>): Verification {
  const clock = { ahead_ms: 0, set_back: 0, first_set_back: null };
  return { intact: 0, bad: null, at: "", took_ms: 0, since: null, checkpoints: 1, clock, ...more };
}

export class World {
  clock: () => number = () => Date.now();
  listener: Listener | null = null;
  samples = new Map<string, Sample[]>();
  health = new Map<string, { health: Health; since: number; stale: boolean; suspicion: CheckRow["suspicion"] }>();
  entries: EntryView[] = [];
  environment = "range";
  range: RangeStatus;
  firstRun = false;
  faults: PlanFault[] = [];
  findings: PlanFinding[] = findingSeeds;
  files: PlanText[] = findingTexts;
  watching: Board["watching"] = "here";
  readOnly: Problem | null = null;
  keychain: AppView["keychain"] = { state: "available", detail: "GNOME Keyring" };
  verification: Verification | null = null;
  settings: Settings = {
    name: null,
    role: "commander",
    theme: "system",
    density: "compact",
    motion: "system",
    text: "usual",
    zone: "local",
    letters: true,
  };
  readonly breakers = new Map<string, BreakerView>([
    [
      "stripe",
      {
        provider: "stripe",
        name: "Stripe",
        phase: "closed",
        failures: 0,
        of: 5,
        since: null,
        until: null,
        forced: null,
        by: null,
        reason: "",
      },
    ],
  ]);
  silences: Silence[] = [];
  /** What failing checks are because of, and checks that flap, as tests want them. */
  because = new Map<string, { part: string; name: string }>();
  flapping = new Set<string>();
  /** Problems that commands answer with instead of what was asked. */
  refusals = new Map<string, Problem>();
  calls: { command: string; given: Record<string, unknown> }[] = [];
  /** Waits between the steps of the range; tests put a gate here. */
  step: () => Promise<void> = () => Promise.resolve();
  pace = 0;

  constructor() {
    this.range = {
      phase: "up",
      detail: "8 servers on 127.0.0.1",
      size: "small",
      since: this.iso(-3_600_000),
      faults: [],
      ports: [
        ["primary", 21_432],
        ["standby", 21_433],
        ["objects", 21_440],
        ["api", 21_450],
        ["api-tls", 21_451],
      ],
    };
    for (const [index, seed] of checkSeeds.entries()) {
      this.health.set(seed.id, { health: "operational", since: -3_500_000, stale: false, suspicion: null });
      this.samples.set(
        seed.id,
        Array.from({ length: 60 }, (_, back): Sample => ({
          at: this.iso(-4_000 - back * 5_000),
          latency_ms: seed.latency * (1 + 0.25 * Math.sin(back / 3 + index)),
          verdict: "operational",
          reason: seed.good,
          measurements: [],
          answer: null,
          fault: null,
        })),
      );
    }
    this.append("plan-adopted", "Plan DR-SAMIA-2025-001 v1.0 came into force", {}, -3_650_000);
    this.append("range-started", "The practice range came up (small)", { size: "small" }, -3_610_000);
    this.append("watch-started", "Checking began in Practice range", { environment: "range" }, -3_600_000);
  }

  iso(offset = 0): string {
    return new Date(this.clock() + offset).toISOString();
  }

  append(kind: string, summary: string, body: EntryView["body"], offset = 0, more: Partial<EntryView> = {}): EntryView {
    const sequence = this.entries.length + 1;
    const entry: EntryView = {
      id: `0193-a1/${sequence}`,
      device: "019359b2-7c1e-7d3a-9f00-5b1d6c2a41e7",
      sequence,
      at: this.iso(offset),
      actor: kind === "health-changed" ? "schedule" : "person:mona",
      kind,
      summary,
      environment: kind === "plan-adopted" ? null : "range",
      check: null,
      to: null,
      body,
      hash: (sequence * 2_654_435_761).toString(16).padStart(16, "0").repeat(4),
      ...more,
    };
    this.entries = [entry, ...this.entries];
    this.listener?.journal(entry);
    return entry;
  }

  /** A check says something new, once and for all. */
  set(
    id: string,
    health: Exclude<Health, "not-checked" | "maintenance">,
    reason: string,
    answer: string | null = null,
  ): void {
    const seed = checkSeeds.find((candidate) => candidate.id === id);
    const before = this.health.get(id);
    if (!seed || !before) throw new Error(`no check ${id}`);
    const sample: Sample = {
      at: this.iso(),
      latency_ms: health === "outage" ? 4_000 : seed.latency,
      verdict: health,
      reason,
      measurements: health === "degraded" ? [{ name: "bytes behind", value: 71_303_168, unit: "bytes" }] : [],
      answer,
      fault: null,
    };
    this.samples.set(id, [sample, ...(this.samples.get(id) ?? [])]);
    this.health.set(id, { health, since: this.clock() - Date.now(), stale: false, suspicion: null });
    const summary = `${seed.name}: ${before.health} → ${health}, ${reason}`;
    const body = { environment: "range", check: id, from: before.health, to: health, samples: 3, reason, answer };
    this.append("health-changed", summary, body, 0, { check: id, to: health });
  }

  suspect(id: string, verdict: Sample["verdict"], count: number): void {
    const before = this.health.get(id);
    if (before) this.health.set(id, { ...before, suspicion: { verdict, count, since: this.iso(-2_000) } });
  }

  age(id: string): void {
    this.health.set(id, { health: "unknown", since: -600_000, stale: true, suspicion: null });
  }

  private rows(): CheckRow[] {
    return checkSeeds.map((seed) => {
      const state = this.health.get(seed.id);
      const last = this.samples.get(seed.id)?.[0];
      const blank = !state || !last || (this.environment === "range" && this.range.phase !== "up");
      return {
        id: seed.id,
        name: seed.name,
        kind: seed.kind,
        of: seed.of,
        since: blank ? null : this.iso(state.since),
        stale: blank ? false : state.stale,
        suspicion: blank ? null : state.suspicion,
        failures: 3,
        reason: blank ? "not checked yet" : state.stale ? `last checked 10m ago, then: ${last.reason}` : last.reason,
        checked_at: blank ? null : state.stale ? this.iso(-600_000) : last.at,
        latency_ms: blank ? null : last.latency_ms,
        interval_ms: 5_000,
        running: false,
        why: seed.why,
        ...this.judged(seed, blank ? "not-checked" : state.health),
      };
    });
  }

  /** How a check is shown and what holds its alarm back. */
  private judged(
    seed: { id: string; of: string },
    underlying: Health,
  ): Pick<CheckRow, "health" | "underlying" | "flapping" | "because" | "alerting" | "quiet"> {
    const holds = this.silences.filter(
      ({ scope, from }) =>
        Date.parse(from) <= this.clock() &&
        (scope === "everything" || ("part" in scope ? scope.part === seed.of : scope.check === seed.id)),
    );
    const maintenance = holds.find((silence) => silence.kind === "maintenance");
    const mute = holds.find((silence) => silence.kind === "mute");
    const because = underlying === "operational" ? null : (this.because.get(seed.id) ?? null);
    const flapping = this.flapping.has(seed.id)
      ? { since: this.iso(-90_000), from: "operational" as const, changes: 7 }
      : null;
    const quiet: CheckRow["quiet"] = maintenance
      ? { kind: "maintenance", until: maintenance.until }
      : mute
        ? { kind: "muted", until: mute.until }
        : because
          ? { kind: "because", ...because }
          : flapping
            ? { kind: "flapping", since: flapping.since }
            : null;
    const bad = underlying === "outage" || underlying === "degraded";
    const health = maintenance ? "maintenance" : underlying;
    return { health, underlying, flapping, because, alerting: bad && !quiet, quiet };
  }

  private silence(kind: Silence["kind"], wanted: SilenceWanted): Silence[] {
    const { scope, until, reason } = wanted;
    const from = wanted.from ?? this.iso();
    const summary = kind === "mute" ? "Alarms are muted" : `Maintenance: ${reason}`;
    const body = { environment: this.environment, scope, from, until, reason };
    const entry = this.append(kind === "mute" ? "muted" : "maintenance-planned", summary, body);
    this.silences = [...this.silences, { entry: entry.id, kind, scope, from, until, reason, by: "person:mona" }];
    return this.silences;
  }

  private force({
    provider,
    forced,
    reason,
  }: {
    provider: string;
    forced: Forced | null;
    reason: string;
  }): BreakerView {
    const before = this.breakers.get(provider);
    if (!before) throw problem("usage", `no circuit breaker guards "${provider}"`, "Breakers guard: stripe.");
    const phase = forced ?? (before.forced === "open" ? "half-open" : "closed");
    const by = forced ? "person:mona" : null;
    const view: BreakerView = { ...before, phase, forced, by, reason, since: this.iso(), until: null, failures: 0 };
    this.breakers.set(provider, view);
    this.append("breaker-forced", "A breaker was forced", { provider, to: forced, reason });
    return view;
  }

  private endSilence(entry: string): Silence[] {
    const ended = this.silences.find((silence) => silence.entry === entry);
    if (!ended) throw problem("not-allowed-now", "no such maintenance holds or is planned", "Look at the board again.");
    this.silences = this.silences.filter((silence) => silence !== ended);
    this.append(ended.kind === "mute" ? "unmuted" : "maintenance-ended", "It was ended", { entry });
    return this.silences;
  }

  board(): Board {
    const checks = this.rows();
    const parts = partSeeds.map((seed): PartRow => {
      const own = checks.filter((check) => check.of === seed.id);
      const health = own.length === 0 ? "not-checked" : worst(own.map((check) => check.health));
      const bad = own.find((check) => check.health === health);
      return {
        ...seed,
        breaker: this.breakers.get(seed.id) ?? null,
        health,
        since: bad?.since ?? null,
        reason: !bad ? "the plan has no check for it" : own.length > 1 ? `${bad.name}: ${bad.reason}` : bad.reason,
        checks: own.map((check) => check.id),
      };
    });
    const functions = functionSeeds.map((seed): FunctionRow & { tier: string } => {
      const causes = [...seed.requires, ...seed.uses].flatMap((id): Cause[] => {
        const part = parts.find((candidate) => candidate.id === id);
        if (!part || part.health === "operational") return [];
        const required = seed.requires.includes(id);
        return [{ part: id, name: part.name, health: part.health, reason: part.reason, required }];
      });
      const health = worst(
        causes.map((cause) => (cause.required ? cause.health : cause.health === "outage" ? "degraded" : cause.health)),
      );
      return {
        id: seed.id,
        tier: seed.tier,
        name: seed.name,
        health,
        since: parts.find((part) => part.id === causes[0]?.part)?.since ?? null,
        rto: "4h",
        causes,
        parts: [...seed.requires, ...seed.uses],
        checks: [],
      };
    });
    const counts: Counts = { operational: 0, degraded: 0, outage: 0, unknown: 0, not_checked: 0, maintenance: 0 };
    for (const check of checks) counts[check.health === "not-checked" ? "not_checked" : check.health] += 1;
    const broken = functions.filter((row) => row.health === "outage");
    const weak = functions.filter((row) => row.health === "degraded");
    const sentence =
      counts.not_checked === checks.length
        ? "Nothing has been checked yet."
        : broken[0]
          ? broken.length === 1
            ? `${broken[0].name} (${broken[0].tier}) does not work.`
            : `${broken.length} functions do not work: ${broken
                .map((row) => row.name)
                .slice(0, 3)
                .join(", ")}.`
          : weak[0]
            ? `${weak[0].name} (${weak[0].tier}) works less well.`
            : counts.unknown > 0
              ? `Nothing is known to be broken, but ${counts.unknown} of ${checks.length} checks have no answer.`
              : counts.maintenance > 0
                ? `${counts.operational} of ${checks.length} checks are operational, ${counts.maintenance} in maintenance.`
                : `All ${checks.length} checks are operational.`;
    const tag = this.choices().find((choice) => choice.current);
    return {
      environment: { id: tag?.id ?? "range", name: tag?.name ?? "", kind: tag?.kind ?? "range" },
      as_of: this.iso(),
      checked_at:
        checks
          .flatMap((check) => check.checked_at ?? [])
          .sort()
          .at(-1) ?? null,
      watching: this.watching,
      worst: worst([...functions, ...parts.filter((part) => part.checks.length > 0)].map((row) => row.health)),
      sentence,
      counts,
      tiers: ["critical", "important", "moderate", "low"].map((tier) => ({
        id: tier,
        name: tier.charAt(0).toUpperCase() + tier.slice(1),
        functions: functions
          .filter((row) => row.tier === tier)
          .sort((one, other) => WEIGHT[other.health] - WEIGHT[one.health])
          .map((row) => ({ ...row, tier: undefined })),
      })),
      systems: parts.filter((part) => part.kind === "system"),
      stores: parts.filter((part) => part.kind === "store"),
      providers: parts.filter((part) => part.kind === "provider"),
      checks,
      needs: functionSeeds.flatMap((seed) => [
        ...seed.requires.map((on) => ({ function: seed.id, on, required: true })),
        ...seed.uses.map((on) => ({ function: seed.id, on, required: false })),
      ]),
      changes: this.entries
        .slice(0, 40)
        .flatMap((entry): RecentChange[] =>
          Date.parse(entry.at) < this.clock() - 3_600_000
            ? []
            : [{ at: entry.at, check: entry.check, summary: entry.summary, to: entry.to, entry: entry.id }],
        ),
      silences: this.silences,
      no_network: null,
    };
  }

  private choices(): EnvironmentChoice[] {
    return [
      {
        id: "production",
        name: "Production",
        kind: "production",
        current: this.environment === "production",
        bound_at: null,
      },
      {
        id: "range",
        name: "Practice range",
        kind: "range",
        current: this.environment === "range",
        bound_at: this.range.phase === "up" ? this.range.since : null,
      },
    ];
  }

  app(): AppView {
    const choices = this.choices();
    const current = choices.find((choice) => choice.current);
    return {
      version: "0.1.0",
      home: "/home/mona/.local/share/lifeboat",
      plan_title: "Samia Tarot",
      plan_version: "1.0",
      plan_faults: this.faults.length,
      environment: current ? { id: current.id, name: current.name, kind: current.kind } : null,
      environments: choices,
      range: this.range,
      journal_read_only: this.readOnly,
      first_run: this.firstRun,
      keychain: this.keychain,
      problem: null,
    };
  }

  detail(id: string): CheckDetail {
    const row = this.rows().find((candidate) => candidate.id === id);
    if (!row) throw problem("check-unknown", `no check is called ${id}`, "Look at the plan’s list of checks.");
    const samples = this.samples.get(id) ?? [];
    return {
      row,
      of_name: partSeeds.find((part) => part.id === row.of)?.name ?? row.of,
      definition: [
        ["kind", row.kind],
        ["endpoint", "platform-api"],
        ["interval", "5s (30s in the plan, quicker in practice)"],
        ["timeout", "4s"],
        ["failures", "3"],
        ["expect", '$.status is one of "ok", "degraded"'],
      ],
      failing: samples.find((sample) => sample.verdict !== "operational") ?? null,
      samples: samples.slice(0, 200),
    };
  }

  private history(id: string, span: HistorySpan): CheckHistory {
    const row = this.rows().find((candidate) => candidate.id === id);
    const parts = historyParts(span, this.clock());
    return {
      id,
      name: row?.name ?? id,
      span,
      chart: span === "1h" ? chart(this.samples.get(id) ?? []) : historyChart(parts, span),
      parts,
      changes: this.board().changes.filter((change) => change.check === id),
    };
  }

  plan(): PlanView {
    return {
      folder: "/home/mona/.local/share/lifeboat/plan",
      plan: this.faults.length > 0 ? null : (planDocument as unknown as Plan),
      faults: this.faults,
      files: this.files,
      findings: this.faults.length > 0 ? [] : this.findings,
      earlier_in_force: this.faults.length > 0,
    };
  }

  /** The files on disk get three mistakes. */
  breakPlan(): void {
    const text = (lines: number, at: Record<number, string>) =>
      Array.from({ length: lines }, (_, index) => at[index + 1] ?? `# line ${index + 1}`).join("\n");
    this.files = [
      { name: "plan.toml", text: text(163, { 9: 'next-review = "2025-7"', 40: 'tier = "criticl"' }) },
      { name: "checks.toml", text: text(172, { 88: 'interval = "5 minutes"' }) },
    ];
    this.faults = [
      {
        file: "plan.toml",
        line: 9,
        column: 15,
        field: "document.next-review",
        message: "“2025-7” is no date",
        hint: "Write a day as 2025-07-15 or a month as 2025-07.",
      },
      {
        file: "plan.toml",
        line: 40,
        column: 8,
        field: "functions.payment-processing.tier",
        message: "there is no tier “criticl”",
        hint: "Did you mean “critical”?",
      },
      {
        file: "checks.toml",
        line: 88,
        column: 12,
        field: "checks.database-backup-newest.interval",
        message: "“5 minutes” is no length of time",
        hint: "Write a number and a unit: 5m.",
      },
    ];
  }

  doctor(): DoctorReport {
    const item = (id: string, name: string, found: string) =>
      ({ id, name, finding: "good", found, hint: null, package: null }) as const;
    return {
      items: [
        item("postgres", "PostgreSQL server", "15.14 in /usr/lib/postgresql/15/bin"),
        item("pg_restore", "pg_restore", "15.14"),
        { ...item("git", "git", "not found"), finding: "missing", hint: "Install it.", package: "git" },
        { ...item("keychain", "Keychain", this.keychain.detail), finding: "good" },
        { ...item("network", "Network", "not looked at"), finding: "unknown", hint: "Look again when connected." },
        { ...item("disk", "Disk space", "1.9 GB free"), finding: "lacking", hint: "Free 3 GB for the large range." },
      ],
    };
  }

  journal(query: JournalQuery): JournalPage {
    const text = query.text?.toLowerCase();
    const all = this.entries.filter(
      (entry) =>
        (!query.kind || entry.kind === query.kind) &&
        (!text || `${entry.summary} ${entry.actor} ${JSON.stringify(entry.body)}`.toLowerCase().includes(text)),
    );
    const from = query.before === null ? 0 : all.findIndex((entry) => String(entry.sequence) === query.before) + 1;
    const entries = all.slice(from, from + (query.limit ?? 50));
    const last = entries.at(-1);
    const more = from + entries.length < all.length;
    return {
      entries,
      cursor: more && last ? String(last.sequence) : null,
      total: this.entries.length,
      verification: this.verification,
      read_only: this.readOnly,
      notes: [],
    };
  }

  async invoke(
    command: string,
    given: Record<string, unknown>,
    progress: (step: RangeProgress) => void = () => undefined,
  ): Promise<unknown> {
    this.calls.push({ command, given });
    const refusal = this.refusals.get(command);
    if (refusal) throw refusal;
    switch (command) {
      case "app_read":
        return this.app();
      case "board_read":
        return this.board();
      case "environment_choose":
        this.environment = String(given["environment"]);
        return this.app();
      case "check_run":
        return this.run(given["checks"] as string[] | null);
      case "check_read":
        return this.detail(String(given["check"]));
      case "check_history":
        return this.history(String(given["check"]), given["span"] as HistorySpan);
      case "availability_read":
        return [30, 90].map((days) => availabilityReport(days, this.rows(), this.clock()));
      case "readiness_read":
        return readinessOf(this.rows(), this.iso());
      case "settings_read":
        return this.settings;
      case "settings_write":
        this.settings = given["settings"] as Settings;
        return this.settings;
      case "data_read":
        return {
          home: "/home/mona/.local/share/lifeboat",
          plan: "/home/mona/.local/share/lifeboat/plan",
          logs: "/home/mona/.local/share/lifeboat/logs",
          journal_bytes: 48_234_496,
          entries: this.entries.length,
          samples: 293_760,
          rollups: 171_394,
          kept: [
            { what: "sample", kept: "1d" },
            { what: "minute", kept: "7d" },
            { what: "hour", kept: "90d" },
            { what: "day", kept: "1095d" },
          ],
        } satisfies DataView;
      case "maintenance_begin":
        return this.silence("maintenance", given["wanted"] as SilenceWanted);
      case "mute":
        return this.silence("mute", given["wanted"] as SilenceWanted);
      case "breaker_force":
        return this.force(given as { provider: string; forced: Forced | null; reason: string });
      case "maintenance_end":
      case "unmute":
        return this.endSilence(String(given["entry"]));
      case "journal_list":
        return this.journal(given["query"] as JournalQuery);
      case "journal_verify":
        this.verification ??= verified({ intact: this.entries.length, at: this.iso(), took_ms: 312 });
        return this.verification;
      case "journal_export":
        return { path: "/home/mona/Documents/lifeboat-journal.jsonl", entries: this.entries.length, checkpoints: 1 };
      case "plan_read":
        return this.plan();
      case "doctor_run":
        return this.doctor();
      case "range_status":
        return this.range;
      case "range_up":
        for (const [index, step] of STEPS.entries()) {
          progress({ step, done: index + 1, of: STEPS.length });
          await this.step();
        }
        this.range = { ...this.range, phase: "up", since: this.iso(), size: "small", detail: "8 servers on 127.0.0.1" };
        this.firstRun = false;
        return this.range;
      case "range_down":
        this.range = { phase: "down", detail: "", size: null, since: null, faults: [], ports: [] };
        return this.range;
      case "window_ready":
        return null;
      default:
        throw problem("usage", `no command is called ${command}`, null);
    }
  }

  private run(ids: string[] | null): CheckResult[] {
    return this.rows()
      .filter((row) => ids === null || ids.includes(row.id))
      .map((row) => {
        const list = this.samples.get(row.id) ?? [];
        const sample = { ...(list[0] as Sample), at: this.iso() };
        this.samples.set(row.id, [sample, ...list]);
        return { id: row.id, name: row.name, sample, row: { ...row, checked_at: sample.at } };
      });
  }
}

export function problem(code: Problem["code"], message: string, hint: string | null): Problem {
  return { code, message, hint, field: null };
}
