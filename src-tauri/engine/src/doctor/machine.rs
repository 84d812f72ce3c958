//! The computer itself: space, network, clock, display. Facts come in as arguments where a test needs others.

use std::{fs, io, path::Path};

use chrono::{DateTime, TimeZone, Utc};
use lifeboat_domain::plan::quantity::Size;

use super::{DoctorItem, Finding};

const LACKING_BELOW: u64 = 1 << 30;
const MISSING_BELOW: u64 = 100 << 20;

/// Free space where the home is, or will be.
pub(super) fn disk(home: &Path) -> DoctorItem {
    let (id, name) = ("disk", "Free disk space");
    let Some(existing) = home.ancestors().find(|folder| folder.exists()) else {
        return DoctorItem::new(id, name, Finding::Unknown, "the home's folder could not be looked at");
    };
    match rustix::fs::statvfs(existing) {
        Ok(space) => space_found(space.f_bavail.saturating_mul(space.f_frsize)),
        Err(error) => DoctorItem::new(id, name, Finding::Unknown, format!("could not be asked: {error}")),
    }
}

fn space_found(free: u64) -> DoctorItem {
    let whole = if free >= 1 << 30 { free >> 30 << 30 } else { free >> 20 << 20 };
    let finding = match free {
        free if free < MISSING_BELOW => Finding::Missing,
        free if free < LACKING_BELOW => Finding::Lacking,
        _ => Finding::Good,
    };
    let item = DoctorItem::new("disk", "Free disk space", finding, Size::from_bytes(whole).to_string());
    match finding {
        Finding::Missing => item.hint("The journal needs space for evidence. Free at least 100 MiB, better 1 GiB."),
        Finding::Lacking => item.hint("Enough for checks, not for a restore. Free at least 1 GiB."),
        Finding::Good | Finding::Unknown => item,
    }
}

/// Whether the home can be written.
pub(super) fn home(home: &Path) -> DoctorItem {
    let (id, name) = ("home", "Home folder");
    let Some(existing) = home.ancestors().find(|folder| folder.exists()) else {
        return DoctorItem::new(id, name, Finding::Missing, format!("{} cannot be made", home.display()))
            .hint("Name another folder with --home.");
    };
    let found = if existing == home { home.display().to_string() } else { format!("{}, not made yet", home.display()) };
    let usable = rustix::fs::access(existing, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK);
    match usable {
        Ok(()) if existing.is_dir() => DoctorItem::new(id, name, Finding::Good, found),
        Ok(()) => DoctorItem::new(id, name, Finding::Missing, format!("{} is not a folder", existing.display()))
            .hint("Name another folder with --home."),
        Err(error) => {
            DoctorItem::new(id, name, Finding::Missing, format!("{} cannot be written: {error}", existing.display()))
                .hint("Make it writable for you, or name another folder with --home.")
        }
    }
}

/// The kernel's routing tables as text.
#[derive(Debug)]
pub(super) struct Routes {
    pub(super) version_4: io::Result<String>,
    pub(super) version_6: io::Result<String>,
}

impl Routes {
    pub(super) fn read() -> Self {
        Self { version_4: fs::read_to_string("/proc/net/route"), version_6: fs::read_to_string("/proc/net/ipv6_route") }
    }

    /// The interfaces with a default route; nothing when the tables cannot be read.
    fn default_interfaces(&self) -> Option<Vec<String>> {
        // proc(5): interface, destination and gateway in hexadecimal, flags; mask in the eighth column.
        let version_4 = self.version_4.as_ref().ok().map(|table| {
            let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
            let default = rows.filter(|row| row.get(1) == Some(&"00000000") && row.get(7) == Some(&"00000000"));
            default.filter_map(|row| row.first().map(|name| (*name).to_owned())).collect::<Vec<_>>()
        });
        // Destination and its prefix length, ..., flags in the ninth column, interface last. The kernel keeps a
        // rejecting default route on the loopback interface; it leads nowhere.
        let version_6 = self.version_6.as_ref().ok().map(|table| {
            let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
            let default = rows.filter(|row| {
                row.first().is_some_and(|destination| destination.bytes().all(|digit| digit == b'0'))
                    && row.get(1) == Some(&"00")
                    && row.last() != Some(&"lo")
            });
            default.filter_map(|row| row.last().map(|name| (*name).to_owned())).collect::<Vec<_>>()
        });
        let mut all: Vec<String> = match (version_4, version_6) {
            (None, None) => return None,
            (one, other) => one.into_iter().chain(other).flatten().collect(),
        };
        all.sort();
        all.dedup();
        Some(all)
    }
}

/// Whether anything outside can be reached at all. Nothing is sent.
pub(super) fn network(routes: &Routes) -> DoctorItem {
    let (id, name) = ("network", "Network");
    match routes.default_interfaces() {
        Some(interfaces) if interfaces.is_empty() => {
            DoctorItem::new(id, name, Finding::Lacking, "no network: checks of outside services will be unknown")
                .hint("Connect this computer to a network. Checks of the practice range work without one.")
        }
        Some(interfaces) => {
            DoctorItem::new(id, name, Finding::Good, format!("default route over {}", interfaces.join(" and ")))
        }
        None => DoctorItem::new(id, name, Finding::Unknown, "the routing table could not be read"),
    }
}

/// Whether the clock can be right at all: it is not before this program was made, and not far after.
pub(super) fn clock(now: DateTime<Utc>) -> DoctorItem {
    let (id, name) = ("clock", "Clock");
    let earliest = Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).single().unwrap_or_default();
    let latest = Utc.with_ymd_and_hms(2076, 1, 1, 0, 0, 0).single().unwrap_or_default();
    let found = now.format("%Y-%m-%d %H:%M:%S UTC").to_string();
    if (earliest..latest).contains(&now) {
        return DoctorItem::new(id, name, Finding::Good, found);
    }
    DoctorItem::new(id, name, Finding::Missing, found).hint(
        "The clock is wrong. Certificates and signatures will be refused and the journal's times mislead; set it, \
         best with a time service.",
    )
}

/// Whether a window can be shown.
pub(super) fn display(is_set: impl Fn(&str) -> bool) -> DoctorItem {
    let (id, name) = ("display", "Display");
    match ["WAYLAND_DISPLAY", "DISPLAY"].into_iter().find(|variable| is_set(variable)) {
        Some(variable) => DoctorItem::new(id, name, Finding::Good, format!("{variable} is set")),
        None => DoctorItem::new(id, name, Finding::Lacking, "none: the window cannot be shown")
            .hint("Use the command line, such as `lifeboat watch`, or log in to a desktop."),
    }
}
