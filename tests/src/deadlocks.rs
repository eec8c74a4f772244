//! Whether transactions of a database have ever stood in each other's way for good.

use std::time::Duration;

use sqlx::{Connection, PgConnection, Row};

use crate::wait;

/// Longest wait until the sessions that have been closed are gone.
const GONE_WITHIN: Duration = Duration::from_secs(20);

/// Every other session of the database. Some keep their figures until they end.
const OTHERS: &str =
    "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";

/// Deadlocks that a database has seen since it was made, once every other session has ended.
///
/// # Errors
///
/// Somebody stays connected, or the database does not answer.
pub async fn deadlocks(database_url: &str) -> anyhow::Result<u64> {
    let mut connection = PgConnection::connect(database_url).await?;
    wait::until("all other sessions have ended", GONE_WITHIN, async || {
        let others: i64 = sqlx::query(OTHERS).fetch_one(&mut connection).await?.try_get(0)?;
        Ok((others == 0).then_some(()))
    })
    .await?;
    let seen = "select deadlocks from pg_stat_database where datname = current_database()";
    let seen: i64 = sqlx::query(seen).fetch_one(&mut connection).await?.try_get(0)?;
    connection.close().await?;
    Ok(u64::try_from(seen)?)
}
