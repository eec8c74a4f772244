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
    classify::{Reason, Verdict, classify, describe, ends_connection},
    database::{Database, Pooler},
    insert_statement::InsertStatement,
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
    /// A trigger raised an error for at least one of them.
    Raised(Reason),
    /// The table or the server is at fault.
    Unfit(String),
    /// The database did not answer, or not well, until the deadline.
    Unavailable(String),
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
        GaveUp::OutOfTime(last) => {
            last.unwrap_or_else(|| Failure::Unavailable("the database does not answer".to_owned()))
        }
    })
}

/// A connection that is dropped in here, with the whole attempt or after an error that ends it, is closed.
async fn attempt(
    database: &Database,
    statement: &InsertStatement,
    part: &[&UserData<'_>],
) -> Result<Stored, Refusal<Failure>> {
    let unavailable = |error| Refusal::Transient(Failure::Unavailable(describe(&error)));
    // Whatever its code: it comes before our data is sent.
    let mut connection = database.acquire().await.map_err(unavailable)?;
    let error = match store(&mut connection, database.pooler, statement, part).await {
        Ok(stored) => {
            connection.give_back();
            return Ok(stored);
        }
        Err(error) => error,
    };
    let failure = match classify(&error) {
        Verdict::Transient => {
            if !ends_connection(&error) {
                connection.give_back();
            }
            return Err(unavailable(error));
        }
        Verdict::Permanent(reason) => Failure::Permanent(reason),
        Verdict::Raised(reason) => Failure::Raised(reason),
        Verdict::Unfit => Failure::Unfit(describe(&error)),
        Verdict::Violation(reason, rule) => {
            let concerns_us = database.catalogue.concerns_us(&mut connection, database.pooler, statement, &rule).await;
            if concerns_us.map_err(unavailable)? {
                Failure::Permanent(reason)
            } else {
                Failure::Unfit(describe(&error))
            }
        }
    };
    if !ends_connection(&error) {
        connection.give_back();
    }
    Err(Refusal::Permanent(failure))
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
    // A statement of its own sees what another transaction has committed while the insert waited for it.
    let rows = sqlx::raw_sql(statement.present(&omitted)).fetch_all(connection).await?;
    Ok(Stored { inserted, present: keys(&rows)? })
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
