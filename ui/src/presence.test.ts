import { configure, fireEvent, screen, waitFor } from "@testing-library/svelte";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { problem, World } from "../../tests/browser/world";

configure({ defaultHidden: true, asyncUtilTimeout: 8_000, getElementError: (message) => new Error(message ?? "") });

let world: World;
let leave: () => void = () => undefined;

/** The window's state lives in modules; each test gets its own. */
async function start(page: "App" | "Kiosk", hash = "#/status") {
  vi.resetModules();
  window.location.hash = hash;
  const { connect } = await import("./testing");
  connect(world);
  const { default: Page } = page === "App" ? await import("./App.svelte") : await import("./pages/Kiosk.svelte");
  const { render } = await import("@testing-library/svelte");
  leave = render(Page).unmount;
}

/** Waits for a text; what is read out as well is there twice. */
const says = async (text: string | RegExp) => expect((await screen.findAllByText(text)).length).toBeGreaterThan(0);
// By what they say, without building the whole accessibility tree for each.
const heading = (name: RegExp) => waitFor(() => expect(document.querySelector("h1")?.textContent).toMatch(name));
const dialog = (title: string) =>
  waitFor(() => {
    const found = document.querySelector("dialog");
    expect(found?.querySelector("h2")?.textContent).toBe(title);
    return found as HTMLElement;
  });
const button = (within: Element, name: string) => {
  const found = [...within.querySelectorAll("button")].find(
    (one) => one.textContent.replaceAll(/\s+/g, " ").trim() === name,
  );
  if (!found) throw new Error(`no button says ${name}`);
  return found;
};
const called = (command: string) => world.calls.filter((call) => call.command === command).map((call) => call.given);

beforeEach(() => {
  world = new World();
});

afterEach(() => {
  leave();
  leave = () => undefined;
  vi.useRealTimers();
});

describe("the question before quitting", () => {
  const running = [
    { kind: "watch" as const, text: "17 checks are being watched in Production; nobody watches afterwards." },
    { kind: "range" as const, text: "The practice range is up and stays up." },
  ];

  test("names what still runs, and answers no to Esc and yes only to its button", async () => {
    await start("App");
    await heading(/All 17/);
    world.listener?.shell({ kind: "quit", asked: { running, tray: true } });
    const sheet = await dialog("Quit Lifeboat?");
    for (const { text } of running) expect(sheet.textContent).toContain(text);
    expect(sheet.textContent).not.toContain("no tray");
    await fireEvent(sheet, new Event("cancel", { cancelable: true }));
    await waitFor(() => expect(called("quit_answer")).toEqual([{ quit: false }]));
    expect(document.querySelector("dialog")).toBeNull();
    world.listener?.shell({ kind: "quit", asked: { running, tray: true } });
    await fireEvent.click(button(await dialog("Quit Lifeboat?"), "Quit"));
    await waitFor(() => expect(called("quit_answer")).toEqual([{ quit: false }, { quit: true }]));
  });

  test("has Esc for itself, whatever is open behind it", async () => {
    await start("App", "#/status/check/database-port");
    await waitFor(() => expect(document.querySelector("aside h2")?.textContent).toBe("Database port"));
    world.listener?.shell({ kind: "quit", asked: { running, tray: true } });
    const sheet = await dialog("Quit Lifeboat?");
    const isLeft = await fireEvent.keyDown(sheet, { key: "Escape" });
    expect(isLeft, "the key was taken from the dialog").toBe(true);
    expect(window.location.hash).toBe("#/status/check/database-port");
  });

  test("asked before the page was there is asked when it is, and says that there is no tray", async () => {
    world.presence = { ...world.presence, tray: false, quit: { running, tray: false } };
    await start("App");
    const sheet = await dialog("Quit Lifeboat?");
    expect(sheet.textContent).toContain("This desktop shows no tray");
    expect(button(sheet, "Keep running, minimised Esc")).toBeTruthy();
  });
});

describe("the shell", () => {
  test("sends the window to the place a notification is about", async () => {
    await start("App");
    await heading(/All 17/);
    world.listener?.shell({ kind: "go", place: "#/status/check/database-port" });
    await says("Database port");
    await waitFor(() => expect(document.querySelector("aside h2")?.textContent).toBe("Database port"));
  });

  test("says on every screen that graphics are safe because the window was not ready", async () => {
    world.presence = { ...world.presence, was_not_ready: true };
    await start("App", "#/plan");
    await says("Drawn with safe graphics");
  });

  test("opens the wall with F11 from the board, and from nowhere else", async () => {
    await start("App", "#/journal");
    await fireEvent.keyDown(window, { key: "F11" });
    expect(called("kiosk_open")).toEqual([]);
    window.location.hash = "#/status";
    await heading(/All 17/);
    await fireEvent.keyDown(window, { key: "F11" });
    await waitFor(() => expect(called("kiosk_open")).toHaveLength(1));
  });
});

describe("the settings of notifications and sound", () => {
  const radio = (group: string, name: string) => {
    const set = [...document.querySelectorAll("fieldset")].find(
      (one) => one.querySelector("legend")?.textContent === group,
    );
    if (!set) throw new Error(`there is no choice of ${group}`);
    const found = [...set.querySelectorAll("label")].find((label) => label.textContent.trim() === name);
    return found?.querySelector("input") as HTMLInputElement;
  };

  test("switch each off by itself, and test each", async () => {
    await start("App", "#/settings/notifications");
    await waitFor(() => radio("Notifications", "On"));
    await fireEvent.click(radio("Notifications", "Off"));
    await waitFor(() => expect(world.settings).toMatchObject({ notifications: false, sound: true }));
    await fireEvent.click(radio("Sound", "Off"));
    await waitFor(() => expect(world.settings).toMatchObject({ notifications: false, sound: false }));
    await fireEvent.click(button(document.body, "Show a test notification"));
    await says(/^Handed to the desktop/);
    world.refusals.set("sound_test", problem("tool-missing", "there is nothing to play a sound on", "Look."));
    await fireEvent.click(button(document.body, "Play the sound"));
    await says(/There is nothing to play a sound on/);
    expect(screen.queryAllByText("Played.")).toEqual([]);
  });

  test("start at login when asked to, and say so when they cannot", async () => {
    await start("App", "#/settings/notifications");
    await waitFor(() => radio("Start at login", "On"));
    expect(radio("Start at login", "Off").checked).toBe(true);
    await fireEvent.click(radio("Start at login", "On"));
    await waitFor(() => expect(called("autostart_write")).toEqual([{ on: true }]));
    await waitFor(() => expect(radio("Start at login", "On").checked).toBe(true));
    world.refusals.set(
      "autostart_write",
      problem("permission-denied", "the start at login could not be changed", null),
    );
    await fireEvent.click(radio("Start at login", "Off"));
    await says(/could not be changed/);
    await waitFor(() => expect(radio("Start at login", "On").checked).toBe(true));
  });

  test("are offered at the first run, switched off", async () => {
    world.firstRun = true;
    await start("App", "#/welcome");
    const box = await screen.findByLabelText(/^Start Lifeboat when I log in/);
    expect((box as HTMLInputElement).checked).toBe(false);
    await fireEvent.click(box);
    await waitFor(() => expect(called("autostart_write")).toEqual([{ on: true }]));
  });
});

describe("the wall", () => {
  test("says the state, turns after 20 s, holds on Space, and leaves on Esc", async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    await start("Kiosk", "");
    await heading(/All 17 checks are operational/);
    await vi.advanceTimersByTimeAsync(19_000);
    expect(screen.getByText(/^Status, page 1 of 2$/)).toBeTruthy();
    await vi.advanceTimersByTimeAsync(2_000);
    await says(/^Availability, page 2 of 2$/);
    expect(window.location.hash).toBe("#availability");
    await fireEvent.keyDown(window, { key: " " });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(screen.getByText(/^Availability, page 2 of 2, held$/)).toBeTruthy();
    await fireEvent.keyDown(window, { key: "ArrowLeft" });
    await says(/^Status, page 1 of 2, held$/);
    await fireEvent.keyDown(window, { key: "Escape" });
    expect(called("kiosk_leave")).toHaveLength(1);
  });

  test("calls a picture frozen that is not renewed, however well it looks", async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    await start("Kiosk", "");
    await heading(/All 17/);
    world.refusals.set("board_read", problem("journal-damaged", "the journal is locked", null));
    await vi.advanceTimersByTimeAsync(3_000);
    await says(/The board cannot be read: the journal is locked/);
    await vi.advanceTimersByTimeAsync(12_000);
    await says(/Nothing here is known to be true now/);
    world.refusals.clear();
    await vi.advanceTimersByTimeAsync(3_000);
    await waitFor(() => expect(screen.queryAllByText(/Nothing here is known/)).toEqual([]));
  });

  test("asks only for what it may, and names nobody", async () => {
    const until = new Date(Date.now() + 600_000).toISOString();
    await world.invoke("mute", { wanted: { scope: "everything", from: null, until, reason: "private" } });
    world.calls.length = 0;
    await start("Kiosk", "");
    await heading(/All 17/);
    await fireEvent.keyDown(window, { key: "ArrowRight" });
    await screen.findByText(/page 2 of 2/);
    const allowed = ["availability_read", "board_read", "kiosk_read", "window_ready"];
    expect([...new Set(world.calls.map((call) => call.command))].sort()).toEqual(allowed);
    expect(document.body.textContent).not.toMatch(/mona|private/);
  });
});
