import { fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { describe, expect, test, vi } from "vitest";
import { World } from "../../tests/browser/world";
import CredentialSheet from "./components/settings/CredentialSheet.svelte";
import Credentials from "./components/settings/Credentials.svelte";
import { lifeboat } from "./state.svelte";
import { connect } from "./testing";

function sheet(more: Partial<{ usual: "keychain" | "session" | "file"; file: "none" | "locked" | "open" }> = {}) {
  const world = connect(new World());
  const [done, close] = [vi.fn(), vi.fn()];
  const given = {
    handle: "stripe-key",
    isThere: true,
    usual: "keychain",
    keychain: "available",
    file: "none",
  } as const;
  const { container } = render(CredentialSheet, { ...given, ...more, done, close });
  const form = container.querySelector("form");
  const fields = () => [...container.querySelectorAll<HTMLInputElement>('input[type="password"]')];
  if (!form) throw new Error("no form");
  const asked = () => world.calls.map((call) => call.command).filter((command) => command.startsWith("credential"));
  return { world, form, fields, done, close, asked };
}

describe("the sheet of a credential", () => {
  test("empties its field whatever comes of it", async () => {
    const { world, form, fields, close } = sheet();
    const [value] = fields();
    if (!value) throw new Error("no field");
    world.refusals.set("credential_set", {
      code: "usage",
      message: "this cannot be it",
      hint: "Copy it again.",
      field: "value",
    });
    value.value = "hunter2";
    await fireEvent.submit(form);
    expect(value.value).toBe("");
    await waitFor(() => expect(form.textContent).toMatch(/Copy it again/));
    expect(value.getAttribute("aria-invalid")).toBe("true");
    expect(close).not.toHaveBeenCalled();
    world.refusals.clear();
    value.value = "hunter2";
    await fireEvent.submit(form);
    expect(value.value).toBe("");
    await waitFor(() => expect(close).toHaveBeenCalled());
  });

  test("asks for a passphrase where the file is not open, and keeps nothing when two differ", async () => {
    const { form, fields, close, asked } = sheet({ usual: "file" });
    const [value, first, again] = fields();
    if (!value || !first || !again) throw new Error("fields are missing");
    [value.value, first.value, again.value] = ["hunter2", "correct horse battery", "correct horse"];
    await fireEvent.submit(form);
    await waitFor(() => expect(form.textContent).toMatch(/two passphrases differ/));
    expect([asked(), fields().map((field) => field.value)]).toEqual([[], ["", "", ""]]);
    [value.value, first.value, again.value] = ["hunter2", "correct horse battery", "correct horse battery"];
    await fireEvent.submit(form);
    await waitFor(() => expect(close).toHaveBeenCalled());
    expect(asked()).toEqual(["credential_file_open", "credential_set"]);
  });

  test("sends nothing when nothing was given", async () => {
    const { form, asked } = sheet();
    await fireEvent.submit(form);
    await waitFor(() => expect(form.textContent).toMatch(/Nothing was given/));
    expect(asked()).toEqual([]);
  });
});

test("a plan without credentials is told what they are", async () => {
  const world = connect(new World());
  world.credentials = { ...world.credentials, rows: [] };
  await lifeboat.credentials.read();
  render(Credentials);
  await waitFor(() => expect(screen.getByText("The plan needs no credentials")).toBeTruthy());
});
