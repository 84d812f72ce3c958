import { describe, expect, test } from "vitest";
import { bytes, count, duration, local, overdue, percent, period, took, utc, utcExact, zoneOf } from "./format";

const NOW = Date.parse("2026-11-23T02:14:05Z");
const PARIS = zoneOf("Europe/Paris");

describe("instants", () => {
  test.each([
    ["2026-11-23T02:06:12Z", "02:06:12 UTC"],
    ["2026-11-23T02:06:12.987Z", "02:06:12 UTC"],
    ["2026-11-23T00:00:00+01:00", "2026-11-22 23:00:00 UTC"],
    ["2026-11-21T04:00:00Z", "2026-11-21 04:00:00 UTC"],
    ["no date", "no date"],
  ])("%s is %s", (iso, shown) => expect(utc(iso, NOW)).toBe(shown));

  test.each([
    ["2026-11-23T02:14:05Z", "Europe/Paris", "03:14 Paris"],
    ["2026-11-23T23:30:00Z", "Europe/Paris", "2026-11-24 00:30 Paris"],
    ["2026-07-01T02:14:05Z", "America/New_York", "2026-06-30 22:14 New York"],
    ["2026-11-23T02:14:05Z", "Etc/UTC", null],
    ["2026-11-23T02:14:05Z", "UTC", null],
    ["no date", "Europe/Paris", null],
  ])("%s in %s is %s", (iso, zone, shown) => expect(local(iso, zoneOf(zone))).toBe(shown));

  test("an exact time keeps its milliseconds", () => {
    expect(utcExact("2026-11-23T02:18:10.412Z")).toEqual({ date: "2026-11-23", time: "02:18:10.412" });
    expect(utcExact("2026-11-23T02:18:10Z").time).toBe("02:18:10.000");
  });

  test("a zone is called by its city", () => expect(PARIS.label).toBe("Paris"));
});

describe("lengths", () => {
  test.each([
    [-5, "0 s"],
    [999, "0 s"],
    [12_000, "12 s"],
    [60_000, "1 min"],
    [62_500, "1 min 2 s"],
    [72 * 60_000, "1 h 12 min"],
    [3_600_000, "1 h"],
    [86_400_000 * 3 + 3_600_000 * 4, "3 d 4 h"],
  ])("%d ms is %s", (ms, shown) => expect(duration(ms)).toBe(shown));

  test.each([
    [0.42, "0.4 ms"],
    [84.4, "84 ms"],
    [1_240, "1.24 s"],
    [12_345, "12.3 s"],
    [65_000, "1 min 5 s"],
  ])("%d ms took %s", (ms, shown) => expect(took(ms)).toBe(shown));

  test.each([
    ["4h", "4 h"],
    ["1500ms", "1500 ms"],
    ["30m", "30 min"],
    ["1h30m", "1 h 30 min"],
    ["1w", "1 wk"],
    ["90s", "90 s"],
  ])("the plan's %s is shown as %s", (written, shown) => expect(period(written)).toBe(shown));

  test.each([
    [7, "7"],
    [4_812, "4\u202f812"],
    [1_000_000, "1\u202f000\u202f000"],
  ])("%d counts as %s", (value, shown) => expect(count(value)).toBe(shown));
});

describe("a review that is due", () => {
  test.each([
    ["2025-07", { unit: "month", value: 16 }],
    ["2026-10", { unit: "day", value: 23 }],
    ["2026-11", null],
    ["2026-12", null],
    ["2026-11-23", null],
    ["2026-11-22", { unit: "day", value: 1 }],
    ["2026-08-24", { unit: "month", value: 2 }],
    ["soon", null],
  ])("%s gives %j", (date, late) => expect(overdue(date, NOW)).toEqual(late));
});

test("shares are rounded down, so that nothing looks better than it is", () => {
  for (const [share, text] of [
    [1, "100\u202f%"],
    [0.999_999, "99.999\u202f%"],
    [0.999, "99.9\u202f%"],
    [0.57, "57\u202f%"],
    [0, "0\u202f%"],
    [-1, "0\u202f%"],
  ] as const) {
    expect(percent(share)).toBe(text);
  }
});

test("sizes have one unit and few digits", () => {
  for (const [size, text] of [
    [0, "0 B"],
    [999, "999 B"],
    [1_000, "1.0 kB"],
    [48_234_496, "48.2 MB"],
    [482_344_960, "482 MB"],
  ] as const) {
    expect(bytes(size)).toBe(text);
  }
});
