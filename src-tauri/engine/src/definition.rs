//! How the plan defines a check, in words: labels and values for a person. Never a credential, only its handle.

use lifeboat_domain::{
    Id,
    check::{BucketAspect, Check, DnsProbe, Expectation, Feed, JourneyProbe, Otherwise, Probe, WithoutFolder},
    environment::{Target, TlsMode},
};

use crate::scheduler::Targets;

/// Labels and values, in reading order.
pub(crate) fn in_words(check: &Check, targets: &Targets) -> Vec<(String, String)> {
    let mut lines = Lines(Vec::new());
    lines.add("Asks", asks(&check.probe));
    for (role, endpoint) in check.probe.endpoints() {
        let label = match role {
            "primary" => "Primary",
            "database" => "Database",
            _ => "Target",
        };
        lines.add(label, address(endpoint, targets));
    }
    of_probe(&mut lines, &check.probe);
    if let Some(slow) = check.slow {
        lines.add("Degraded when slower than", slow.to_string());
    }
    lines.add("Every", check.interval.to_string());
    lines.add("Gives up after", check.timeout.to_string());
    let in_a_row =
        if check.failures == 1 { "1 failure".to_owned() } else { format!("{} failures in a row", check.failures) };
    lines.add("Believes", format!("{in_a_row}, asked again after {}", check.retry));
    lines.0
}

struct Lines(Vec<(String, String)>);

impl Lines {
    fn add(&mut self, label: &str, value: impl Into<String>) {
        self.0.push((label.to_owned(), value.into()));
    }
}

fn asks(probe: &Probe) -> String {
    match probe {
        Probe::Http(http) => format!("{} {} over HTTP", http.method, http.path),
        Probe::Journey(journey) => {
            let names: Vec<&str> = journey.steps.iter().map(|step| step.name.as_str()).collect();
            format!("what somebody does over HTTP: {}", names.join(", "))
        }
        Probe::Plugin(plugin) => format!("the plug-in {}", plugin.command.join(" ")),
        Probe::Heartbeat(_) => "nobody: the job reports by itself, with `lifeboat heartbeat`".to_owned(),
        Probe::Tcp(_) => "whether a connection is accepted".to_owned(),
        Probe::Tls(_) => "whether the certificate is trusted, fits the name and lasts".to_owned(),
        Probe::Postgres(postgres) if postgres.write => "whether the database can be read and written".to_owned(),
        Probe::Postgres(_) => "whether the database can be read".to_owned(),
        Probe::PostgresReplication(_) => "whether the standby streams and how far it is behind".to_owned(),
        Probe::PostgresArchive(_) => "whether finished log segments reach the archive".to_owned(),
        Probe::PostgresSize(_) => "how large the database and its tables are".to_owned(),
        Probe::Sql(sql) => sql.query.clone(),
        Probe::ObjectNewest(_) => "for the newest object, over all pages of the list".to_owned(),
        Probe::Dns(dns) => format!("for {} records of the name", dns.record),
        Probe::Bucket(_) => "whether the bucket can be reached and what its settings are".to_owned(),
        Probe::ObjectSample(_) => "whether objects drawn by chance are whole and as their rows say".to_owned(),
        Probe::FileNewest(_) => "for the newest file below the folder".to_owned(),
        Probe::StatusPage(page) => match page.feed {
            Feed::Statuspage => "what the provider's status page says".to_owned(),
            Feed::Stripe => "what Stripe says of itself".to_owned(),
            Feed::Google => "what Google says of itself".to_owned(),
            Feed::Slack => "what Slack says of itself".to_owned(),
        },
        Probe::Vendor(_) => "whether it can be reached, accepts our credential, and works".to_owned(),
    }
}

fn address(endpoint: &Id, targets: &Targets) -> String {
    match targets.get(endpoint) {
        Some(Ok(target)) => format!("{endpoint}: {}", place(target)),
        Some(Err(unbound)) => format!("{endpoint}: {unbound}"),
        None => endpoint.to_string(),
    }
}

fn place(target: &Target) -> String {
    match target {
        Target::Http { url, credential, .. } => format!("{}{}", without_user(url), handle(credential.as_ref())),
        Target::Host { host, port, server_name, .. } if server_name == host => format!("{host}:{port}"),
        Target::Host { host, port, server_name, .. } => format!("{host}:{port} as {server_name}"),
        Target::Postgres { host, port, database, user, credential, tls, .. } => {
            let tls = match tls {
                TlsMode::VerifyFull => "verified TLS",
                TlsMode::Off => "without TLS",
            };
            format!("{user} on {host}:{port}/{database}, {tls}{}", handle(credential.as_ref()))
        }
        Target::Bucket { url, bucket, region, credential, .. } => {
            let store = url.as_deref().map_or_else(|| "AWS".to_owned(), without_user);
            format!("bucket {bucket} at {store} in {region}{}", handle(Some(credential)))
        }
        Target::Name { name, servers, .. } if servers.is_empty() => format!("{name}, by this computer's resolver"),
        Target::Name { name, servers, .. } => format!("{name}, by {}", servers.join(", ")),
        Target::Folder { path } => path.clone(),
        Target::Vendor(vendor) => {
            let place = vendor.place().map_or_else(String::new, |(host, port)| format!(" at {host}:{port}"));
            let handles: String = vendor.credentials().iter().map(|(_, credential)| handle(Some(credential))).collect();
            format!("{}{place}{handles}", vendor.vendor().name())
        }
    }
}

fn handle(credential: Option<&Id>) -> String {
    credential.map_or_else(String::new, |credential| format!(", credential {credential}"))
}

/// An address without the name and password it may carry.
fn without_user(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

fn of_probe(lines: &mut Lines, probe: &Probe) {
    match probe {
        Probe::Http(http) => {
            for name in http.headers.keys() {
                lines.add("Sends header", name.clone());
            }
            if !http.expect.iter().any(|expectation| !expectation.status.is_empty()) {
                lines.add("Expects", "status 200 to 299, else an outage");
            }
            for expectation in &http.expect {
                lines.add("Expects", expected(expectation));
            }
        }
        Probe::Journey(journey) => of_journey(lines, journey),
        Probe::Plugin(plugin) => {
            lines.add("Expects", "it to end with 0; 1 is degraded, 2 an outage, anything else unknown");
            if let Some(variable) = &plugin.credential_variable {
                lines.add("Gives the credential as", variable.clone());
            }
        }
        Probe::Heartbeat(heartbeat) => {
            lines.add("Outage when silent for longer than", heartbeat.max_age.to_string());
            lines.add("A failed run is", otherwise(heartbeat.otherwise));
        }
        Probe::Tcp(_) => {}
        Probe::Tls(tls) => lines.add("Degraded when it ends within", tls.expires_after.to_string()),
        Probe::Postgres(postgres) => {
            for question in &postgres.questions {
                let answer = format!(
                    "{} = {}, else {}: {}",
                    question.query,
                    question.is,
                    otherwise(question.otherwise),
                    question.means
                );
                lines.add("Expects", answer);
            }
        }
        Probe::PostgresReplication(replication) => {
            lines.add("Degraded behind", format!("{} or {}", replication.degraded_behind, replication.degraded_bytes));
            lines.add("Outage behind", replication.outage_behind.to_string());
        }
        Probe::PostgresArchive(archive) => lines.add("Outage when log waits longer than", archive.max_age.to_string()),
        Probe::PostgresSize(size) => {
            let limits = [
                ("Database at most", size.database_at_most.map(|limit| limit.to_string())),
                ("Each table at most", size.table_at_most.map(|limit| limit.to_string())),
                ("Grows in a day by at most", size.growth_at_most.map(|limit| limit.to_string())),
                ("Left of the disk", size.headroom.zip(size.disk).map(|(share, disk)| format!("{share} of {disk}"))),
            ];
            for (label, limit) in limits {
                if let Some(limit) = limit {
                    lines.add(label, format!("{limit}, else {}", otherwise(size.otherwise)));
                }
            }
        }
        Probe::Sql(sql) => {
            let means = sql.means.as_ref().map(|means| format!(": {means}")).unwrap_or_default();
            lines.add("Expects", format!("{}, else {}{means}", sql.expected(), otherwise(sql.otherwise)));
        }
        Probe::ObjectNewest(newest) => {
            if !newest.prefix.is_empty() || !newest.suffix.is_empty() {
                lines.add("Objects", format!("{}*{}", newest.prefix, newest.suffix));
            }
            if let Some(age) = newest.degraded_age {
                lines.add("Degraded when older than", age.to_string());
            }
            lines.add("Outage when older than", newest.max_age.to_string());
            lines.add("Outage when smaller than", newest.min_size.to_string());
        }
        Probe::Dns(dns) => of_name(lines, dns),
        Probe::Bucket(bucket) => {
            for expectation in &bucket.expect {
                let setting = setting(&expectation.aspect);
                lines.add("Expects", format!("{setting}, else {}", otherwise(expectation.otherwise)));
            }
        }
        Probe::ObjectSample(sample) => {
            if !sample.prefix.is_empty() || !sample.suffix.is_empty() {
                lines.add("Objects", format!("{}*{}", sample.prefix, sample.suffix));
            }
            let rows = if sample.rows.is_some() { ", and as many rows" } else { "" };
            lines.add("Draws", format!("{} objects older than {}{rows}", sample.sample, sample.settled));
            lines.add("Rows", sample.query.clone());
            lines.add("Reads whole", format!("up to {}", sample.whole));
            lines.add("Gone or other than its row", otherwise(sample.otherwise));
            lines.add("Without a row", otherwise(sample.without_row));
        }
        Probe::FileNewest(newest) => {
            if !newest.prefix.is_empty() || !newest.suffix.is_empty() {
                lines.add("Files", format!("{}*{}", newest.prefix, newest.suffix));
            }
            if let Some(age) = newest.degraded_age {
                lines.add("Degraded when older than", age.to_string());
            }
            lines.add("Outage when older than", newest.max_age.to_string());
            lines.add("Outage when smaller than", newest.min_size.to_string());
            let without = match newest.without_folder {
                WithoutFolder::Outage => "an outage",
                WithoutFolder::Degraded => "degraded",
                WithoutFolder::Unknown => "unknown",
            };
            lines.add("Without the folder", without);
        }
        Probe::Vendor(_) => lines.add("Outage when", "it cannot be reached, or answers and does not work"),
        Probe::StatusPage(page) => {
            if !page.components.is_empty() {
                lines.add("Components", page.components.join(", "));
            }
        }
    }
}

fn of_journey(lines: &mut Lines, journey: &JourneyProbe) {
    let steps = journey.steps.iter().map(|step| ("Step", step));
    for (label, step) in steps.chain(journey.clean_up.iter().map(|step| ("Cleans up", step))) {
        lines.add(label, format!("{}: {} {}", step.name, step.method, step.path));
        for expectation in &step.expect {
            lines.add("Expects", expected(expectation));
        }
    }
    let may = if journey.production { "may be made in production" } else { "never made in production" };
    lines.add("Changes things", may);
}

fn of_name(lines: &mut Lines, dns: &DnsProbe) {
    let else_ = otherwise(dns.otherwise);
    for (label, values) in
        [("Expects all of", &dns.all_of), ("Expects one of", &dns.any_of), ("Expects nothing but", &dns.none_outside)]
    {
        if !values.is_empty() {
            lines.add(label, format!("{}, else {else_}", values.join(", ")));
        }
    }
    if let Some(ttl) = dns.min_ttl {
        lines.add("Degraded when kept shorter than", ttl.to_string());
    }
}

fn setting(aspect: &BucketAspect) -> String {
    match aspect {
        BucketAspect::Region(region) => match &region.is {
            Some(region) => format!("in {region}"),
            None => "in the region of the environment".to_owned(),
        },
        BucketAspect::Versioning(versioning) if versioning.second_factor => {
            "versioning on, with a second factor for deleting".to_owned()
        }
        BucketAspect::Versioning(_) => "versioning on".to_owned(),
        BucketAspect::ObjectLock(lock) => {
            let mode = lock.mode.map_or(String::new(), |mode| format!("{mode} "));
            lock.at_least.map_or_else(|| format!("{mode}lock"), |least| format!("{mode}lock for at least {least}"))
        }
        BucketAspect::Replication(replication) => {
            replication.to.as_ref().map_or_else(|| "replicated".to_owned(), |to| format!("replicated to {to}"))
        }
        BucketAspect::PublicAccess(public) if public.except.is_empty() => "public access blocked".to_owned(),
        BucketAspect::PublicAccess(public) => {
            let except: Vec<&str> = public.except.iter().map(|switch| switch.word()).collect();
            format!("public access blocked, but for {}", except.join(", "))
        }
        BucketAspect::Encryption(encryption) => {
            encryption.with.as_ref().map_or_else(|| "encrypted".to_owned(), |with| format!("encrypted with {with}"))
        }
        BucketAspect::Lifecycle(lifecycle) => format!("no rule that deletes within {}", lifecycle.keep),
    }
}

fn otherwise(otherwise: Otherwise) -> &'static str {
    match otherwise {
        Otherwise::Degraded => "degraded",
        Otherwise::Outage => "an outage",
    }
}

fn expected(expectation: &Expectation) -> String {
    let list = |values: &[serde_json::Value]| values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
    let subject = match (&expectation.json, &expectation.text) {
        (Some(path), _) => {
            let comparison = [
                expectation.is.as_ref().map(|value| format!("is {value}")),
                expectation.is_not.as_ref().map(|value| format!("is not {value}")),
                (!expectation.one_of.is_empty()).then(|| format!("is {}", list(&expectation.one_of))),
                expectation.at_most.map(|most| format!("is at most {most}")),
                expectation.at_least.map(|least| format!("is at least {least}")),
            ];
            format!("{path} {}", comparison.into_iter().flatten().next().unwrap_or_default())
        }
        (None, Some(text)) => format!("the text \"{text}\""),
        (None, None) => {
            let statuses: Vec<String> = expectation.status.iter().map(ToString::to_string).collect();
            format!("status {}", statuses.join(" or "))
        }
    };
    format!("{subject}, else {}", otherwise(expectation.otherwise))
}
