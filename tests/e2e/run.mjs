// Journeys through the real window, one after another, each at a desk of its own. Prints a line for each thing that
// was to be shown, and how many of them were, last.
//   node tests/e2e/run.mjs [WINDOW CLI] [--only NAME]

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { layDesk } from "./desk.mjs";
import { endAll } from "./process.mjs";

const FOLDER = new URL("./journeys/", import.meta.url);

const given = process.argv.slice(2);
const onlyAt = given.indexOf("--only");
const only = onlyAt === -1 ? null : given.splice(onlyAt, 2)[1];
const [window, cli] = given.length === 2 ? given.map((program) => resolve(program)) : built();
const count = { passed: 0, failed: 0 };

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => void endAll().then(() => process.exit(1)));
}

for (const file of readdirSync(FOLDER).sort()) {
  const name = basename(file, ".mjs");
  if (only !== null && only !== name) continue;
  const { journey } = await import(new URL(file, FOLDER));
  await walk(name, journey);
}
await endAll();
process.stdout.write(`${count.passed} passed, ${count.failed} failed\n`);
process.exit(count.failed === 0 && count.passed > 0 ? 0 : 1);

/** Walks one journey. What fails ends it: nothing after it can be relied on. */
async function walk(name, journey) {
  const desks = [];
  const context = {
    programs: { window, cli },
    async desk(options) {
      const desk = await layDesk(name, context.programs, options);
      desks.push(desk);
      return desk;
    },
    async shows(what, act) {
      const since = performance.now();
      try {
        const note = await act();
        count.passed += 1;
        const took = ((performance.now() - since) / 1000).toFixed(1);
        process.stdout.write(`ok   ${name}: ${what} (${took} s)${typeof note === "string" ? ` — ${note}` : ""}\n`);
      } catch (error) {
        error.what = what;
        throw error;
      }
    },
  };
  try {
    await journey(context);
  } catch (error) {
    count.failed += 1;
    process.stdout.write(`FAIL ${name}: ${error.what ?? "could not be walked"}\n`);
    const cause = error.cause ? `\n${error.cause.stack ?? error.cause}` : "";
    process.stdout.write(`${error.stack ?? error}${cause}\n`.replace(/^/gm, "     "));
    await keepEvidence(name, desks);
  }
  for (const desk of desks.reverse()) {
    try {
      await desk.clear();
    } catch (error) {
      count.failed += 1;
      process.stdout.write(`FAIL ${name}: the desk was not left as it was found: ${error.message}\n`);
    }
  }
}

/** What the window showed and what everything said, for whoever has to find out. */
async function keepEvidence(name, desks) {
  const folder = join(tmpdir(), `lifeboat-e2e-failed-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  for (const [index, desk] of desks.entries()) {
    const file = join(folder, `${name}-${index}`);
    writeFileSync(`${file}.log`, desk.output() + desk.windowLog());
    await desk.session
      ?.picture()
      .then((picture) => writeFileSync(`${file}.png`, picture))
      .catch(() => undefined);
    await desk.session
      ?.execute("return document.body.innerText")
      .then((text) => writeFileSync(`${file}.txt`, text))
      .catch(() => undefined);
  }
  process.stdout.write(`     What was seen and said is in ${folder}\n`);
}

function built() {
  const args = ["metadata", "--format-version", "1", "--no-deps"];
  const folder = join(JSON.parse(execFileSync("cargo", args, { encoding: "utf8" })).target_directory, "debug");
  return [join(folder, "lifeboat-desktop"), join(folder, "lifeboat")];
}
