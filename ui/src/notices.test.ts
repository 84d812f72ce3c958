import { expect, test } from "vitest";
import { notices, type Seen } from "./notices";
import { problem, World } from "../../tests/browser/world";

function seen(world: World, more: Partial<Seen> = {}): Seen {
  return {
    app: world.app(),
    appProblem: null,
    board: world.board(),
    boardProblem: null,
    boardAge: 400,
    boardSilent: false,
    presence: world.presence,
    range: { doing: null, step: null, problem: null },
    rangeShown: false,
    ...more,
  };
}

const keys = (found: Seen) => notices(found).map((notice) => notice.key);

test("all is well: no notice", () => expect(keys(seen(new World()))).toEqual([]));

test("each thing that is wrong has its notice, worst first", () => {
  const world = new World();
  world.readOnly = problem("journal-damaged", "entry a/3 is not as it was written", "Keep the file.");
  world.breakPlan();
  world.range = { ...world.range, phase: "down", detail: "" };
  world.watching = "nobody";
  world.keychain = { state: "absent", detail: "" };
  expect(keys(seen(world, { boardAge: 61_000, boardSilent: true }))).toEqual([
    "read-only",
    "silent",
    "faults",
    "range",
    "nobody",
    "keychain",
  ]);
});

test("a range that is down matters only where it is looked at, and not where the screen tells of it", () => {
  const world = new World();
  world.range = { ...world.range, phase: "down" };
  expect(keys(seen(world, { rangeShown: true }))).toEqual([]);
  world.environment = "production";
  expect(keys(seen(world))).toEqual([]);
});

test("a board that cannot be read is told with its hint", () => {
  const found = notices(
    seen(new World(), { boardProblem: problem("environment-unbound", "no port yet", "Start the range.") }),
  );
  expect(found).toMatchObject([{ key: "board-read", title: "No port yet.", detail: "Start the range.", act: "retry" }]);
});
