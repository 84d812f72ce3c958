// What adds up over time, as Rust would tell it of the small world: histories, availability, readiness.

import type { Attainment } from "../../ui/src/types/Attainment";
import type { AvailabilityReport } from "../../ui/src/types/AvailabilityReport";
import type { AvailabilityRow } from "../../ui/src/types/AvailabilityRow";
import type { ChartDocument } from "../../ui/src/types/ChartDocument";
import type { CheckRow } from "../../ui/src/types/CheckRow";
import type { HistoryPart } from "../../ui/src/types/HistoryPart";
import type { HistorySpan } from "../../ui/src/types/HistorySpan";
import type { Readiness } from "../../ui/src/types/Readiness";
import { functionSeeds, partSeeds } from "./seeds";

const HOUR = 3_600_000;
const WIDTHS: Record<HistorySpan, [parts: number, width: number]> = {
  "1h": [60, HOUR / 60],
  "24h": [96, HOUR / 4],
  "7d": [84, 2 * HOUR],
  "30d": [120, 6 * HOUR],
  "90d": [90, 24 * HOUR],
};

export function historyParts(span: HistorySpan, now: number): HistoryPart[] {
  const [many, width] = WIDTHS[span];
  const last = Math.floor(now / width) * width;
  return Array.from({ length: many }, (_, place): HistoryPart => {
    const from = last - (many - 1 - place) * width;
    const seen = place > many * 0.25 && place % 17 !== 3;
    const out = seen && place % 23 === 7 ? 9 : 0;
    const less = seen && place % 11 === 5 ? 30 : 0;
    const blind = seen && place % 29 === 20 ? 90 : 0;
    const latency = 60 + 25 * Math.sin(place / 5) + (less ? 90 : 0);
    const answered = seen && blind < 90;
    return {
      from: new Date(from).toISOString(),
      until: new Date(from + width).toISOString(),
      verdicts: { operational: seen && !blind ? 90 - out - less : 0, degraded: less, outage: out, unknown: blind },
      observed: seen ? (place % 13 === 0 ? 0.4 : 1) : 0,
      min_ms: answered ? latency / 2 : null,
      p50_ms: answered ? latency : null,
      p95_ms: answered ? latency * 2.2 : null,
      max_ms: answered ? latency * 6 : null,
    };
  });
}

const said = ({ verdicts }: HistoryPart) =>
  (["outage", "degraded", "unknown", "operational"] as const)
    .filter((word) => verdicts[word] > 0)
    .map((word) => `${verdicts[word]} ${word}`)
    .join(", ") || "not observed";

export function historyChart(parts: HistoryPart[], span: HistorySpan): ChartDocument {
  const [width, height, left, right, foot] = [640, 244, 56, 618, 186] as const;
  const across = (place: number) => left + ((right - left) * place) / parts.length;
  const up = (ms: number) => foot - ((Math.log10(ms) - 1) / 2) * (foot - 14);
  const line = (of: (part: HistoryPart) => number | null) =>
    parts
      .map((part, place) => {
        const value = of(part);
        const before = parts[place - 1];
        if (value === null) return "";
        return `${before && of(before) !== null ? "L" : "M"}${across(place + 0.5).toFixed(0)} ${up(value).toFixed(0)}`;
      })
      .join("");
  const cells = parts.flatMap((part, place) => {
    const x = Math.round(across(place));
    const wide = Math.max(1, Math.round(across(place + 1)) - x - 1);
    const total = Object.values(part.verdicts).reduce((sum, count) => sum + count, 0);
    if (total === 0) return [`<path class="chart-unobserved" d="M${x} 201L${x + wide + 1} 201"/>`];
    const room = Math.max(2, Math.round(18 * part.observed));
    let bottom = 210;
    return (["outage", "degraded", "unknown", "operational"] as const).flatMap((word) => {
      const count = part.verdicts[word];
      if (count === 0) return [];
      const tall = Math.min(bottom - 192, Math.max(word === "operational" ? 1 : 4, Math.round((room * count) / total)));
      bottom -= tall;
      if (word === "unknown")
        return [
          `<path class="chart-hatch" d="M${x} ${bottom}h${wide}v${tall}h-${wide}zM${x} ${bottom + tall}L${x + wide} ${bottom}"/>`,
        ];
      const rect = (name: string, size: number) =>
        `<rect class="chart-cell chart-cell-${name}" x="${x}" y="${bottom}" width="${size}" height="${tall}"/>`;
      return word === "degraded"
        ? [rect("operational", wide), rect("degraded", Math.ceil(wide / 2))]
        : [rect(word, wide)];
    });
  });
  const grid = [10, 100, 1_000].map(
    (ms) =>
      `<path class="${ms === 10 ? "chart-axis" : "chart-grid"}" d="M${left} ${up(ms)}L${right} ${up(ms)}"/><text class="chart-label" x="50" y="${up(ms)}" text-anchor="end" dominant-baseline="central">${ms === 1_000 ? "1 s" : `${ms} ms`}</text>`,
  );
  const ticks = [0, 0.25, 0.5, 0.75].map((share) => {
    const part = parts[Math.floor(share * parts.length)];
    const at = part?.from ?? "";
    return `<text class="chart-label" x="${across(share * parts.length)}" y="218" text-anchor="middle" dominant-baseline="hanging">${span === "24h" ? at.slice(11, 16) : at.slice(0, 10)}</text>`;
  });
  const shown = (ms: number | null) => (ms === null ? "–" : `${Math.round(ms)} ms`);
  const stamp = (part: HistoryPart) => part.from.slice(0, 16).replace("T", " ");
  return {
    svg: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">${grid.join("")}${cells.join("")}<path class="chart-high" d="${line((part) => part.p95_ms)}"/><path class="chart-line" d="${line((part) => part.p50_ms)}"/>${ticks.join("")}</svg>`,
    width,
    height,
    title: `Latency and verdicts over the last ${span}`,
    finding: "Slowest 1 s; 321 of 6 210 samples were not operational; 25 parts were not observed.",
    points: parts.map((part, place) => ({
      series: "history",
      x_px: across(place + 0.5),
      y_px: part.p50_ms === null ? foot : up(part.p50_ms),
      label: `${stamp(part)} UTC`,
      value:
        part.p50_ms === null
          ? said(part)
          : `half within ${shown(part.p50_ms)}, 95 % within ${shown(part.p95_ms)}; ${said(part)}`,
      tone: part.verdicts.outage > 0 ? "outage" : null,
    })),
    table: {
      headers: ["Time (UTC)", "Median", "95 %", "Slowest", "Verdicts", "Observed"],
      rows: parts
        .toReversed()
        .map((part) => [
          stamp(part),
          shown(part.p50_ms),
          shown(part.p95_ms),
          shown(part.max_ms),
          said(part),
          `${Math.round(part.observed * 100)} %`,
        ]),
    },
  };
}

function row(id: string, name: string, days: number, place: number, now: number): AvailabilityRow {
  const all = days * 24 * HOUR;
  const seen = place % 5 === 4 ? 0 : all * (0.62 - place * 0.01);
  const down = place % 3 === 1 ? 2 * HOUR + place * 60_000 : 0;
  const up = Math.max(0, seen - down);
  const known = seen / all;
  const attained = (share: number): Attainment =>
    up / all >= share ? "met" : (all - down) / all >= share ? "open" : "missed";
  return {
    id,
    name,
    time: {
      span: { from: new Date(now - all).toISOString(), until: new Date(now).toISOString() },
      up_ms: Math.round(up),
      degraded_ms: place % 4 === 2 ? 3 * HOUR : 0,
      down_ms: down,
      unknown_ms: HOUR,
      not_observed_ms: Math.round(all - seen - HOUR),
      maintenance_ms: 0,
    },
    share: seen > 0 ? up / seen : null,
    known,
    target: attained(0.999),
    tolerable: attained(0.995),
    sentence: `${(100 * up) / Math.max(1, seen)} % of the time that is known; known are ${Math.round(known * 100)} % of it`,
  };
}

export function availabilityReport(days: number, checks: CheckRow[], now: number): AvailabilityReport {
  return {
    days,
    objective: { target: "99.9%", tolerable: "99.5%" },
    functions: functionSeeds.map((seed, place) => row(seed.id, seed.name, days, place, now)),
    parts: partSeeds.map((seed, place) => row(seed.id, seed.name, days, place, now)),
    checks: checks.map((check, place) => row(check.id, check.name, days, place, now)),
  };
}

export function readinessOf(checks: CheckRow[], now: string): Readiness {
  const kinds = ["object-newest", "postgres-archive", "postgres-replication"];
  const stores = partSeeds.filter((seed) => seed.kind === "store");
  return {
    as_of: now,
    sentence:
      "Copies of 2 of 4 stores are as new as the plan wants; of 2 nothing is known. No restore has ever been proven. 5 of 10 drills and reviews are overdue.",
    stores: stores.map((store, index) => {
      const evidence = checks
        .filter((check) => check.of === store.id && kinds.includes(check.kind))
        .map((check) => ({
          check: check.id,
          name: check.name,
          kind: check.kind,
          health: check.health,
          stale: check.stale,
          reason: check.reason,
          age_ms: check.kind === "object-newest" ? 960_000 : check.kind === "postgres-replication" ? 3_000 : null,
          limit: check.kind === "object-newest" ? "1h" : "5m",
          checked_at: check.checked_at,
          repeats_mistakes: check.kind === "postgres-replication",
        }));
      return {
        id: store.id,
        name: store.name,
        priority: store.priority ?? "P3",
        health: evidence.some((found) => !found.repeats_mistakes) ? (evidence[0]?.health ?? "unknown") : "not-checked",
        evidence,
        proven: null,
        place: { file: "plan.toml", line: 110 + index, column: 1 },
      };
    }),
    due: [
      {
        kind: "review",
        name: "Backups and contacts",
        every: "monthly",
        on: "2025-02-28",
        overdue_days: 633,
        last: null,
        place: { file: "maintenance.toml", line: 2, column: 1 },
      },
      {
        kind: "document",
        name: "Disaster Recovery & Business Continuity Runbook",
        every: null,
        on: "2025-07-31",
        overdue_days: 480,
        last: "2025-01",
        place: { file: "plan.toml", line: 9, column: 1 },
      },
      ...["Database recovery", "Application failover"].map((name, index) => ({
        kind: "drill" as const,
        name,
        every: "monthly",
        on: null,
        overdue_days: null,
        last: null,
        place: { file: "drills.toml", line: 3 + index * 9, column: 1 },
      })),
    ],
  };
}
