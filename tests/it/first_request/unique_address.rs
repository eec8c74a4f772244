//! A table in which the address is unique, which ours is not: two sessions that insert the same user at once can meet at the address instead of the key.

use sqlx::{PgConnection, Row};
use tokio::join;
use uuid::Uuid;

use super::{
    Person, ada, connect, count, ensure_ada, execute, migrated, sqlstate, until_a_session_waits,
    your_table::{ACCOUNTS, ensure_account, function_for_accounts},
};
use crate::{bench_consumer::database, existing_table::database_with};

/// Stops a gated session after it has looked for its key and before it inserts its address.
///
/// Postgres looks at the index of `on conflict` first, then inserts into every index in the order of their oids, and evaluates an index expression only then.
/// So the gate has to be the oldest of the three indexes.
const GATE: &str = "\
create function gate(address text) returns text language plpgsql immutable as $$ begin \
  if current_setting('test.gated', true) = 'on' then perform pg_advisory_xact_lock(1); end if; return address; end $$; ";

const CLOSE: &str = "select pg_advisory_lock(1)";
const OPEN: &str = "select pg_advisory_unlock(1)";

/// A database of the test's own whose table `users` has a gate and unique addresses.
async fn gated_users() -> String {
    let url = database().await;
    let indexes = "alter table users drop constraint users_pkey; create index gate on users (gate(email)); \
                   alter table users add unique (email); alter table users add primary key (cognito_sub)";
    execute(&mut connect(&url).await, &format!("{GATE}{indexes}")).await;
    url
}

/// Ada's first request, which begins with `begin` and finds neither key nor row, while another transaction commits her row.
async fn meet_at_the_address(url: &str, sub: Uuid, begin: &str) -> (PgConnection, Result<Person, sqlx::Error>) {
    let (mut caller, mut other, mut observer) = (connect(url).await, connect(url).await, connect(url).await);
    execute(&mut caller, &format!("set test.gated = 'on'; {begin}")).await;
    execute(&mut observer, CLOSE).await;
    let (returned, ()) = join!(ensure_ada(&mut caller, sub), async {
        until_a_session_waits(&mut observer).await;
        assert_eq!(ensure_ada(&mut other, sub).await.unwrap(), ada(sub));
        execute(&mut observer, OPEN).await;
    });
    assert_eq!(count(&mut observer).await, 1);
    (caller, returned)
}

#[tokio::test]
async fn a_row_that_another_transaction_commits_between_the_look_at_the_key_and_the_address_is_returned() {
    let (url, sub) = (gated_users().await, Uuid::new_v4());
    let (_, returned) = meet_at_the_address(&url, sub, "select").await;
    assert_eq!(returned.unwrap(), ada(sub));
}

#[tokio::test]
async fn a_stricter_transaction_that_meets_it_there_fails_with_40001_and_succeeds_when_it_is_retried() {
    for level in ["repeatable read", "serializable"] {
        let (url, sub) = (gated_users().await, Uuid::new_v4());
        let begin = format!("begin transaction isolation level {level}; select count(*) from users");
        let (mut caller, returned) = meet_at_the_address(&url, sub, &begin).await;
        assert_eq!(sqlstate(returned), "40001", "{level}: callers retry this one, and not 23505");
        execute(&mut caller, &format!("rollback; begin transaction isolation level {level}")).await;
        assert_eq!(ensure_ada(&mut caller, sub).await.unwrap(), ada(sub), "{level}");
        execute(&mut caller, "commit").await;
    }
}

#[tokio::test]
async fn the_second_user_with_an_address_that_has_to_be_unique_is_rejected_with_the_tables_own_code() {
    let mut connection = migrated().await;
    execute(&mut connection, "alter table users add constraint one_each unique (email)").await;
    ensure_ada(&mut connection, Uuid::new_v4()).await.unwrap();
    let refused = ensure_ada(&mut connection, Uuid::new_v4()).await.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().constraint(), Some("one_each"), "{refused}");
    assert_eq!(sqlstate::<()>(Err(refused)), "23505");
    assert_eq!(count(&mut connection).await, 1);
}

#[tokio::test]
async fn the_text_for_your_table_returns_the_row_too() {
    let (url, sub) = (database_with(ACCOUNTS).await, Uuid::new_v4());
    let indexes = "alter table app.accounts drop constraint accounts_auth_id_key, drop constraint accounts_email_address_key; \
                   create index gate on app.accounts (gate(email_address)); \
                   alter table app.accounts add unique (email_address); alter table app.accounts add unique (auth_id);";
    let (mut caller, mut other, mut observer) = (connect(&url).await, connect(&url).await, connect(&url).await);
    execute(&mut observer, &format!("{GATE}{indexes}{}; {CLOSE}", function_for_accounts())).await;
    execute(&mut caller, "set test.gated = 'on'").await;
    let address = Some("ada@example.com");
    let (returned, ()) = join!(ensure_account(&mut caller, sub, address, Some("Ada")), async {
        until_a_session_waits(&mut observer).await;
        ensure_account(&mut other, sub, address, Some("Grace")).await;
        execute(&mut observer, OPEN).await;
    });
    assert_eq!(returned, "ada@example.com|Grace|t|cognito|free");
    let rows = sqlx::query("select count(*) from app.accounts").fetch_one(&mut observer).await.unwrap();
    assert_eq!(rows.get::<i64, _>(0), 1);
}
