//! Promises P2 and P3 wherever the consumer dies: the handler is dropped at every point where it waits, and the batch comes again.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::poll_fn,
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::Poll,
    time::Duration,
};

use aws_lambda_events::sqs::SqsEvent;
use pipeline_tests::scripted_http::Answer;
use serde_json::json;
use sqlx::Row;
use tokio::time::Instant;
use uuid::Uuid;

use crate::bench_consumer::{Bench, SEND, batch, database, handle, obliging, user};

/// No batch waits this often; a run that does would never end.
const MOST_POINTS: usize = 10_000;

/// Deliveries of a batch before it must be dealt with.
const DELIVERIES: usize = 10;

/// Polls `future` until it has waited `points` times, then drops it. None if it was dropped.
async fn killed_after<T>(points: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut waited = 0;
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if waited == points => Poll::Ready(None),
        Poll::Pending => {
            waited += 1;
            Poll::Pending
        }
    })
    .await
}

/// Ten messages: five users, two of them twice, one the table refuses, two that are no JSON.
fn messages(eve: Uuid) -> (Vec<Uuid>, BTreeMap<String, String>) {
    let subs: Vec<_> = (0..5).map(|_| Uuid::new_v4()).collect();
    let mut bodies: Vec<_> =
        subs.iter().chain(&subs[..2]).map(|sub| user(*sub, &json!({ "first_name": "Ada" }))).collect();
    bodies.push(user(eve, &json!({ "first_name": "Eve" })));
    bodies.extend(["not json".to_owned(), "{}".to_owned()]);
    (subs, bodies.into_iter().enumerate().map(|(at, body)| (format!("m{at}"), body)).collect())
}

fn event(messages: &BTreeMap<String, String>) -> SqsEvent {
    let mut event = batch(messages.values().cloned());
    for (record, id) in event.records.iter_mut().zip(messages.keys()) {
        record.message_id = Some(id.clone());
    }
    event
}

#[tokio::test]
async fn wherever_the_handler_is_killed_every_message_is_a_row_or_among_the_dead_letters_in_the_end() {
    let url = database().await;
    let prepare = Bench::with(&url, obliging);
    prepare.sql("alter table users add constraint no_eve check (first_name <> 'Eve')").await;
    let mut points = 0;
    loop {
        assert!(points < MOST_POINTS);
        let eve = Uuid::new_v4();
        let (subs, mut messages) = messages(eve);
        let all: BTreeSet<_> = messages.keys().cloned().collect();
        // The first call of each delivery to the dead-letter queue fails in passing.
        let sends = AtomicUsize::new(0);
        let bench = Bench::with(&url, move |call, before| {
            let first = call.operation == SEND && sends.fetch_add(1, Ordering::Relaxed) == 0;
            if first { Answer::Break } else { obliging(call, before) }
        });
        let killed =
            killed_after(points, Box::pin(handle(event(&messages), in_one_invocation(), &bench.consumer))).await;
        let finished_before_the_point = killed.is_some();
        if let Some(answer) = killed {
            keep_what_is_listed(&mut messages, answer.unwrap());
        }
        // SQS delivers again what was not acknowledged.
        for _ in 0..DELIVERIES {
            if messages.is_empty() {
                break;
            }
            let answer = handle(event(&messages), in_one_invocation(), &bench.consumer).await.unwrap();
            keep_what_is_listed(&mut messages, answer);
        }
        assert!(messages.is_empty(), "killed at point {points}: {:?} are never dealt with", messages.keys());
        check(&bench, &subs, eve, &all, points).await;
        if finished_before_the_point {
            break;
        }
        points += 1;
    }
    println!("{points} kill points tried");
    assert!(points > 5, "the handler waits more often than {points} times");
}

fn in_one_invocation() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

fn keep_what_is_listed(messages: &mut BTreeMap<String, String>, answer: aws_lambda_events::sqs::SqsBatchResponse) {
    let listed: BTreeSet<_> = answer.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
    messages.retain(|id, _| listed.contains(id));
}

async fn check(bench: &Bench, subs: &[Uuid], eve: Uuid, all: &BTreeSet<String>, point: usize) {
    let rows = sqlx::query("select cognito_sub, count(*) from users where cognito_sub = any($1) group by cognito_sub")
        .bind([subs, &[eve]].concat())
        .fetch_all(&bench.pool)
        .await
        .unwrap();
    let found: BTreeSet<Uuid> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(found, subs.iter().copied().collect(), "killed at point {point}: each user has a row, and Eve has none");
    assert!(rows.iter().all(|row| row.get::<i64, _>(1) == 1), "killed at point {point}: exactly one");
    let source = |entry: &serde_json::Value| {
        entry["MessageAttributes"]["source_message_id"]["StringValue"].as_str().unwrap().to_owned()
    };
    let buried: BTreeSet<String> = bench.buried().iter().map(source).collect();
    let poison: BTreeSet<String> = ["m7", "m8", "m9"].map(str::to_owned).into();
    assert_eq!(buried, poison, "killed at point {point}: of {all:?}, the poison and nothing else is buried");
}
