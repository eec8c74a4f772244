//! A replayer on a bench: the real run against a model of SQS, with a journal folder of its own.

use std::{cell::RefCell, path::PathBuf, sync::Arc, time::Duration};

use aws_sdk_sqs::{Client, config::retry::RetryConfig};
use dlq_replayer::{
    journal::read::{Resumed, resumed},
    journal::write::{Begin, Journal, new_run},
    report::counts::Tally,
    report::exit::Exit,
    rules::decide::{Carries, MAX_REPLAYS, Repeaters, Replay, Treatment, Validation},
    rules::select::Selection,
    run::breaker::{Breaker, DEFAULT_SHARE},
    run::delivery::Delivery,
    run::intake::{Intake, Taking},
    run::interrupt::Interrupt,
    run::rate::Pace,
    run::state::Memory,
    run::transfer::Transfer,
    sqs::address::QueueArgument,
    sqs::destination::Destination,
    sqs::outgoing::FailureAttributes,
    sqs::queue::Queue,
};
use jiff::Timestamp;
use pipeline_tests::sqs_model::{NewMessage, SqsModel};
use tokio::time::Instant;
use uuid::Uuid;

pub(crate) const DLQ: &str = "orders-dlq";
pub(crate) const SOURCE: &str = "orders";

/// A model with a dead-letter queue and its source, and journals that go when the bench goes.
pub(crate) struct ReplayBench {
    pub(crate) model: SqsModel,
    pub(crate) journals: PathBuf,
    pub(crate) dlq: &'static str,
    pub(crate) source: &'static str,
}

/// One run: what differs from the usual one.
pub(crate) struct Run {
    pub(crate) selection: Selection,
    pub(crate) treatment: Treatment,
    pub(crate) resume: Option<String>,
    pub(crate) workers: usize,
    pub(crate) pace: Pace,
    pub(crate) limit: u64,
    pub(crate) hidden: Duration,
    pub(crate) quarantine: Option<&'static str>,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) exit: Exit,
    pub(crate) tally: Tally,
    pub(crate) run: String,
    pub(crate) fault: Option<anyhow::Error>,
    pub(crate) refusals: Vec<String>,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            selection: Selection::default(),
            treatment: replay(),
            resume: None,
            workers: 1,
            pace: Pace::fixed(1e6),
            limit: u64::MAX,
            hidden: Duration::from_mins(2),
            quarantine: None,
        }
    }
}

/// The usual treatment.
pub(crate) fn replay() -> Treatment {
    Treatment::Replay(Box::new(usual()))
}

pub(crate) fn usual() -> Replay {
    Replay {
        edit: None,
        validation: Validation::Ours,
        max_replays: MAX_REPLAYS,
        repeaters: Repeaters::Stay,
        failure: FailureAttributes::Removed,
        carries: Carries::Everything,
    }
}

impl ReplayBench {
    pub(crate) fn new() -> Self {
        Self::named(DLQ, SOURCE)
    }

    pub(crate) fn fifo() -> Self {
        Self::named("orders-dlq.fifo", "orders.fifo")
    }

    fn named(dlq: &'static str, source: &'static str) -> Self {
        let model = SqsModel::new();
        model.create(dlq);
        model.create(source);
        model.with(source, |queue| queue.dead_letters = Some(dlq.to_owned()));
        let journals = std::env::temp_dir().join(format!("rollcall-journals-{}", Uuid::new_v4().simple()));
        Self { model, journals, dlq, source }
    }

    /// Puts `count` messages into the dead-letter queue and gives back their ids.
    pub(crate) fn fill(&self, count: usize) -> Vec<String> {
        (0..count).map(|at| self.model.put(self.dlq, NewMessage::new(format!("body {at}"), &[]))).collect()
    }

    pub(crate) fn client(&self) -> Client {
        let config = self.model.http().sdk_config();
        // Retries without their waits: a second for each point of hundreds is no better test.
        let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
        Client::from_conf(aws_sdk_sqs::config::Builder::from(&config).retry_config(retries).build())
    }

    pub(crate) async fn queue(&self, name: &str) -> Queue {
        let client = self.client();
        let address = dlq_replayer::sqs::address::find(&client, &QueueArgument::parse(name)).await.unwrap();
        Queue::new(client, address)
    }

    /// Runs to the end. The queues are looked up before the faults begin.
    pub(crate) async fn run(&self, run: Run) -> Ended {
        let (queue, source) = (self.queue(self.dlq).await, self.queue(self.source).await);
        let quarantine = match run.quarantine {
            Some(name) => Some(Destination::Queue(self.queue(name).await)),
            None => None,
        };
        self.run_between(run, &queue, &Destination::Queue(source), quarantine.as_ref(), &Interrupt::by_hand().1).await
    }

    pub(crate) async fn run_between(
        &self,
        run: Run,
        queue: &Queue,
        destination: &Destination,
        quarantine: Option<&Destination>,
        interrupt: &Interrupt,
    ) -> Ended {
        let name = new_run(Timestamp::now());
        let begin = Begin {
            run: name.clone(),
            at: Timestamp::now(),
            command: "replay".to_owned(),
            queue: queue.address.arn.clone(),
            destination: destination.name(),
            resumes: run.resume.clone(),
        };
        let Resumed { sent, unknown } =
            run.resume.map(|run| resumed(&self.journals, &run).unwrap()).unwrap_or_default();
        let journal = Journal::create(&self.journals, begin).unwrap();
        let taking = Taking { wait: Duration::ZERO, hidden: run.hidden, patience: Duration::ZERO };
        let transfer = Transfer {
            queue,
            intake: Intake::new(queue, taking, sent),
            delivery: Delivery {
                destination,
                quarantine,
                journal: &journal,
                pace: RefCell::new(run.pace),
                began: Instant::now(),
                tally: RefCell::default(),
                interrupt,
                doubtful: unknown,
            },
            selection: &run.selection,
            treatment: &run.treatment,
            limit: run.limit,
            breaker: RefCell::new(Breaker::new(DEFAULT_SHARE)),
            workers: run.workers,
            memory: Memory::default(),
        };
        transfer.run().await;
        let refusals = transfer.refusals().into_iter().map(|(_, refusal)| refusal.to_string()).collect();
        let tally = transfer.delivery.tally.borrow().clone();
        Ended { exit: transfer.exit(), fault: transfer.take_fault(), tally, run: name, refusals }
    }

    /// The bodies at a queue, sorted.
    pub(crate) fn bodies(&self, queue: &str) -> Vec<String> {
        let mut bodies: Vec<_> = self.model.messages(queue).into_iter().map(|message| message.body).collect();
        bodies.sort();
        bodies
    }

    /// The last run's name, as a killed run leaves it.
    pub(crate) fn last_run(&self) -> String {
        dlq_replayer::journal::read::past_runs(&self.journals).unwrap()[0].begin.run.clone()
    }
}

impl Drop for ReplayBench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.journals);
    }
}

/// Tells one task that something was reached, from wherever it was.
pub(crate) type Reached = Arc<tokio::sync::Notify>;
