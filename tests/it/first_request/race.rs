//! Promise P2 when first requests and the consumer insert the same users at the same time, each in its own order.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use fastrand::Rng;
use pipeline_tests::{deadlocks::deadlocks, messages::about, wait};
use serde_json::json;
use sqlx::{Connection, PgConnection, Row};
use tokio::runtime::Builder;
use uuid::Uuid;

use super::{Person, connect, ensure, execute, sqlstate};
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

/// The isolation level of the application's transactions.
#[derive(Clone, Copy, Debug)]
enum Level {
    ReadCommitted,
    RepeatableRead,
}

/// Users whose requests and messages come in a random order of their own; the windows follow one another.
const WINDOW: usize = 2 * BATCH;

/// Both sides of the race. Each waits for the other before it begins a batch of users: whichever is faster would run ahead, and they would never meet.
struct Race {
    requests: Vec<Uuid>,
    messages: Vec<Uuid>,
    next_request: AtomicUsize,
    next_batch: AtomicUsize,
    start: Barrier,
    retries: AtomicU32,
}

impl Race {
    fn new() -> Self {
        let mut random = Rng::with_seed(SEED);
        let mut requests: Vec<_> =
            (0..USERS).map(|_| uuid::Builder::from_random_bytes(random.u128(..).to_ne_bytes()).into_uuid()).collect();
        let mut messages = requests.clone();
        for side in [&mut requests, &mut messages] {
            side.chunks_mut(WINDOW).for_each(|window| random.shuffle(window));
        }
        Self {
            requests,
            messages,
            next_request: AtomicUsize::new(0),
            next_batch: AtomicUsize::new(0),
            start: Barrier::new(CONNECTIONS + CONSUMERS),
            retries: AtomicU32::new(0),
        }
    }

    /// The user of the next request, once a consumer has begun the batch of the same place in the order.
    async fn next_request(&self) -> Option<Uuid> {
        let at = self.next_request.fetch_add(1, Relaxed);
        let sub = self.requests.get(at)?;
        let begun = async || Ok((self.next_batch.load(Relaxed) * BATCH > at).then_some(()));
        wait::until("a consumer has begun the batch", Duration::from_mins(1), begun).await.unwrap();
        Some(*sub)
    }

    /// The next batch, once the requests have reached its users.
    async fn next_batch(&self) -> Option<&[Uuid]> {
        let at = self.next_batch.fetch_add(1, Relaxed);
        let batch = self.messages.chunks(BATCH).nth(at)?;
        let reached = async || Ok((self.next_request.load(Relaxed) >= at * BATCH).then_some(()));
        wait::until("the requests have reached the batch", Duration::from_mins(1), reached).await.unwrap();
        Some(batch)
    }
}

/// Runs `work` on a runtime of one thread, as a process of its own would.
fn alone<T>(work: impl Future<Output = T>) -> T {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// The address of a user, which is the same on both sides and has to be unique.
fn address(sub: Uuid) -> String {
    format!("{sub}@example.com")
}

/// What a request sends.
async fn request_for(connection: &mut PgConnection, sub: Uuid) -> Result<Person, sqlx::Error> {
    ensure(connection, sub, [Some(&address(sub)), Some("Request"), None]).await
}

/// One call as the application makes it at the default level.
async fn call(connection: &mut PgConnection, sub: Uuid) -> Person {
    request_for(connection, sub).await.unwrap()
}

/// One call within a stricter transaction that has its snapshot already, retried as docs/first-request.md says.
async fn call_with_retries(connection: &mut PgConnection, sub: Uuid, retries: &AtomicU32) -> Person {
    for _ in 0..RETRIES {
        execute(connection, "begin isolation level repeatable read; select 1").await;
        match request_for(connection, sub).await {
            Ok(person) => {
                execute(connection, "commit").await;
                return person;
            }
            refused => assert_eq!(sqlstate(refused), "40001"),
        }
        execute(connection, "rollback").await;
        retries.fetch_add(1, Relaxed);
    }
    panic!("{RETRIES} calls for one user failed");
}

async fn request(url: &str, race: &Race, level: Level) {
    let mut connection = connect(url).await;
    race.start.wait();
    while let Some(sub) = race.next_request().await {
        let (returned, _, first_name, ..) = match level {
            Level::ReadCommitted => call(&mut connection, sub).await,
            Level::RepeatableRead => call_with_retries(&mut connection, sub, &race.retries).await,
        };
        assert_eq!(returned, sub, "every call returns its row");
        assert!(["Request", "Consumer"].contains(&first_name.unwrap().as_str()));
    }
    connection.close().await.unwrap();
}

async fn consume(url: &str, race: &Race) {
    let bench = Bench::with(url, obliging);
    race.start.wait();
    while let Some(subs) = race.next_batch().await {
        let bodies = subs.iter().map(|sub| about(*sub, &json!({ "email": address(*sub), "first_name": "Consumer" })));
        assert!(bench.failed(batch(bodies)).await.is_empty(), "every message is acknowledged at its first delivery");
    }
    assert!(bench.buried().is_empty() && bench.held().is_empty(), "no message is buried or held back");
    bench.pool.close().await;
}

/// How many rows there are, of how many users, how many of them a request made, and how many are about `$1`.
const ROWS: &str = "select count(*), count(distinct cognito_sub), count(*) filter (where first_name = 'Request'), \
                    count(*) filter (where cognito_sub = any($1)) from users";

async fn run(level: Level) {
    let (url, race) = (database().await, Race::new());
    execute(&mut connect(&url).await, "alter table users add unique (email)").await;
    let begin = Instant::now();
    thread::scope(|threads| {
        for _ in 0..CONNECTIONS {
            threads.spawn(|| alone(request(&url, &race, level)));
        }
        for _ in 0..CONSUMERS {
            threads.spawn(|| alone(consume(&url, &race)));
        }
    });
    let took = begin.elapsed().as_secs_f32();
    assert_eq!(deadlocks(&url).await.unwrap(), 0);

    let row = sqlx::query(ROWS).bind(&race.requests).fetch_one(&mut connect(&url).await).await.unwrap();
    let [rows, distinct, by_requests, ours] = [0, 1, 2, 3].map(|at| usize::try_from(row.get::<i64, _>(at)).unwrap());
    println!(
        "{level:?}: {USERS} first requests on {CONNECTIONS} connections and {CONSUMERS} consumers: {took:.1} s; \
         {by_requests} rows by a request, {} by the consumer, {} missing, {} twice, 0 deadlocks, {} retries",
        rows - by_requests,
        USERS - ours,
        rows - distinct,
        race.retries.load(Relaxed),
    );
    assert_eq!((rows, distinct, ours), (USERS, USERS, USERS));
    assert!(by_requests > 0 && by_requests < USERS, "both sides made rows, so it was a race");
}

#[tokio::test]
async fn ten_thousand_first_requests_and_the_consumer_make_one_row_of_each_user_without_a_deadlock() {
    run(Level::ReadCommitted).await;
}

#[tokio::test]
async fn under_repeatable_read_they_do_so_with_retries() {
    run(Level::RepeatableRead).await;
}
