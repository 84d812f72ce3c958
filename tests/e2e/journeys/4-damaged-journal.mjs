// A journal in which somebody changed one byte: open for reading only, the entry named, the part before it readable.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { accessible } from "../axe.mjs";
import { until } from "../process.mjs";

/** How a body of the fact written first begins: the plan that came into force. */
const BODY = Buffer.from('{"document":"');

export async function journey({ desk: lay, shows }) {
  const desk = await lay();
  let session = await desk.open();
  await session.find("button", /^Start the practice range/);
  await desk.shut();
  await until("the window has closed its home", 10_000, () => /closed/.test(desk.windowLog()));

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
  for (const name of readdirSync(home, { recursive: true, withFileTypes: true })) {
    if (!name.isFile()) continue;
    const path = join(name.parentPath, name.name);
    const bytes = readFileSync(path);
    if (!bytes.subarray(0, 15).equals(Buffer.from("SQLite format 3"))) continue;
    for (let at = bytes.indexOf(BODY); at !== -1; at = bytes.indexOf(BODY, at + 1)) {
      bytes[at + BODY.length] ^= 0x01;
      changed += 1;
    }
    writeFileSync(path, bytes);
  }
  return changed;
}
