//! Promises P2 and P3 when the real consumer, fed by the event source mapping, is killed with SIGKILL in the middle of a batch.
//!
//! Where it is in its batch is no matter of luck: it waits for a row that this test is inserting, or for a request that the relay holds.

use std::{sync::OnceLock, time::Duration};

use pipeline_tests::{
    Options, Stack,
    clients::Clients,
    functions,
    messages::about,
    queues::{DeadLetter, Depth, dead_letters, depth, send},
    relay::{Relay, Treatment},
    wait,
};
use serde_json::json;
use sqlx::{Connection, PgConnection, Row};
use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

/// Seconds that a killed consumer's messages stay hidden: long against what a test does to it before they come again.
const HIDDEN: u32 = 8;

/// The fewest pollers that AWS and the template allow.
const POLLERS: u32 = 2;

/// Longest wait for what takes milliseconds on an idle machine.
const SOON: Duration = Duration::from_secs(20);

/// Longest wait until the messages have come again and are dealt with.
const DEALT_WITH: Duration = Duration::from_secs(40);

/// Users of a batch.
const USERS: usize = 8;

/// A stack whose consumer reaches SQS through a relay.
struct Scene {
    stack: Stack,
    relay: Relay,
}

impl Scene {
    fn set() -> Self {
        let options =
            Options { visibility_timeout_seconds: HIDDEN, maximum_concurrency: POLLERS, ..Options::default() };
        let stack = Stack::start(&options, &|_| ()).unwrap();
        let relay = Relay::start(&stack.aws_endpoint).unwrap();
        let consumer = &stack.outputs.consumer_function_name;
        functions::set_variable(&stack, consumer, "AWS_ENDPOINT_URL_SQS", relay.url()).unwrap();
        Self { stack, relay }
    }

    /// One scene for all of these tests, one test at a time: each kills every consumer that runs.
    async fn enter() -> MutexGuard<'static, Self> {
        static SCENE: OnceLock<Mutex<Scene>> = OnceLock::new();
        SCENE.get_or_init(|| Mutex::new(Self::set())).lock().await
    }

    fn kill_the_consumers(&self) {
        functions::kill(&self.stack.outputs.consumer_function_name).unwrap();
    }

    async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.stack.database_url).await.unwrap()
    }

    async fn queue(&self) -> Depth {
        depth(&Clients::of(&self.stack).unwrap().sqs, &self.stack.outputs.queue_url).await.unwrap()
    }

    async fn send(&self, bodies: &[String]) {
        send(&Clients::of(&self.stack).unwrap().sqs, &self.stack.outputs.queue_url, bodies).await.unwrap();
    }

    /// Begins to insert a user, so that everybody else who inserts them waits until this transaction ends.
    async fn in_the_way_of(&self, sub: Uuid) -> PgConnection {
        let mut connection = self.connect().await;
        sqlx::raw_sql("begin").execute(&mut connection).await.unwrap();
        sqlx::query("insert into users (cognito_sub) values ($1)").bind(sub).execute(&mut connection).await.unwrap();
        connection
    }

    /// Inserts of the consumers that wait for somebody else's transaction.
    async fn waiting_inserts(&self) -> i64 {
        let waiting =
            "select count(*) from pg_stat_activity where application_name = 'rollcall' and wait_event_type = 'Lock'";
        sqlx::query(waiting).fetch_one(&mut self.connect().await).await.unwrap().get(0)
    }

    async fn until_inserts_wait(&self, how_many: i64) {
        wait::until("the consumers' inserts wait", SOON, async || {
            Ok((self.waiting_inserts().await == how_many).then_some(()))
        })
        .await
        .unwrap();
    }

    /// Rows of these users; more than one for a user shows, because it counts rows and not users.
    async fn rows(&self, subs: &[Uuid]) -> usize {
        let rows = sqlx::query("select cognito_sub from users where cognito_sub = any($1)");
        rows.bind(subs).fetch_all(&mut self.connect().await).await.unwrap().len()
    }

    async fn until_rows(&self, subs: &[Uuid], how_many: usize) {
        wait::until("the rows are there", SOON, async || Ok((self.rows(subs).await == how_many).then_some(())))
            .await
            .unwrap();
    }

    fn buried(&self, body: &str) -> usize {
        dead_letters(&self.stack).unwrap().iter().filter(|letter| letter.body == body).count()
    }

    /// Delivers the messages as one batch: one consumer is kept busy until the end, the other one until all of them are there.
    async fn deliver_as_one_batch(&self, bodies: &[String]) -> Busy {
        let subs = [Uuid::new_v4(), Uuid::new_v4()];
        let [first, second] = [self.in_the_way_of(subs[0]).await, self.in_the_way_of(subs[1]).await];
        for (sub, waiting) in subs.iter().zip(1..) {
            self.send(&[about(*sub, &json!({}))]).await;
            self.until_inserts_wait(waiting).await;
        }
        self.send(bodies).await;
        assert_eq!(self.queue().await.visible, u64::try_from(bodies.len()).unwrap(), "nobody has time for them");
        first.close().await.unwrap();
        self.until_rows(&subs[..1], 1).await;
        Busy { subs, in_the_way: second }
    }

    /// What must hold in the end, whatever happened before.
    async fn everything_is_dealt_with(&self, busy: Busy, subs: &[Uuid], poison: &str) {
        busy.in_the_way.close().await.unwrap();
        let everybody = [subs, &busy.subs].concat();
        // Both in one look: the queue counts what waits and what is in flight one after the other,
        // and between them what comes back is in neither.
        wait::until("the queue is empty and every user has a row", DEALT_WITH, async || {
            let is_over = self.queue().await.total() == 0 && self.rows(&everybody).await >= everybody.len();
            Ok(is_over.then_some(()))
        })
        .await
        .unwrap();
        assert_eq!(self.rows(&everybody).await, everybody.len(), "no user has more than one row");
        assert!(self.buried(poison) > 0, "the poison is among the dead letters");
        let dead = dead_letters(&self.stack).unwrap();
        assert!(!dead.iter().any(DeadLetter::is_healthy), "and nobody healthy is");
    }
}

/// The two users that keep the consumers busy, and the transaction that is in the way of the second.
struct Busy {
    subs: [Uuid; 2],
    in_the_way: PgConnection,
}

/// A batch: users, two of them twice, and poison that only this test knows.
fn batch() -> (Vec<Uuid>, Vec<String>, String) {
    let subs: Vec<_> = (0..USERS).map(|_| Uuid::new_v4()).collect();
    let mut bodies: Vec<_> = subs.iter().chain(&subs[..2]).map(|sub| about(*sub, &json!({}))).collect();
    let poison = format!("poison {}", Uuid::new_v4());
    bodies.insert(USERS / 2, poison.clone());
    (subs, bodies, poison)
}

#[tokio::test]
async fn a_consumer_that_is_killed_while_its_insert_waits_loses_nobody() {
    let scene = Scene::enter().await;
    let (subs, bodies, poison) = batch();
    let in_the_way = scene.in_the_way_of(subs[0]).await;
    let busy = scene.deliver_as_one_batch(&bodies).await;
    scene.until_inserts_wait(2).await;
    scene.kill_the_consumers();
    // The server rolls back what waits, as it does when it finds the client gone.
    let end = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'rollcall'";
    sqlx::query(end).execute(&mut scene.connect().await).await.unwrap();
    scene.until_inserts_wait(0).await;
    in_the_way.close().await.unwrap();
    assert_eq!(scene.rows(&subs).await, 0, "the whole batch was lost with the consumer");
    scene.everything_is_dealt_with(busy, &subs, &poison).await;
}

#[tokio::test]
async fn an_insert_that_is_committed_after_its_consumer_was_killed_makes_no_second_row() {
    let scene = Scene::enter().await;
    let (subs, bodies, poison) = batch();
    let in_the_way = scene.in_the_way_of(subs[0]).await;
    let busy = scene.deliver_as_one_batch(&bodies).await;
    scene.until_inserts_wait(2).await;
    scene.kill_the_consumers();
    in_the_way.close().await.unwrap();
    scene.until_rows(&subs, subs.len()).await;
    let unanswered = u64::try_from(bodies.len() + 1).unwrap();
    assert_eq!(scene.queue().await.total(), unanswered, "the rows are the dead consumer's, which acknowledged nothing");
    scene.everything_is_dealt_with(busy, &subs, &poison).await;
}

#[tokio::test]
async fn a_consumer_that_is_killed_between_the_commit_and_its_answer_makes_no_second_row_and_buries_the_poison() {
    let scene = Scene::enter().await;
    let (subs, bodies, poison) = batch();
    scene.relay.treat("SendMessageBatch", Treatment::Hold);
    let busy = scene.deliver_as_one_batch(&bodies).await;
    wait::until("the poison is on its way", SOON, async || Ok((scene.relay.held() > 0).then_some(()))).await.unwrap();
    assert_eq!(scene.rows(&subs).await, subs.len(), "every insert is committed");
    let unanswered = u64::try_from(bodies.len() + 1).unwrap();
    assert_eq!(scene.queue().await, Depth { visible: 0, in_flight: unanswered }, "and none is acknowledged");
    scene.kill_the_consumers();
    wait::until("the request is gone with its sender", SOON, async || Ok((scene.relay.held() == 0).then_some(())))
        .await
        .unwrap();
    scene.relay.pass();
    assert_eq!(scene.buried(&poison), 0, "the relay has passed nothing on");
    scene.everything_is_dealt_with(busy, &subs, &poison).await;
}
