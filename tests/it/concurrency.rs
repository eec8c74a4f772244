//! Promise P2 when eight consumers take messages about the same users at the same time.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
    thread,
    time::Instant,
};

use aws_lambda_events::sqs::SqsEvent;
use pipeline_tests::{
    deadlocks::deadlocks,
    messages::{about, with_duplicates},
};
use serde_json::json;
use tokio::runtime::Builder;
use uuid::Uuid;

use crate::bench_consumer::{Bench, batch, database, obliging};

/// Consumers at the same time, each with its own connections, as eight processes would have.
const CONSUMERS: usize = 8;

/// Messages.
const MESSAGES: usize = 50_000;

/// Those of them that are about somebody whom another one is about, too.
const DUPLICATES: usize = MESSAGES * 3 / 10;

/// Messages of a batch.
const BATCH: usize = 1_000;

/// Any number would do; a fixed one makes a failure come again.
const SEED: u64 = 50_000;

/// Batches whose order nobody knows: whoever is free takes the next.
struct Batches(Mutex<Vec<SqsEvent>>);

impl Batches {
    fn of(subs: &[Uuid]) -> Self {
        let events = subs.chunks(BATCH).map(|subs| batch(subs.iter().map(|sub| about(*sub, &json!({})))));
        Self(Mutex::new(events.collect()))
    }

    fn next(&self) -> Option<SqsEvent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

/// Handles batches until there is none left, on a runtime of one thread, as the function has.
fn consume(url: &str, batches: &Batches) {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let bench = Bench::with(url, obliging);
        while let Some(event) = batches.next() {
            assert!(bench.failed(event).await.is_empty(), "every message is acknowledged at its first delivery");
        }
        assert!(bench.buried().is_empty() && bench.held().is_empty(), "nothing is buried or held back");
        bench.pool.close().await;
    });
}

#[tokio::test]
async fn eight_consumers_make_one_row_of_each_user_without_a_deadlock() {
    let url = database().await;
    let subs = with_duplicates(MESSAGES, DUPLICATES, SEED);
    let users: HashSet<_> = subs.iter().copied().collect();
    assert_eq!(users.len(), MESSAGES - DUPLICATES);
    let batches = Batches::of(&subs);
    let begin = Instant::now();
    thread::scope(|threads| {
        for _ in 0..CONSUMERS {
            threads.spawn(|| consume(&url, &batches));
        }
    });
    let took = begin.elapsed().as_secs_f32();
    println!("{MESSAGES} messages, {DUPLICATES} duplicates, {CONSUMERS} consumers: {took:.1} s");
    assert_eq!(deadlocks(&url).await.unwrap(), 0);
    let bench = Bench::with(&url, obliging);
    assert_eq!(bench.rows().await, i64::try_from(users.len()).unwrap());
}
