// The set-up's own rules: how tests are counted, which licences fit, which folders are the same.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { judgeCrates, licenceFits } from "./audit.mjs";
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
