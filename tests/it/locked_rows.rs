//! Rows that another session's open transaction holds: only they wait for it (promise P4).

use std::time::Duration;

use pipeline_tests::wait;
use serde_json::json;
use sqlx::PgTransaction;
use tokio::time::Instant;
use uuid::Uuid;

use crate::bench_consumer::{Bench, batch, lock_users, people, until_somebody_waits_for_a_lock, user};

/// A bench whose database ends a wait for a lock quickly, so that no test waits for the statement timeout.
async fn impatient() -> Bench {
    let bench = Bench::new().await;
    let setting =
        "do $$ begin execute format('alter database %I set lock_timeout = ''100ms''', current_database()); end $$";
    bench.sql(setting).await;
    bench
}

/// As an application that has called `ensure_user` and has not committed.
async fn insert_and_wait(bench: &Bench, subs: &[Uuid]) -> PgTransaction<'static> {
    let mut open = bench.pool.begin().await.unwrap();
    sqlx::query("insert into users (cognito_sub) select unnest($1)").bind(subs).execute(&mut *open).await.unwrap();
    open
}

async fn until_rows(bench: &Bench, rows: i64) {
    wait::until("the others have rows", Duration::from_secs(10), async || {
        Ok((bench.rows().await == rows).then_some(()))
    })
    .await
    .unwrap();
}

/// A batch of `n` users, of whom somebody holds those at `places`.
async fn only_these_wait(n: usize, places: &[usize]) {
    let bench = impatient().await;
    let mut subs: Vec<_> = (0..n).map(|_| Uuid::new_v4()).collect();
    subs.sort();
    let held: Vec<_> = places.iter().map(|at| subs[*at]).collect();
    let open = insert_and_wait(&bench, &held).await;
    let bodies = subs.iter().map(|sub| user(*sub, &json!({})));
    let deadline = Instant::now() + Duration::from_secs(5);
    let failed = bench.failed_until(batch(bodies), deadline).await;
    assert!(Instant::now() < deadline, "{n}: in time");
    let listed: Vec<_> = places.iter().map(|at| format!("m{at}")).collect();
    assert_eq!(failed, listed, "{n}: only those come back");
    assert_eq!(bench.rows().await, i64::try_from(n - held.len()).unwrap());
    assert!(bench.buried().is_empty());
    open.rollback().await.unwrap();
}

#[tokio::test]
async fn users_whose_rows_somebody_holds_wait_alone_and_the_others_of_the_batch_have_rows() {
    tokio::join!(
        only_these_wait(10, &[0]),
        only_these_wait(10, &[9]),
        only_these_wait(10, &[3, 4]),
        only_these_wait(500, &[0, 250]),
    );
}

#[tokio::test]
async fn a_row_that_somebody_holds_in_the_first_chunk_keeps_no_other_chunk_waiting() {
    only_these_wait(1_000, &[0, 500]).await;
}

#[tokio::test]
async fn a_row_that_is_released_within_the_invocation_costs_nobody_a_second_delivery() {
    let bench = impatient().await;
    let subs: Vec<_> = (0..10).map(|_| Uuid::new_v4()).collect();
    let open = insert_and_wait(&bench, &subs[4..5]).await;
    let (failed, ()) = tokio::join!(bench.failed(batch(subs.iter().map(|sub| user(*sub, &json!({}))))), async {
        until_rows(&bench, 9).await;
        open.rollback().await.unwrap();
    });
    assert!(failed.is_empty());
    assert_eq!(bench.rows().await, 10);
}

#[tokio::test]
async fn a_table_that_is_locked_for_a_while_costs_nobody_a_second_delivery_and_no_flood_of_statements() {
    let bench = impatient().await;
    let lock = lock_users(&bench.pool).await;
    let deadline = Instant::now() + Duration::from_secs(4);
    assert_eq!(bench.failed_until(batch(people(10)), deadline).await.len(), 10);
    assert!(Instant::now() < deadline);
    let (failed, ()) = tokio::join!(bench.failed(batch(people(500))), async {
        until_somebody_waits_for_a_lock(&bench.pool).await;
        lock.rollback().await.unwrap();
    });
    assert!(failed.is_empty());
    assert_eq!(bench.rows().await, 500);
    assert!(bench.buried().is_empty());
}
