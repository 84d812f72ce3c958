// What a plan says wrongly, arranged for reading: by weight, then by kind. What is wrong and how much it weighs is Rust's
// to say and comes in its order; this only groups, sifts and names.

import { words } from "./locales/en";
import type { FindingCode } from "./types/FindingCode";
import type { FindingSeverity } from "./types/FindingSeverity";
import type { Place } from "./types/Place";
import type { PlanFinding } from "./types/PlanFinding";

/** Worst first. */
export const SEVERITIES: readonly FindingSeverity[] = ["severe", "warning", "note"];
/** The most findings shown at once without being asked for, and the most of one kind in any case. */
export const MOST = 150;

/** A finding with a name that lasts until its kind or its first place changes. */
export interface NamedFinding {
  name: string;
  finding: PlanFinding;
}

/** The findings of one kind. */
interface FindingGroup {
  code: FindingCode;
  findings: NamedFinding[];
  /** What they cost, when it is the same for all. */
  why: string | null;
}

/** The kinds of one weight. */
export interface SeverityGroup {
  severity: FindingSeverity;
  /** How many findings. */
  count: number;
  groups: FindingGroup[];
}

export function placeName({ file, line, column }: Place): string {
  return `${file}:${line}:${column}`;
}

/** The name of one of a finding's places. */
export function openName(name: string, place: number): string {
  return `${name}#${place + 1}`;
}

export function named(findings: readonly PlanFinding[]): NamedFinding[] {
  const taken = new Map<string, number>();
  return findings.map((finding) => {
    const first = finding.places[0];
    const base = first ? `${finding.code}@${placeName(first)}` : finding.code;
    const before = taken.get(base) ?? 0;
    taken.set(base, before + 1);
    return { name: before === 0 ? base : `${base}~${before + 1}`, finding };
  });
}

/** The finding and the place that `openName` named. */
export function found(all: readonly NamedFinding[], id: string | null): (NamedFinding & { place: Place }) | null {
  for (const candidate of all) {
    const index = candidate.finding.places.findIndex((_, place) => openName(candidate.name, place) === id);
    const place = candidate.finding.places[index];
    if (place) return { ...candidate, place };
  }
  return null;
}

export function counted(all: readonly NamedFinding[]): Record<FindingSeverity, number> {
  const counts: Record<FindingSeverity, number> = { severe: 0, warning: 0, note: 0 };
  for (const { finding } of all) counts[finding.severity] += 1;
  return counts;
}

/** Those of a weight, or of any, that have every word of the text somewhere. */
export function sifted(
  all: readonly NamedFinding[],
  severity: FindingSeverity | null,
  text: string,
): readonly NamedFinding[] {
  const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (severity === null && wanted.length === 0) return all;
  return all.filter(({ finding }) => {
    if (severity !== null && finding.severity !== severity) return false;
    const { code, message, why, places } = finding;
    const said = [words.findings.code[code], code, message, why, ...places.map(placeName)].join("\n").toLowerCase();
    return wanted.every((word) => said.includes(word));
  });
}

export function grouped(all: readonly NamedFinding[]): SeverityGroup[] {
  return SEVERITIES.flatMap((severity): SeverityGroup[] => {
    const own = all.filter(({ finding }) => finding.severity === severity);
    const groups = [...new Set(own.map(({ finding }) => finding.code))].map((code): FindingGroup => {
      const findings = own.filter(({ finding }) => finding.code === code);
      const reasons = new Set(findings.map(({ finding }) => finding.why));
      return { code, findings, why: reasons.size === 1 ? (findings[0]?.finding.why ?? null) : null };
    });
    return groups.length > 0 ? [{ severity, count: own.length, groups }] : [];
  });
}

/**
 * The kinds shown open until somebody says otherwise: those of the worst weight, or of every weight when a text was
 * looked for, as long as no more than `MOST` findings are shown.
 */
export function openAtFirst(all: readonly SeverityGroup[], searching: boolean): ReadonlySet<FindingCode> {
  const open = new Set<FindingCode>();
  let room = MOST;
  for (const { groups } of searching ? all : all.slice(0, 1)) {
    for (const { code, findings } of groups) {
      if (findings.length > room) continue;
      room -= findings.length;
      open.add(code);
    }
  }
  return open;
}
