//! Supabase's management interface: what it tells of a project and its backups, and what a restore of it needs.
//!
//! The names are the vendor's own. A word it says that is not known here is `Unknown`, never an error: its lists have
//! grown before. What was accepted is not recovered; that is seen by [`ProjectStatus`] and by our own checks.

use std::fmt;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use ts_rs::TS;

use super::{Answer, Standing, StandingClaim};
use crate::{check::judge::words::line, plan::read::choice};

/// The longest text of theirs that is kept, in bytes.
const LONGEST: usize = 200;

/// A project's reference: 20 lowercase letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectRef(String);

impl ProjectRef {
    /// The reference in a text, if it is one. Nothing else may stand in a path.
    pub fn of(text: &str) -> Option<Self> {
        let letters = text.len() == 20 && text.bytes().all(|byte| byte.is_ascii_lowercase());
        letters.then(|| Self(text.to_owned()))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProjectRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Leave to do one thing to a project that cannot be taken back. Made by whoever holds the approval, from the
/// reference as a person typed it; used up by the one call it is for.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Approved<'a> {
    typed: &'a str,
}

impl<'a> Approved<'a> {
    /// What was typed to confirm. Nothing may be filled in here that a person did not type.
    pub const fn by_typing(typed: &'a str) -> Self {
        Self { typed }
    }

    /// Whether that is the project it would be done to.
    pub fn is_for(&self, project: &ProjectRef) -> bool {
        self.typed == project.as_str()
    }
}

choice! {
    /// The state of a project.
    pub enum ProjectStatus {
        /// It runs.
        ActiveHealthy = "ACTIVE_HEALTHY",
        /// It runs badly.
        ActiveUnhealthy = "ACTIVE_UNHEALTHY",
        /// It starts.
        ComingUp = "COMING_UP",
        /// It stops.
        GoingDown = "GOING_DOWN",
        /// It is paused.
        Inactive = "INACTIVE",
        /// It could not be made.
        InitFailed = "INIT_FAILED",
        /// It is being paused.
        Pausing = "PAUSING",
        /// It could not be paused.
        PauseFailed = "PAUSE_FAILED",
        /// It is deleted.
        Removed = "REMOVED",
        /// It is being restored.
        Restoring = "RESTORING",
        /// It could not be restored.
        RestoreFailed = "RESTORE_FAILED",
        /// It restarts.
        Restarting = "RESTARTING",
        /// It gets another size.
        Resizing = "RESIZING",
        /// It gets another version.
        Upgrading = "UPGRADING",
        /// They do not know, or say a word that is not known here.
        #[serde(other)]
        Unknown = "UNKNOWN",
    }
}

impl ProjectStatus {
    /// Whether the project works. What is under way, and what nobody knows, may end either way.
    pub const fn works(self) -> StandingClaim {
        match self {
            Self::ActiveHealthy => StandingClaim::Yes,
            Self::ActiveUnhealthy
            | Self::Inactive
            | Self::InitFailed
            | Self::PauseFailed
            | Self::Removed
            | Self::RestoreFailed => StandingClaim::No,
            Self::ComingUp
            | Self::GoingDown
            | Self::Pausing
            | Self::Restoring
            | Self::Restarting
            | Self::Resizing
            | Self::Upgrading
            | Self::Unknown => StandingClaim::NotKnown,
        }
    }

    /// How we stand when the interface answered so and this is the state of the project.
    pub fn standing(self, answer: Answer) -> Standing {
        Standing { functional: self.works(), detail: format!("the project is {self}"), ..Standing::of(answer) }
    }
}

choice! {
    /// A service of a project whose health can be asked for.
    pub enum ProjectService {
        /// Sign-in.
        Auth = "auth",
        /// The database.
        Db = "db",
        /// The database, as the user `postgres`.
        DbPostgresUser = "db_postgres_user",
        /// The pooler of connections.
        Pooler = "pooler",
        /// Messages of changes.
        Realtime = "realtime",
        /// The interface to the tables.
        Rest = "rest",
        /// Stored objects.
        Storage = "storage",
        /// The earlier pooler.
        PgBouncer = "pg_bouncer",
    }
}

choice! {
    /// How a service of a project is.
    pub enum ProjectServiceStatus {
        /// It starts.
        ComingUp = "COMING_UP",
        /// It works.
        ActiveHealthy = "ACTIVE_HEALTHY",
        /// It does not work.
        Unhealthy = "UNHEALTHY",
        /// A word that is not known here.
        #[serde(other)]
        Unknown = "UNKNOWN",
    }
}

/// How one service of a project is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ProjectServiceHealth {
    /// Which, in the vendor's word.
    #[serde(deserialize_with = "told")]
    pub name: String,
    /// How it is.
    pub status: ProjectServiceStatus,
    /// What is wrong with it.
    #[serde(default, deserialize_with = "maybe_told")]
    pub error: Option<String>,
}

choice! {
    /// How a backup is.
    pub enum ProjectBackupStatus {
        /// It can be restored.
        Completed = "COMPLETED",
        /// It could not be taken.
        Failed = "FAILED",
        /// It is being taken.
        Pending = "PENDING",
        /// It is deleted.
        Removed = "REMOVED",
        /// It is put away.
        Archived = "ARCHIVED",
        /// It was not ended.
        Cancelled = "CANCELLED",
        /// A word that is not known here.
        #[serde(other)]
        Unknown = "UNKNOWN",
    }
}

/// One backup of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ProjectBackup {
    /// Its number, by which it is restored.
    #[ts(type = "number")]
    pub id: i64,
    /// Whether it is one of files rather than of statements.
    pub is_physical_backup: bool,
    /// How it is.
    pub status: ProjectBackupStatus,
    /// When it was taken, if they say so in a form that can be read.
    #[serde(default, deserialize_with = "instant")]
    pub inserted_at: Option<DateTime<Utc>>,
}

/// From when to when there are physical backups, in seconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ProjectPhysicalBackups {
    /// The earliest.
    #[ts(type = "number | null")]
    pub earliest_physical_backup_date_unix: Option<i64>,
    /// The latest.
    #[ts(type = "number | null")]
    pub latest_physical_backup_date_unix: Option<i64>,
}

/// The backups of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ProjectBackups {
    /// Where they are.
    #[serde(deserialize_with = "told")]
    pub region: String,
    /// Whether the log is archived.
    pub walg_enabled: bool,
    /// Whether a point in time can be gone back to.
    pub pitr_enabled: bool,
    /// One by one.
    pub backups: Vec<ProjectBackup>,
    /// From when to when.
    #[serde(default)]
    pub physical_backup_data: ProjectPhysicalBackups,
}

/// The points in time a project can be restored to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct RecoveryWindow {
    /// The earliest.
    pub earliest: DateTime<Utc>,
    /// The latest: what was written later would be lost.
    pub latest: DateTime<Utc>,
}

impl RecoveryWindow {
    /// Whether this point in time can be restored to.
    pub fn holds(&self, point: DateTime<Utc>) -> bool {
        (self.earliest..=self.latest).contains(&point)
    }
}

impl ProjectBackups {
    /// The points in time that can be gone back to; nothing unless both ends are told and in order.
    pub fn window(&self) -> Option<RecoveryWindow> {
        let at = |unix: Option<i64>| DateTime::from_timestamp(unix?, 0);
        let earliest = at(self.physical_backup_data.earliest_physical_backup_date_unix)?;
        let latest = at(self.physical_backup_data.latest_physical_backup_date_unix)?;
        (self.pitr_enabled && earliest <= latest).then_some(RecoveryWindow { earliest, latest })
    }

    /// When the newest backup that can be restored was taken.
    pub fn newest(&self) -> Option<DateTime<Utc>> {
        let completed = self.backups.iter().filter(|backup| backup.status == ProjectBackupStatus::Completed);
        completed.filter_map(|backup| backup.inserted_at).max()
    }
}

/// When the daily backup is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ProjectBackupSchedule {
    /// The time of day in UTC, as `HH:MM:SS`.
    #[serde(deserialize_with = "told")]
    pub schedule_for: String,
    /// When that was decided.
    #[serde(default, deserialize_with = "instant")]
    pub updated_at: Option<DateTime<Utc>>,
}

choice! {
    /// How a restore point is.
    pub enum RestorePointStatus {
        /// It can be gone back to.
        Available = "AVAILABLE",
        /// It is being made.
        Pending = "PENDING",
        /// It is gone.
        Removed = "REMOVED",
        /// It could not be made.
        Failed = "FAILED",
        /// A word that is not known here.
        #[serde(other)]
        Unknown = "UNKNOWN",
    }
}

/// A point that was marked to be gone back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct RestorePoint {
    /// Its name, at most 20 characters.
    #[serde(deserialize_with = "told")]
    pub name: String,
    /// How it is.
    pub status: RestorePointStatus,
    /// When it was made.
    #[serde(default, deserialize_with = "instant")]
    pub completed_on: Option<DateTime<Utc>>,
}

/// Whether a project takes no writes, which the vendor decides when a disk is full. Nobody can switch that on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ProjectReadOnly {
    /// It takes none.
    pub enabled: bool,
    /// It takes them all the same, for a while.
    pub override_enabled: bool,
    /// Until when.
    #[serde(default, deserialize_with = "instant")]
    pub override_active_until: Option<DateTime<Utc>>,
}

fn told<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(line(&String::deserialize(from)?, LONGEST))
}

fn maybe_told<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.map(|text| line(&text, LONGEST)))
}

/// An instant as they write it, which is not always with its zone; it is UTC then. Another text is none.
fn instant<'de, D: Deserializer<'de>>(from: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.and_then(|text| {
        let zoned = DateTime::parse_from_rfc3339(&text).map(|at| at.to_utc());
        let plain = || {
            ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
                .iter()
                .find_map(|form| NaiveDateTime::parse_from_str(&text, form).ok())
        };
        zoned.ok().or_else(|| plain().map(|at| at.and_utc()))
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::provider::Class;

    fn backups(pitr: bool, earliest: Option<i64>, latest: Option<i64>) -> ProjectBackups {
        serde_json::from_value(json!({
            "region": "eu-west-1\u{1b}[31m", "walg_enabled": true, "pitr_enabled": pitr,
            "backups": [
                {"id": 1, "is_physical_backup": true, "status": "COMPLETED", "inserted_at": "2026-11-01T04:00:00Z"},
                {"id": 2, "is_physical_backup": true, "status": "COMPLETED", "inserted_at": "2026-11-02 04:00:00"},
                {"id": 3, "is_physical_backup": true, "status": "FAILED", "inserted_at": "2026-11-03T04:00:00Z"},
                {"id": 4, "is_physical_backup": true, "status": "LAMINATED", "inserted_at": "yesterday"},
            ],
            "physical_backup_data":
                {"earliest_physical_backup_date_unix": earliest, "latest_physical_backup_date_unix": latest},
        }))
        .unwrap()
    }

    #[test]
    fn a_reference_is_twenty_lowercase_letters_and_leave_is_for_that_one() {
        let project = ProjectRef::of("abcdefghijklmnopqrst").unwrap();
        for other in
            ["", "abcdefghijklmnopqrs", "abcdefghijklmnopqrstu", "abcdefghijklmnopqrs1", "../../abcdefghijklmn"]
        {
            assert_eq!(ProjectRef::of(other), None, "{other}");
        }
        for (typed, is_for) in [("abcdefghijklmnopqrst", true), ("abcdefghijklmnopqrsT", false), ("", false)] {
            assert_eq!(Approved::by_typing(typed).is_for(&project), is_for, "{typed}");
        }
    }

    #[test]
    fn words_nobody_knows_are_unknown_and_unknown_is_never_well() {
        let status = |word: &str| serde_json::from_value::<ProjectStatus>(json!(word)).unwrap();
        for (word, works) in [
            ("ACTIVE_HEALTHY", StandingClaim::Yes),
            ("RESTORE_FAILED", StandingClaim::No),
            ("INACTIVE", StandingClaim::No),
            ("RESTORING", StandingClaim::NotKnown),
            ("UNKNOWN", StandingClaim::NotKnown),
            ("ACTIVE_HEALTHIER", StandingClaim::NotKnown),
        ] {
            let standing = status(word).standing(Answer::delivered("read"));
            assert_eq!(standing.functional, works, "{word}");
            assert_eq!(standing.reachable, StandingClaim::Yes);
            assert_eq!(standing.answer.unwrap().class, Class::Delivered);
        }
        assert_eq!(backups(true, None, None).backups[3].status, ProjectBackupStatus::Unknown);
    }

    #[test]
    fn there_is_a_window_only_where_both_its_ends_are_told() {
        let window = backups(true, Some(1_000), Some(2_000)).window().unwrap();
        let at = |unix| DateTime::from_timestamp(unix, 0).unwrap();
        for (unix, held) in [(999, false), (1_000, true), (2_000, true), (2_001, false)] {
            assert_eq!(window.holds(at(unix)), held, "{unix}");
        }
        for (pitr, earliest, latest) in [
            (false, Some(1_000), Some(2_000)),
            (true, None, Some(2_000)),
            (true, Some(1_000), None),
            (true, Some(2_000), Some(1_000)),
            (true, Some(i64::MIN), Some(i64::MAX)),
        ] {
            assert_eq!(backups(pitr, earliest, latest).window(), None, "{pitr} {earliest:?} {latest:?}");
        }
    }

    #[test]
    fn the_newest_backup_is_one_that_can_be_restored_and_texts_cannot_hurt() {
        let told = backups(true, None, None);
        assert_eq!(told.newest().unwrap().to_rfc3339(), "2026-11-02T04:00:00+00:00");
        assert_eq!(told.backups[3].inserted_at, None);
        assert!(!told.region.contains('\u{1b}'), "{}", told.region);
    }
}
