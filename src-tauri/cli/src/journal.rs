//! `lifeboat journal`: list, verify, export, copy and restore what was kept.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use lifeboat_domain::{Code, Problem};
use lifeboat_engine::{Engine, view::JournalQuery};

use crate::{
    Place,
    answer::{Answer, Ending, tell_problem, time, visible},
    progress,
};

#[derive(Debug, Subcommand)]
pub(crate) enum JournalVerb {
    /// Show entries, newest first.
    List(ListArguments),
    /// Recompute every hash from the first entry on; names the first bad entry and exits 1.
    Verify,
    /// Make what is kept for speed anew from the entries.
    Rebuild,
    /// Copy the whole journal to a file for keeping elsewhere, while it is in use; a manifest is put beside it.
    Backup {
        /// The file to make; it must not exist.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Begin an empty home with a backup, under a device id of its own.
    Restore {
        /// The backup; its manifest must be beside it.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Write the whole journal to a file, one JSON object a line, for others to verify.
    Export {
        /// The file to make; it must not exist. By default a new one in the home's exports folder.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// At most this many, 200 at most.
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Only this kind of fact, such as health-changed.
    #[arg(long)]
    kind: Option<String>,
    /// Only this check.
    #[arg(long)]
    check: Option<String>,
    /// Only entries that contain this text.
    #[arg(long)]
    text: Option<String>,
    /// Only entries before this place, as the answer before gave it.
    #[arg(long, value_name = "CURSOR")]
    before: Option<String>,
}

pub(crate) async fn run(place: &Place, verb: JournalVerb, answer: Answer) -> Result<Ending, Problem> {
    if let JournalVerb::Restore { file } = &verb {
        return restore(place, file, answer).await;
    }
    if !place.home.join("journal.sqlite").exists() {
        let message = format!("there is no journal in {}", place.home.display());
        let hint = "Name the home with --home. A journal is made when something is checked or appended.";
        return Err(Problem::new(Code::NotAllowedNow, message).hint(hint).field("home"));
    }
    let engine = place.open().await?;
    let ending = answer_to(&engine, verb, answer).await;
    engine.close().await;
    ending
}

async fn restore(place: &Place, file: &Path, answer: Answer) -> Result<Ending, Problem> {
    let restored = progress::during("restoring", Engine::journal_restore(&place.home, file, crate::actor())).await?;
    let text = format!(
        "{} entries restored to {}\nthey are those of device {}; this home goes on as device {}",
        restored.entries, restored.home, restored.from, restored.device
    );
    answer.give(&restored, &text)?;
    Ok(Ending::Good)
}

async fn answer_to(engine: &Engine, verb: JournalVerb, answer: Answer) -> Result<Ending, Problem> {
    match verb {
        JournalVerb::List(arguments) => {
            let query = JournalQuery {
                before: arguments.before,
                limit: Some(arguments.limit),
                kind: arguments.kind,
                check: arguments.check,
                text: arguments.text,
            };
            let page = engine.journal_list(query).await?;
            let mut text = String::new();
            for entry in &page.entries {
                let _ = writeln!(
                    text,
                    "{}  {}  {}  {}",
                    time(entry.at),
                    entry.hash.get(..8).unwrap_or(&entry.hash),
                    visible(&entry.actor),
                    visible(&entry.summary)
                );
            }
            if page.entries.is_empty() {
                text.push_str("no entries\n");
            }
            if let Some(cursor) = &page.cursor {
                let _ = writeln!(text, "{} entries in all; older ones: --before {cursor}", page.total);
            }
            for note in &page.notes {
                let _ = writeln!(text, "note: {}", visible(&note.message));
            }
            if let Some(problem) = &page.read_only {
                let _ = writeln!(text, "open for reading only: {}", visible(&problem.message));
            }
            answer.give(&page, &text)?;
            Ok(Ending::Good)
        }
        JournalVerb::Verify => {
            let verification = progress::during("verifying", engine.journal_verify()).await?;
            let mut text = match &verification.bad {
                None => format!(
                    "{} entries, every one as it was written; {} signed checkpoints hold",
                    verification.intact, verification.checkpoints
                ),
                Some(bad) => format!(
                    "entry {} is bad: {}\nthe {} entries before it are as they were written",
                    bad.entry, bad.fault, verification.intact
                ),
            };
            for sentence in verification.clock.sentences() {
                let _ = write!(text, "\n{sentence}");
            }
            let ending = if verification.bad.is_none() { Ending::Good } else { Ending::Bad };
            answer.give(&verification, &text)?;
            Ok(ending)
        }
        JournalVerb::Rebuild => {
            let rebuilt = progress::during("rebuilding", engine.journal_rebuild()).await?;
            let text = format!(
                "made anew from the entries: where {} chains end, the health of {} checks",
                rebuilt.chains, rebuilt.healths
            );
            answer.give(&rebuilt, &text)?;
            Ok(Ending::Good)
        }
        JournalVerb::Backup { file } => {
            let backup = progress::during("copying", engine.journal_backup(file)).await?;
            let text = format!(
                "{} entries copied to {}\nits manifest, needed to restore it: {}",
                backup.entries, backup.path, backup.manifest
            );
            answer.give(&backup, &text)?;
            Ok(Ending::Good)
        }
        // Needs a home without a journal, so it has no engine.
        JournalVerb::Restore { .. } => Err(Problem::bug("a home was opened to be restored into")),
        JournalVerb::Export { file } => {
            let export = progress::during("exporting", engine.journal_export(file)).await?;
            let text =
                format!("{} entries and {} checkpoints written to {}", export.entries, export.checkpoints, export.path);
            answer.give(&export, &text)?;
            // What lies behind damage is not exported, and an export that is not all must not look like all.
            match engine.trouble().filter(|problem| problem.code == Code::JournalDamaged) {
                Some(problem) => {
                    tell_problem(&problem, answer.json);
                    Ok(Ending::Bad)
                }
                None => Ok(Ending::Good),
            }
        }
    }
}
