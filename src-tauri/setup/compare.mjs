// Two folders, compared by content.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** How `found` differs from `wanted`, one line a file; nothing when they are the same. */
export function compareFolders(wanted, found) {
  const lines = [];
  const names = (folder) =>
    (existsSync(folder) ? readdirSync(folder, { recursive: true, withFileTypes: true }) : [])
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  const there = new Set(names(found));
  for (const name of names(wanted).sort()) {
    if (!there.delete(name)) lines.push(`${name} is missing`);
    else if (!readFileSync(join(wanted, name)).equals(readFileSync(join(found, name))))
      lines.push(`${name} is out of date`);
  }
  for (const name of [...there].sort()) lines.push(`${name} is no longer made`);
  return lines;
}
