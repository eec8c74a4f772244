//! An answer before the invocation ends, whatever SQS and the database do: Lambda kills a function that is late, and everything it has done comes back.

use std::time::Duration;

use pipeline_tests::{
    scripted_http::{Answer, Call},
    wait,
};
use serde_json::json;
use tokio::time::Instant;

use crate::bench_consumer::{
    Bench, HOLD, SEND, batch, database, lock_users, obliging, people, somebody, until_somebody_waits_for_a_lock,
};

const NO_DATABASE: &str = "postgres://nobody@127.0.0.1:1/none?sslmode=disable";

/// What is left of the invocation when the answer is there: half a second, less what a busy machine takes.
const LEFT: Duration = Duration::from_millis(300);

/// Calls that may be under way at the same time, of each kind.
const CALLS: usize = 10;

fn hangs(_: &Call, _: usize) -> Answer {
    Answer::Hang
}

fn calls(bench: &Bench, operation: &str) -> usize {
    bench.http.calls().iter().filter(|call| call.operation == operation).count()
}

#[tokio::test]
async fn with_an_sqs_that_hangs_the_answer_is_there_half_a_second_before_the_deadline() {
    let url = database().await;
    let bench = Bench::with(&url, hangs);
    let mut bodies = people(5);
    bodies.push("not json".to_owned());
    let deadline = Instant::now() + Duration::from_secs(4);
    assert_eq!(bench.failed_until(batch(bodies), deadline).await, ["m5"], "committed rows are acknowledged");
    assert!(Instant::now() + LEFT < deadline, "{:?} left", deadline - Instant::now());

    let bench = Bench::with(NO_DATABASE, hangs);
    let bodies = (0..400).map(|at| if at % 2 == 0 { somebody(&json!({})) } else { "not json".to_owned() });
    let deadline = Instant::now() + Duration::from_secs(5);
    assert_eq!(bench.failed_until(batch(bodies), deadline).await.len(), 400);
    assert!(Instant::now() + LEFT < deadline, "{:?} left", deadline - Instant::now());
    assert_eq!((calls(&bench, SEND), calls(&bench, HOLD)), (CALLS, CALLS), "no call begins when time is up");
}

#[tokio::test]
async fn four_thousand_messages_without_a_database_are_held_back_before_the_deadline() {
    let bench = Bench::with(NO_DATABASE, obliging);
    let deadline = Instant::now() + Duration::from_secs(12);
    assert_eq!(bench.failed_until(batch(people(4_000)), deadline).await.len(), 4_000);
    assert!(Instant::now() + LEFT < deadline, "{:?} left", deadline - Instant::now());
    assert_eq!(bench.held().len(), 4_000);
    assert_eq!(calls(&bench, HOLD), 400);
}

#[tokio::test]
async fn poison_that_is_known_from_reading_is_buried_while_the_insert_waits() {
    let bench = Bench::new().await;
    let lock = lock_users(&bench.pool).await;
    let mut bodies = people(3);
    bodies.push("not json".to_owned());
    let (failed, ()) = tokio::join!(bench.failed(batch(bodies)), async {
        until_somebody_waits_for_a_lock(&bench.pool).await;
        wait::until("the poison is buried", Duration::from_secs(3), async || {
            Ok((calls(&bench, SEND) == 1).then_some(()))
        })
        .await
        .unwrap();
        lock.rollback().await.unwrap();
    });
    assert!(failed.is_empty());
}
