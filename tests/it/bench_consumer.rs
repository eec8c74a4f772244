//! A consumer on a bench: the real handler and a real database of its own, with SQS played by a script.

use std::{
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_types::SdkConfig;
use consumer::{
    Consumer,
    batch::{Batch, Unreadable},
    database::Database,
    handle_batch,
    insert_statement::InsertStatement,
    migrations::migrator,
    queues::Queues,
    table::Table,
    user_pools::UserPools,
};
pub(crate) use pipeline_tests::messages::about as user;
use pipeline_tests::{
    Postgres,
    scripted_http::{Answer, Call, ScriptedHttp},
    wait,
};
use rollcall_aws_runtime::{environment::Environment, metrics::Metrics};
use serde_json::{Value, json};
use sqlx::{PgPool, PgTransaction, Row};
use tokio::time::Instant;
use uuid::Uuid;

pub(crate) const SEND: &str = "AmazonSQS.SendMessageBatch";
pub(crate) const HOLD: &str = "AmazonSQS.ChangeMessageVisibilityBatch";

/// As long as a Lambda invocation has.
pub(crate) const INVOCATION: Duration = Duration::from_secs(30);

/// A consumer whose calls to SQS and whose metrics are remembered.
pub(crate) struct Bench {
    pub(crate) pool: PgPool,
    pub(crate) http: ScriptedHttp,
    pub(crate) consumer: Consumer,
    metrics: Arc<Mutex<Vec<Value>>>,
}

/// The database server of all tests that need nothing else of the local stack.
pub(crate) fn server() -> &'static Postgres {
    static SERVER: OnceLock<Postgres> = OnceLock::new();
    SERVER.get_or_init(|| Postgres::start_alone().unwrap())
}

/// A migrated database that nobody else uses.
pub(crate) async fn database() -> String {
    let url = server().create_database(&format!("test_{}", Uuid::new_v4().simple())).unwrap();
    migrator().run(&pool_to(&url)).await.unwrap();
    url
}

/// The test's own connections.
pub(crate) fn pool_to(url: &str) -> PgPool {
    PgPool::connect_lazy(url).unwrap()
}

/// The consumer's, as these variables say; what it asks AWS goes to `aws`.
pub(crate) fn database_as(variables: &[(&str, &str)], aws: &SdkConfig) -> Database {
    Database::read(&variables.iter().copied().collect(), aws).unwrap()
}

/// The handler, as it is given messages that were received one by one.
pub(crate) async fn handle(
    event: SqsEvent,
    deadline: Instant,
    consumer: &Consumer,
) -> Result<SqsBatchResponse, Unreadable> {
    handle_batch(&Batch::try_from(event)?, deadline, consumer).await
}

/// SQS that takes everything.
pub(crate) fn obliging(call: &Call, _: usize) -> Answer {
    let entries = call.body["Entries"].as_array().cloned().unwrap_or_default();
    let done: Vec<Value> = entries
        .iter()
        .map(|entry| json!({ "Id": entry["Id"], "MessageId": "copy", "MD5OfMessageBody": "x" }))
        .collect();
    Answer::Reply(200, json!({ "Successful": done, "Failed": [] }))
}

impl Bench {
    /// With a database of its own and SQS that takes everything.
    pub(crate) async fn new() -> Self {
        Self::with(&database().await, obliging)
    }

    pub(crate) fn with(url: &str, sqs: impl Fn(&Call, usize) -> Answer + Send + Sync + 'static) -> Self {
        Self::logged_in(url, &[("DATABASE_URL", url)], sqs)
    }

    /// With a consumer that logs in as `variables` say, to the database that the test itself reaches at `url`.
    pub(crate) fn logged_in(
        url: &str,
        variables: &[(&str, &str)],
        sqs: impl Fn(&Call, usize) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let http = ScriptedHttp::new(sqs);
        Self::new_with(url, database_as(variables, &http.sdk_config()), http)
    }

    pub(crate) fn new_with(url: &str, database: Database, http: ScriptedHttp) -> Self {
        let metrics = Arc::<Mutex<Vec<Value>>>::default();
        let lines = Arc::clone(&metrics);
        let consumer = Consumer {
            database,
            insert: InsertStatement::into(&Table::default()),
            user_pools: UserPools::default(),
            sqs: aws_sdk_sqs::Client::new(&http.sdk_config()),
            queues: Queues { queue_url: "https://queue".to_owned(), dlq_url: "https://dlq".to_owned() },
            metrics: Metrics::written_by(&Environment::from_iter([("UNUSED", "")]), move |line| {
                lines.lock().unwrap().push(serde_json::from_str(line).unwrap());
            }),
        };
        Self { pool: pool_to(url), http, consumer, metrics }
    }

    /// Handles a batch and gives back the message ids that the answer lists.
    pub(crate) async fn failed(&self, event: SqsEvent) -> Vec<String> {
        self.failed_within(event, INVOCATION).await
    }

    pub(crate) async fn failed_within(&self, event: SqsEvent, time: Duration) -> Vec<String> {
        self.failed_until(event, Instant::now() + time).await
    }

    pub(crate) async fn failed_until(&self, event: SqsEvent, deadline: Instant) -> Vec<String> {
        // As Lambda delivers it.
        let event = serde_json::to_vec(&event).unwrap();
        let answer = handle_batch(&Batch::of(&event).unwrap(), deadline, &self.consumer).await.unwrap();
        answer.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
    }

    /// The sum of a metric over everything that was handled so far.
    pub(crate) fn counted(&self, metric: &str) -> f64 {
        self.metrics.lock().unwrap().iter().filter_map(|line| line[metric].as_f64()).sum()
    }

    /// Whether a metric was written at all, be it a zero.
    pub(crate) fn reported(&self, metric: &str) -> bool {
        self.metrics.lock().unwrap().iter().any(|line| line.get(metric).is_some())
    }

    pub(crate) async fn rows(&self) -> i64 {
        sqlx::query("select count(*) from users").fetch_one(&self.pool).await.unwrap().get(0)
    }

    pub(crate) async fn sql(&self, statement: &'static str) {
        sqlx::query(statement).execute(&self.pool).await.unwrap();
    }

    /// The entries that were sent to the dead-letter queue, in order.
    pub(crate) fn buried(&self) -> Vec<Value> {
        self.entries(SEND)
    }

    /// The entries that were held back.
    pub(crate) fn held(&self) -> Vec<Value> {
        self.entries(HOLD)
    }

    fn entries(&self, operation: &str) -> Vec<Value> {
        let calls = self.http.calls().into_iter().filter(|call| call.operation == operation);
        calls.flat_map(|call| call.body["Entries"].as_array().cloned().unwrap_or_default()).collect()
    }
}

/// The body of a message about somebody new.
pub(crate) fn somebody(more: &Value) -> String {
    user(Uuid::new_v4(), more)
}

/// The bodies of messages about `n` people who are new.
pub(crate) fn people(n: usize) -> Vec<String> {
    (0..n).map(|_| somebody(&json!({}))).collect()
}

/// A batch as Lambda delivers it; the messages are called `m0`, `m1` and so on.
pub(crate) fn batch(bodies: impl IntoIterator<Item = String>) -> SqsEvent {
    let mut event = SqsEvent::default();
    event.records = bodies.into_iter().enumerate().map(|(at, body)| record(at, body)).collect();
    event
}

fn record(at: usize, body: String) -> SqsMessage {
    let mut record = SqsMessage::default();
    record.message_id = Some(format!("m{at}"));
    record.receipt_handle = Some(format!("r{at}"));
    record.body = Some(body);
    record.attributes.insert("ApproximateReceiveCount".to_owned(), "3".to_owned());
    record
}

/// Locks the table against inserts until the transaction ends.
pub(crate) async fn lock_users(pool: &PgPool) -> PgTransaction<'static> {
    let mut lock = pool.begin().await.unwrap();
    sqlx::query("lock table users").execute(&mut *lock).await.unwrap();
    lock
}

/// Returns when a statement in this database waits for a lock.
pub(crate) async fn until_somebody_waits_for_a_lock(pool: &PgPool) {
    const WAITING: &str =
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
    wait::until("a statement waits for the lock", Duration::from_secs(10), async || {
        let waiting: i64 = sqlx::query(WAITING).fetch_one(pool).await?.get(0);
        Ok((waiting > 0).then_some(()))
    })
    .await
    .unwrap();
}
