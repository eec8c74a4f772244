//! How often a batch waits for the database: the numbers in ARCHITECTURE.md, counted by a proxy in between.

use std::time::{Duration, SystemTime};

use pipeline_tests::{PgBouncer, tcp_proxy::TcpProxy};
use serde_json::json;

use crate::{
    bench_consumer::{
        Bench, batch, database, lock_users, obliging, people, server, somebody, until_somebody_waits_for_a_lock,
    },
    silent_peers::through_a_proxy,
};

/// The round trips of one batch.
async fn trips(bench: &Bench, proxy: &TcpProxy, bodies: Vec<String>) -> usize {
    let before = proxy.round_trips();
    assert!(bench.failed(batch(bodies)).await.is_empty());
    proxy.round_trips() - before
}

#[tokio::test]
async fn a_warm_batch_makes_one_round_trip_for_each_chunk_on_one_connection() {
    let (bench, proxy) = through_a_proxy(&[]).await;
    let cold = trips(&bench, &proxy, people(10)).await;
    assert_eq!(cold, 3, "to log in, to prepare, to insert");
    for _ in 0..3 {
        assert_eq!(trips(&bench, &proxy, people(10)).await, 1);
    }
    let again = people(10);
    assert_eq!(trips(&bench, &proxy, again.clone()).await, 1);
    assert_eq!(trips(&bench, &proxy, again).await, 2, "rows that are there are looked up");
    assert_eq!((consumer::FIRST_CHUNK, consumer::CHUNK), (150, 1_000));
    assert_eq!(trips(&bench, &proxy, people(150)).await, 1);
    assert_eq!(trips(&bench, &proxy, people(151)).await, 2, "51 and 100");
    assert_eq!(trips(&bench, &proxy, people(1_000)).await, 3, "143, 286 and 571");
    assert_eq!(trips(&bench, &proxy, people(4_000)).await, 7, "130, 260, 520, 1,000, 1,000, 1,000 and 90");
    assert_eq!(proxy.connections(), 1);
}

#[tokio::test]
async fn behind_a_transaction_pooler_a_warm_batch_makes_four_round_trips() {
    let url = database().await;
    let pooler = PgBouncer::start(server()).unwrap();
    let proxy = TcpProxy::start(pooler.port()).await.unwrap();
    let through =
        format!("postgres://rollcall@127.0.0.1:{}/{}?sslmode=disable", proxy.port(), crate::connections::name_of(&url));
    let variables = [("DATABASE_URL", through.as_str()), ("DATABASE_POOLER", "transaction")];
    let bench = Bench::logged_in(&url, &variables, obliging);
    let cold = trips(&bench, &proxy, people(10)).await;
    assert_eq!(cold, 5, "to log in, and what a warm one does");
    for _ in 0..3 {
        assert_eq!(trips(&bench, &proxy, people(10)).await, 4, "begin, prepare, insert, commit");
    }
    let again = people(10);
    assert_eq!(trips(&bench, &proxy, again.clone()).await, 4);
    assert_eq!(trips(&bench, &proxy, again).await, 5, "rows that are there are looked up");
    assert_eq!(proxy.connections(), 1);
}

#[tokio::test]
async fn isolating_a_refused_row_opens_no_second_connection() {
    let (bench, proxy) = through_a_proxy(&[]).await;
    bench.sql("alter table users add constraint no_eve check (first_name <> 'Eve')").await;
    let mut bodies = people(63);
    bodies.push(somebody(&json!({ "first_name": "Eve" })));
    assert!(bench.failed(batch(bodies)).await.is_empty());
    assert_eq!(bench.buried().len(), 1);
    assert_eq!(proxy.connections(), 1);
}

#[tokio::test]
async fn a_lock_time_out_leaves_the_connection_open() {
    let (bench, proxy) = through_a_proxy(&[]).await;
    assert!(bench.failed(batch(people(1))).await.is_empty());
    let lock = lock_users(&bench.pool).await;
    let (failed, ()) = tokio::join!(bench.failed(batch(people(1))), async {
        until_somebody_waits_for_a_lock(&bench.pool).await;
        bench.sql("select pg_cancel_backend(pid) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()").await;
        lock.rollback().await.unwrap();
    });
    assert!(failed.is_empty());
    assert_eq!(proxy.connections(), 1);
}

#[tokio::test]
async fn a_connection_that_idled_for_long_is_asked_whether_it_is_there_and_a_busy_one_is_not() {
    let (bench, proxy) = through_a_proxy(&[]).await;
    let database = &bench.consumer.database;
    let now = SystemTime::now();
    database.acquire_at(now).await.unwrap().give_back();
    let before = proxy.round_trips();
    database.acquire_at(now + Duration::from_secs(5)).await.unwrap().give_back();
    assert_eq!(proxy.round_trips() - before, 0);
    database.acquire_at(now + Duration::from_mins(1)).await.unwrap().give_back();
    assert_eq!(proxy.round_trips() - before, 1);
    assert_eq!(proxy.connections(), 1);
}
