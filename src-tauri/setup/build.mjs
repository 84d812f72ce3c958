// From a clone to programs: the window's packages, the window's page, then everything in Rust with one selection, so
// that no dependency is compiled twice.

import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { targetFolder, TOP } from "./machine.mjs";
import { must, step } from "./steps.mjs";

/** The packages of `package-lock.json`, when it is newer than what is there. Their install scripts are not needed. */
export async function nodePackages() {
  if (changed("node_modules/.package-lock.json") >= changed("package-lock.json")) return;
  await step("npm packages", () => must("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: TOP }));
}

/** The window's page, when anything it is made of is newer. The shell carries it inside. */
export async function page() {
  const made = changed("ui/dist/index.html");
  if (made > Math.max(newest("ui"), changed("package-lock.json"))) return;
  await step("the window's page", () => must("npm", ["run", "--silent", "build:ui"], { cwd: TOP }));
}

/** The window and the command line. Answers where they are. */
export async function programs() {
  const args = ["build", "--workspace", "--locked"];
  await step("the programs (the first time takes some minutes)", () => must("cargo", args, { cwd: TOP }));
  const folder = join(await targetFolder(), "debug");
  return { window: join(folder, "lifeboat-desktop"), cli: join(folder, "lifeboat") };
}

/** When a file was changed; long ago when there is none. */
function changed(path) {
  const full = join(TOP, path);
  return existsSync(full) ? statSync(full).mtimeMs : 0;
}

/** When the newest file of a folder was changed, what is made from it left out. */
function newest(folder) {
  let latest = 0;
  for (const entry of readdirSync(join(TOP, folder), { withFileTypes: true })) {
    if (entry.name === "dist" || entry.name === "node_modules" || entry.name.endsWith(".test.ts")) continue;
    const path = join(folder, entry.name);
    latest = Math.max(latest, entry.isDirectory() ? newest(path) : changed(path));
  }
  return latest;
}
