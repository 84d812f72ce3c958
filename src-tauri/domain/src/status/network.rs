//! The own-network guard: when this computer has no network, nobody else is accused of it.
//!
//! Decided by evidence, not by asking somebody in particular: one host that answers proves that there is a network;
//! no way out, or several hosts of different owners whose names or ways are all gone at once, prove the opposite.
//! The plan may name references that are asked instead. What cannot be decided accuses as before.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
};

use chrono::{DateTime, Utc};
use serde::Serialize;
use ts_rs::TS;

use super::CheckHealth;
use crate::{
    check::{Check, FaultClass},
    environment::Target,
};

/// Why every check of something elsewhere is unknown.
pub const NO_NETWORK: &str = "this computer has no network";

/// How many sites without a way or a name it takes.
const SITES: usize = 2;

/// What one host elsewhere showed just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    /// Whose host it is, as far as its name tells; see [`site_of`].
    pub site: String,
    /// What kept us from an answer; nothing when it answered, whatever it said.
    pub fault: Option<FaultClass>,
}

/// What the signs say of this computer's network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Somebody answered.
    Present,
    /// There is none.
    Absent,
    /// No more is known than that something failed.
    Unclear,
}

/// What a sample's fault says of the network: whether somebody answered, or nothing.
pub const fn answered(fault: Option<FaultClass>) -> bool {
    matches!(fault, None | Some(FaultClass::Remote))
}

/// Whether a fault may be this computer's network.
pub const fn may_be_ours(fault: Option<FaultClass>) -> bool {
    matches!(fault, Some(FaultClass::Network | FaultClass::Silent))
}

/// Judges this computer's network from what hosts elsewhere showed at about the same time, whether there is a `route`
/// to anywhere, and whether each of the plan's `references` answered.
pub fn network(signs: &[Sign], route: bool, references: &[bool]) -> Network {
    if signs.iter().any(|sign| answered(sign.fault)) || references.contains(&true) {
        return Network::Present;
    }
    if !route || references.len() >= SITES {
        return Network::Absent;
    }
    let lost = signs.iter().filter(|sign| sign.fault == Some(FaultClass::Network));
    let sites: BTreeSet<&str> = lost.map(|sign| sign.site.as_str()).collect();
    if sites.len() >= SITES { Network::Absent } else { Network::Unclear }
}

/// Whose host it is, as far as the name tells: the last two labels of a name, or the address. Names under a shared
/// ending such as `co.uk` count as one site, which errs on the side of accusing as before.
pub fn site_of(host: &str) -> String {
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_lowercase();
    if host.parse::<IpAddr>().is_ok() {
        return host;
    }
    let labels: Vec<&str> = host.rsplitn(3, '.').collect();
    match labels.as_slice() {
        [last, second, ..] => format!("{second}.{last}"),
        _ => host,
    }
}

/// The host a target is on.
pub fn host_of(target: &Target) -> String {
    let of_url = |url: &str| {
        let after = url.split_once("://").map_or(url, |(_, after)| after);
        let authority = after.split(['/', '?', '#']).next().unwrap_or(after);
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        match host.rsplit_once(':') {
            Some((name, port)) if !host.ends_with(']') && port.bytes().all(|byte| byte.is_ascii_digit()) => {
                name.to_owned()
            }
            Some(_) | None => host.to_owned(),
        }
    };
    match target {
        Target::Http { url, .. } => of_url(url),
        Target::Host { host, .. } | Target::Postgres { host, .. } => host.clone(),
        Target::Bucket { url, region, .. } => {
            url.as_deref().map_or_else(|| format!("s3.{region}.amazonaws.com"), of_url)
        }
        Target::Name { name, servers, .. } => servers.first().map_or_else(|| name.clone(), |server| of_url(server)),
        Target::Folder { path } => path.clone(),
        Target::Vendor(vendor) => vendor.place().map_or_else(String::new, |(host, _)| host),
    }
}

/// Whether a host is elsewhere, so that reaching it takes a network.
pub fn is_elsewhere(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_lowercase();
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => !address.is_loopback() && address != Ipv4Addr::UNSPECIFIED,
        Ok(IpAddr::V6(address)) => {
            !address.is_loopback() && !address.to_ipv4_mapped().is_some_and(|address| address.is_loopback())
        }
        // A path is a socket on this computer.
        Err(_) => !(host == "localhost" || host.ends_with(".localhost") || host.starts_with('/')),
    }
}

/// That this computer has no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct NoNetwork {
    /// Since when, as far as the checks tell.
    pub since: DateTime<Utc>,
}

/// Whether the latest samples of checks of something elsewhere say that this computer has no network: one was found
/// to be for that reason, is not too old, and nobody answered after it.
pub(super) fn no_network<'a>(
    checks: impl IntoIterator<Item = (&'a Check, &'a CheckHealth)>,
    now: DateTime<Utc>,
) -> Option<NoNetwork> {
    let (mut lost, mut since, mut heard) = (None, None, None);
    for (check, health) in checks {
        let Some(sample) = &health.last else { continue };
        if sample.fault == Some(FaultClass::OwnNetwork) && now <= super::stale_at(check, sample.at) {
            lost = lost.max(Some(sample.at));
            since = Some(since.map_or(sample.at, |since: DateTime<Utc>| since.min(sample.at)));
        } else if answered(sample.fault) {
            heard = heard.max(Some(sample.at));
        }
    }
    since.filter(|_| lost > heard).map(|since| NoNetwork { since })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signs(words: &[(&str, Option<FaultClass>)]) -> Vec<Sign> {
        words.iter().map(|(host, fault)| Sign { site: site_of(host), fault: *fault }).collect()
    }

    #[test]
    fn nobody_is_accused_of_our_own_network() {
        const LOST: Option<FaultClass> = Some(FaultClass::Network);
        const SILENT: Option<FaultClass> = Some(FaultClass::Silent);
        const REFUSED: Option<FaultClass> = Some(FaultClass::Remote);
        type Row<'a> = (&'a [(&'a str, Option<FaultClass>)], bool, &'a [bool], Network);
        let table: [Row<'_>; 16] = [
            // No way out of this computer: whatever failed, failed for that.
            (&[("api.a.test", LOST)], false, &[], Network::Absent),
            (&[("api.a.test", SILENT)], false, &[], Network::Absent),
            // A network without a default route, such as a private one, on which somebody answers.
            (&[("api.a.test", LOST), ("10.0.0.5", None)], false, &[], Network::Present),
            // Everything at once.
            (&[("api.a.test", LOST), ("b.test", LOST)], true, &[], Network::Absent),
            (&[("api.a.test", LOST), ("b.test", LOST), ("10.0.0.5", SILENT)], true, &[], Network::Absent),
            // One provider is down, others are up: an outage stays one.
            (&[("api.a.test", LOST), ("b.test", None)], true, &[], Network::Present),
            (&[("api.a.test", SILENT), ("b.test", None)], true, &[], Network::Present),
            (&[("api.a.test", LOST), ("b.test", LOST), ("c.test", REFUSED)], true, &[], Network::Present),
            // One owner whose names are all gone is not everybody.
            (&[("api.a.test", LOST), ("db.a.test", LOST)], true, &[], Network::Unclear),
            (&[("api.a.test", LOST)], true, &[], Network::Unclear),
            // Silence alone may be two servers that hang.
            (&[("api.a.test", SILENT), ("b.test", SILENT)], true, &[], Network::Unclear),
            (&[], true, &[], Network::Unclear),
            // References decide: all of two or more failing are ours, one that answers is not.
            (&[("api.a.test", SILENT)], true, &[false, false], Network::Absent),
            (&[("api.a.test", LOST), ("b.test", LOST)], true, &[false, true], Network::Present),
            (&[("api.a.test", SILENT)], true, &[false], Network::Unclear),
            (&[("api.a.test", LOST)], false, &[true, false], Network::Present),
        ];
        for (row, (words, route, references, expected)) in table.into_iter().enumerate() {
            assert_eq!(network(&signs(words), route, references), expected, "row {row}");
        }
    }

    #[test]
    fn what_is_on_this_computer_needs_no_network() {
        for host in [
            "127.0.0.1",
            "127.8.8.8",
            "::1",
            "[::1]",
            "::ffff:127.0.0.1",
            "localhost",
            "Db.LOCALHOST",
            "localhost.",
            "/run/postgresql",
        ] {
            assert!(!is_elsewhere(host), "{host}");
        }
        for host in ["10.0.0.5", "192.168.1.1", "example.org", "localhost.example.org", "2001:db8::1", "169.254.1.1"] {
            assert!(is_elsewhere(host), "{host}");
        }
    }

    #[test]
    fn a_site_is_an_owner_and_a_host_is_without_its_port() {
        for (host, site) in [
            ("api.samia.example.org", "example.org"),
            ("Example.ORG.", "example.org"),
            ("localhost", "localhost"),
            ("10.0.0.5", "10.0.0.5"),
            ("[2001:db8::1]", "2001:db8::1"),
        ] {
            assert_eq!(site_of(host), site);
        }
        for (url, host) in [
            ("https://api.example.org:8443/a?b#c", "api.example.org"),
            ("https://user:word@api.example.org", "api.example.org"),
            ("http://[::1]:80", "[::1]"),
            ("http://[::1]", "[::1]"),
        ] {
            let target = Target::Http { url: url.to_owned(), ca: None, credential: None, private: false };
            assert_eq!(host_of(&target), host);
        }
    }
}
