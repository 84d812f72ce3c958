// A plan with faults: every one of them at its line, and the window open all the same.

import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { accessible } from "../axe.mjs";
import { run } from "../process.mjs";

const BUNDLED = fileURLToPath(new URL("../../../src-tauri/plans/samia-tarot", import.meta.url));

export async function journey({ desk: lay, programs, shows }) {
  const desk = await lay();
  const plan = join(desk.folder, "plan");
  cpSync(BUNDLED, plan, { recursive: true });
  const places = [
    spoil(plan, "checks.toml", /^interval = .*$/m, 'interval = "often"'),
    spoil(plan, "plan.toml", /^version = .*$/m, "version = 7"),
  ];
  const session = await desk.open(["--plan", plan]);

  await shows("how many faults there are, on every screen", async () => {
    await session.find("text", /2 faults in the plan’s files/);
  });

  await shows("each fault at its line", async () => {
    await session.click("button", /^Plan/);
    for (const place of places) await session.find("text", new RegExp(`${place.replace(".", "\\.")}:\\d+`));
    return `${places.join(", ")}; ${await accessible(session)}`;
  });

  await shows("the file opened at the fault", async () => {
    await session.click("button", new RegExp(`^Go to ${places[0].replace(".", "\\.")}`));
    await session.find("text", /interval = "often"/);
    return accessible(session);
  });

  await shows("the same faults on the command line, with exit code 1", async () => {
    const checked = await run(programs.cli, ["--home", desk.home, "--plan", plan, "plan", "check"], { env: desk.env });
    assert.equal(checked.code, 1, checked.stdout + checked.stderr);
    for (const place of places) assert.ok((checked.stdout + checked.stderr).includes(place), `${place} is not named`);
  });
}

/** Replaces the first line that fits, and answers with its place. */
function spoil(plan, file, pattern, line) {
  const path = join(plan, file);
  const text = readFileSync(path, "utf8");
  const at = text.search(pattern);
  assert.notEqual(at, -1, `${file} has no line like ${pattern}`);
  writeFileSync(path, text.replace(pattern, line));
  return `${file}:${text.slice(0, at).split("\n").length}`;
}
