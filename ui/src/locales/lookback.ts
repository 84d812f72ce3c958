// Words of what adds up over time: the history of a check, availability, readiness, and what needs what.

import { count } from "../format";
import type { Attainment } from "../types/Attainment";
import type { DueKind } from "../types/DueKind";
import type { HistorySpan } from "../types/HistorySpan";
import { plural } from "./grammar";

export const history = {
  title: "History",
  span: "Span",
  spans: {
    "1h": "1 hour",
    "24h": "24 hours",
    "7d": "7 days",
    "30d": "30 days",
    "90d": "90 days",
  } satisfies Record<HistorySpan, string>,
  legend: "Signs of the strip",
  outage: "outage",
  degraded: "degraded",
  unknown: "unknown",
  operational: "operational",
  unobserved: "not observed",
  half: "half of the samples",
  most: "95 %",
  changes: "Changes of health",
  noChanges: "Its health did not change in this span.",
};

export const availability = {
  title: "Availability",
  column: (days: number) => `Up, ${days} d`,
  over: (days: number) => `${days} days`,
  span: "Span",
  up: "Up",
  down: "Down",
  unknown: "Not known",
  maintenance: "Maintenance",
  degraded: (length: string) => `of that ${length} degraded`,
  unseen: (unknown: string, unobserved: string) => `${unknown} unknown, ${unobserved} not observed`,
  known: (share: string) => `known: ${share}`,
  ofKnown: (share: string) => `of the time that is known; known is ${share}`,
  notEnough: "not enough known",
  share: (share: string) => `${share} of the time that is known`,
  against: (target: string) => `target ${target}`,
  tolerable: (target: string) => `at least ${target}`,
  attainment: { met: "met", missed: "missed", open: "cannot be said" } satisfies Record<Attainment, string>,
  why: "What is not known counts neither way: a target is met only if it would be met had all of it been down, and missed only if it would be missed had all of it been up.",
  row: (name: string, days: number) => `Availability of ${name} over ${days} days`,
};

export const readiness = {
  title: "Recovery readiness",
  newest: "Newest copy",
  limit: "Limit",
  proven: "Proven restore",
  never: "never",
  old: (age: string) => `${age} old`,
  behind: (age: string) => `${age} behind`,
  repeats: "repeats mistakes and deletions too",
  nothing: "the plan has no check of its copies",
  due: "Due",
  overdue: (days: number) => `overdue by ${plural(days, "day")}`,
  by: (day: string) => `by ${day}`,
  noDay: "the plan ties it to no day",
  kind: { drill: "Drill", review: "Review", document: "Plan" } satisfies Record<DueKind, string>,
  showAll: (many: number) => `Show all ${count(many)}`,
  showFewer: "Show overdue only",
  place: (file: string, line: number) => `${file}:${line}`,
  noneDue: "Nothing is overdue.",
};

export const needs = {
  tab: "Dependencies",
  board: "Board",
  views: "View of the board",
  title: "What stands on what",
  lead: "Each function with what it needs, down to systems, stores and providers. What is out and what that takes with it is open and marked.",
  reverse: "Who needs it",
  forward: "What it needs",
  direction: "Direction",
  expand: "Open all",
  collapse: "Close all",
  required: "required",
  optional: "works less well without",
  path: "on the way to the cause",
  cause: "cause",
  nobody: "No function needs it.",
  neededBy: "Needed by",
  show: "Show all dependencies",
  tree: "Dependencies",
};
