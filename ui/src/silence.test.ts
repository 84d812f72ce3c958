import { fireEvent, waitFor } from "@testing-library/svelte";
import { render } from "@testing-library/svelte";
import { describe, expect, test, vi } from "vitest";
import { World } from "../../tests/browser/world";
import SilenceSheet from "./components/SilenceSheet.svelte";
import { connect } from "./testing";
import type { SilenceKind } from "./types/SilenceKind";

function sheet(kind: SilenceKind) {
  const world = connect(new World());
  const close = vi.fn();
  const { container } = render(SilenceSheet, { kind, scope: { check: "database-port" }, name: "Database port", close });
  const form = container.querySelector("form");
  if (!form) throw new Error("no form");
  const wanted = () => world.calls.filter((call) => call.command === "mute" || call.command === "maintenance_begin");
  const radios = () => [...form.querySelectorAll<HTMLInputElement>('input[name="length"]')];
  return { world, close, form, wanted, radios };
}

describe("the sheet of a mute", () => {
  test("offers half an hour, an hour, eight hours or a time, and asks for what was chosen", async () => {
    const { form, close, wanted, radios } = sheet("mute");
    expect(radios().map((radio) => radio.closest("label")?.textContent.trim())).toEqual([
      "In 30 min",
      "In 1 h",
      "In 8 h",
      "At a time",
    ]);
    const [half] = radios();
    if (!half) throw new Error("nothing to choose");
    await fireEvent.click(half);
    const before = Date.now();
    await fireEvent.submit(form);
    await waitFor(() => expect(close).toHaveBeenCalled());
    const given = wanted()[0]?.given["wanted"] as { until: string; from: string | null; scope: unknown };
    expect(given).toMatchObject({ from: null, scope: { check: "database-port" } });
    expect(Date.parse(given.until)).toBeGreaterThanOrEqual(before + 1_800_000);
  });

  test("without a time nothing is asked for, and the sheet says what is missing", async () => {
    const { form, close, wanted, radios } = sheet("mute");
    const last = radios().at(-1);
    if (!last) throw new Error("nothing to choose");
    await fireEvent.click(last);
    await fireEvent.submit(form);
    await waitFor(() => expect(form.textContent).toMatch(/Give a day and a time/));
    expect(wanted()).toEqual([]);
    expect(close).not.toHaveBeenCalled();
  });
});

describe("the sheet of a maintenance", () => {
  test("stays open with what went wrong", async () => {
    const { world, form, close } = sheet("maintenance");
    world.refusals.set("maintenance_begin", {
      code: "usage",
      message: "a maintenance needs a reason",
      hint: "Say what is done.",
      field: "reason",
    });
    await fireEvent.submit(form);
    await waitFor(() => expect(form.textContent).toMatch(/Say what is done/));
    expect(close).not.toHaveBeenCalled();
  });
});
