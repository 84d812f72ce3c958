// From a home nobody has used to a fault seen, checked again, read in the journal, and mended.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { accessible } from "../axe.mjs";
import { until } from "../process.mjs";

/** The README's picture. Written only when asked for, so that proving a commit does not change it. */
const PICTURE = new URL("../board.png", import.meta.url);

/** How often the range is checked, and what is left for the window to show it. */
const INTERVAL = 5_000;
const SHOWING = 1_000;

const BROKEN = /^Application answers.*Outage/;
const WHOLE = /^Application answers(?!.*(Outage|Degraded|Unknown|Not checked))/;

export async function journey({ desk: lay, shows }) {
  const desk = await lay();
  const session = await desk.open();

  await shows("the welcome of a fresh home", async () => {
    await session.find("button", /^Start the practice range/);
    // What this computer brings is looked at while the page is open already.
    await session.find("heading", "What this computer brings");
    return accessible(session);
  });

  await shows("the range started from the keyboard, and the board all operational", async () => {
    await session.tabTo(/^Start the practice range/);
    await session.press("enter");
    await session.find("button", /^Re-check all/, { patience: 180_000 });
    const counts = await until("every check is operational", 60_000, async () => {
      const items = await session.execute(
        `return [...document.querySelectorAll('[aria-label="Checks by health"] [role=listitem]')].map((item) => item.textContent.replace(/\\s+/g, " ").trim())`,
      );
      return items.length === 1 && / operational$/.test(items[0]) && items[0];
    });
    return counts;
  });

  await shows("the board without an objection of axe", async () => {
    const said = await accessible(session);
    const picture = await session.picture();
    assert.ok(picture.length > 20_000, `a picture of ${picture.length} bytes shows no board`);
    if (process.env.LIFEBOAT_PICTURE === "1") writeFileSync(PICTURE, picture);
    return said;
  });

  await shows("a fault on the board within its interval and a second", async () => {
    const broken = await desk.lifeboat("range", "break", "api-down");
    const since = performance.now();
    assert.equal(broken.code, 0, broken.stderr);
    await session.find("button", BROKEN, { patience: 30_000 });
    const took = performance.now() - since;
    assert.ok(took <= INTERVAL + SHOWING, `it took ${(took / 1000).toFixed(2)} s`);
    return `${(took / 1000).toFixed(2)} s after the fault`;
  });

  await shows("the failing check in detail, checked again by hand", async () => {
    await session.click("button", BROKEN);
    await session.find("heading", "Application answers");
    await session.find("heading", "Latest answer that was not operational");
    const before = await newestSample(session);
    await session.click("button", /^Re-check( R)?$/);
    // Only what a person asked for is read out; the schedule's own checks are not.
    await until("the answer is read out", 10_000, async () =>
      /Application answers: outage, /.test(await readOut(session)),
    );
    await until("there is a newer sample", 10_000, async () => (await newestSample(session)) !== before);
    return accessible(session);
  });

  await shows("the fault in the journal", async () => {
    await session.click("button", "Journal");
    await session.find("button", /^Application answers is out: /);
    // Newer entries may have pushed it off the first page.
    await session.execute('document.querySelector("input[type=search]").focus()');
    await session.type("Practice range");
    await session.find("button", /^Practice range came up/);
    await session.click("button", "Clear filter");
    await session.find("button", /^Application answers is out: /);
    await session.click("button", /^Verify chain/);
    await session.find("heading", /chain verified$/);
    return accessible(session);
  });

  await shows("one journal entry in full", async () => {
    await session.click("button", /^Application answers is out: /);
    await session.find("heading", "The fact, as it is stored");
    return accessible(session);
  });

  await shows("operational again after the mend, also in the journal", async () => {
    const mended = await desk.lifeboat("range", "mend", "api-down");
    assert.equal(mended.code, 0, mended.stderr);
    await session.click("button", "Status");
    await session.find("button", WHOLE, { patience: INTERVAL + 25_000 });
    await session.click("button", "Journal");
    await session.find("button", /^Application answers is operational again/);
  });

  await shows("plan, settings and what is not built yet, without an objection of axe", async () => {
    await session.click("button", "Plan");
    await session.find("heading", "Document control");
    await accessible(session);
    await session.click("button", "Settings");
    await session.click("tab", "Diagnostics");
    await session.find("heading", "About");
    await accessible(session);
    await session.click("button", "Incidents");
    await session.find("heading", /^Not in this version yet/);
    return accessible(session);
  });

  await shows("every screen reached with keys alone", async () => {
    await session.press("control+1");
    await session.find("button", /^Re-check all/);
    await session.press("j");
    await session.find("button", /^Verify chain/);
    await session.press(",");
    await session.find("heading", "Settings");
    await session.press("control+6");
    await session.find("heading", "Document control");
    await session.press("control+k");
    await session.type("Database reads");
    await session.press("enter");
    await session.find("heading", "Database reads and writes");
    await session.press("escape");
    await session.find("button", /^Re-check all/);
    await session.press("?");
    await session.find("heading", "Keys");
    await session.press("escape");
    await session.gone("heading", "Keys");
    await session.press("f6");
    assert.notEqual(await session.focused(), null);
  });

  await shows("a clean end, with the range still up for the command line", async () => {
    await desk.shut();
    assert.match(desk.windowLog(), /closed; the practice range stays up/);
    const status = await desk.lifeboat("--json", "range", "status");
    assert.match(status.stdout, /"up"/);
    const verified = await desk.lifeboat("journal", "verify");
    assert.equal(verified.code, 0, verified.stdout + verified.stderr);
  });

  await shows("the range taken down, with nothing left", async () => {
    const down = await desk.lifeboat("range", "down");
    assert.equal(down.code, 0, down.stderr);
  });
}

const newestSample = (session) =>
  session.execute(`
    const table = [...document.querySelectorAll("table")].find(({ caption }) => caption?.textContent === "Newest samples");
    return table?.querySelector("tbody td")?.textContent ?? null;`);

const readOut = (session) =>
  session.execute(
    "return [...document.querySelectorAll('[aria-live]')].map(({ textContent }) => textContent).join(' ')",
  );
