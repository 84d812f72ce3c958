// The set-up's own rules: how tests are counted, which licences fit, which folders are the same, what of advisories
// is told, and what Debian's script does about sources that do not answer.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { judgeCrates, licenceFits, tellAdvisories } from "./audit.mjs";
import { compareFolders } from "./compare.mjs";
import { countCargo, countLine, countVitest } from "./suites.mjs";

test("cargo's counts are summed over its programs, and an ignored test has not passed", () => {
  const output = [
    "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
    "some test printed: test result: ok. 99 passed",
    "test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 1.00s",
  ].join("\n");
  assert.deepEqual(countCargo(output), { passed: 15, failed: 3 });
  assert.deepEqual(countCargo("error: could not compile"), { passed: 0, failed: 0 });
});

test("a file of tests that could not be loaded counts as failed", () => {
  const report = { numPassedTests: 4, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, numFailedTestSuites: 1 };
  assert.deepEqual(countVitest(report), { passed: 4, failed: 1 });
});

test("the last closing line counts", () => {
  assert.deepEqual(countLine("1 passed, 0 failed\nmore\n5 passed, 2 failed\n"), { passed: 5, failed: 2 });
  assert.deepEqual(countLine("nothing"), { passed: 0, failed: 0 });
});

test("licences fit when one allowed way through the expression is left", () => {
  for (const good of [
    "MIT",
    "MIT OR GPL-3.0",
    "GPL-3.0 OR Apache-2.0",
    "MIT/Apache-2.0",
    "(MIT OR GPL-2.0) AND ISC",
    "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
  ]) {
    assert.equal(licenceFits(good), true, good);
  }
  for (const bad of [
    "GPL-3.0",
    "MIT AND GPL-3.0",
    "(MIT OR ISC) AND AGPL-3.0",
    "Apache-2.0 WITH Other-exception",
    "",
    "MIT ISC",
  ]) {
    assert.equal(licenceFits(bad), false, bad);
  }
});

test("banned crates, old Tauri and foreign origins are named; our own crates are not judged", () => {
  const source = "registry+https://github.com/rust-lang/crates.io-index";
  const crate = (name, version, more = {}) => ({ id: name, name, version, source, license: "MIT", ...more });
  const packages = [
    crate("openssl-sys", "0.9.0"),
    crate("tauri", "2.11.0"),
    crate("serde", "1.0.0"),
    crate("forked", "1.0.0", { source: "git+https://example.org/forked" }),
    crate("ours", "0.1.0", { source: null, license: null }),
  ];
  const faults = judgeCrates({ packages, workspace_members: ["ours"] });
  assert.deepEqual(
    faults.map((fault) => fault.split(" ")[0]),
    ["openssl-sys", "tauri", "forked"],
  );
  assert.deepEqual(judgeCrates({ packages: [crate("tauri", "2.11.1")], workspace_members: [] }), []);
});

test("folders differ by what is missing, changed and left over", () => {
  const folder = mkdtempSync(join(tmpdir(), "lifeboat-compare-"));
  try {
    for (const [side, files] of [
      ["wanted", { same: "1", "deep/changed": "new", missing: "1" }],
      ["found", { same: "1", "deep/changed": "old", extra: "1" }],
    ]) {
      mkdirSync(join(folder, side, "deep"), { recursive: true });
      for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, side, name), text);
    }
    assert.deepEqual(compareFolders(join(folder, "wanted"), join(folder, "found")), [
      "deep/changed is out of date",
      "missing is missing",
      "extra is no longer made",
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("an advisory is told with its name and the way to settle it, and one that was read is not told again", () => {
  const found = [
    { name: "old", version: "1.0.0", id: "RUSTSEC-1", where: "https://osv.dev/RUSTSEC-1", pin: "cargo update old" },
    { name: "npm far", version: "<2 (high)", id: "GHSA-2", where: "https://example.org/GHSA-2", pin: "npm update far" },
  ];
  const told = tellAdvisories(found, { "GHSA-2": "only on Windows" });
  assert.equal(told.length, 1);
  for (const part of ["WARNING old 1.0.0", "RUSTSEC-1", "cargo update old", "BANNED", "READ"]) {
    assert.ok(told[0].includes(part), `${part} is not in ${told[0]}`);
  }
});

/** Runs Debian's script among stand-ins for the system's programs; one package is missing until it is installed. */
function debian({ update, install }) {
  const folder = mkdtempSync(join(tmpdir(), "lifeboat-debian-"));
  const programs = {
    id: "echo 0",
    "dpkg-query": `for last; do :; done; [ "$last" = librsvg2-dev ] && [ ! -e "${folder}/done" ] || echo installed`,
    "apt-get": `echo "$*" >>"${folder}/calls"; case "$*" in *" update") ${update} ;; *) ${install} ;; esac`,
  };
  try {
    for (const [name, text] of Object.entries(programs)) {
      writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`);
      chmodSync(join(folder, name), 0o755);
    }
    const { status, stderr } = spawnSync("bash", [fileURLToPath(new URL("debian.sh", import.meta.url)), "run"], {
      env: { ...process.env, PATH: `${folder}:${process.env.PATH}`, TMPDIR: folder },
      encoding: "utf8",
    });
    const calls = readFileSync(join(folder, "calls"), "utf8").trim().split("\n");
    return { status, stderr, installs: calls.filter((call) => call.includes("install --no")) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const DEAD = "E: The repository 'https://dead.example.org/debian bookworm Release' does not have a Release file.";
const SLOW = "W: Failed to fetch https://slow.example.org/debian/InRelease  Connection timed out";

test("a source that does not answer is named, and does not keep the packages from being installed", () => {
  for (const [line, code] of [
    [DEAD, 100],
    [SLOW, 0],
  ]) {
    const { status, stderr, installs } = debian({
      update: `echo "${line}" >&2; exit ${code}`,
      install: `touch "$(dirname "$0")/done"`,
    });
    assert.equal(status, 0, stderr);
    assert.ok(stderr.includes(line), stderr);
    assert.deepEqual(installs.length, 1);
    assert.ok(installs[0].endsWith("install --no-install-recommends librsvg2-dev"), installs[0]);
  }
});

test("packages that cannot be had end it, with the sources that did not answer", () => {
  const { status, stderr } = debian({ update: `echo "${DEAD}" >&2; exit 100`, install: "exit 100" });
  assert.equal(status, 1);
  assert.equal(stderr.split(DEAD).length, 3, stderr);
  const quiet = debian({ update: "exit 0", install: "exit 100" });
  assert.deepEqual([quiet.status, quiet.stderr], [1, ""]);
});
