// A window that is not ready in time, and a desktop without a tray.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { accessible } from "../axe.mjs";
import { putDesktop } from "../desktop.mjs";
import { until } from "../process.mjs";

const SAFE = ["WEBKIT_DISABLE_DMABUF_RENDERER=1", "WEBKIT_DISABLE_COMPOSITING_MODE=1"];

export async function journey({ desk: lay, shows }) {
  const desk = await lay();
  const desktop = await putDesktop(desk, { tray: false });
  const times = (pattern) => desk.windowLog().match(pattern)?.length ?? 0;

  await shows("a window that is not ready in 8 s started again once, with safe graphics", async () => {
    desk.leave("--withhold-ready");
    await until("it has started again", 40_000, () => times(/: starting .*safe_graphics=true/g) === 1);
    await until("the window is ready", 20_000, () => times(/the window is ready/g) === 1);
    assert.equal(times(/not ready in 8 s; starting again with safe graphics/g), 1);
    assert.equal(times(/so it is drawn with safe graphics/g), 1);
    const [pid, ...others] = desk.windows();
    assert.deepEqual(others, []);
    const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
    for (const set of SAFE) assert.ok(environment.includes(set), `${set} is not set`);
    await until("it is on the screen", 10_000, async () => (await desktop.windows())["Lifeboat"]?.seen === true);
    process.kill(pid, "SIGTERM");
    await until("the program has ended", 15_000, () => desk.windows().length === 0);
  });

  const session = await desk.open(["--safe-graphics", "--was-not-ready", "--background"]);

  await shows("that it was, on every screen; and the window although it was to start in the tray", async () => {
    await session.find("text", "Drawn with safe graphics");
    await until("the window is shown", 10_000, async () => (await desktop.windows())["Lifeboat"]?.seen === true);
    await session.press(",");
    await session.click("tab", "Notifications & sound");
    await session.find("text", /^This desktop shows none/);
    return accessible(session);
  });

  await shows("closing without a tray ending a program in which nothing runs", async () => {
    await desktop.close("Lifeboat");
    await until("the program has ended", 15_000, () => desk.windows().length === 0);
    assert.match(desk.windowLog(), /shows no tray, so closing the window is quitting/);
  });
}
