//! One insert: sent, retried while the database is not well, and its error understood.

use std::time::Duration;

use rollcall_aws_runtime::retry::{self, GaveUp, Pace, Refusal};
use rollcall_events::UserData;
use sqlx::{
    Connection, PgConnection, Postgres, Row,
    postgres::{PgArguments, PgRow},
    query::Query,
};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    catalogue::Concerns,
    classify::{Reason, Verdict, classify, ends_connection, timed_out},
    database::{Database, Pooler},
    insert_statement::InsertStatement,
    trouble::describe,
};

/// How statements are retried while the database is not well.
/// An attempt may take as long as the server gives a statement, and a little for the way.
const PACE: Pace = Pace {
    first_wait: Duration::from_millis(50),
    longest_wait: Duration::from_secs(1),
    attempt: Duration::from_secs(8),
};

/// The keys that are proven to have a row, sorted.
#[derive(Default)]
pub(crate) struct Stored {
    /// Inserted by this statement.
    pub(crate) inserted: Vec<Uuid>,
    /// There already.
    pub(crate) present: Vec<Uuid>,
}

/// Why no user of a statement has a row by it.
pub(crate) enum Failure {
    /// The table refuses the data of at least one of them, and always will.
    Permanent(Reason),
    /// The table refuses at least one of them, and nothing says whether that is about the data or about the table.
    Doubtful(Reason),
    /// The table or the server is at fault.
    Unfit(String),
    /// The server ended the statement, because it waited for too long.
    TimedOut(String),
    /// The database did not answer until the deadline, or not well.
    Unavailable(Option<String>),
}

/// Inserts users with one statement, and looks up those whose rows it did not make.
///
/// # Errors
///
/// [`Failure`], within the deadline.
pub(crate) async fn insert_part(
    database: &Database,
    statement: &InsertStatement,
    part: &[&UserData<'_>],
    deadline: Instant,
    statements: &mut u32,
) -> Result<Stored, Failure> {
    if part.is_empty() {
        return Ok(Stored::default());
    }
    let attempts = retry::until(deadline, &PACE, || {
        *statements += 1;
        attempt(database, statement, part)
    });
    attempts.await.map_err(|gave_up| match gave_up {
        GaveUp::Refused(failure) => failure,
        GaveUp::OutOfTime(last) => last.unwrap_or(Failure::Unavailable(None)),
    })
}

/// A connection that is dropped in here, with the whole attempt or after an error that ends it, is closed.
async fn attempt(
    database: &Database,
    statement: &InsertStatement,
    part: &[&UserData<'_>],
) -> Result<Stored, Refusal<Failure>> {
    // Whatever its code: it comes before our data is sent.
    let connecting = |error| Refusal::Transient(Failure::Unavailable(Some(describe(&error))));
    let mut connection = database.acquire().await.map_err(connecting)?;
    let mut answer = store(&mut connection, database.pooler, statement, part).await.map(Ok);
    if let Err(error) = &answer
        && !ends_connection(error)
    {
        answer = explain(&mut connection, database, statement, part, error).await;
    }
    if !answer.as_ref().is_err_and(ends_connection) {
        connection.give_back();
    }
    match answer {
        Ok(Ok(stored)) => Ok(stored),
        Ok(Err(failure @ Failure::Unavailable(_))) => Err(Refusal::Transient(failure)),
        Ok(Err(failure)) => Err(Refusal::Permanent(failure)),
        Err(error) if classify(&error) == Verdict::Transient => {
            Err(Refusal::Transient(Failure::Unavailable(Some(describe(&error)))))
        }
        Err(error) => Err(Refusal::Permanent(Failure::Unfit(describe(&error)))),
    }
}

/// What the error of an insert means: no failure, if it is about a user who has a row.
///
/// # Errors
///
/// The database is not well, or it cannot be asked.
async fn explain(
    connection: &mut PgConnection,
    database: &Database,
    statement: &InsertStatement,
    part: &[&UserData<'_>],
    error: &sqlx::Error,
) -> Result<Result<Stored, Failure>, sqlx::Error> {
    let failure = match classify(error) {
        Verdict::Transient if timed_out(error) => return Ok(Err(Failure::TimedOut(describe(error)))),
        Verdict::Transient => return Ok(Err(Failure::Unavailable(Some(describe(error))))),
        Verdict::Unfit => Failure::Unfit(describe(error)),
        Verdict::Refused(reason, None) => Failure::Doubtful(reason),
        Verdict::Refused(reason, Some(rule)) => {
            match database.catalogue.concerns(connection, database.pooler, statement, &rule).await? {
                Concerns::Us => Failure::Permanent(reason),
                Concerns::UsAndOthers => Failure::Doubtful(reason),
                Concerns::Others => Failure::Unfit(describe(error)),
            }
        }
    };
    // Postgres applies most rules before it looks for the key, and another transaction may have committed this very row.
    let present = match part {
        [user] => present(connection, statement, &[user.cognito_sub.as_uuid()]).await?,
        _ => Vec::new(),
    };
    Ok(if present.is_empty() { Err(failure) } else { Ok(Stored { inserted: Vec::new(), present }) })
}

async fn store(
    connection: &mut PgConnection,
    pooler: Pooler,
    statement: &InsertStatement,
    part: &[&UserData<'_>],
) -> Result<Stored, sqlx::Error> {
    let inserted = keys(&run(connection, pooler, statement.with(part)).await?)?;
    let all = part.iter().map(|user| user.cognito_sub.as_uuid());
    let omitted: Vec<_> = all.filter(|key| inserted.binary_search(key).is_err()).collect();
    if omitted.is_empty() {
        return Ok(Stored { inserted, present: Vec::new() });
    }
    let present = present(connection, statement, &omitted).await?;
    Ok(Stored { inserted, present })
}

/// Those of the keys that have a row. A statement of its own sees what another transaction has committed while the insert waited for it.
async fn present(
    connection: &mut PgConnection,
    statement: &InsertStatement,
    omitted: &[Uuid],
) -> Result<Vec<Uuid>, sqlx::Error> {
    keys(&sqlx::raw_sql(statement.present(omitted)).fetch_all(connection).await?)
}

/// The keys in the first column, sorted.
fn keys(rows: &[PgRow]) -> Result<Vec<Uuid>, sqlx::Error> {
    let mut keys = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<Uuid>, _>>()?;
    keys.sort_unstable();
    Ok(keys)
}

/// Runs a query that has parameters.
///
/// Behind a transaction pooler it is in a transaction of its own and prepared each time: between preparing and executing another client's statement could take its place, and a name would meet the one that another client gave.
pub(crate) async fn run(
    connection: &mut PgConnection,
    pooler: Pooler,
    query: Query<'_, Postgres, PgArguments>,
) -> Result<Vec<PgRow>, sqlx::Error> {
    if pooler == Pooler::None {
        return query.persistent(true).fetch_all(connection).await;
    }
    let mut transaction = connection.begin().await?;
    match query.persistent(false).fetch_all(&mut *transaction).await {
        Ok(rows) => transaction.commit().await.map(|()| rows),
        Err(error) => {
            if !ends_connection(&error) {
                // Until then the pooler keeps a server connection for it.
                transaction.rollback().await?;
            }
            Err(error)
        }
    }
}
