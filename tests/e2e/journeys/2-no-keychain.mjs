// A computer without a keychain service: said in words, and everything else works.

import assert from "node:assert/strict";
import { accessible } from "../axe.mjs";
import { until } from "../process.mjs";

export async function journey({ desk: lay, shows }) {
  const desk = await lay({ keychain: false });
  const session = await desk.open();

  await shows("the missing keychain in words, with what it means", async () => {
    await session.find("text", /This computer has no keychain service/, { patience: 20_000 });
    await session.find("text", /stay unknown/);
    return accessible(session);
  });

  await shows("the rest of the window working without it", async () => {
    await session.click("button", "Plan");
    await session.find("heading", "Document control");
    await session.click("button", "Settings");
    await session.click("tab", "Diagnostics");
    await session.find("text", /^Absent/);
  });

  await shows("the clock in the window going on", async () => {
    const clock = () => session.execute("return document.querySelector('header time')?.dateTime ?? null");
    const before = await clock();
    await until("a second has passed", 5_000, async () => (await clock()) !== before);
  });

  await desk.shut();
  const again = await desk.open(["--start-range"]);
  await shows("the range brought up by the start itself, with credentials of its own", async () => {
    await again.find("button", /^Re-check all/, { patience: 180_000 });
    await again.find("button", /^Sign-in works(?!.*(Outage|Degraded|Unknown|Not checked))/, { patience: 180_000 });
    const status = await desk.lifeboat("--json", "range", "status");
    assert.match(status.stdout, /"up"/);
    const listed = await desk.lifeboat("--json", "journal", "list");
    assert.match(listed.stdout, /range-started/);
  });
}
