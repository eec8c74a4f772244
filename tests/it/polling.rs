//! The worker without Lambda, as a process of its own against LocalStack and Postgres.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use consumer::{poll::poll, stop::Stop, worker_options::WorkerOptions};
use pipeline_tests::{
    Stack,
    clients::Clients,
    queues::{Depth, depth, send},
    scripted_http::Answer,
    wait,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use sqlx::{PgPool, Row};
use uuid::Uuid;

use crate::bench_consumer::{
    Bench, database, lock_users, obliging, people, pool_to, somebody, until_somebody_waits_for_a_lock,
};

/// Longest wait for anything here, on a machine that is busy with the other tests.
pub(crate) const SOON: Duration = Duration::from_secs(40);

/// A file of the run's own folder, which goes with it.
pub(crate) fn log_file() -> PathBuf {
    Stack::shared().unwrap().folder().join(format!("worker-{}.log", Uuid::new_v4().simple()))
}

pub(crate) const EMPTY: Depth = Depth { visible: 0, in_flight: 0 };

/// A worker with queues and a database of its own.
pub(crate) struct Worker {
    pub(crate) clients: Clients,
    pub(crate) queue_url: String,
    pub(crate) dlq_url: String,
    pub(crate) database_url: String,
    pub(crate) pool: PgPool,
    pub(crate) log: PathBuf,
    pub(crate) process: Child,
}

impl Worker {
    async fn start() -> Self {
        Self::with_database(database().await).await
    }

    async fn with_database(database_url: String) -> Self {
        Self::with(database_url, &[]).await
    }

    /// With these variables and arguments besides what a worker must have.
    pub(crate) async fn with(database_url: String, variables: &[(&str, &str)]) -> Self {
        let stack = Stack::shared().unwrap();
        let clients = Clients::of(stack).unwrap();
        let queue = async |kind: &str| {
            let name = format!("poll-{kind}-{}", Uuid::new_v4().simple());
            clients.sqs.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap()
        };
        let (queue_url, dlq_url) = (queue("users").await, queue("dlq").await);
        let log = log_file();
        let process = Self::process(&queue_url, &dlq_url, &database_url, &log, variables);
        Self { clients, queue_url, dlq_url, pool: pool_to(&database_url), database_url, log, process }
    }

    /// Everything that it says goes to `log`.
    fn process(queue_url: &str, dlq_url: &str, database_url: &str, log: &Path, variables: &[(&str, &str)]) -> Child {
        let output = || File::options().create(true).append(true).open(log).unwrap();
        let mut command = Self::command(Stack::shared().unwrap());
        command.env("QUEUE_URL", queue_url).env("DLQ_URL", dlq_url).env("DATABASE_URL", database_url);
        command.envs(variables.iter().copied()).stdout(output()).stderr(output()).spawn().unwrap()
    }

    /// Never more than the variables that it needs: what it finds out for itself is part of what is tested.
    pub(crate) fn command(stack: &Stack) -> Command {
        let mut command = Command::new(&stack.binaries["consumer"]);
        command.arg("--poll").env_clear().stdout(Stdio::null()).stderr(Stdio::null());
        for name in ["AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            command.env(name, stack.environment().into_iter().find(|(found, _)| *found == name).unwrap().1);
        }
        command
    }

    pub(crate) async fn send(&self, bodies: Vec<String>) {
        send(&self.clients.sqs, &self.queue_url, &bodies).await.unwrap();
    }

    pub(crate) async fn messages(&self, queue_url: &str) -> Depth {
        depth(&self.clients.sqs, queue_url).await.unwrap()
    }

    pub(crate) async fn until_messages(&self, expected: Depth) {
        wait::until("the queue holds what it should", SOON, async || {
            Ok((self.messages(&self.queue_url).await == expected).then_some(()))
        })
        .await
        .unwrap();
    }

    pub(crate) async fn rows(&self) -> i64 {
        sqlx::query("select count(*) from users").fetch_one(&self.pool).await.unwrap().get(0)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    pub(crate) async fn ended(&mut self) -> ExitStatus {
        wait::until("the worker has ended", SOON, async || Ok(self.process.try_wait()?)).await.unwrap()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Of a process that has ended already there is nothing to kill.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn a_worker_without_lambda_makes_rows_buries_poison_and_empties_the_queue() {
    let mut worker = Worker::start().await;
    let mut bodies = people(230);
    bodies.extend(["not json".to_owned(), "{}".to_owned(), somebody(&json!({ "cognito_sub": 7 }))]);
    worker.send(bodies).await;
    worker.until_messages(EMPTY).await;
    assert_eq!(worker.rows().await, 230);
    assert_eq!(worker.messages(&worker.dlq_url).await, Depth { visible: 3, in_flight: 0 });
    worker.signal(Signal::TERM);
    assert!(worker.ended().await.success());
}

#[tokio::test]
async fn a_workers_metrics_have_the_name_that_its_operator_has_chosen() {
    for (variables, name) in
        [(&[][..], "consumer-worker"), (&[("METRICS_NAME", "rollcall-consumer")], "rollcall-consumer")]
    {
        let worker = Worker::with(database().await, variables).await;
        worker.send(people(1)).await;
        let written = wait::until("the worker has written metrics", SOON, async || {
            let log = std::fs::read_to_string(&worker.log)?;
            Ok(log.lines().find(|line| line.contains(r#""Inserted":1.0"#)).map(str::to_owned))
        });
        let line: serde_json::Value = serde_json::from_str(&written.await.unwrap()).unwrap();
        assert_eq!(line["FunctionName"], name, "{line}");
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["FunctionName"]]));
    }
}

#[tokio::test]
async fn on_sigterm_a_worker_finishes_what_it_holds() {
    let mut worker = Worker::start().await;
    let lock = lock_users(&worker.pool).await;
    worker.send(people(5)).await;
    until_somebody_waits_for_a_lock(&worker.pool).await;
    worker.signal(Signal::TERM);
    lock.rollback().await.unwrap();
    assert!(worker.ended().await.success());
    assert_eq!(worker.rows().await, 5);
    assert_eq!(worker.messages(&worker.queue_url).await, EMPTY);
}

#[tokio::test]
async fn on_sigterm_a_worker_gives_back_at_once_what_it_cannot_finish() {
    let mut worker = Worker::with_database("postgres://nobody@127.0.0.1:1/none?sslmode=disable".to_owned()).await;
    worker.send(people(5)).await;
    worker.until_messages(Depth { visible: 0, in_flight: 5 }).await;
    worker.signal(Signal::TERM);
    assert!(worker.ended().await.success());
    let given_back = Depth { visible: 5, in_flight: 0 };
    assert_eq!(worker.messages(&worker.queue_url).await, given_back, "nobody waits for a visibility time-out");
}

#[tokio::test]
async fn a_worker_that_is_killed_loses_nothing_and_a_second_signal_ends_it_at_once() {
    let mut killed = Worker::start().await;
    let lock = lock_users(&killed.pool).await;
    killed.send(people(5)).await;
    until_somebody_waits_for_a_lock(&killed.pool).await;
    killed.signal(Signal::TERM);
    killed.signal(Signal::INT);
    let ended = killed.ended().await;
    assert!(!ended.success(), "{ended}");
    lock.rollback().await.unwrap();
    killed.process = Worker::process(&killed.queue_url, &killed.dlq_url, &killed.database_url, &killed.log, &[]);
    // The rows first: a message that becomes visible between the queue's two counts is in neither.
    wait::until("everybody has a row", SOON, async || Ok((killed.rows().await == 5).then_some(()))).await.unwrap();
    killed.until_messages(EMPTY).await;
    assert_eq!(killed.rows().await, 5);
}

#[tokio::test]
async fn a_worker_says_what_is_wrong_with_its_queues_and_ends() {
    let stack = Stack::shared().unwrap();
    let nowhere = format!("{}/000000000000/nowhere", stack.aws_endpoint);
    let (queue, dlq) = (stack.outputs.queue_url.as_str(), stack.outputs.dlq_url.as_str());
    let unreachable = "http://127.0.0.1:1/000000000000/users";
    for (queue_url, dlq_url, endpoint, words) in [
        (
            nowhere.as_str(),
            dlq,
            None,
            [format!("cannot poll `{nowhere}` (QUEUE_URL): "), "NonExistentQueue".to_owned()],
        ),
        (queue, nowhere.as_str(), None, [format!("`{nowhere}` (DLQ_URL) does not exist"), String::new()]),
        (unreachable, dlq, Some("http://127.0.0.1:1"), [format!("cannot poll `{unreachable}`"), "refused".to_owned()]),
    ] {
        let mut command = Worker::command(stack);
        command.env("QUEUE_URL", queue_url).env("DLQ_URL", dlq_url).env("DATABASE_URL", &stack.database_url);
        command.envs(endpoint.map(|endpoint| ("AWS_ENDPOINT_URL", endpoint)));
        let output = command.stdout(Stdio::null()).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(words.iter().all(|words| said.contains(words)), "{said}");
    }
}

#[tokio::test]
async fn a_batch_that_takes_long_is_hidden_for_longer_until_it_is_deleted() {
    let receives = AtomicUsize::new(0);
    let bench = Bench::with(&database().await, move |call, before| match call.operation.as_str() {
        "AmazonSQS.ReceiveMessage" if receives.fetch_add(1, Ordering::Relaxed) == 0 => {
            let body = somebody(&json!({}));
            let message = json!({ "MessageId": "m0", "ReceiptHandle": "r0", "Body": body });
            Answer::Reply(200, json!({ "Messages": [message] }))
        }
        "AmazonSQS.ReceiveMessage" => Answer::Hang,
        "AmazonSQS.GetQueueAttributes" => Answer::Reply(200, json!({ "Attributes": {} })),
        _ => obliging(call, before),
    });
    let lock = lock_users(&bench.pool).await;
    let options = WorkerOptions::default();
    let (_tell, stop) = Stop::told();
    let scenario = async {
        wait::until("the message is hidden for longer", SOON, async || Ok((!bench.held().is_empty()).then_some(())))
            .await
            .unwrap();
        assert_eq!(bench.held()[0]["VisibilityTimeout"], 20);
        lock.rollback().await.unwrap();
        let deleted = || bench.http.calls().iter().any(|call| call.operation == "AmazonSQS.DeleteMessageBatch");
        wait::until("the message is deleted", SOON, async || Ok(deleted().then_some(()))).await.unwrap();
    };
    tokio::select! {
        _ = poll(&bench.consumer, &options, &stop) => panic!("it was not asked to stop"),
        () = scenario => {}
    }
    assert_eq!(bench.rows().await, 1);
}
