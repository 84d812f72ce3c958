import { expect, test } from "vitest";
import { fuzzy } from "./fuzzy";

test.each([
  ["", "Plan", true],
  ["rcall", "Re-check all", true],
  ["dbw", "Database reads and writes", true],
  ["wdb", "Database reads and writes", false],
  ["re check", "Re-check all", true],
])("%j in %j: %s", (wanted, text, found) => expect(fuzzy(wanted, text) !== null).toBe(found));

test("the start of a word and letters together come first", () => {
  const order = ["Application reaches its database", "Plan", "Database port", "Standby data"].toSorted(
    (one, other) => (fuzzy("data", other) ?? -99) - (fuzzy("data", one) ?? -99),
  );
  expect(order[0]).toBe("Database port");
  expect(order.at(-1)).toBe("Plan");
});
