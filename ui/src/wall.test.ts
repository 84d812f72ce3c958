import { describe, expect, test } from "vitest";
import { World } from "../../tests/browser/world";
import type { AvailabilityRow } from "./types/AvailabilityRow";
import type { Board } from "./types/Board";
import { functionsOf, leastAvailable, PAGES, partsOf, ROWS, turned } from "./wall";

/** A board with as many systems and functions as wanted, all like the first. */
function grown(board: Board, many: number, health: (index: number) => Board["worst"]): Board {
  const numbers = Array.from({ length: many }, (_, index) => index);
  const systems = board.systems
    .slice(0, 1)
    .flatMap((system) => numbers.map((index) => ({ ...system, id: `s${index}`, health: health(index) })));
  const tiers = board.tiers.slice(0, 1).map((tier) => ({
    ...tier,
    functions: tier.functions
      .slice(0, 1)
      .flatMap((row) => numbers.map((index) => ({ ...row, id: `f${index}`, health: health(index) }))),
  }));
  return { ...board, systems, tiers };
}

describe("what fits on the wall", () => {
  test("is the worst first, and how many were left out", () => {
    const world = new World();
    world.set("database-port", "outage", "connection refused");
    const board = world.board();
    const parts = partsOf(board);
    expect(parts.rows[0]?.health).toBe("outage");
    expect(parts.rest).toBe(0);
    const many = grown(board, 40, () => "operational");
    const fitted = partsOf(many);
    const all = [...many.systems, ...many.stores, ...many.providers].filter((part) => part.checks.length > 0).length;
    expect(fitted.rows).toHaveLength(ROWS * 2 - 1);
    expect(fitted.rows[0]?.health).toBe("outage");
    expect(fitted.rest).toBe(all - fitted.rows.length);
  });

  test("leaves out no function that is not operational before one that is", () => {
    const board = grown(new World().board(), 30, (index) => (index === 29 ? "unknown" : "operational"));
    const shown = functionsOf(board);
    expect(shown.rows[0]?.id).toBe("f29");
    expect([shown.rows.length, shown.rest]).toEqual([ROWS - 1, 30 - ROWS + 1]);
  });

  test("puts what too little is known of before what is least available", () => {
    const row = (id: string, share: number | null) => ({ id, share }) as AvailabilityRow;
    const shown = leastAvailable([row("well", 1), row("unknown", null), row("bad", 0.9)]);
    expect(shown.rows.map(({ id }) => id)).toEqual(["unknown", "bad", "well"]);
  });

  test("turns around the end in both directions", () => {
    expect(PAGES.map((page) => turned(page, 1))).toEqual(["availability", "status"]);
    expect(turned("status", -1)).toBe("availability");
  });
});
