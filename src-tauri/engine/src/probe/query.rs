//! What a database says of its data and its size. One connection, one read-only transaction, answers of bounded size.

use lifeboat_domain::check::{
    Outcome, PostgresSizeProbe, SqlProbe, Wanted,
    judge::{self, CouldNot, DatabaseSize, QuestionAnswer, SqlAnswer, TableSize},
};
use tokio_postgres::{Error, Row, types::Type};

use super::{
    Attempt,
    postgres::connect,
    session::{Session, answer_of, column, fault},
};

/// The longest answer that is looked at, in characters.
const LONGEST: u32 = 1_024;

/// Every table with its partitions under the name of the first of them, by object id: a name would have to be quoted,
/// and then still be found. Sizes need no right on the table; of a table that is dropped meanwhile there is none.
const TABLES: &str = "with recursive part (root, relation, level) as ( \
       select c.oid, c.oid, 0 from pg_class c join pg_namespace n on n.oid = c.relnamespace \
       where c.relkind in ('r', 'p', 'm') and not c.relispartition \
         and n.nspname <> 'information_schema' and n.nspname !~ '^pg_(catalog|toast|temp)' \
       union all \
       select part.root, i.inhrelid, level + 1 from part join pg_inherits i on i.inhparent = part.relation \
       join pg_class c on c.oid = i.inhrelid where c.relispartition \
     ), sized as ( \
       select root, sum(coalesce(pg_total_relation_size(relation), 0))::bigint as bytes, \
         count(*) filter (where level > 0) as partitions \
       from part group by root \
     ) \
     select format('%I.%I', n.nspname, c.relname), bytes, partitions, count(*) over () \
     from sized join pg_class c on c.oid = root join pg_namespace n on n.oid = c.relnamespace \
     order by bytes desc, 1 limit 50";

/// The database, all databases whose sizes our role may see, and how many it may not.
const DATABASES: &str = "select pg_database_size(current_database()), \
       coalesce(sum(pg_database_size(oid)) filter (where seen), 0)::bigint, count(*) filter (where not seen) \
     from (select oid, has_database_privilege(oid, 'connect') or pg_has_role('pg_read_all_stats', 'usage') as seen \
       from pg_database) as databases";

pub(super) async fn size(attempt: &Attempt<'_>, probe: &PostgresSizeProbe) -> Result<Outcome, CouldNot> {
    let mut session = connect(attempt, &probe.endpoint).await?;
    // Sizes wait for whoever changes a table's shape.
    let late = "the sizes were not told in time; is a table locked?";
    let told = answer_of(attempt, in_time(attempt, late, sizes(attempt, &mut session)).await?)?;
    session.leave().await;
    let (databases, tables) = told.map_err(|error| match error.state.as_str() {
        "57014" => CouldNot::Unfinished(late.to_owned()),
        _ => error.could_not(),
    })?;
    let databases =
        databases.first().ok_or_else(|| CouldNot::Garbled("no row where there is always one".to_owned()))?;
    let bytes = |row: &Row, at| column::<i64>(row, at).map(|bytes| u64::try_from(bytes).unwrap_or(0));
    let count = tables.first().map_or(Ok(0), |row| bytes(row, 3))?;
    let tables = tables
        .iter()
        .map(|row| Ok(TableSize { name: column(row, 0)?, bytes: bytes(row, 1)?, partitions: bytes(row, 2)? }));
    let told = DatabaseSize {
        database: bytes(databases, 0)?,
        all: bytes(databases, 1)?,
        hidden: bytes(databases, 2)?,
        tables: tables.collect::<Result<_, CouldNot>>()?,
        count,
    };
    Ok(judge::database_size(probe, &told))
}

async fn sizes(attempt: &Attempt<'_>, session: &mut Session) -> Result<(Vec<Row>, Vec<Row>), Error> {
    begin(attempt, session).await?;
    let databases = session.rows(DATABASES, &[]).await?;
    let tables = session.rows(TABLES, &[]).await?;
    session.execute("rollback").await?;
    Ok((databases, tables))
}

pub(super) async fn sql(attempt: &Attempt<'_>, probe: &SqlProbe) -> Result<Outcome, CouldNot> {
    let mut session = connect(attempt, &probe.endpoint).await?;
    begin(attempt, &mut session).await.map_err(|error| fault(attempt, &error))?;
    let asking = ask(&mut session, &probe.query, probe.wanted());
    let asked = in_time(attempt, "the query did not end in time", asking).await?;
    let error = |error| SqlAnswer { answer: QuestionAnswer::Error(error), columns: 0 };
    let answer = answer_of(attempt, asked)?.unwrap_or_else(error);
    session.leave().await;
    Ok(judge::sql(probe, &answer))
}

/// How long an answer takes says nothing about a server that has let us in, so running out of time is known here.
async fn in_time<T>(attempt: &Attempt<'_>, late: &str, work: impl Future<Output = T>) -> Result<T, CouldNot> {
    let patience = attempt.left() * 19 / 20;
    tokio::time::timeout(patience, work).await.map_err(|_| CouldNot::Unfinished(late.to_owned()))
}

/// Begins to read. The server gives up about when we do, rather than working on for nobody, and writes times and
/// numbers as every other server does.
async fn begin(attempt: &Attempt<'_>, session: &mut Session) -> Result<(), Error> {
    session.execute("begin transaction read only").await?;
    let patience = (attempt.left().as_millis() * 9 / 10).max(1).to_string();
    let settings = "select set_config('statement_timeout', $1, true), set_config('TimeZone', 'UTC', true), \
         set_config('DateStyle', 'ISO', true), set_config('IntervalStyle', 'postgres', true), \
         set_config('bytea_output', 'hex', true)";
    session.rows(settings, &[(&patience, Type::TEXT)]).await.map(|_| ())
}

/// Asks the plan's query. It is the plan's author's, for this very database: the transaction is read-only, and the
/// extended protocol takes a single statement, so none can be smuggled in behind.
async fn ask(session: &mut Session, query: &str, wanted: Wanted) -> Result<SqlAnswer, Error> {
    let query = query.trim_end_matches([';', ' ', '\n', '\t', '\r']);
    let answer = "asked.lifeboat_answer";
    let first = match wanted {
        Wanted::Text => format!("left({answer}::text, {LONGEST})"),
        // Through seconds, because no time is so long ago as infinity.
        Wanted::Age(_) => format!(
            "(extract(epoch from clock_timestamp())::float8 - extract(epoch from {answer}::timestamptz)::float8)::text"
        ),
        Wanted::Rows(most) => {
            let counted =
                format!("select count(*)::text from (select from (\n{query}\n) as asked limit {most}) as counted");
            let rows = session.rows(&counted, &[]).await?;
            return Ok(SqlAnswer { answer: value(&rows)?, columns: 1 });
        }
    };
    // No statement is prepared to learn how many columns there are, because a pooler would have to keep it.
    let wrapped = format!(
        "select {first}, (select count(*) from json_object_keys(to_json(asked))) \
         from (\n{query}\n) as asked (lifeboat_answer) limit 1"
    );
    let rows = session.rows(&wrapped, &[]).await?;
    let columns = rows.first().map_or(Ok(0), |row| row.try_get::<_, i64>(1))?;
    Ok(SqlAnswer { answer: value(&rows)?, columns: usize::try_from(columns).unwrap_or(0) })
}

fn value(rows: &[Row]) -> Result<QuestionAnswer, Error> {
    match rows.first() {
        Some(row) => Ok(QuestionAnswer::Value(row.try_get(0)?)),
        None => Ok(QuestionAnswer::NoRow),
    }
}
