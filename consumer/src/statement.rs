//! One insert: sent, retried while the database is not well, and its error understood.

use std::time::Duration;

use rollcall_aws_runtime::retry::{self, GaveUp, Pace, Refusal};
use rollcall_events::UserData;
use sqlx::{
    Connection, PgConnection, Postgres,
    postgres::{PgArguments, PgRow},
    query::Query,
};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    classify::{Reason, Verdict, classify, describe, ends_connection},
    database::{Database, Pooler},
    insert_statement,
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
    part: &[&UserData],
    deadline: Instant,
    statements: &mut u32,
) -> Result<Stored, Failure> {
    if part.is_empty() {
        return Ok(Stored::default());
    }
    let attempts = retry::until(deadline, &PACE, || {
        *statements += 1;
        attempt(database, part)
    });
    attempts.await.map_err(|gave_up| match gave_up {
        GaveUp::Refused(failure) => failure,
        GaveUp::OutOfTime(last) => {
            last.unwrap_or_else(|| Failure::Unavailable("the database does not answer".to_owned()))
        }
    })
}

/// A connection that is dropped in here, with the whole attempt or after an error that ends it, is closed.
async fn attempt(database: &Database, part: &[&UserData]) -> Result<Stored, Refusal<Failure>> {
    let unavailable = |error| Refusal::Transient(Failure::Unavailable(describe(&error)));
    // Whatever its code: it comes before our data is sent.
    let mut connection = database.acquire().await.map_err(unavailable)?;
    let error = match store(&mut connection, database.pooler, part).await {
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
            let concerns_us = database.catalogue.concerns_us(&mut connection, database.pooler, &rule).await;
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

async fn store(connection: &mut PgConnection, pooler: Pooler, part: &[&UserData]) -> Result<Stored, sqlx::Error> {
    let inserted = insert_statement::keys(&run(connection, pooler, insert_statement::insert(part)).await?)?;
    let keys = part.iter().map(|user| user.cognito_sub.as_uuid());
    let omitted: Vec<_> = keys.filter(|key| inserted.binary_search(key).is_err()).collect();
    if omitted.is_empty() {
        return Ok(Stored { inserted, present: Vec::new() });
    }
    // A statement of its own sees what another transaction has committed while the insert waited for it.
    let rows = sqlx::raw_sql(insert_statement::present(&omitted)).fetch_all(connection).await?;
    Ok(Stored { inserted, present: insert_statement::keys(&rows)? })
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
