//! A small plan that says nothing wrong: what the rules are tried on, one change at a time.

use crate::plan::PlanFile;

const PLAN: &str = r#"
[document]
id = "DR-1"
title = "Plan"
platform = "Shop"
version = "1"
updated = "2026-11-01"
next-review = "2027-05"
owner = "Operations"
classification = "Internal"
approved-by = ["Head of Operations"]

[objectives]
rto = { target = "30m", tolerable = "3h" }
rpo = { target = "1h", tolerable = "4h" }
availability = { target = "99.9%", tolerable = "99.5%" }

[tiers]
critical = { name = "Critical", rank = 1, rto = "20m" }
important = { name = "Important", rank = 2, rto = "30m" }

[functions.sell]
name = "Sell"
tier = "critical"
requires = ["shop", "orders"]

[functions.report]
name = "Report"
tier = "important"
requires = ["orders", "sell"]

[systems.shop]
name = "Shop"
provider = "cloud"
region = "eu-one"

[stores.orders]
name = "Orders"
holds = "Orders"
priority = "P0"
provider = "cloud"
region = "eu-one"
backups = [{ what = "Log", every = "2m" }]

[providers.cloud]
name = "Cloud"
service = "Servers"
fallback = { what = "Other cloud", provider = "other", at-best = "5m", at-worst = "10m" }

[providers.other]
name = "Other cloud"
service = "Servers"

[providers.letters]
name = "Letters"
service = "Messages"
fallback = { what = "E-mail", channel = "email", at-best = "1m", at-worst = "5m" }
"#;

const CHECKS: &str = r#"
[checks.orders-read]
name = "Orders can be read"
of = "orders"
kind = "postgres"
endpoint = "orders"
questions = [{ query = "select 1", is = "1", means = "nothing adds up" }]

[checks.orders-repeated]
name = "Orders are repeated"
of = "orders"
kind = "postgres-replication"
endpoint = "second"
primary = "orders"

[checks.shop-open]
name = "The shop answers"
of = "shop"
kind = "http"
endpoint = "shop"
"#;

const PRODUCTION: &str = r#"
name = "Production"
kind = "production"

[endpoints]
shop = { kind = "http", url = "https://shop.test" }
orders = { kind = "postgres", host = "orders.test", database = "orders", user = "watch" }
second = { kind = "postgres", host = "second.test", database = "orders", user = "watch" }
"#;

const BACKUPS: &str = r#"
[sets.log]
name = "Log"
of = ["orders"]
method = "point-in-time"
every = "2m"
keep = "7d"
provider = "cloud"

[sets.dump]
name = "Dump"
of = ["orders"]
method = "dump"
every = "1d"
keep = "30d"
proof = "restore"

[offers.cloud]
provider = "cloud"
source = "https://cloud.test"
checked = "2026-10"
editions = [{ name = "One", daily = "7d", point-in-time = "7d" }, { name = "Two", daily = "30d", point-in-time = "28d" }]
point-in-time-ends-daily = true
point-in-time-loses = "2m"

[queries.orders-paid]
name = "Orders are paid"
of = "orders"
asked = ["restored"]
query = "select count(*) from orders where not paid"
is = "0"
"#;

const RUNBOOK: &str = r#"
name = "Orders are lost"
rto = "20m"
serves = ["sell"]
failed = ["orders", "cloud"]
severity = "P0"
shown-by = ["orders-read"]
ways = [{ provider = "cloud" }, { provider = "other" }]

[[steps]]
id = "look"
name = "Look"
phase = "assess"
budget = "2m"
kind = "check"
checks = ["orders-read"]

[[steps]]
id = "tell"
name = "Tell"
phase = "contain"
budget = "1m"
kind = "message"
template = "outage"

[[steps]]
id = "choose"
name = "Choose"
phase = "recover"
budget = "2m"
kind = "decision"
question = "Which copy?"
options = [
  { name = "A moment", loses = "2m", then = "allow" },
  { name = "None", then = "prove" },
]

[[steps]]
id = "allow"
name = "Allow it"
phase = "recover"
budget = "2m"
kind = "approval"
by = ["boss", "keeper"]
allows = ["restore"]

[[steps]]
id = "restore"
name = "Restore"
phase = "recover"
budget = "10m"
destructive = true
kind = "action"
action = "restore-to-time"
to = "orders"
from = "log"
settings = { speed = "full" }

[[steps]]
id = "prove"
name = "Prove"
phase = "validate"
budget = "3m"
kind = "wait"
until = ["orders-read"]
"#;

const CONTACTS: &str = r#"
[contacts.keeper]
name = "Keeper"
phone = "+49 30 1234567"
chat = "@keeper"
verified = "2026-11-10"

[contacts.second]
name = "Second"
phone = "+49 30 1234568"
chat = "@second"
verified = "2026-11-10"

[contacts.boss]
name = "Boss"
phone = "+49 30 1234569"
email = "boss@shop.test"
verified = "2026-11"

[contacts.team]
name = "Team"
members = ["keeper", "second"]

[on-call.first]
name = "First"
order = 1
contacts = ["keeper", "second"]
escalate-after = "5m"
shifts = [
  { contact = "keeper", from = "2026-11-01", until = "2026-11-15" },
  { contact = "second", from = "2026-11-16", until = "2026-12" },
]

[on-call.last]
name = "Last"
order = 2
contacts = ["boss", "keeper"]
conditions = ["P0"]
shifts = [{ contact = "boss", from = "2026-01", until = "2026-12" }]
"#;

const SEVERITIES: &str = r#"
[matrix.P0]
within = "5m"
tell = ["team", "boss"]
by = ["phone", "chat"]

[script.P0]
tell = ["boss", "team"]
by = ["chat", "phone"]
"#;

const TEMPLATES: &str = r#"
[templates.outage]
name = "Outage"
channel = "status-page"
audience = "public"
moments = ["beginning", "ongoing", "over"]

[templates.outage.fields]
begun = { what = "when it began", form = "time", filled-by = "incident" }
"#;

const OUTAGE: &str = "The shop is closed since {{ begun }}.\n";

const DRILLS: &str = r#"
[drills.orders]
name = "Orders"
kind = "restore"
every = "monthly"
week = 1
starts = "2026-12-07"
duration = "1h"
participants = ["Keeper"]
owner = "keeper"
runbook = "orders-lost"
success = ["Every order is there"]
"#;

const REPORTS: &str = r#"
[metrics]
began-at = { name = "Began", kind = "moment" }
back-at = { name = "Back", kind = "moment" }
rto-actual = { name = "Recovery", kind = "duration", from = "began-at", until = "back-at" }

[lessons]
fields = ["What"]
states = ["open", "done"]
"#;

const COMPLIANCE: &str = r#"
[audit]
event = "recovery"
legal-basis = "legal-obligation"
fields = ["What"]
tell = ["boss"]
categories = ["people"]

[residency]
categories = ["people", "payments"]
allowed = ["DE"]
eea = { version = "2026-01-01", source = "the treaty", countries = ["DE", "IE"] }
regions = { eu-one = { country = "DE" }, eu-two = { country = "IE" } }

[laws.report]
name = "Law"
within = "72h"
clock = "awareness"
source = "the book"

[obligations.breach]
name = "Breach"
trigger = "breach"
authorities = ["Authority"]
within = "72h"
clock = "awareness"
law = "report"
evidence = ["What happened"]
"#;

const MAINTENANCE: &str = r#"
[reviews.all]
name = "All"
every = "monthly"
covers = ["Everything"]
last = "2026-11-02"

[approvals.steps]
change = "Steps"
approvers = ["boss", "keeper"]
lead = ["keeper"]
break-glass = { by = ["keeper"], approved-within = "1d" }
"#;

/// The plan's files.
pub(super) fn sound() -> Vec<PlanFile> {
    [
        ("plan.toml", PLAN),
        ("checks.toml", CHECKS),
        ("environments/production.toml", PRODUCTION),
        ("backups.toml", BACKUPS),
        ("runbooks/orders-lost.toml", RUNBOOK),
        ("contacts.toml", CONTACTS),
        ("severities.toml", SEVERITIES),
        ("templates.toml", TEMPLATES),
        ("templates/outage.md", OUTAGE),
        ("drills.toml", DRILLS),
        ("reports.toml", REPORTS),
        ("compliance.toml", COMPLIANCE),
        ("maintenance.toml", MAINTENANCE),
    ]
    .into_iter()
    .map(|(name, text)| PlanFile { name: name.to_owned(), bytes: text.trim_start().into() })
    .collect()
}
