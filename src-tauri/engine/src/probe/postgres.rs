//! PostgreSQL: what is asked of a server, its standby, its log archive. One connection each time, see `session`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use lifeboat_domain::{
    Id,
    check::{
        Outcome, PostgresArchiveProbe, PostgresProbe, PostgresReplicationProbe,
        judge::{
            self, ArchiveState, Archived, CouldNot, Earlier, Lsn, PostgresState, QuestionAnswer, Ready, Receiver,
            ReplicationState, StandbyState,
        },
    },
    plan::quantity::Period,
};
use tokio_postgres::{Error, Row, types::Type};

use super::{
    Attempt, Stage,
    session::{Session, Way, answer_of, column, fault},
};

/// How long after the first look a standby that seems behind is looked at again.
const SECOND_LOOK: Duration = Duration::from_millis(250);

pub(super) async fn server(attempt: &Attempt<'_>, probe: &PostgresProbe) -> Result<Outcome, CouldNot> {
    let mut session = connect(attempt, &probe.endpoint).await?;
    let row =
        one(attempt, &mut session, "select 1, pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'")
            .await?;
    let mut state =
        PostgresState { in_recovery: column(&row, 1)?, read_only: column(&row, 2)?, write: None, answers: Vec::new() };
    if probe.write && !state.in_recovery && !state.read_only {
        state.write = Some(answer_of(attempt, write(&mut session).await)?);
    }
    for question in &probe.questions {
        let asked = ask(attempt, &mut session, &question.query).await;
        state.answers.push(answer_of(attempt, asked)?.unwrap_or_else(QuestionAnswer::Error));
    }
    session.leave().await;
    Ok(judge::postgres(probe, &state))
}

pub(super) async fn replication(attempt: &Attempt<'_>, probe: &PostgresReplicationProbe) -> Result<Outcome, CouldNot> {
    // The primary gets half of the time, so that a silent one does not keep us from asking the standby.
    let half = Period::from_millis(attempt.limit.as_millis() / 2);
    // Both ways are had before either server is asked: while a keychain waits for a person, no server is waited for.
    let standby = Way::to(attempt, &probe.endpoint).await?;
    let primary = tokio::time::timeout(half.get(), Way::to(attempt, &probe.primary)).await;
    let primary = primary.unwrap_or_else(|_| Err(attempt.ran_out(half)));
    attempt.now_at(Stage::Talking);
    let primary = async {
        match tokio::time::timeout(half.get(), primary_position(attempt, primary?)).await {
            Ok(position) => position,
            Err(_) => Err(CouldNot::NoAnswer(half)),
        }
    };
    // The primary's position is taken before the standby's, or a standby that keeps up would look behind.
    let (primary, session) = tokio::join!(primary, Session::open(attempt, standby));
    let mut session = session?;
    let mut standby = look(attempt, &mut session).await?;
    let behind = standby.received > standby.replayed
        && standby.last_replayed.is_none_or(|last| standby.now - last > probe.degraded_behind.to_delta());
    if let Some(received) = standby.received.filter(|_| behind && attempt.left() > SECOND_LOOK * 2) {
        let earlier = Earlier { received, at: standby.now };
        tokio::time::sleep(SECOND_LOOK).await;
        standby = StandbyState { earlier: Some(earlier), ..look(attempt, &mut session).await? };
    }
    session.leave().await;
    Ok(judge::replication(probe, &ReplicationState { standby, primary }))
}

async fn primary_position(attempt: &Attempt<'_>, way: Way) -> Result<Lsn, CouldNot> {
    let mut session = Session::open(attempt, way).await?;
    // In recovery the position cannot be asked for, and is none of a primary's.
    let row =
        one(attempt, &mut session, "select case when not pg_is_in_recovery() then pg_current_wal_lsn()::text end")
            .await?;
    session.leave().await;
    position(&row, 0)?.ok_or_else(|| CouldNot::Answered("is in recovery itself".to_owned()))
}

async fn look(attempt: &Attempt<'_>, session: &mut Session) -> Result<StandbyState, CouldNot> {
    // The columns are evaluated in this order: what has arrived is read before what is replayed.
    let row = one(
        attempt,
        session,
        "select clock_timestamp(), pg_is_in_recovery(), \
         coalesce(case when pg_is_in_recovery() then pg_is_wal_replay_paused() end, false), \
         pg_last_wal_receive_lsn()::text, pg_last_wal_replay_lsn()::text, pg_last_xact_replay_timestamp(), \
         exists (select from pg_stat_wal_receiver), (select status from pg_stat_wal_receiver limit 1)",
    )
    .await?;
    let receiver = match (column::<bool>(&row, 6)?, column::<Option<String>>(&row, 7)?) {
        (false, _) => Receiver::None,
        (true, None) => Receiver::Hidden,
        (true, Some(status)) => Receiver::Status(status),
    };
    Ok(StandbyState {
        now: column(&row, 0)?,
        in_recovery: column(&row, 1)?,
        paused: column(&row, 2)?,
        receiver,
        received: position(&row, 3)?,
        replayed: position(&row, 4)?,
        last_replayed: column(&row, 5)?,
        earlier: None,
    })
}

pub(super) async fn archive(attempt: &Attempt<'_>, probe: &PostgresArchiveProbe) -> Result<Outcome, CouldNot> {
    let mut session = connect(attempt, &probe.endpoint).await?;
    // The command itself is not read: people write credentials into it.
    let row = one(
        attempt,
        &mut session,
        "select clock_timestamp(), pg_is_in_recovery(), current_setting('archive_mode'), \
         coalesce(current_setting('archive_command', true), '') not in ('', '(disabled)') \
           or coalesce(current_setting('archive_library', true), '') <> '', \
         coalesce((select setting::bigint > 0 from pg_settings where name = 'archive_timeout'), false), \
         last_archived_wal, last_archived_time, last_failed_wal, last_failed_time, failed_count, \
         coalesce(stats_reset, pg_postmaster_start_time()), \
         case when not pg_is_in_recovery() then pg_current_wal_lsn()::text end, \
         (select setting::bigint from pg_settings where name = 'wal_segment_size') \
         from pg_stat_archiver",
    )
    .await?;
    let archived = |segment, at| -> Result<Option<Archived>, CouldNot> {
        let found = column::<Option<String>>(&row, segment)?.zip(column::<Option<DateTime<Utc>>>(&row, at)?);
        Ok(found.map(|(segment, at)| Archived { segment, at }))
    };
    let count = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok()).unwrap_or(0);
    let state = ArchiveState {
        now: column(&row, 0)?,
        in_recovery: column(&row, 1)?,
        mode: column(&row, 2)?,
        has_archiver: column(&row, 3)?,
        switches: column(&row, 4)?,
        archived: archived(5, 6)?,
        failed: archived(7, 8)?,
        failures: count(column(&row, 9)?),
        since: column(&row, 10)?,
        position: position(&row, 11)?,
        segment_size: count(column(&row, 12)?),
        ready: ready(attempt, &mut session).await?,
    };
    session.leave().await;
    Ok(judge::archive(probe, &state))
}

/// Finished segments that wait. Nothing when the role may not see them, or the server cannot tell.
async fn ready(attempt: &Attempt<'_>, session: &mut Session) -> Result<Option<Ready>, CouldNot> {
    let query = "select count(*), min(modification) from pg_ls_archive_statusdir() where name like '%.ready'";
    match answer_of(attempt, row(session, query).await)? {
        Ok(row) => {
            let row = row.ok_or_else(|| CouldNot::Garbled("no row where there is always one".to_owned()))?;
            Ok(Some(Ready { count: u64::try_from(column::<i64>(&row, 0)?).unwrap_or(0), oldest: column(&row, 1)? }))
        }
        Err(_) => Ok(None),
    }
}

/// Writes a record to the log and has it flushed. Touches no table and leaves nothing behind.
async fn write(session: &mut Session) -> Result<(), Error> {
    let written = write_in_transaction(session).await;
    if written.is_err() {
        // Otherwise everything asked afterwards would fail with it.
        let _ = session.execute("rollback").await;
    }
    written
}

async fn write_in_transaction(session: &mut Session) -> Result<(), Error> {
    session.execute("begin").await?;
    // A role may have been set to be told of a commit before it is on disk; that would prove nothing.
    session
        .execute(
            "select set_config('synchronous_commit', 'on', true) where current_setting('synchronous_commit') = 'off'",
        )
        .await?;
    session.execute("select pg_logical_emit_message(true, 'lifeboat', 'write check')").await?;
    session.execute("commit").await
}

/// Begins a transaction that can change nothing.
pub(super) async fn begin_reading(attempt: &Attempt<'_>, session: &mut Session) -> Result<(), Error> {
    session.execute("begin transaction read only").await?;
    // The server gives up when we do, rather than working on for nobody.
    let left = attempt.left().as_millis().max(1).to_string();
    session.rows("select set_config('statement_timeout', $1, true)", &[(&left, Type::TEXT)]).await.map(|_| ())
}

/// Asks one of the plan's questions.
async fn ask(attempt: &Attempt<'_>, session: &mut Session, question: &str) -> Result<QuestionAnswer, Error> {
    begin_reading(attempt, session).await?;
    // Any type as text, and the first column whatever the others are called.
    //
    // The one place where SQL is not ours: the plan's author writes these questions, for this very database. The
    // transaction is read-only, and the extended protocol takes a single statement, so none can be smuggled in behind.
    let wrapped = format!(
        "select asked.lifeboat_answer::text from (\n{}\n) as asked (lifeboat_answer) limit 1",
        question.trim_end_matches([';', ' ', '\n', '\t', '\r'])
    );
    let asked = session.rows(&wrapped, &[]).await;
    session.execute("rollback").await?;
    Ok(match asked?.first() {
        Some(row) => QuestionAnswer::Value(row.try_get(0)?),
        None => QuestionAnswer::NoRow,
    })
}

/// The one row of a query of ours. In a transaction, because a pooler may give each step outside of one to another
/// connection of its own.
pub(super) async fn row(session: &mut Session, query: &'static str) -> Result<Option<Row>, Error> {
    session.execute("begin").await?;
    let rows = session.rows(query, &[]).await;
    session.execute("rollback").await?;
    Ok(rows?.pop())
}

pub(super) async fn one(attempt: &Attempt<'_>, session: &mut Session, query: &'static str) -> Result<Row, CouldNot> {
    let row = row(session, query).await.map_err(|error| fault(attempt, &error))?;
    row.ok_or_else(|| CouldNot::Garbled("no row where there is always one".to_owned()))
}

fn position(row: &Row, at: usize) -> Result<Option<Lsn>, CouldNot> {
    let text: Option<String> = column(row, at)?;
    text.map(|text| text.parse()).transpose().map_err(|_| CouldNot::Garbled("not a position in the log".to_owned()))
}

/// Connects to an endpoint of kind `postgres`.
pub(super) async fn connect(attempt: &Attempt<'_>, endpoint: &Id) -> Result<Session, CouldNot> {
    Session::open(attempt, Way::to(attempt, endpoint).await?).await
}
