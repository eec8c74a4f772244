//! Databases that fail for real, not by an error that was raised: what the consumer makes of it, and that nobody is lost.

use std::time::Duration;

use consumer::{
    classify::{Verdict, classify},
    trouble::describe,
};
use pipeline_tests::{Postgres, tcp_proxy::TcpProxy, wait};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::time::Instant;
use uuid::Uuid;

use crate::bench_consumer::{
    Bench, INVOCATION, batch, database, lock_users, obliging, people, pool_to, server, until_somebody_waits_for_a_lock,
    user,
};

#[tokio::test]
async fn a_connection_that_is_cut_in_mid_statement_is_made_again_within_the_invocation() {
    let url = database().await;
    let port = server().port();
    let proxy = TcpProxy::start(port).await.unwrap();
    let through = url.replace(&port.to_string(), &proxy.port().to_string());
    let bench = Bench::logged_in(&url, &[("DATABASE_URL", &through)], obliging);
    let lock = lock_users(&bench.pool).await;
    let (failed, ()) = tokio::join!(bench.failed(batch(people(5))), async {
        until_somebody_waits_for_a_lock(&bench.pool).await;
        proxy.cut();
        lock.rollback().await.unwrap();
    });
    assert!(failed.is_empty());
    assert_eq!(bench.rows().await, 5);
}

#[tokio::test]
async fn a_replica_after_a_fail_over_takes_no_rows_and_the_batch_waits_until_it_is_the_primary() {
    let postgres = Postgres::start_alone().unwrap();
    let url = postgres.create_database("app").unwrap();
    consumer::migrations::migrator().run(&pool_to(&url)).await.unwrap();
    postgres.stop_immediately();
    postgres.start_as_replica().unwrap();
    let bench = Bench::with(&url, obliging);

    let mut connection = bench.consumer.database.acquire().await.unwrap();
    let refused = sqlx::query("insert into users values (gen_random_uuid())").execute(&mut *connection).await;
    let error = refused.unwrap_err();
    assert_eq!(error.as_database_error().unwrap().code().unwrap(), "25006");
    assert_eq!(classify(&error), Verdict::Transient);
    drop(connection);

    let start = Instant::now();
    let handling = Box::pin(bench.failed(batch(people(3))));
    let promotion = async {
        let mut own = PgConnection::connect(&url).await.unwrap();
        // The first statement fails before the promotion is asked for: it needs a few milliseconds and this waits for them.
        wait::until("the batch has met the replica", Duration::from_secs(10), async || {
            Ok((start.elapsed() > Duration::from_millis(300)).then_some(()))
        })
        .await
        .unwrap();
        sqlx::query("select pg_promote()").execute(&mut own).await.unwrap();
    };
    let (failed, ()) = tokio::join!(handling, promotion);
    assert!(failed.is_empty());
    assert_eq!(bench.rows().await, 3);
}

#[tokio::test]
async fn a_disk_that_is_full_makes_nobody_poison_and_the_batch_succeeds_when_there_is_room() {
    let bench = Bench::new().await;
    // The server writes to a device that is always full: the error is the kernel's own.
    bench
        .sql(
            "create function fill() returns trigger language plpgsql as \
             $$ begin copy (select 1) to '/dev/full'; return new; end $$",
        )
        .await;
    bench.sql("create trigger fill before insert on users for each statement execute function fill()").await;
    let error = sqlx::query("insert into users values (gen_random_uuid())").execute(&bench.pool).await.unwrap_err();
    assert_eq!(error.as_database_error().unwrap().code().unwrap(), "53100", "{error}");
    assert_eq!(classify(&error), Verdict::Transient);

    assert_eq!(bench.failed_within(batch(people(2)), Duration::from_secs(5)).await, ["m0", "m1"]);
    bench.sql("drop trigger fill on users").await;
    assert!(bench.failed(batch(people(2))).await.is_empty());
    assert!(bench.buried().is_empty());
    assert_eq!(bench.rows().await, 2);
}

/// A login of its own for the consumer.
async fn consumer_as(bench: &Bench, url: &str, role: &str) -> Bench {
    let create = format!("create role {role}");
    sqlx::raw_sql(AssertSqlSafe(create)).execute(&bench.pool).await.unwrap();
    let name = role.split(' ').next().unwrap();
    Bench::logged_in(url, &[("DATABASE_URL", &url.replace("rollcall@", &format!("{name}:wrong@")))], obliging)
}

#[tokio::test]
async fn a_password_that_is_refused_and_too_many_connections_are_outages_and_nobodys_poison() {
    let url = database().await;
    let bench = Bench::with(&url, obliging);
    let id = Uuid::new_v4().simple().to_string();
    let refused =
        consumer_as(&bench, &url, &format!("refused_{id} login password 'right' in role with_password")).await;
    let crowded = consumer_as(&bench, &url, &format!("crowded_{id} login connection limit 0")).await;
    let error = refused.consumer.database.acquire().await.err().unwrap();
    assert_eq!(error.as_database_error().unwrap().code().unwrap(), "28P01");
    let error = crowded.consumer.database.acquire().await.err().unwrap();
    assert_eq!(error.as_database_error().unwrap().code().unwrap(), "53300");
    for consumer in [refused, crowded] {
        assert_eq!(consumer.failed_within(batch(people(2)), Duration::from_secs(6)).await, ["m0", "m1"]);
        assert!(consumer.buried().is_empty());
        assert_eq!(consumer.held().len(), 2);
    }
}

#[tokio::test]
async fn a_deadlock_ends_with_a_row_for_everybody() {
    let bench = Bench::new().await;
    let mut subs = [Uuid::new_v4(), Uuid::new_v4()];
    subs.sort();
    let insert = "insert into users (cognito_sub) values ($1) on conflict do nothing";
    // Somebody else inserts the same users the other way round.
    let mut other = bench.pool.begin().await.unwrap();
    sqlx::query(insert).bind(subs[1]).execute(&mut *other).await.unwrap();
    let bodies = subs.map(|sub| user(sub, &serde_json::json!({})));
    let (failed, ()) = tokio::join!(bench.failed(batch(bodies)), async {
        until_somebody_waits_for_a_lock(&bench.pool).await;
        // One of the two is the victim; whoever it is, the users become rows.
        match sqlx::query(insert).bind(subs[0]).execute(&mut *other).await {
            Ok(_) => other.commit().await.unwrap(),
            Err(error) => {
                assert_eq!(classify(&error), Verdict::Transient, "{}", describe(&error));
                other.rollback().await.unwrap();
            }
        }
    });
    assert!(failed.is_empty());
    assert_eq!(bench.rows().await, 2);
}

#[tokio::test]
async fn a_statement_that_the_server_ends_for_its_time_is_tried_again() {
    let bench = Bench::new().await;
    let mut connection = bench.consumer.database.acquire().await.unwrap();
    sqlx::query("set statement_timeout = '20ms'").execute(&mut *connection).await.unwrap();
    let error = sqlx::query("select pg_sleep(60)").execute(&mut *connection).await.unwrap_err();
    assert_eq!(error.as_database_error().unwrap().code().unwrap(), "57014");
    assert_eq!(classify(&error), Verdict::Transient);
    drop(connection);

    // Longer than a statement may take, shorter than an invocation.
    let lock = lock_users(&bench.pool).await;
    let start = Instant::now();
    let (failed, ()) = tokio::join!(bench.failed_within(batch(people(1)), INVOCATION), async {
        wait::until("the first statement has been ended", Duration::from_secs(15), async || {
            Ok((start.elapsed() > Duration::from_millis(5_500)).then_some(()))
        })
        .await
        .unwrap();
        lock.rollback().await.unwrap();
    });
    assert!(failed.is_empty());
}
