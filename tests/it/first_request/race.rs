//! Promise P2 when first requests and the consumer insert the same users at the same time, each in its own order.

use std::{
    sync::{Barrier, Mutex, PoisonError},
    thread,
    time::Instant,
};

use fastrand::Rng;
use pipeline_tests::{deadlocks::deadlocks, messages::about};
use serde_json::json;
use sqlx::{PgConnection, Row};
use tokio::runtime::Builder;
use uuid::Uuid;

use super::{connect, ensure, execute};
use crate::bench_consumer::{Bench, batch, database, obliging};

/// Users, each with one first request and one message.
const USERS: usize = 10_000;

/// Connections of the application.
const CONNECTIONS: usize = 8;

/// Consumers at the same time.
const CONSUMERS: usize = 2;

/// Messages of a batch, as deployed.
const BATCH: usize = 100;

/// Any number would do; a fixed one makes a failure come again.
const SEED: u64 = 10_000;

/// How often a call is made again before the test gives up.
const RETRIES: u32 = 20;

/// Work that whoever is free takes from.
struct Queue<T>(Mutex<Vec<T>>);

impl<T> Queue<T> {
    fn of(items: impl IntoIterator<Item = T>) -> Self {
        Self(Mutex::new(items.into_iter().collect()))
    }

    fn next(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

/// Runs `work` on a runtime of one thread, as a process of its own would.
fn alone<T>(work: impl Future<Output = T>) -> T {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// One call as the application makes it; gives back how often it was retried.
async fn request(connection: &mut PgConnection, sub: Uuid, isolation: &str) -> u32 {
    let claims = [Some("request@example.com"), Some("Request"), None];
    for retries in 0..RETRIES {
        // A snapshot that is taken before the call, as another statement of the transaction would.
        execute(connection, &format!("begin isolation level {isolation}; select count(*) from pg_class")).await;
        match ensure(connection, sub, claims).await {
            Ok((returned, _, first_name, ..)) => {
                execute(connection, "commit").await;
                assert_eq!(returned, sub, "every call returns its row");
                assert!(["Request", "Consumer"].contains(&first_name.unwrap().as_str()));
                return retries;
            }
            Err(error) => {
                let code = error.as_database_error().and_then(|error| error.code());
                assert_eq!(code.as_deref(), Some("40001"), "{error}");
                assert_ne!(isolation, "read committed", "the default level needs no retry");
                execute(connection, "rollback").await;
            }
        }
    }
    panic!("{RETRIES} calls for one user failed");
}

async fn consume(url: &str, batches: &Queue<Vec<Uuid>>) {
    let bench = Bench::with(url, obliging);
    while let Some(subs) = batches.next() {
        let bodies = subs.into_iter().map(|sub| about(sub, &json!({ "first_name": "Consumer" })));
        assert!(bench.failed(batch(bodies)).await.is_empty(), "every message is acknowledged at its first delivery");
    }
    assert!(bench.buried().is_empty() && bench.held().is_empty(), "no message is buried or held back");
    bench.pool.close().await;
}

async fn race(isolation: &str) {
    let url = database().await;
    let mut random = Rng::with_seed(SEED);
    let mut subs: Vec<_> =
        (0..USERS).map(|_| uuid::Builder::from_random_bytes(random.u128(..).to_ne_bytes()).into_uuid()).collect();
    let requests = Queue::of(subs.clone());
    random.shuffle(&mut subs);
    let batches = Queue::of(subs.chunks(BATCH).map(<[Uuid]>::to_vec));
    let (retries, start) = (Mutex::new(0), Barrier::new(CONNECTIONS + CONSUMERS));
    let begin = Instant::now();
    thread::scope(|threads| {
        for _ in 0..CONNECTIONS {
            threads.spawn(|| {
                alone(async {
                    let mut connection = connect(&url).await;
                    start.wait();
                    while let Some(sub) = requests.next() {
                        let more = request(&mut connection, sub, isolation).await;
                        *retries.lock().unwrap() += more;
                    }
                    sqlx::Connection::close(connection).await.unwrap();
                })
            });
        }
        for _ in 0..CONSUMERS {
            threads.spawn(|| {
                start.wait();
                alone(consume(&url, &batches));
            });
        }
    });
    let took = begin.elapsed().as_secs_f32();
    assert_eq!(deadlocks(&url).await.unwrap(), 0);

    const ROWS: &str = "select count(*), count(distinct cognito_sub), count(*) filter (where first_name = 'Request'), \
                        count(*) filter (where cognito_sub = any($1)) from users";
    let row = sqlx::query(ROWS).bind(&subs).fetch_one(&mut connect(&url).await).await.unwrap();
    let [rows, distinct, by_requests, ours] = [0, 1, 2, 3].map(|at| usize::try_from(row.get::<i64, _>(at)).unwrap());
    println!(
        "{isolation}: {USERS} first requests on {CONNECTIONS} connections and {CONSUMERS} consumers: {took:.1} s; \
         {by_requests} rows by a request, {} by the consumer, {} missing, {} twice, 0 deadlocks, {} retries",
        rows - by_requests,
        USERS - ours,
        rows - distinct,
        retries.lock().unwrap(),
    );
    assert_eq!((rows, distinct, ours), (USERS, USERS, USERS));
    assert!(by_requests > 0 && by_requests < USERS, "both sides made rows, so it was a race");
}

#[tokio::test]
async fn ten_thousand_first_requests_and_the_consumer_make_one_row_of_each_user_without_a_deadlock() {
    race("read committed").await;
}

#[tokio::test]
async fn under_repeatable_read_they_do_so_with_retries() {
    race("repeatable read").await;
}
