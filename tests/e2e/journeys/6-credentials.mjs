// Credentials in the real window: added, tried, replaced, removed and had back under a real Secret Service, and the same
// for this session only where there is none. The value is looked for in the page after every step.

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { accessible } from "../axe.mjs";
import { run } from "../process.mjs";

const GOOD = "rk_test_cNryGoodOne0123456789";
const OLD = "rk_test_cNryExpired0123456789";

const PLAN = `
[document]
id = "DR-1"
title = "Plan"
platform = "Platform"
version = "1.0"
updated = "2026-01"
next-review = "2027-01"
owner = "SRE"
classification = "Internal"

[objectives]
rto = { target = "4h", tolerable = "24h" }
rpo = { target = "1h", tolerable = "4h" }
availability = { target = "99.9%", tolerable = "99.5%" }
data-loss = { target = "1h", tolerable = "4h" }

[tiers]
critical = { name = "Critical", rank = 1 }

[functions.payments]
name = "Payments"
tier = "critical"
requires = ["database"]

[systems]

[stores.database]
name = "PostgreSQL"
holds = "All data"
priority = "P0"

[providers]
`;

const CHECKS = `
[checks.stripe]
name = "Stripe takes payments"
of = "database"
kind = "vendor"
endpoint = "stripe"
interval = "60s"
`;

/** A stand-in that accepts one key and repeats every other in its refusal, as some interfaces do. */
async function stripe() {
  const asked = [];
  const server = createServer((request, response) => {
    const key = request.headers.authorization ?? "";
    asked.push(key);
    const good = key === `Bearer ${GOOD}`;
    const body = good
      ? { object: "balance", livemode: false, available: [], pending: [] }
      : { error: { type: "invalid_request_error", message: `Invalid API Key provided: ${key}` } };
    response.writeHead(good ? 200 : 401, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { server, asked, port: server.address().port };
}

function layPlan(desk, port) {
  const plan = join(desk.folder, "plan");
  mkdirSync(join(plan, "environments"), { recursive: true });
  writeFileSync(join(plan, "plan.toml"), PLAN);
  writeFileSync(join(plan, "checks.toml"), CHECKS);
  const endpoint = `[endpoints.stripe]\nkind = "stripe"\nurl = "http://127.0.0.1:${port}"\ncredential = "stripe-key"\n`;
  writeFileSync(join(plan, "environments/staging.toml"), `name = "Staging"\nkind = "staging"\n\n${endpoint}`);
  return plan;
}

/** Fails when a value stands anywhere in the page: in its text, in an attribute, in a field, or in what it keeps. */
async function hidden(session) {
  const found = await session.execute(
    `const seen = [document.documentElement.outerHTML, JSON.stringify({ ...localStorage, ...sessionStorage }),
       ...[...document.querySelectorAll("input")].map((field) => field.value)].join("\\n");
     return arguments[0].filter((value) => seen.includes(value) || seen.includes(value.slice(8, 22)));`,
    [GOOD, OLD],
  );
  assert.deepEqual(found, [], "a value stands in the page");
}

/** Gives the sheet that is open a value, from the keyboard. */
async function give(session, value) {
  await session.find("text", /Paste it whole/);
  await session.execute('document.querySelector("dialog input[type=password]").focus()');
  await session.type(value);
  await session.press("enter");
  await session.gone("text", /Paste it whole/);
  await hidden(session);
}

async function walk(session, shows, { stored, kept }) {
  await shows(`a missing credential, and one added (${kept})`, async () => {
    await session.click("button", "Settings");
    await session.click("tab", "Credentials");
    await session.find("text", "MISSING");
    await session.click("button", "Add: stripe-key");
    const said = await accessible(session);
    await give(session, OLD);
    await session.find("text", stored);
    return said;
  });

  await shows(`one that has expired named, with what to do (${kept})`, async () => {
    await session.click("button", "Test: stripe-key");
    await session.find("text", "stripe-key is not accepted.");
    await session.find("text", /^stripe does not accept "stripe-key": it is wrong, expired or was taken back/);
    await hidden(session);
    return accessible(session);
  });

  await shows(`it replaced, and accepted (${kept})`, async () => {
    await session.click("button", "Replace: stripe-key");
    await give(session, GOOD);
    await session.gone("text", "stripe-key is not accepted.");
    await session.click("button", "Test: stripe-key");
    await session.find("text", "stripe-key is accepted.");
    await session.gone("text", "never");
    await hidden(session);
  });

  await shows(`it removed, had back, and removed for good (${kept})`, async () => {
    for (const back of [true, false]) {
      await session.click("button", "Remove: stripe-key");
      await session.find("text", /Whatever needs it is unknown/);
      await session.click("button", "Remove");
      await session.find("text", "MISSING");
      if (!back) break;
      await session.click("button", "Undo: stripe-key");
      await session.find("text", stored);
      await session.click("button", "Test: stripe-key");
      await session.find("text", "stripe-key is accepted.");
    }
    await hidden(session);
  });
}

/** Fails when a value stands in anything the desk holds beside the keyring's own files. */
function nowhere(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) nowhere(path);
    else if (entry.isFile()) {
      const bytes = readFileSync(path);
      for (const value of [GOOD, OLD]) assert.ok(!bytes.includes(value.slice(8)), `a value stands in ${path}`);
    }
  }
}

export async function journey({ desk: lay, programs, shows }) {
  const { server, asked, port } = await stripe();
  try {
    const desk = await lay();
    const plan = layPlan(desk, port);
    await walk(await desk.open(["--plan", plan]), shows, { stored: "Stored", kept: "in the keychain" });
    await shows("the command line seeing the same, and nothing left on the desk", async () => {
      const given = ["--home", desk.home, "--plan", plan, "--json", "secret", "list"];
      const listed = await run(programs.cli, given, { env: desk.env });
      assert.equal(JSON.parse(listed.stdout).rows[0].state, "missing", listed.stderr);
      await desk.shut();
      nowhere(desk.folder);
    });

    const bare = await lay({ keychain: false });
    const session = await bare.open(["--plan", layPlan(bare, port)]);
    await shows("what can be done without a keychain", async () => {
      await session.click("button", "Settings");
      await session.click("tab", "Credentials");
      await session.find("text", "This computer has no keychain.");
      await session.find("button", "Session only");
      await session.find("button", /^Encrypted file/);
    });
    await walk(session, shows, { stored: "This session only", kept: "for this session" });
    await shows("nothing left of the session on the desk", async () => {
      await bare.shut();
      nowhere(bare.folder);
    });
    assert.ok([GOOD, OLD].every((value) => asked.includes(`Bearer ${value}`)), "the values were never used");
  } finally {
    server.close();
    server.closeAllConnections();
  }
}
