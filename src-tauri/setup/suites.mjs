// Every suite of tests, and how many of each passed. A suite that ran nothing has failed: a test that is never run
// proves nothing.

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TOP } from "./machine.mjs";
import { run, step, Stop } from "./steps.mjs";

/** Sums what cargo says at the end of each test program. */
export function countCargo(output) {
  const count = { passed: 0, failed: 0 };
  for (const [, passed, failed, ignored] of output.matchAll(
    /^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/gm,
  )) {
    count.passed += Number(passed);
    // A test that is skipped is not a test that passed.
    count.failed += Number(failed) + Number(ignored);
  }
  return count;
}

/** What vitest writes as JSON. */
export function countVitest(report) {
  return {
    passed: report.numPassedTests,
    failed:
      report.numFailedTests +
      report.numPendingTests +
      report.numTodoTests +
      (report.numFailedTestSuites && !report.numFailedTests ? 1 : 0),
  };
}

/** The closing line of our own runners. */
export function countLine(output) {
  const lines = [...output.matchAll(/^(\d+) passed, (\d+) failed$/gm)];
  const [, passed, failed] = lines.at(-1) ?? [null, 0, 0];
  return { passed: Number(passed), failed: Number(failed) };
}

const cargo = async () => {
  const { code, stdout } = await run("cargo", ["test", "--workspace", "--locked", "--no-fail-fast"], {
    keep: true,
    cwd: TOP,
  });
  return { code, ...countCargo(stdout) };
};

const vitest = (script) => async () => {
  const folder = mkdtempSync(join(tmpdir(), "lifeboat-vitest-"));
  const file = join(folder, "report.json");
  try {
    const args = [
      "run",
      "--silent",
      script,
      "--",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${file}`,
    ];
    const { code } = await run("npm", args, { cwd: TOP });
    const count = existsSync(file) ? countVitest(JSON.parse(readFileSync(file, "utf8"))) : { passed: 0, failed: 0 };
    return { code, ...count };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

const window = (programs) => async () => {
  const { code, stdout } = await run(process.execPath, ["tests/e2e/run.mjs", programs.window, programs.cli], {
    keep: true,
    cwd: TOP,
  });
  return { code, ...countLine(stdout) };
};

const setup = async () => {
  const { code, stdout } = await run(process.execPath, ["--test", "--test-reporter=tap", "src-tauri/setup/"], {
    quiet: true,
    cwd: TOP,
  });
  const of = (name) => Number(new RegExp(`^# ${name} (\\d+)$`, "m").exec(stdout)?.[1] ?? 0);
  const count = { passed: of("pass"), failed: of("fail") + of("cancelled") + of("skipped") + of("todo") };
  if (code !== 0) process.stderr.write(stdout);
  return { code, ...count };
};

/** Runs every suite, also after one has failed, and answers whether all passed. The last line says how many. */
export async function runSuites(programs) {
  const suites = [
    ["set-up (node)", setup],
    ["core, engine, range and stories (cargo)", cargo],
    ["window, part by part (vitest)", vitest("test:ui")],
    ["window in a browser (chromium)", vitest("test:browser")],
    ["the real window (WebKitGTK)", window(programs)],
  ];
  const rows = [];
  for (const [name, suite] of suites) {
    const since = performance.now();
    const row = { name, passed: 0, failed: 0, note: "" };
    try {
      const { code, passed, failed } = await step(name, suite);
      Object.assign(row, { passed, failed });
      if (passed + failed === 0) Object.assign(row, { failed: 1, note: "ran no test" });
      else if (code !== 0 && failed === 0) Object.assign(row, { failed: 1, note: `ended with ${code}` });
    } catch (error) {
      if (!(error instanceof Stop)) throw error;
      Object.assign(row, { failed: 1, note: error.message });
    }
    row.seconds = (performance.now() - since) / 1000;
    rows.push(row);
  }
  process.stdout.write("\n");
  for (const { name, passed, failed, seconds, note } of rows) {
    const mark = failed > 0 ? "FAIL" : "ok  ";
    process.stdout.write(
      `${mark} ${name}: ${passed} passed, ${failed} failed, ${seconds.toFixed(1)} s${note ? ` (${note})` : ""}\n`,
    );
  }
  const total = (key) => rows.reduce((sum, row) => sum + row[key], 0);
  process.stdout.write(`${total("passed")} passed, ${total("failed")} failed\n`);
  return total("failed") === 0;
}
