//! `lifeboat maintenance`, `mute` and `unmute`: who is not to be alarmed, of what, until when.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use lifeboat_domain::{
    Code, Id, Problem,
    plan::quantity::Period,
    status::{Scope, Silence, SilenceKind},
};
use lifeboat_engine::{Engine, view::SilenceWanted};
use serde::Serialize;

use crate::{
    Place,
    answer::{Answer, Ending, time, visible},
};

#[derive(Debug, Subcommand)]
pub(crate) enum MaintenanceVerb {
    /// Begin a maintenance now, or plan one: of everything, one part or one check.
    Begin {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        end: End,
        /// When it begins, as 2026-11-23T22:00:00Z; now when absent.
        #[arg(long, value_name = "TIME")]
        from: Option<DateTime<Utc>>,
        /// What is done.
        #[arg(long)]
        reason: String,
    },
    /// End one before its time, or take one back that is planned.
    End {
        /// Its entry, as the list gives it; may be left out while there is only one.
        entry: Option<String>,
    },
    /// Show what is in maintenance or muted, and what is planned.
    List,
}

#[derive(Debug, Args)]
pub(crate) struct MuteArguments {
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    end: End,
    /// Why.
    #[arg(long, default_value = "")]
    reason: String,
}

/// What it is for; everything when nothing is named.
#[derive(Debug, Args)]
pub(crate) struct Of {
    /// One function, system, store or provider.
    #[arg(long, value_name = "ID", conflicts_with = "check")]
    part: Option<String>,
    /// One check.
    #[arg(long, value_name = "ID")]
    check: Option<String>,
}

/// When it ends.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct End {
    /// For how long, such as 30m, 8h or 2d.
    #[arg(long = "for", value_name = "TIME")]
    length: Option<String>,
    /// Until when, as 2026-11-23T22:00:00Z.
    #[arg(long, value_name = "TIME")]
    until: Option<DateTime<Utc>>,
}

#[derive(Debug, Serialize)]
struct Silences {
    silences: Vec<Silence>,
}

pub(crate) async fn maintenance(place: &Place, verb: MaintenanceVerb, answer: Answer) -> Result<Ending, Problem> {
    let engine = place.open().await?;
    let silences = match verb {
        MaintenanceVerb::Begin { of, end, from, reason } => match wanted(&of, &end, from, reason) {
            Ok(wanted) => engine.maintenance_begin(wanted).await,
            Err(problem) => Err(problem),
        },
        MaintenanceVerb::End { entry } => match one(&engine, SilenceKind::Maintenance, entry).await {
            Ok(entry) => engine.maintenance_end(entry).await,
            Err(problem) => Err(problem),
        },
        MaintenanceVerb::List => engine.silences().await,
    };
    engine.close().await;
    tell(silences?, answer)
}

pub(crate) async fn mute(place: &Place, arguments: MuteArguments, answer: Answer) -> Result<Ending, Problem> {
    let wanted = wanted(&arguments.of, &arguments.end, None, arguments.reason)?;
    let engine = place.open().await?;
    let silences = engine.mute(wanted).await;
    engine.close().await;
    tell(silences?, answer)
}

pub(crate) async fn unmute(place: &Place, entry: Option<String>, answer: Answer) -> Result<Ending, Problem> {
    let engine = place.open().await?;
    let silences = match one(&engine, SilenceKind::Mute, entry).await {
        Ok(entry) => engine.unmute(entry).await,
        Err(problem) => Err(problem),
    };
    engine.close().await;
    tell(silences?, answer)
}

fn wanted(of: &Of, end: &End, from: Option<DateTime<Utc>>, reason: String) -> Result<SilenceWanted, Problem> {
    let name = |field: &str, name: &str| {
        let wrong = |_| Problem::new(Code::Usage, format!("nothing is called \"{name}\"")).field(field);
        name.parse::<Id>().map_err(wrong)
    };
    let scope = match (&of.part, &of.check) {
        (Some(part), _) => Scope::Part(name("part", part)?),
        (None, Some(check)) => Scope::Check(name("check", check)?),
        (None, None) => Scope::Everything,
    };
    let until = match (end.until, &end.length) {
        (Some(until), _) => until,
        (None, Some(length)) => {
            let period: Period = length.parse().map_err(|error| {
                Problem::new(Code::Usage, format!("\"{length}\" is not a length of time: {error}")).field("for")
            })?;
            from.unwrap_or_else(Utc::now)
                .checked_add_signed(period.to_delta())
                .ok_or_else(|| Problem::new(Code::Usage, "too long a time").field("for"))?
        }
        (None, None) => return Err(Problem::new(Code::Usage, "an end is missing").field("until")),
    };
    Ok(SilenceWanted { scope, from, until, reason })
}

/// The entry that was named, or the only one there is.
async fn one(engine: &Engine, kind: SilenceKind, entry: Option<String>) -> Result<String, Problem> {
    if let Some(entry) = entry {
        return Ok(entry);
    }
    let mut silences = engine.silences().await?;
    silences.retain(|silence| silence.kind == kind);
    match silences.as_slice() {
        [only] => Ok(only.entry.clone()),
        [] => Err(Problem::new(Code::NotAllowedNow, format!("there is no {kind} to end"))),
        several => Err(Problem::new(Code::Usage, format!("there is more than one {kind}: {}", several.len()))
            .hint("Name its entry; `lifeboat maintenance list` shows them.")
            .field("entry")),
    }
}

fn tell(silences: Vec<Silence>, answer: Answer) -> Result<Ending, Problem> {
    let now = Utc::now();
    let mut text = String::new();
    for silence in &silences {
        let _ = writeln!(text, "{}  {}", silence.entry, in_words(silence, now));
    }
    if silences.is_empty() {
        text.push_str("nothing is in maintenance or muted\n");
    }
    answer.give(&Silences { silences }, &text)?;
    Ok(Ending::Good)
}

/// A maintenance or mute in one line.
pub(crate) fn in_words(silence: &Silence, now: DateTime<Utc>) -> String {
    let what = match silence.kind {
        SilenceKind::Maintenance => "⚒ Maintenance of",
        SilenceKind::Mute => "Alarms muted of",
    };
    let from = if silence.from > now { format!(" from {}", time(silence.from)) } else { String::new() };
    let reason = if silence.reason.is_empty() { String::new() } else { format!(": {}", visible(&silence.reason)) };
    format!("{what} {}{from} until {} by {}{reason}", silence.scope, time(silence.until), visible(&silence.by))
}
