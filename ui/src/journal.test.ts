import { beforeEach, expect, test } from "vitest";
import { World, problem } from "../../tests/browser/world";
import { JournalList, MOST, PAGE } from "./journal.svelte";
import { connect } from "./testing";

let world: World;
let list: JournalList;
const still = () => true;
const idle = () => false;

beforeEach(async () => {
  world = connect(new World());
  for (let index = 0; index < 400; index += 1) world.append("watch-started", `entry ${index}`, { index });
  list = new JournalList();
  await list.first();
});

test("a page at a time, newest first, and never more rows than the window may hold", async () => {
  expect(list.entries).toHaveLength(PAGE);
  expect(list.entries[0]?.summary).toBe("entry 399");
  for (let page = 0; page < 5; page += 1) await list.older();
  expect(list.entries).toHaveLength(MOST);
  expect(list.detached).toBe(true);
  expect(list.entries[0]?.summary).toBe("entry 299");
  await list.first();
  expect(list.detached).toBe(false);
  expect(list.entries[0]?.summary).toBe("entry 399");
});

test("the beginning is reached, each entry once", async () => {
  const seen = new Set<string>();
  for (;;) {
    for (const entry of list.entries) seen.add(entry.id);
    if (!list.hasOlder) break;
    await list.older();
  }
  expect(seen.size).toBe(world.entries.length);
});

test("a live entry comes to the top while nobody reads", async () => {
  world.append("watch-stopped", "now", {});
  await list.refresh(idle);
  expect(list.entries[0]?.summary).toBe("now");
  expect(list.newer).toEqual([]);
});

test("a live entry waits while somebody reads", async () => {
  const before = list.entries;
  world.append("watch-stopped", "first", {});
  world.append("watch-stopped", "second", {});
  await list.refresh(still);
  expect(list.entries).toBe(before);
  expect(list.newer.map((entry) => entry.summary)).toEqual(["second", "first"]);
  expect(list.total).toBe(world.entries.length);
});

test("more news than one page replaces the list instead of leaving a hole", async () => {
  for (let index = 0; index < PAGE + 5; index += 1) world.append("watch-stopped", `news ${index}`, {});
  await list.refresh(idle);
  expect(list.entries).toHaveLength(PAGE);
  await list.older();
  const sequences = list.entries.map((entry) => entry.sequence);
  expect(sequences).toEqual(Array.from({ length: sequences.length }, (_, at) => (sequences[0] ?? 0) - at));
});

test("a filter asks Rust, and live entries obey it", async () => {
  await list.filter("watch-stopped", "");
  expect(list.entries).toEqual([]);
  world.append("watch-started", "other kind", {});
  world.append("watch-stopped", "this kind", {});
  await list.refresh(idle);
  expect(list.entries.map((entry) => entry.summary)).toEqual(["this kind"]);
  expect(world.calls.at(-1)?.given).toMatchObject({ query: { kind: "watch-stopped", text: null } });
});

test("an entry further back is found", async () => {
  const wanted = world.entries[120];
  expect(await list.find(wanted?.id ?? "")).toEqual(wanted);
  expect(await list.find("nowhere/1")).toBeNull();
});

test("a refusal keeps what is there", async () => {
  world.refusals.set("journal_list", problem("journal-busy", "the journal is held", "Try again."));
  await list.refresh(idle);
  expect(list.problem?.code).toBe("journal-busy");
  expect(list.entries).toHaveLength(PAGE);
  world.refusals.clear();
  await list.refresh(idle);
  expect(list.problem).toBeNull();
});
