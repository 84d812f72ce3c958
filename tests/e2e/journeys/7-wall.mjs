// The wall: shown by itself, fits, turns, cannot act, and is left for the window.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { accessible } from "../axe.mjs";
import { putDesktop } from "../desktop.mjs";
import { startPlatform } from "../platform.mjs";
import { until } from "../process.mjs";

export async function journey({ desk: lay, shows }) {
  const desk = await lay();
  const desktop = await putDesktop(desk);
  const platform = await startPlatform(desk.folder);
  const session = await desk.open(["--kiosk", "--plan", platform.plan, "--env", "staging"]);

  await shows("the board on the whole screen, without anything to scroll", async () => {
    await session.find("heading", "All 2 checks are operational.", { patience: 60_000 });
    const overflow = await session.execute(
      "const root = document.documentElement; return [root.scrollWidth - root.clientWidth, root.scrollHeight - root.clientHeight]",
    );
    assert.deepEqual(overflow, [0, 0]);
    const { size } = (await desktop.windows())["Lifeboat wall"];
    return `${size.join(" × ")}; ${await accessible(session)}`;
  });

  await shows("a heart that beats, and the other page", async () => {
    const beat = () => session.execute("return document.querySelector('[role=timer]').textContent.trim()");
    const first = await beat();
    await until("the clock goes on", 5_000, async () => (await beat()) !== first);
    const pictures = process.env.LIFEBOAT_PICTURES;
    if (pictures) writeFileSync(`${pictures}/wall.png`, await session.picture());
    await session.press("right");
    await session.find("text", /^Availability, page 2 of 2$/);
    return accessible(session);
  });

  await shows("no command that acts, however it is asked", async () => {
    const answers = await session.executeAsync(
      `const [commands, done] = arguments;
       const ask = (name) => window.__TAURI_INTERNALS__.invoke(name, {}).then(() => "done", String);
       Promise.all(commands.map(ask)).then(done);`,
      ["check_run", "mute", "range_down", "settings_write", "journal_list", "quit_answer", "app_read"],
    );
    for (const answer of answers) assert.match(answer, /not allowed/);
    return `${answers.length} refused`;
  });

  await shows("the window in its place when the wall is left", async () => {
    await session.press("escape").catch(() => undefined);
    await until("the window is there", 15_000, async () => (await desktop.windows())["Lifeboat"]?.seen === true);
    assert.equal((await desktop.windows())["Lifeboat wall"], undefined);
    assert.equal(desk.windows().length, 1);
    await platform.end();
  });
}
