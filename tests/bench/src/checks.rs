//! What checking costs, and whether hung servers hold up the healthy ones.

use std::{
    fmt::Write as _,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    Failure, built,
    load::{Arrivals, Server},
    process::{self, Running, quiet},
    say,
    table::{Row, median, quantile},
};

/// Checks of the plan, each every ten seconds.
const CHECKS: usize = 1_000;
const EVERY: u64 = 10;
const RATE: u32 = 100;
/// Until every check was made once and the start is over.
const WARMING_UP: Duration = Duration::from_secs(15);
const ROUNDS: usize = 2;

const PLAN: &str = r#"
[document]
id = "BENCH-1"
title = "Measuring"
platform = "Measuring"
version = "1.0"
updated = "2026-11"
next-review = "2030-01"
owner = "SRE"
classification = "Internal"

[objectives]
rto = { target = "4h", tolerable = "24h" }
rpo = { target = "1h", tolerable = "4h" }
availability = { target = "99.9%", tolerable = "99.5%" }
data-loss = { target = "1h", tolerable = "4h" }

[tiers]
critical = { name = "Critical", rank = 1 }

[functions.serving]
name = "Serving"
tier = "critical"
requires = ["web"]

[systems.web]
name = "Web"

[stores]

[providers]
"#;

/// A plan of many checks of the server, in a folder of its own with a home beside it.
#[derive(Debug)]
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    /// `checks` in all, the last of them of the hung addresses, one each.
    pub(crate) fn new(healthy: SocketAddr, hung: &[SocketAddr], checks: usize) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let (mut asked, mut bound) =
            (String::new(), String::from("name = \"Production\"\nkind = \"production\"\n\n[endpoints.healthy]\n"));
        writeln!(bound, "kind = \"http\"\nurl = \"http://{healthy}\"")?;
        for (number, address) in hung.iter().enumerate() {
            writeln!(bound, "\n[endpoints.hung-{number}]\nkind = \"http\"\nurl = \"http://{address}\"")?;
        }
        for number in 0..checks {
            let endpoint = match number.checked_sub(checks - hung.len().min(checks)) {
                Some(hung) => format!("hung-{hung}"),
                None => "healthy".to_owned(),
            };
            writeln!(
                asked,
                "[checks.check-{number}]\nname = \"Check {number}\"\nof = \"web\"\nkind = \"http\"\n\
                 endpoint = \"{endpoint}\"\npath = \"/check/{number}\"\ninterval = \"{EVERY}s\"\ntimeout = \"5s\"\n\
                 expect = [{{ json = \"$.status\", is = \"ok\" }}]\n"
            )?;
        }
        let plan = folder.path().join("plan");
        fs::create_dir_all(plan.join("environments"))?;
        fs::write(plan.join("plan.toml"), PLAN)?;
        fs::write(plan.join("checks.toml"), if checks == 0 { "[checks]\n".to_owned() } else { asked })?;
        fs::write(plan.join("environments/production.toml"), bound)?;
        Ok(Self { folder })
    }

    pub(crate) fn plan(&self) -> PathBuf {
        self.folder.path().join("plan")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn watch(&self) -> Result<Running, Failure> {
        let mut command = quiet(built("lifeboat")?);
        command.arg("--home").arg(self.home()).arg("--plan").arg(self.plan()).args(["--env", "production", "watch"]);
        Running::start(&mut command)
    }
}

/// Processor seconds for a thousand checks, of one checker.
struct Cost {
    per_thousand: f64,
    resident: f64,
}

/// Lets a checker run and counts.
async fn steady(
    server: &mut Server,
    running: Running,
    children: bool,
    warming_up: Duration,
    seconds: u64,
) -> Result<Cost, Failure> {
    tokio::time::sleep(warming_up).await;
    let used = || process::cpu(running.pid).map(|cpu| if children { cpu.children } else { cpu.own });
    server.take().await?;
    let before = used()?;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let after = used()?;
    let checks = server.take().await?.values().map(Vec::len).sum::<usize>();
    let resident = process::resident(running.pid);
    running.end().await;
    if checks == 0 {
        return Err("it checked nothing".into());
    }
    Ok(Cost { per_thousand: (after - before) * 1_000.0 / checks as f64, resident })
}

/// Processor time for a thousand checks at a hundred a second, beside others; memory; and what it costs to do nothing.
pub(crate) async fn cost(seconds: u64) -> Result<Vec<Row>, Failure> {
    let mut server = Server::start(0).await?;
    let address = server.addresses.healthy;
    let (check_http, blackbox) =
        (Path::new("/usr/lib/nagios/plugins/check_http"), Path::new("/usr/bin/prometheus-blackbox-exporter"));
    let (mut ours, mut raws, mut plugins, mut exporters, mut memory) = (vec![], vec![], vec![], vec![], vec![]);
    for round in 1..=ROUNDS {
        say(&format!("checks, round {round} of {ROUNDS}: Lifeboat"));
        let place = Place::new(address, &[], CHECKS)?;
        let cost = steady(&mut server, place.watch()?, false, WARMING_UP, seconds).await?;
        ours.push(cost.per_thousand);
        memory.push(cost.resident);
        say(&format!("checks, round {round}: plain sockets"));
        let mut raw = quiet(std::env::current_exe()?);
        raw.args(["raw", "--address", &address.to_string(), "--rate", &RATE.to_string()]);
        raws.push(
            steady(&mut server, Running::start(&mut raw)?, false, Duration::from_secs(2), seconds).await?.per_thousand,
        );
        if check_http.is_file() {
            say(&format!("checks, round {round}: check_http"));
            let mut plugin = quiet(std::env::current_exe()?);
            plugin.args(["plugins", "--address", &address.to_string(), "--rate", &RATE.to_string()]).arg(check_http);
            plugins.push(
                steady(&mut server, Running::start(&mut plugin)?, true, Duration::from_secs(2), seconds)
                    .await?
                    .per_thousand,
            );
        }
        if blackbox.is_file() {
            say(&format!("checks, round {round}: blackbox_exporter"));
            exporters.push(exporter(&mut server, blackbox, address, seconds).await?);
        }
    }
    server.end().await;
    let (mine, raw) = (median(ours), median(raws));
    let seconds_of = |value: f64| format!("{value:.3} CPU-s");
    let against = |name: &str, theirs: Vec<f64>, share: f64, promise: &str| {
        if theirs.is_empty() {
            return Row::new(&format!("1,000 HTTP checks beside {name}"), seconds_of(mine), "not installed here");
        }
        let theirs = median(theirs);
        Row::new(
            &format!("1,000 HTTP checks beside {name}"),
            seconds_of(mine),
            format!("{} ({:.2} of it)", seconds_of(theirs), mine / theirs),
        )
        .promised(promise, mine <= theirs * share)
    };
    let memory = median(memory);
    let mut rows = vec![
        Row::new(
            "1,000 HTTP checks at 100/s, judged and kept",
            seconds_of(mine),
            format!("plain sockets, nothing kept: {}", seconds_of(raw)),
        )
        .promised("at most 0.35 CPU-s", mine <= 0.35),
        against("check_http", plugins, 0.1, "at most a tenth"),
        against("blackbox_exporter (without Prometheus)", exporters, 0.2, "at most a fifth"),
        Row::new("memory with 1,000 checks (RSS)", format!("{memory:.0} MiB"), "")
            .promised("at most 40 MiB", memory <= 40.0),
    ];
    rows.push(idle().await?);
    Ok(rows)
}

/// Asks an exporter for checks at the rate; what is counted is the exporter alone.
async fn exporter(server: &mut Server, program: &Path, target: SocketAddr, seconds: u64) -> Result<f64, Failure> {
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("blackbox.yml");
    fs::write(&config, "modules:\n  http_2xx:\n    prober: http\n    http:\n      preferred_ip_protocol: ip4\n")?;
    let free = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mut command = quiet(program);
    command.arg(format!("--config.file={}", config.display())).arg(format!("--web.listen-address={free}"));
    let running = Running::start(&mut command)?;
    let asking = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / RATE);
        for number in 0_u64.. {
            ticks.tick().await;
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(free).await?;
                let request = format!(
                    "GET /probe?module=http_2xx&target=http://{target}/exporter/{number} HTTP/1.1\r\nHost: {free}\r\nConnection: close\r\n\r\n"
                );
                stream.write_all(request.as_bytes()).await?;
                stream.read_to_end(&mut Vec::new()).await
            });
        }
    });
    let cost = steady(server, running, false, Duration::from_secs(5), seconds).await;
    asking.abort();
    Ok(cost?.per_thousand)
}

/// Nothing to check: how often it wakes up, and what that costs.
async fn idle() -> Result<Row, Failure> {
    say("checks: nothing to do");
    let place = Place::new(SocketAddr::from(([127, 0, 0, 1], 9)), &[], 0)?;
    let running = place.watch()?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (begun, sleeps, cpu) = (Instant::now(), process::sleeps(running.pid), process::cpu(running.pid)?.own);
    tokio::time::sleep(Duration::from_secs(20)).await;
    let passed = begun.elapsed().as_secs_f64();
    let a_second = (process::sleeps(running.pid) - sleeps) / passed;
    let share = (process::cpu(running.pid)?.own - cpu) / passed * 100.0;
    running.end().await;
    Ok(Row::new("nothing to check", format!("{a_second:.1} wake-ups/s, {share:.2} % of a core"), "")
        .promised("at most 2/s and 0.1 %", a_second <= 2.0 && share <= 0.1))
}

/// How late the healthy checks begin while some of the servers hang.
pub(crate) async fn delay(seconds: u64) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for percent in [0_usize, 5, 50] {
        say(&format!("delay: {percent} % of {CHECKS} endpoints hang"));
        let hung = CHECKS * percent / 100;
        let mut server = Server::start(hung).await?;
        let place = Place::new(server.addresses.healthy, &server.addresses.hung, CHECKS)?;
        let running = place.watch()?;
        tokio::time::sleep(WARMING_UP).await;
        server.take().await?;
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let arrivals = server.take().await?;
        running.end().await;
        server.end().await;
        let (late, off) = lateness(&arrivals);
        let row = Row::new(
            &format!("start delay of healthy checks, {percent} % hung"),
            format!("p99 {:.0} ms, period within {off:.2} %", late * 1_000.0),
            "",
        );
        rows.push(row.promised("p99 at most 250 ms, period within 2 %", late <= 0.25 && off <= 2.0));
    }
    Ok(rows)
}

/// The 99th percentile of how much later than its own earliest phase a check began, in seconds; and of how far a
/// check's mean period is from the plan's, in percent.
fn lateness(arrivals: &Arrivals) -> (f64, f64) {
    let (mut late, mut off) = (Vec::new(), Vec::new());
    for times in arrivals.values() {
        let (Some(first), Some(last)) = (times.first(), times.last()) else { continue };
        let every = EVERY as f64;
        let phases: Vec<f64> = times.iter().map(|at| at - first - ((at - first) / every).round() * every).collect();
        let earliest = phases.iter().copied().fold(f64::INFINITY, f64::min);
        late.extend(phases.iter().map(|phase| phase - earliest));
        if times.len() > 1 {
            let period = (last - first) / (times.len() - 1) as f64;
            off.push((period / every - 1.0).abs() * 100.0);
        }
    }
    (quantile(late, 0.99), quantile(off, 0.99))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_is_what_a_check_is_behind_its_own_earliest_phase() {
        let even = Arrivals::from([("/a".to_owned(), vec![1.0, 11.0, 21.0, 31.0])]);
        assert_eq!(lateness(&even), (0.0, 0.0));
        let late = Arrivals::from([("/a".to_owned(), vec![1.0, 11.5, 21.0, 31.0])]);
        assert!((lateness(&late).0 - 0.5).abs() < 1e-9);
        let slow = Arrivals::from([("/a".to_owned(), vec![0.0, 11.0, 22.0])]);
        assert!((lateness(&slow).1 - 10.0).abs() < 1e-9);
    }

    #[test]
    fn the_generated_plan_is_a_plan() {
        let address = SocketAddr::from(([127, 0, 0, 1], 9));
        for (hung, checks) in [(vec![], 0), (vec![address; 3], 10)] {
            let place = Place::new(address, &hung, checks).unwrap();
            let plan = lifeboat_engine::plans::read(&place.plan()).unwrap().plan.unwrap();
            assert_eq!(plan.plan.checks.len(), checks);
        }
    }
}
