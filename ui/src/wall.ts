// What fits on the wall: the worst first, as much as can be read from afar, and how many were left out.

import type { AvailabilityRow } from "./types/AvailabilityRow";
import type { Board } from "./types/Board";
import type { FunctionRow } from "./types/FunctionRow";
import type { Health } from "./types/Health";
import type { PartRow } from "./types/PartRow";

/** How many rows a column holds. */
export const ROWS = 10;

/** A board that is older than this is no picture of now. */
export const FROZEN_AFTER = 10_000;

export const PAGES = ["status", "availability"] as const;
export type WallPage = (typeof PAGES)[number];

interface Shown<Row> {
  rows: Row[];
  /** How many there are besides. */
  rest: number;
}

const ORDER: Health[] = ["outage", "degraded", "unknown", "not-checked", "maintenance", "operational"];

function fitted<Row extends { health: Health }>(rows: Row[], room: number): Shown<Row> {
  const sorted = rows.toSorted((one, other) => ORDER.indexOf(one.health) - ORDER.indexOf(other.health));
  // A line that says how many are left out takes the room of one.
  const shown = sorted.length <= room ? sorted : sorted.slice(0, room - 1);
  return { rows: shown, rest: sorted.length - shown.length };
}

export function functionsOf(board: Board): Shown<FunctionRow> {
  return fitted(
    board.tiers.flatMap((tier) => tier.functions),
    ROWS,
  );
}

/** Parts that somebody checks; twice as many fit, beside each other. */
export function partsOf(board: Board): Shown<PartRow> {
  return fitted(
    [...board.systems, ...board.stores, ...board.providers].filter((part) => part.checks.length > 0),
    ROWS * 2,
  );
}

/** Least available first; what too little is known of comes before what is well. */
export function leastAvailable(rows: AvailabilityRow[]): Shown<AvailabilityRow> {
  const sorted = rows.toSorted((one, other) => (one.share ?? -1) - (other.share ?? -1));
  const shown = sorted.length <= ROWS ? sorted : sorted.slice(0, ROWS - 1);
  return { rows: shown, rest: sorted.length - shown.length };
}

/** The page after or before another, around the end. */
export function turned(page: WallPage, step: 1 | -1): WallPage {
  return PAGES[(PAGES.indexOf(page) + step + PAGES.length) % PAGES.length] ?? "status";
}
