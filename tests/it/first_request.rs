//! The first request after the sign-up: it may be quicker than the pipeline, and gets its row all the same.

use std::time::Duration;

use pipeline_tests::wait;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, error::DatabaseError, postgres::PgRow};
use uuid::Uuid;

use crate::bench_consumer::database;

mod by_hand;
mod examples;
mod function;
mod isolation;
mod race;
mod unique_address;
mod your_table;

/// Calls the function of the migration as an application does.
const ENSURE: &str = "select cognito_sub, email, first_name, last_name, is_active from ensure_user($1, $2, $3, $4)";

/// A row as the tests compare it: `sub`, address, first name, last name and whether it is active.
type Person = (Uuid, Option<String>, Option<String>, Option<String>, bool);

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

/// A connection to a migrated database of the test's own.
async fn migrated() -> PgConnection {
    connect(&database().await).await
}

async fn execute(connection: &mut PgConnection, statements: &str) {
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(connection).await.unwrap();
}

fn person(row: &PgRow) -> Person {
    (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4))
}

/// One call with the names of Ada Lovelace.
async fn ensure_ada(connection: &mut PgConnection, sub: Uuid) -> Result<Person, sqlx::Error> {
    ensure(connection, sub, [Some("ada@example.com"), Some("Ada"), Some("Lovelace")]).await
}

async fn ensure(
    connection: &mut PgConnection,
    sub: Uuid,
    [email, first_name, last_name]: [Option<&str>; 3],
) -> Result<Person, sqlx::Error> {
    let call = sqlx::query(ENSURE).bind(sub).bind(email).bind(first_name).bind(last_name);
    call.fetch_one(connection).await.map(|row| person(&row))
}

fn ada(sub: Uuid) -> Person {
    (sub, Some("ada@example.com".to_owned()), Some("Ada".to_owned()), Some("Lovelace".to_owned()), true)
}

/// The SQLSTATE of a statement that was refused.
fn sqlstate<T: std::fmt::Debug>(result: Result<T, sqlx::Error>) -> String {
    let error = result.unwrap_err();
    error.as_database_error().and_then(DatabaseError::code).unwrap_or_else(|| panic!("{error}")).into_owned()
}

async fn count(connection: &mut PgConnection) -> i64 {
    sqlx::query("select count(*) from users").fetch_one(connection).await.unwrap().get(0)
}

/// Returns when a statement of another session of this database waits for a lock.
async fn until_a_session_waits(connection: &mut PgConnection) {
    const WAITING: &str =
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
    wait::until("a session waits for a lock", Duration::from_secs(10), async || {
        let waiting: i64 = sqlx::query(WAITING).fetch_one(&mut *connection).await?.get(0);
        Ok((waiting > 0).then_some(()))
    })
    .await
    .unwrap();
}
