// Starting twice, ending by signal, and starting where no window can be.

import assert from "node:assert/strict";
import { run, until } from "../process.mjs";

export async function journey({ desk: lay, programs, shows }) {
  const desk = await lay();
  const session = await desk.open();
  await session.find("button", /^Start the practice range/);

  await shows("a second start bringing the first window forward and ending", async () => {
    const second = await desk.launch();
    assert.equal(second.code, 0, second.stderr);
    await until("the first was told", 5_000, () => /started a second time/.test(desk.windowLog()));
    assert.equal(desk.windows().length, 1);
  });

  await shows("the end by signal as clean as by closing", async () => {
    const [pid] = desk.windows();
    process.kill(pid, "SIGTERM");
    await until("the program has ended", 15_000, () => desk.windows().length === 0);
    assert.match(desk.windowLog(), /: closed/);
    const verified = await desk.lifeboat("journal", "verify");
    assert.equal(verified.code, 0, verified.stdout + verified.stderr);
  });

  await shows("a sentence instead of a window where there is no display", async () => {
    const env = { ...desk.env };
    delete env.DISPLAY;
    const none = await run(programs.window, ["--home", desk.home], { env });
    assert.equal(none.code, 3);
    assert.match(none.stderr, /there is no display/);
    assert.match(none.stderr, /lifeboat watch/);
    const dead = await run(programs.window, ["--home", desk.home], { env: { ...env, DISPLAY: ":9999" } });
    assert.equal(dead.code, 3);
    assert.match(dead.stderr, /the display does not answer/);
  });
}
