import { expect, test } from "vitest";
import { findingSeeds } from "../../tests/browser/findings";
import { counted, found, grouped, MOST, named, openAtFirst, openName, sifted } from "./findings";
import type { FindingCode } from "./types/FindingCode";
import type { PlanFinding } from "./types/PlanFinding";

const all = named(findingSeeds);

function many(amount: number, code: FindingCode, severity: PlanFinding["severity"]): PlanFinding[] {
  return Array.from({ length: amount }, (_, index) => ({
    code,
    severity,
    message: `number ${index}`,
    why: "It costs.",
    places: [{ file: "plan.toml", line: index + 1, column: 1 }],
  }));
}

test("the worst weight comes first, each kind once, in the order they came", () => {
  const groups = grouped(all);
  expect(groups.map(({ severity, count }) => [severity, count])).toEqual([
    ["severe", 5],
    ["warning", 5],
    ["note", 2],
  ]);
  expect(groups[0]?.groups.map(({ code, findings }) => [code, findings.length])).toEqual([
    ["setting-placeholder", 1],
    ["contact-placeholder", 3],
    ["severity-cannot-reach", 1],
  ]);
  expect(counted(all)).toEqual({ severe: 5, warning: 5, note: 2 });
});

test("what a kind costs is said once, unless it differs", () => {
  const [first, ...rest] = many(2, "on-call-gap", "severe");
  expect(grouped(named([first as PlanFinding, ...rest]))[0]?.groups[0]?.why).toBe("It costs.");
  const differing = [{ ...(first as PlanFinding), why: "It costs more." }, ...rest];
  expect(grouped(named(differing))[0]?.groups[0]?.why).toBeNull();
});

test("a filter takes the weight and every word, wherever it stands", () => {
  expect(sifted(all, null, " ")).toBe(all);
  expect(sifted(all, "note", "")).toHaveLength(2);
  const messages = (text: string) => sifted(all, null, text).map(({ finding }) => finding.message);
  expect(messages("CTO stand-in")).toEqual(["the phone of cto is a stand-in, +XX-2"]);
  expect(messages("runbooks/database-failure.toml:6")).toHaveLength(1);
  expect(messages("people do")).toEqual(['nobody answers for "Restore drill"']);
  expect(messages("two texts name different channels")).toHaveLength(2);
  expect(messages("cto no-such-word")).toEqual([]);
  expect(sifted(all, "warning", "stand-in")).toEqual([]);
});

test("each place of each finding has a name of its own that leads back to it", () => {
  const twice = named([...findingSeeds, ...findingSeeds, { ...(findingSeeds[0] as PlanFinding), places: [] }]);
  const names = twice.flatMap(({ name, finding }) => finding.places.map((_, index) => openName(name, index)));
  expect(new Set(names).size).toBe(names.length);
  expect(new Set(twice.map(({ name }) => name)).size).toBe(twice.length);
  for (const { name, finding } of twice) {
    for (const [index, place] of finding.places.entries()) {
      expect(found(twice, openName(name, index))).toEqual({ name, finding, place });
    }
  }
  expect(found(twice, null)).toBeNull();
  expect(found(twice, "on-call-gap@plan.toml:1:1#1")).toBeNull();
});

test("the name stays when another finding comes or goes", () => {
  const last = all.at(-1);
  expect(named(findingSeeds.slice(3)).at(-1)?.name).toBe(last?.name);
});

test("the worst weight is open at first, and every match of a text, but never more than fits", () => {
  expect([...openAtFirst(grouped(all), false)]).toEqual([
    "setting-placeholder",
    "contact-placeholder",
    "severity-cannot-reach",
  ]);
  expect(openAtFirst(grouped(all), true).size).toBe(8);
  const withoutSevere = grouped(sifted(all, "warning", ""));
  expect(openAtFirst(withoutSevere, false).has("channels-differ")).toBe(true);

  const lots = grouped(
    named([
      ...many(MOST + 1, "on-call-gap", "severe"),
      ...many(MOST - 1, "contact-placeholder", "severe"),
      ...many(2, "store-left-out", "severe"),
      ...many(1, "store-without-backup", "severe"),
    ]),
  );
  expect([...openAtFirst(lots, false)]).toEqual(["contact-placeholder", "store-without-backup"]);
});
