// The tasks of `package.json`: each does the set-up it needs, says each step, and fails with a sentence.
// Node's own modules only: it runs before `npm ci` has run.

import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { audit } from "./audit.mjs";
import { nodePackages, page, programs } from "./build.mjs";
import { compareFolders } from "./compare.mjs";
import { hasDisplay, languages, packages, targetFolder, TOP } from "./machine.mjs";
import { must, run, step, Stop } from "./steps.mjs";
import { runSuites } from "./suites.mjs";

const tasks = { start, test, check, fix, dev, build, bench };

async function prepare(purpose) {
  await languages();
  await step("system packages", () => packages(purpose));
  await nodePackages();
}

/** Everything from nothing to an open window with the practice range up; in a terminal where there is no display. */
async function start(given) {
  await prepare("run");
  await page();
  const { window, cli } = await programs();
  process.stderr.write("\n");
  if (hasDisplay()) {
    process.stderr.write("Opening the window. The practice range comes up in it.\n");
    const { code } = await run(window, ["--start-range", ...given]);
    process.stderr.write(`The practice range stays up after the window is closed; \`${cli} range down\` ends it.\n`);
    return code;
  }
  process.stderr.write("There is no display, so the live status comes here, in the terminal. Ctrl+C ends it.\n");
  const up = await run(cli, [...given, "range", "up"]);
  // A range that is up already is as good as one that came up.
  if (up.code !== 0 && (await run(cli, [...given, "range", "status"], { quiet: true })).code !== 0) {
    throw new Stop("the practice range did not come up");
  }
  process.stderr.write(`The practice range stays up afterwards; \`${cli} range down\` ends it.\n`);
  return (await run(cli, [...given, "watch"])).code;
}

async function test() {
  await prepare("test");
  await page();
  return (await runSuites(await programs())) ? 0 : 1;
}

/** What a reader would object to before reading. Goes on after a failure, so that one run tells everything. */
async function check() {
  await prepare("run");
  await page();
  const failures = [];
  const checks = [
    ["format of Rust", () => must("cargo", ["fmt", "--all", "--check"], { cwd: TOP })],
    [
      "lints of Rust",
      () => must("cargo", ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"], { cwd: TOP }),
    ],
    ["types shared with the window", typesUpToDate],
    ["the window's code", () => must("npm", ["run", "--silent", "check:ui"], { cwd: TOP })],
    ["dependencies", audit],
  ];
  for (const [name, act] of checks) {
    try {
      await step(name, act);
    } catch (error) {
      if (!(error instanceof Stop)) throw error;
      failures.push(`${name}: ${error.message}`);
    }
  }
  process.stdout.write("\n");
  for (const failure of failures) process.stdout.write(`FAIL ${failure}\n`);
  process.stdout.write(`${checks.length - failures.length} of ${checks.length} checks passed\n`);
  return failures.length === 0 ? 0 : 1;
}

const exportTypes = (folder) =>
  must("cargo", ["test", "--workspace", "--locked", "--lib", "--bins", "--quiet", "--", "export_bindings"], {
    cwd: TOP,
    quiet: true,
    env: { ...process.env, TS_RS_EXPORT_DIR: folder },
  });

async function typesUpToDate() {
  const folder = mkdtempSync(join(tmpdir(), "lifeboat-types-"));
  try {
    await exportTypes(folder);
    const differences = compareFolders(folder, join(TOP, "ui/src/types"));
    if (differences.length > 0) {
      throw new Stop(
        `ui/src/types is not what Rust says; run \`npm run fix\` and commit it:\n${differences.map((line) => `  ${line}`).join("\n")}`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Puts right what a program can put right. */
async function fix() {
  await prepare("run");
  await page();
  await step("format of Rust", () => must("cargo", ["fmt", "--all"], { cwd: TOP }));
  await step("types shared with the window", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lifeboat-types-"));
    try {
      await exportTypes(folder);
      rmSync(join(TOP, "ui/src/types"), { recursive: true, force: true });
      cpSync(folder, join(TOP, "ui/src/types"), { recursive: true });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
  await step("the window's code", () => must("npm", ["run", "--silent", "fix:ui"], { cwd: TOP }));
  return 0;
}

/** The window with its page served as it is edited. */
async function dev(given) {
  await prepare("run");
  return (await run("npx", ["--no-install", "tauri", "dev", ...given], { cwd: TOP })).code;
}

/** The package to ship. */
async function build(given) {
  await prepare("run");
  return (
    await run("npx", ["--no-install", "tauri", "build", ...given, "--", "--locked", "--profile", "dist"], { cwd: TOP })
  ).code;
}

/** What Lifeboat costs, beside references. `npm run bench -- --write README.md` puts the table where it is kept. */
async function bench(given) {
  await prepare("bench");
  await page();
  const args = ["build", "--release", "--workspace", "--examples", "--bins", "--locked"];
  await step("the programs, with optimisations (the first time takes a while)", () => must("cargo", args, { cwd: TOP }));
  const program = join(await targetFolder(), "release", "bench");
  // The window is measured on a display of its own, so that nobody's desktop is in the figures.
  return (await run("xvfb-run", ["-a", "dbus-run-session", "--", program, ...given], { cwd: TOP })).code;
}

const [verb, ...given] = process.argv.slice(2);
try {
  const task = Object.hasOwn(tasks, verb ?? "") ? tasks[verb] : null;
  if (!task) throw new Stop(`no such task: ${verb}; there are ${Object.keys(tasks).join(", ")}`, 2);
  process.exitCode = await task(given);
} catch (error) {
  if (!(error instanceof Stop)) throw error;
  process.stderr.write(`\n${error.message}\n`);
  process.exitCode = error.code;
}
