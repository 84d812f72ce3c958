// Steps with their duration, and the programs they run: output passed through as it comes, signals passed on.

import { spawn } from "node:child_process";
import { constants } from "node:os";

/** A reason to stop, in words. The exit code is 3 where something is missing, else 1. */
export class Stop extends Error {
  constructor(message, code = 1) {
    super(message);
    this.code = code;
  }
}

const running = new Set();
let stopping = null;

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    stopping ??= signal;
    // A terminal sends Ctrl+C to every program in the foreground; told twice, some of them end without tidying up.
    if (signal !== "SIGINT" || !process.stdin.isTTY) for (const child of running) child.kill(signal);
    if (running.size === 0) process.exit(128 + constants.signals[signal]);
  });
}

const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/** Does one thing, saying what and how long it took. */
export async function step(what, act) {
  const since = performance.now();
  process.stderr.write(`\n▸ ${what}\n`);
  try {
    const answer = await act();
    process.stderr.write(`  ${what}: done in ${seconds(since)}\n`);
    return answer;
  } catch (error) {
    process.stderr.write(`  ${what}: failed after ${seconds(since)}\n`);
    throw error;
  }
}

/**
 * Runs a program to its end. Its output passes through; what it writes on standard output is also answered when
 * `keep` is set, and only answered when `quiet` is. Answers with its exit code: failing is for the caller to judge.
 */
export async function run(program, args, { keep = false, quiet = false, ...options } = {}) {
  const kept = keep || quiet;
  const child = spawn(program, args, {
    ...options,
    stdio: ["inherit", kept ? "pipe" : "inherit", quiet ? "pipe" : "inherit"],
  });
  running.add(child);
  let stdout = "";
  let stderr = "";
  if (kept) {
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
      if (!quiet) process.stdout.write(text);
    });
  }
  if (quiet) child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  try {
    const code = await new Promise((resolve, reject) => {
      child.once("error", (error) =>
        reject(new Stop(error.code === "ENOENT" ? `${program} is not installed` : `${program}: ${error.message}`, 3)),
      );
      child.once("close", (ended, signal) => resolve(ended ?? 128 + constants.signals[signal]));
    });
    if (stopping) process.exit(128 + constants.signals[stopping]);
    return { code, stdout, stderr };
  } finally {
    running.delete(child);
  }
}

/** Runs a program that has to succeed. */
export async function must(program, args, options) {
  const ended = await run(program, args, options);
  if (ended.code !== 0) {
    if (options?.quiet) process.stderr.write(ended.stdout + ended.stderr);
    throw new Stop(`\`${[program, ...args].join(" ")}\` ended with ${ended.code}`);
  }
  return ended;
}
