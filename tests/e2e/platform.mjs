// A platform of one server that can be broken at once, with a plan for it: what a journey needs that is not about the
// range. The application stands on its host, so what the host breaks has one root.

import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

const PLAN = `
[document]
id = "DR-1"
title = "Small platform"
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

[functions.orders]
name = "Orders"
tier = "critical"
requires = ["application"]

[systems.application]
name = "Application"
provider = "host"

[providers.host]
name = "Host"
service = "Computers"
fallback = { what = "Another host", at-best = "15m", at-worst = "30m" }
`;

const check = (id, of, name) => `
[checks.${id}]
name = "${name}"
of = "${of}"
kind = "http"
endpoint = "server"
path = "/${id}"
interval = "5s"
failures = 1
`;

/** Starts it. Ended with the journey's process at the latest. */
export async function startPlatform(folder) {
  let broken = false;
  const server = createServer((request, response) => {
    response.statusCode = broken ? 503 : 200;
    response.end(broken ? "out of order" : "ok");
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  server.unref();
  const plan = join(folder, "plan");
  mkdirSync(join(plan, "environments"), { recursive: true });
  writeFileSync(join(plan, "plan.toml"), PLAN);
  const checks = [check("answers", "application", "Application answers"), check("runs", "host", "Host runs")];
  writeFileSync(join(plan, "checks.toml"), checks.join(""));
  const url = `http://127.0.0.1:${server.address().port}`;
  writeFileSync(
    join(plan, "environments/staging.toml"),
    `name = "Staging"\nkind = "staging"\n\n[endpoints.server]\nkind = "http"\nurl = "${url}"\n`,
  );
  return {
    plan,
    break: () => (broken = true),
    mend: () => (broken = false),
    end: () => new Promise((done) => server.close(done).closeAllConnections()),
  };
}
