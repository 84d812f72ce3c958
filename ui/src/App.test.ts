import { configure, fireEvent, screen, waitFor, within } from "@testing-library/svelte";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { problem, verified, World } from "../../tests/browser/world";
import { connect } from "./testing";

// Whether something is hidden costs a style computation per element here, and the browser tests look at it anyway.
configure({ defaultHidden: true, asyncUtilTimeout: 8_000, getElementError: (message) => new Error(message ?? "") });

let world: World;
let leave: () => void = () => undefined;

/** The window's state lives in modules; each test gets its own. */
async function start(hash = "#/status") {
  vi.resetModules();
  window.location.hash = hash;
  const { connect: reconnect } = await import("./testing");
  reconnect(world);
  const { default: App } = await import("./App.svelte");
  const { lifeboat } = await import("./state.svelte");
  const { preferences } = await import("./preferences.svelte");
  preferences.start();
  const { render } = await import("@testing-library/svelte");
  const { unmount } = render(App);
  leave = unmount;
  return { lifeboat, preferences };
}

const heading = (name: RegExp) =>
  waitFor(() => {
    const found = document.querySelector("h1");
    if (!found || !name.test(found.textContent)) throw new Error(`the heading is ${found?.textContent}`);
    return found;
  });
// By what they say, without building the whole accessibility tree for each.
const button = (name: RegExp) =>
  waitFor(() => {
    const all = [...document.querySelectorAll("button")];
    const found = all.find((one) => name.test((one.ariaLabel ?? one.textContent).replaceAll(/\s+/g, " ").trim()));
    if (!found) throw new Error(`no button says ${name}`);
    return found;
  });
const row = (name: RegExp) => {
  const found = [...document.querySelectorAll("tbody tr")].find((one) => name.test(one.textContent));
  if (!found) throw new Error(`no row says ${name}`);
  return found as HTMLElement;
};
const title = (name: RegExp) =>
  waitFor(() => {
    const found = document.querySelector<HTMLElement>("aside h2");
    if (!found || !name.test(found.textContent)) throw new Error(`the panel is ${found?.textContent}`);
    return found;
  });
const press = (key: string, more: Partial<KeyboardEventInit> = {}) =>
  fireEvent.keyDown(document.body, { key, ...more });

beforeEach(() => {
  world = connect(new World());
});
afterEach(() => leave());

describe("the board", () => {
  test("says the whole state in its heading, and each function with its word", async () => {
    await start();
    await heading(/All 17 checks are operational/);
    const line = row(/Payment processing/);
    expect(within(line).getByText("Operational")).toBeTruthy();
    expect(within(line).getByText("4 h")).toBeTruthy();
  });

  test("a fault comes in with a journal event, with its cause and its word", async () => {
    await start();
    await heading(/operational/);
    world.set("database-port", "outage", "connection refused");
    await heading(/do not work/);
    const line = row(/Payment processing/);
    expect(within(line).getByText("Outage")).toBeTruthy();
    expect(line.textContent).toMatch(/PostgreSQL: Database port: connection refused/);
  });

  test("suspect and stale are said in words", async () => {
    world.suspect("payments-health", "outage", 1);
    world.age("push-status");
    await start();
    expect((await button(/Payments are taken/)).textContent).toMatch(/suspect 1 of 3/);
    expect((await button(/Firebase status page/)).textContent).toMatch(/Stale/);
  });

  test("what cannot be read keeps the last board and says why and what to do", async () => {
    const { lifeboat } = await start();
    await heading(/operational/);
    world.refusals.set("board_read", problem("environment-unbound", "the range has no ports", "Start the range."));
    await lifeboat.board.read();
    await screen.findByText("The range has no ports.");
    expect(screen.getByText("Start the range.")).toBeTruthy();
    expect(screen.getByRole("heading", { level: 1 }).textContent).toMatch(/operational/);
  });

  test("without any board there is the problem, not a blank page", async () => {
    world.refusals.set("board_read", problem("plan-missing", "there is no plan", "Choose a folder."));
    await start();
    expect((await screen.findAllByText(/There is no plan/)).length).toBeGreaterThan(0);
    expect(screen.getAllByText("Choose a folder.").length).toBeGreaterThan(0);
  });

  test("R re-checks all, or the check that is open", async () => {
    const { lifeboat } = await start();
    await heading(/operational/);
    await press("r");
    await waitFor(() =>
      expect(world.calls.findLast((call) => call.command === "check_run")?.given).toEqual({ checks: null }),
    );
    lifeboat.go("status", "check", "database-port");
    await title(/^Database port$/);
    await press("r");
    await waitFor(() =>
      expect(world.calls.findLast((call) => call.command === "check_run")?.given).toEqual({
        checks: ["database-port"],
      }),
    );
  });

  test("a check opens with its failing answer, and closing gives the focus back", async () => {
    world.set("database-port", "outage", "connection refused", "no route");
    await start();
    const chip = await button(/^Database port/);
    await fireEvent.click(chip);
    const heading2 = await title(/^Database port$/);
    await waitFor(() => expect(document.activeElement).toBe(heading2));
    expect((await screen.findByText("no route")).tagName).toBe("PRE");
    await press("Escape");
    await waitFor(() => expect(document.activeElement?.getAttribute("data-opens")).toBe("check/database-port"));
  });
});

test("a board of another environment is never shown as the chosen one's", async () => {
  const { lifeboat } = await start();
  await heading(/All 17/);
  world.refusals.set("board_read", problem("environment-unbound", "a credential is not stored", "Store it."));
  await lifeboat.chooseEnvironment("production");
  await heading(/^Status$/);
  expect(document.querySelector("main")?.textContent).toMatch(/A credential is not stored/);
  expect(document.querySelector("tbody")).toBeNull();
});

describe("hostile words", () => {
  const hostile = `<img src=x onerror="window.hit=1"><script>window.hit=1</script>{@html 1}\u202e`;

  test("are shown as they are and do nothing", async () => {
    world.set("database-port", "outage", hostile, hostile);
    world.breakPlan();
    world.faults = world.faults.map((fault) => ({ ...fault, message: hostile, hint: hostile }));
    world.files = world.files.map((file) => ({ ...file, text: file.text.replaceAll("# line", hostile) }));
    const { lifeboat } = await start("#/status/check/database-port");
    await waitFor(() => expect(document.querySelector("aside pre")?.textContent).toBe(hostile));
    expect(document.querySelector("aside .reason")?.textContent).toBe(hostile);
    lifeboat.go("journal", "entry", world.entries[0]?.id ?? "");
    await title(/onerror/);
    lifeboat.go("plan");
    await fireEvent.click(await button(/^Go to/));
    await title(/^plan\.toml:9:15$/);
    world.faults = [];
    world.findings = world.findings.map((finding) => ({ ...finding, message: hostile, why: hostile }));
    await lifeboat.plan.read();
    await fireEvent.click(await button(/^Go to backups/));
    await title(/^backups\.toml:31:10$/);
    expect(document.querySelector("aside")?.textContent).toContain(hostile.slice(4));
    expect(document.querySelector("img, script")).toBeNull();
    expect("hit" in window).toBe(false);
  });
});

describe("keys", () => {
  test("go to every screen and back, and letters can be switched off", async () => {
    const { preferences } = await start();
    await heading(/operational/);
    await press("6", { ctrlKey: true, code: "Digit6" });
    await heading(/DR-SAMIA-2025-001/);
    await press("j");
    await heading(/entries/);
    preferences.choose({ letters: false });
    await press(",");
    await heading(/entries/);
    await press("4", { ctrlKey: true, code: "Digit4" });
    expect((await heading(/Not in this version yet/)).textContent).toMatch(/drills/);
    await press("?");
    expect(await screen.findByRole("dialog", { name: "Keys" })).toBeTruthy();
  });

  test("letters typed into a field stay there", async () => {
    await start("#/journal");
    await heading(/entries/);
    await fireEvent.keyDown(screen.getByRole("searchbox"), { key: "j" });
    await fireEvent.keyDown(screen.getByRole("searchbox"), { key: "," });
    expect(screen.queryByRole("heading", { name: "Settings" })).toBeNull();
  });

  test("the palette finds, refuses with the reason, and goes", async () => {
    await start();
    await heading(/operational/);
    await press("k", { ctrlKey: true });
    const input = await screen.findByRole("combobox");
    const refused = screen.getByRole("option", { name: /Declare incident/ });
    expect(refused.getAttribute("aria-disabled")).toBe("true");
    expect(refused.textContent).toMatch(/not in this version yet/);
    await fireEvent.input(input, { target: { value: "standby" } });
    await fireEvent.keyDown(input, { key: "Enter" });
    await title(/^Standby follows$/);
    expect(screen.queryByRole("combobox", { name: "Commands" })).toBeNull();
  });
});

describe("the plan", () => {
  test("an overdue review is computed from the plan's date", async () => {
    await start("#/plan");
    expect((await heading(/DR-SAMIA/)).textContent).toMatch(/review OVERDUE by \d+ months/);
  });

  test("each fault has its place, its hint and its line", async () => {
    world.breakPlan();
    await start("#/plan");
    await heading(/3 faults/);
    expect(screen.getByText(/plan\.toml:40:8/)).toBeTruthy();
    expect(screen.getByText("Did you mean “critical”?")).toBeTruthy();
    await fireEvent.click(await button(/^Go to plan\.toml:40:8$/));
    const marked = await waitFor(() => {
      const found = document.querySelector(".file mark");
      if (!found) throw new Error("no line is marked");
      return found;
    });
    expect(marked.textContent).toBe('tier = "criticl"');
    expect(document.querySelectorAll(".line").length).toBeLessThanOrEqual(200);
  });
});

describe("the findings of the plan", () => {
  const kind = (name: RegExp) => button(name).then((head) => [head, head.getAttribute("aria-expanded")] as const);
  const items = () => document.querySelectorAll("section ol > li");

  test("are counted by weight, the worst open and the rest closed until asked for", async () => {
    await start("#/plan");
    expect((await heading(/DR-SAMIA/)).textContent).toMatch(/can be read, 5 severe findings/);
    for (const name of [/^All 12$/, /^5 severe$/, /^5 warnings$/, /^2 notes$/]) await button(name);
    expect((await kind(/^A contact’s address is a stand-in 3 findings$/))[1]).toBe("true");
    const [head, expanded] = await kind(/^Two texts name different channels 2 findings$/);
    expect(expanded).toBe("false");
    expect(items()).toHaveLength(5);
    await fireEvent.click(head);
    expect(items()).toHaveLength(7);
    expect(screen.getByText("People wait for the message at the wrong place.")).toBeTruthy();
    await fireEvent.click(head);
    expect(items()).toHaveLength(5);
  });

  test("are sifted by weight and text, and what matches is open", async () => {
    await start("#/plan");
    await fireEvent.click(await button(/^5 warnings$/));
    expect((await button(/^5 warnings$/)).getAttribute("aria-pressed")).toBe("true");
    expect(items()).toHaveLength(5);
    await fireEvent.click(await button(/^All 12$/));
    const text = screen.getByRole("searchbox", { name: "Text" });
    await fireEvent.input(text, { target: { value: "cto" } });
    expect(screen.getByText("2 of 12 shown")).toBeTruthy();
    expect(items()).toHaveLength(2);
    await fireEvent.input(text, { target: { value: "no such thing" } });
    expect(screen.getByText("No finding matches the filter.")).toBeTruthy();
    await fireEvent.click(await button(/^Clear filter$/));
    expect(items()).toHaveLength(5);
    expect((text as HTMLInputElement).value).toBe("");
  });

  test("each place opens its file, with what it costs and the other places", async () => {
    await start("#/plan");
    await fireEvent.click(await button(/^Go to contacts\.toml:26:1$/));
    await title(/^contacts\.toml:26:1$/);
    expect(document.querySelector("aside mark")?.textContent).toBe("[contacts.legal]");
    const panel = document.querySelector("aside") as HTMLElement;
    expect(panel.textContent).toMatch(/legal has an e-mail address only\./);
    expect(panel.textContent).toMatch(/The message is sent by ways that do not reach them\./);
    await fireEvent.click(within(panel).getByText("Go to severities.toml:9:8"));
    await title(/^severities\.toml:9:8$/);
    await press("Escape");
    await title(/^contacts\.toml:26:1$/);
    await press("Escape");
    await waitFor(() => expect(document.activeElement?.textContent.trim()).toBe("Go to contacts.toml:26:1"));
    expect(document.querySelector("aside")).toBeNull();
  });

  test("that are gone after reading again close their file", async () => {
    const { lifeboat } = await start("#/plan");
    await fireEvent.click(await button(/^Go to backups\.toml:31:10$/));
    await title(/^backups\.toml:31:10$/);
    world.findings = [];
    await lifeboat.plan.read();
    await screen.findByText("Nothing contradicts itself.");
    expect(document.querySelector("aside")).toBeNull();
    expect((await heading(/DR-SAMIA/)).textContent).toMatch(/has no faults/);
    expect(screen.queryByRole("search")).toBeNull();
  });

  test("say nothing while the plan cannot be read", async () => {
    world.breakPlan();
    await start("#/plan");
    await heading(/3 faults/);
    expect(screen.queryByText("Nothing contradicts itself.")).toBeNull();
  });

  test("stay few on the page however many there are", async () => {
    const [first] = world.findings;
    world.findings = Array.from({ length: 1_000 }, (_, line) => ({
      ...(first as (typeof world.findings)[number]),
      places: [{ file: "plan.toml", line: line + 1, column: 1 }],
    }));
    await start("#/plan");
    const [head, expanded] = await kind(/1 000 findings$/);
    expect(expanded).toBe("false");
    await fireEvent.click(head);
    expect(items().length).toBeLessThanOrEqual(200);
    expect(screen.getByText("850 more. Mend these first, or filter.")).toBeTruthy();
  });
});

describe("the first run", () => {
  test("explains, starts the range with its steps, and ends on the board", async () => {
    world.firstRun = true;
    world.range = { ...world.range, phase: "down", ports: [] };
    let release: () => void = () => undefined;
    const gate = new Promise<void>((open) => (release = open));
    world.step = () => gate;
    await start("");
    await heading(/A plan is only worth/);
    await fireEvent.click(await button(/Start the practice range/));
    await screen.findByText("looking for free ports");
    expect(screen.getByRole("progressbar").getAttribute("value")).toBe("1");
    release();
    await heading(/All 17 checks are operational/);
  });

  test("a range that cannot start says why, and can be tried again", async () => {
    world.firstRun = true;
    world.range = { ...world.range, phase: "down" };
    world.refusals.set("range_up", problem("tool-missing", "initdb is not installed", "Install postgresql-15."));
    await start("");
    await heading(/A plan is only worth/);
    await fireEvent.click(await button(/Start the practice range/));
    await screen.findByText("Initdb is not installed.");
    expect(screen.getByText("Install postgresql-15.")).toBeTruthy();
    expect(document.querySelector("main [data-primary]")?.textContent).toMatch(/Start the practice range/);
  });

  test("production is one button away", async () => {
    world.firstRun = true;
    await start("");
    await fireEvent.click(await button(/Look at production/));
    await waitFor(() => expect(screen.getAllByText("PRODUCTION").length).toBeGreaterThan(0));
    expect(world.environment).toBe("production");
  });
});

test("a range started from its notice shows its step there, and why it failed", async () => {
  world.range = { ...world.range, phase: "down", ports: [] };
  let fail: () => void = () => undefined;
  const gate = new Promise<void>((_, refuse) => {
    fail = () => refuse(problem("range-failed", "the primary did not start", "Look into its log."));
  });
  world.step = () => gate;
  await start();
  await fireEvent.click(await button(/Start the practice range/));
  await screen.findByText(/1 of 9: looking for free ports/, { selector: "section *" });
  fail();
  await screen.findByText("The primary did not start.", { selector: "section *" });
  expect(screen.getByText("Look into its log.", { selector: "section *" })).toBeTruthy();
});

test("the journal verifies and exports in words", async () => {
  await start("#/journal");
  await heading(/3 entries/);
  await fireEvent.click(await button(/^Verify chain$/));
  await heading(/chain verified/);
  await fireEvent.click(await button(/^Export journal$/));
  expect((await screen.findAllByText(/Wrote 3 entries to \/home\/mona/)).length).toBeGreaterThan(0);
});

test("a broken chain names the entry and what can be relied on", async () => {
  world.verification = verified({
    intact: 2,
    bad: { entry: "0193-a1/3", fault: "its content is not what was written" },
    at: world.iso(),
    took_ms: 5,
  });
  await start("#/journal");
  await heading(/CHAIN BROKEN/);
  expect(screen.getByText(/Entry 0193-a1\/3 is not as it was written/)).toBeTruthy();
});

test("preferences reach the root, and nonsense kept from before does no harm", async () => {
  localStorage.setItem("lifeboat.display", '{"theme":"pink","density":"comfortable","zone":7}');
  const { preferences } = await start("#/settings");
  await heading(/Settings/);
  expect(document.documentElement.dataset["theme"]).toBe("light");
  expect(document.documentElement.dataset["density"]).toBe("comfortable");
  await fireEvent.click(screen.getByRole("radio", { name: "Dark" }));
  expect(document.documentElement.dataset["theme"]).toBe("dark");
  expect(preferences.kept.zone).toBe("local");
});
