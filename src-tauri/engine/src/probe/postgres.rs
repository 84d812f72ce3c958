//! PostgreSQL: a server, its standby, its log archive.
//!
//! One plain connection each time, with every option stated here: nothing of the environment's `PG...` variables or
//! of a password file may change whom is asked. Works through a pooler: no statement is kept, no setting outlives
//! its transaction.

use std::time::Duration;

use chrono::{DateTime, Utc};
use lifeboat_domain::{
    Id,
    check::{
        Outcome, PostgresArchiveProbe, PostgresProbe, PostgresReplicationProbe,
        judge::{
            self, ArchiveState, Archived, CouldNot, DatabaseError, Earlier, Lsn, PostgresState, QuestionAnswer, Ready,
            Receiver, ReplicationState, StandbyState,
        },
    },
    environment::{Target, TlsMode, address},
    plan::quantity::Period,
};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row,
    postgres::{PgConnectOptions, PgRow, PgSslMode},
};

use super::{Attempt, network::innermost, wrong_kind};

/// How long after the first look a standby that seems behind is looked at again.
const SECOND_LOOK: Duration = Duration::from_millis(250);

pub(super) async fn server(attempt: &Attempt<'_>, probe: &PostgresProbe) -> Result<Outcome, CouldNot> {
    let mut connection = connect(attempt, &probe.endpoint).await?;
    let row =
        one(attempt, &mut connection, "select 1, pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'")
            .await?;
    let mut state =
        PostgresState { in_recovery: column(&row, 1)?, read_only: column(&row, 2)?, write: None, answers: Vec::new() };
    if probe.write && !state.in_recovery && !state.read_only {
        state.write = Some(answer_of(attempt, write(&mut connection).await)?);
    }
    for question in &probe.questions {
        let asked = ask(attempt, &mut connection, &question.query).await;
        state.answers.push(answer_of(attempt, asked)?.unwrap_or_else(QuestionAnswer::Error));
    }
    leave(connection).await;
    Ok(judge::postgres(probe, &state))
}

pub(super) async fn replication(attempt: &Attempt<'_>, probe: &PostgresReplicationProbe) -> Result<Outcome, CouldNot> {
    // The primary gets half of the time, so that a silent one does not keep us from asking the standby.
    let half = Period::from_millis(attempt.limit.as_millis() / 2);
    let primary = async {
        match tokio::time::timeout(half.get(), primary_position(attempt, &probe.primary)).await {
            Ok(position) => position,
            Err(_) => Err(CouldNot::NoAnswer(half)),
        }
    };
    // The primary's position is taken before the standby's, or a standby that keeps up would look behind.
    let (primary, connection) = tokio::join!(primary, connect(attempt, &probe.endpoint));
    let mut connection = connection?;
    let mut standby = look(attempt, &mut connection).await?;
    let behind = standby.received > standby.replayed
        && standby.last_replayed.is_none_or(|last| standby.now - last > probe.degraded_behind.to_delta());
    if let Some(received) = standby.received.filter(|_| behind && attempt.left() > SECOND_LOOK * 2) {
        let earlier = Earlier { received, at: standby.now };
        tokio::time::sleep(SECOND_LOOK).await;
        standby = StandbyState { earlier: Some(earlier), ..look(attempt, &mut connection).await? };
    }
    leave(connection).await;
    Ok(judge::replication(probe, &ReplicationState { standby, primary }))
}

async fn primary_position(attempt: &Attempt<'_>, endpoint: &Id) -> Result<Lsn, CouldNot> {
    let mut connection = connect(attempt, endpoint).await?;
    // In recovery the position cannot be asked for, and is none of a primary's.
    let row =
        one(attempt, &mut connection, "select case when not pg_is_in_recovery() then pg_current_wal_lsn()::text end")
            .await?;
    leave(connection).await;
    position(&row, 0)?.ok_or_else(|| CouldNot::Answered("is in recovery itself".to_owned()))
}

async fn look(attempt: &Attempt<'_>, connection: &mut PgConnection) -> Result<StandbyState, CouldNot> {
    // The columns are evaluated in this order: what has arrived is read before what is replayed.
    let row = one(
        attempt,
        connection,
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
    let mut connection = connect(attempt, &probe.endpoint).await?;
    // The command itself is not read: people write credentials into it.
    let row = one(
        attempt,
        &mut connection,
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
        ready: ready(attempt, &mut connection).await?,
    };
    leave(connection).await;
    Ok(judge::archive(probe, &state))
}

/// Finished segments that wait. Nothing when the role may not see them, or the server cannot tell.
async fn ready(attempt: &Attempt<'_>, connection: &mut PgConnection) -> Result<Option<Ready>, CouldNot> {
    let query = "select count(*), min(modification) from pg_ls_archive_statusdir() where name like '%.ready'";
    match answer_of(attempt, row(connection, query).await)? {
        Ok(row) => {
            Ok(Some(Ready { count: u64::try_from(column::<i64>(&row, 0)?).unwrap_or(0), oldest: column(&row, 1)? }))
        }
        Err(_) => Ok(None),
    }
}

/// Writes a record to the log and has it flushed. Touches no table and leaves nothing behind.
async fn write(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let written = write_in_transaction(connection).await;
    if written.is_err() {
        // Otherwise everything asked afterwards would fail with it.
        let _ = execute(connection, "rollback").await;
    }
    written
}

async fn write_in_transaction(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    execute(connection, "begin").await?;
    // A role may have been set to be told of a commit before it is on disk; that would prove nothing.
    execute(
        connection,
        "select set_config('synchronous_commit', 'on', true) where current_setting('synchronous_commit') = 'off'",
    )
    .await?;
    execute(connection, "select pg_logical_emit_message(true, 'lifeboat', 'write check')").await?;
    execute(connection, "commit").await
}

/// Asks one of the plan's questions.
async fn ask(
    attempt: &Attempt<'_>,
    connection: &mut PgConnection,
    question: &str,
) -> Result<QuestionAnswer, sqlx::Error> {
    execute(connection, "begin transaction read only").await?;
    // The server gives up when we do, rather than working on for nobody.
    let left = attempt.left().as_millis().max(1).to_string();
    sqlx::query("select set_config('statement_timeout', $1, true)")
        .bind(left)
        .persistent(false)
        .execute(&mut *connection)
        .await?;
    // Any type as text, and the first column whatever the others are called.
    let wrapped = format!(
        "select asked.lifeboat_answer::text from (\n{}\n) as asked (lifeboat_answer) limit 1",
        question.trim_end_matches([';', ' ', '\n', '\t', '\r'])
    );
    // The one place where SQL is not ours: the plan's author writes these questions, for this very database. The
    // transaction is read-only, and the extended protocol takes a single statement, so none can be smuggled in behind.
    let asked = sqlx::query(AssertSqlSafe(wrapped)).persistent(false).fetch_optional(&mut *connection).await;
    execute(connection, "rollback").await?;
    Ok(match asked? {
        Some(row) => QuestionAnswer::Value(row.try_get(0)?),
        None => QuestionAnswer::NoRow,
    })
}

/// A statement of ours that gives nothing back.
async fn execute(connection: &mut PgConnection, statement: &'static str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(statement).execute(connection).await.map(|_| ())
}

/// The one row of a query of ours. In a transaction, because a pooler may give each step outside of one to another
/// connection of its own.
async fn row(connection: &mut PgConnection, query: &'static str) -> Result<PgRow, sqlx::Error> {
    execute(connection, "begin").await?;
    let row = sqlx::query(query).persistent(false).fetch_one(&mut *connection).await;
    execute(connection, "rollback").await?;
    row
}

async fn one(attempt: &Attempt<'_>, connection: &mut PgConnection, query: &'static str) -> Result<PgRow, CouldNot> {
    row(connection, query).await.map_err(|error| fault(attempt, &error))
}

fn column<'r, T>(row: &'r PgRow, at: usize) -> Result<T, CouldNot>
where
    T: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    row.try_get(at).map_err(|error| CouldNot::Garbled(innermost(&error)))
}

fn position(row: &PgRow, at: usize) -> Result<Option<Lsn>, CouldNot> {
    let text: Option<String> = column(row, at)?;
    text.map(|text| text.parse()).transpose().map_err(|_| CouldNot::Garbled("not a position in the log".to_owned()))
}

async fn connect(attempt: &Attempt<'_>, endpoint: &Id) -> Result<PgConnection, CouldNot> {
    let Target::Postgres { host, port, database, user, credential, tls, ca, private } = attempt.target(endpoint)?
    else {
        return Err(wrong_kind());
    };
    let password = match credential {
        Some(handle) => Some(attempt.credential(handle).await?),
        None => None,
    };
    let options = PgConnectOptions::new_without_pgpass();
    environment_is_clean(&options, *tls)?;
    let options = options
        .host(host)
        .port(*port)
        .database(database)
        .username(user)
        .password(password.as_ref().map_or("", |password| password.reveal()))
        .application_name("lifeboat")
        // A pooler refuses start-up settings it does not know.
        .extra_float_digits(None)
        .statement_cache_capacity(0)
        .disable_statement_logging();
    let options = match tls {
        TlsMode::Off => options.ssl_mode(PgSslMode::Disable),
        TlsMode::VerifyFull => {
            let pem = match ca {
                Some(file) => attempt.authority(file).await?.pem.to_vec(),
                None => Vec::new(),
            };
            options.ssl_mode(PgSslMode::VerifyFull).ssl_root_cert_from_pem(pem)
        }
    };
    // The library resolves the name itself; this is to tell a name that is not found from a server that is down.
    attempt.addresses(host, *port, *private || address::names_itself(host)).await?;
    PgConnection::connect_with(&options).await.map_err(|error| fault(attempt, &error))
}

/// The library reads `PG...` variables. What it lets us state is stated; the rest must not be there.
fn environment_is_clean(options: &PgConnectOptions, tls: TlsMode) -> Result<(), CouldNot> {
    let present = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let certificate = tls == TlsMode::VerifyFull && (present("PGSSLCERT") || present("PGSSLKEY"));
    let name = match (options.get_options(), certificate) {
        (Some(_), _) => "PGOPTIONS",
        (None, true) => "PGSSLCERT or PGSSLKEY",
        (None, false) => return Ok(()),
    };
    Err(CouldNot::Local(format!("{name} is set for this program and would change what is asked: start it without")))
}

/// Says goodbye, so that the server does not log a lost connection. Not worth waiting for.
async fn leave(connection: PgConnection) {
    let _ = tokio::time::timeout(Duration::from_millis(200), connection.close()).await;
}

/// An error the server answered with is an answer; any other means that there is none.
fn answer_of<T>(attempt: &Attempt<'_>, result: Result<T, sqlx::Error>) -> Result<Result<T, DatabaseError>, CouldNot> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(sqlx::Error::Database(error)) => Ok(Err(database_error(error.as_ref()))),
        Err(error) => Err(fault(attempt, &error)),
    }
}

fn database_error(error: &dyn sqlx::error::DatabaseError) -> DatabaseError {
    let state = error.code().unwrap_or_default().into_owned();
    DatabaseError { state, message: error.message().to_owned() }
}

fn fault(attempt: &Attempt<'_>, error: &sqlx::Error) -> CouldNot {
    match error {
        sqlx::Error::Database(error) => database_error(error.as_ref()).could_not(),
        sqlx::Error::Configuration(_) => CouldNot::Local(innermost(error)),
        sqlx::Error::Tls(_) => attempt.fault_in(error).unwrap_or_else(|| CouldNot::NoTls(innermost(error))),
        other => attempt.fault_in(other).unwrap_or_else(|| CouldNot::Garbled(innermost(other))),
    }
}
