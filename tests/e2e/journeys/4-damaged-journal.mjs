// A journal in which somebody changed one byte: open for reading only, the entry named, the part before it readable.

import assert from "node:assert/strict";
import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { accessible } from "../axe.mjs";

/** How the body of a fact begins: that of the plan that came into force. */
const BODY = Buffer.from('{"document":"');

export async function journey({ desk: lay, shows }) {
  const desk = await lay();
  let session = await desk.open();
  await session.find("button", /^Start the practice range/);
  await desk.shut();
  // Who only looks adopts no plan; who acts does.
  const muted = await desk.lifeboat("--env", "production", "mute", "--for", "30m");
  assert.equal(muted.code, 0, muted.stderr);

  let entry;
  await shows("the command line naming the entry", async () => {
    assert.ok(flip(desk.home) > 0, "no entry was found to change");
    const verified = await desk.lifeboat("journal", "verify");
    assert.equal(verified.code, 1, verified.stdout + verified.stderr);
    entry = /[0-9a-f]{8}-[0-9a-f-]{27}\/\d+/.exec(verified.stdout + verified.stderr)?.[0];
    assert.ok(entry, `no entry is named: ${verified.stdout}${verified.stderr}`);
    return entry;
  });

  session = await desk.open();
  await shows("the banner naming the same entry", async () => {
    await session.find("text", /The journal is open for reading only/);
    await session.find("text", new RegExp(entry));
    return accessible(session);
  });

  await shows("the journal readable, and the break in it told", async () => {
    await session.click("button", "Journal");
    await session.click("button", /^Verify chain/);
    await session.find("text", /CHAIN BROKEN/);
    return accessible(session);
  });
}

/** Changes one byte of every stored copy of that body, past the database's own triggers. */
function flip(home) {
  let changed = 0;
  for (const name of readdirSync(home)) {
    const path = join(home, name);
    if (!name.endsWith(".sqlite")) continue;
    settle(path);
    const bytes = readFileSync(path);
    for (let at = bytes.indexOf(BODY); at !== -1; at = bytes.indexOf(BODY, at + 1)) {
      bytes[at + BODY.length] ^= 0x01;
      changed += 1;
    }
    writeFileSync(path, bytes);
  }
  return changed;
}

/** Brings the pages of the write-ahead log into the file, as SQLite does when it has time (sqlite.org/fileformat2.html). */
function settle(path) {
  const log = `${path}-wal`;
  if (!existsSync(log)) return;
  const frames = readFileSync(log);
  const pageSize = frames.length >= 32 ? frames.readUInt32BE(8) : 0;
  const file = openSync(path, "r+");
  for (let at = 32; at + 24 + pageSize <= frames.length; at += 24 + pageSize) {
    // Frames with another salt are left over from before the log was last begun anew.
    if (!frames.subarray(at + 8, at + 16).equals(frames.subarray(16, 24))) break;
    writeSync(file, frames, at + 24, pageSize, (frames.readUInt32BE(at) - 1) * pageSize);
  }
  closeSync(file);
  for (const rest of [log, `${path}-shm`]) rmSync(rest, { force: true });
}
