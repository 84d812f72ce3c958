// Processes, ports and waiting. Everything started here is ended by its process group, never by name.

import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

/** Ports from 32768 on are given out by the kernel and may be taken at any moment. */
const LOWEST = 20_000;
const HIGHEST = 32_000;

const started = new Set();

/** A port nobody listens on, below the kernel's own. */
export async function freePort() {
  let port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
  for (let tries = 0; tries < 200; tries += 1) {
    if (await isFree(port)) return port;
    port = port + 1 < HIGHEST ? port + 1 : LOWEST;
  }
  throw new Error(`no free port between ${LOWEST} and ${HIGHEST}`);
}

const isFree = (port) =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });

/** Waits for something to be there, and says what was waited for when it does not come. */
export async function until(what, patience, look) {
  const deadline = performance.now() + patience;
  let cause;
  for (;;) {
    try {
      const found = await look();
      if (found) return found;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= deadline) throw new Error(`waited ${patience / 1000} s until ${what}`, { cause });
    await pause(50);
  }
}

/** Starts a program as the leader of its own process group. */
export function start(program, args, options) {
  const child = spawn(program, args, { ...options, detached: true });
  started.add(child);
  child.once("exit", () => started.delete(child));
  child.once("error", () => started.delete(child));
  return child;
}

/** Runs a program to its end and answers with its code and output. */
export async function run(program, args, { input, ...options } = {}) {
  const child = start(program, args, { ...options, stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"] });
  if (input !== undefined) child.stdin.end(input);
  const output = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"])
    child[stream].setEncoding("utf8").on("data", (text) => (output[stream] += text));
  const code = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { code, ...output };
}

/** Whether a process group has anybody alive in it. Those already dead and only not yet buried do not count. */
function lives(group) {
  return readdirSync("/proc").some((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      // The name in brackets may contain anything; what follows it is state, parent, group.
      const [state, , itsGroup] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return Number(itsGroup) === group && state !== "Z" && state !== "X";
    } catch {
      return false;
    }
  });
}

/** Ends a process group: asked first, then made to. Answers once it is gone. */
export async function end(child, signal = "SIGTERM") {
  const group = child.pid;
  if (group === undefined || !lives(group)) return;
  for (const [how, patience] of [
    [signal, 8_000],
    ["SIGKILL", 5_000],
  ]) {
    try {
      process.kill(-group, how);
    } catch {
      return;
    }
    if (await until(`process group ${group} is gone`, patience, () => !lives(group)).catch(() => false)) return;
  }
  throw new Error(`process group ${group} did not end`);
}

/** Ends everything that was started here and is still there. */
export async function endAll() {
  await Promise.allSettled([...started].map((child) => end(child)));
}
