//! A replayer on a bench: the real run against a model of SQS, with a journal folder of its own.

use std::{path::PathBuf, rc::Rc, sync::Arc, time::Duration};

use aws_sdk_sqs::config::retry::RetryConfig;
use dlq_replayer::{
    report::{
        counts::Counts,
        exit::Exit,
        progress::{Doing, Progress, Shown},
    },
    rules::{
        decide::{Carrier, Contract, MAX_REPLAYS, Replay, Treatment},
        select::Selection,
    },
    run::{
        breaker::DEFAULT_SHARE,
        interrupt::Interrupt,
        job::{self, Job},
        plan::Plan,
        rate::RateSetting,
        routes::Routes,
        settings::{CanarySetting, Settings},
        source::{After, Source},
    },
    sqs::{address::find, archive::Bodies, bus::Bus, clients::Clients, destination::Destination, queue::Queue},
};
use pipeline_tests::sqs_model::{NewMessage, SqsModel};
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

/// Where a run sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum To {
    /// To the one source.
    #[default]
    Source,
    /// Each message back to where it came from.
    ItsOwnSource,
    /// On the bus `main`, whose rule matches everything.
    Bus,
}

/// One run: what differs from the usual one.
pub(crate) struct Run {
    pub(crate) selection: Selection,
    pub(crate) treatment: Treatment,
    pub(crate) to: To,
    pub(crate) file: Option<PathBuf>,
    pub(crate) calls: usize,
    pub(crate) rate: RateSetting,
    pub(crate) limit: u64,
    pub(crate) visibility: Duration,
    pub(crate) quarantine: Option<&'static str>,
    pub(crate) canary: Option<CanarySetting>,
    pub(crate) most_aside: usize,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) exit: Exit,
    pub(crate) counts: Counts,
    pub(crate) fault: Option<anyhow::Error>,
    pub(crate) refusals: Vec<String>,
}

impl Default for Run {
    fn default() -> Self {
        let usual = Settings::default();
        Self {
            selection: Selection::default(),
            treatment: Treatment::Replay(Box::new(replay())),
            to: To::Source,
            file: None,
            calls: 3,
            rate: RateSetting::Unlimited,
            limit: u64::MAX,
            visibility: usual.visibility,
            quarantine: None,
            canary: None,
            most_aside: usual.most_aside,
        }
    }
}

/// The usual treatment.
pub(crate) fn replay() -> Replay {
    Replay {
        edit: None,
        contract: Contract::Auto,
        max_replays: MAX_REPLAYS,
        quarantine: false,
        carrier: Carrier::Queue,
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

    pub(crate) fn clients(&self) -> Rc<Clients> {
        // Retries without their waits: a second for each point of hundreds is no better test.
        let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
        let config = self.model.http().sdk_config().into_builder().retry_config(retries).build();
        Rc::new(Clients::new(config))
    }

    pub(crate) async fn queue(&self, name: &str) -> Queue {
        find(&self.clients(), name).await.unwrap()
    }

    /// Runs to the end.
    pub(crate) async fn run(&self, run: Run) -> Ended {
        self.run_until(run, &Interrupt::by_hand().1).await
    }

    pub(crate) async fn run_until(&self, run: Run, interrupt: &Interrupt) -> Ended {
        let job = self.job(run).await;
        self.run_job(job, interrupt).await
    }

    pub(crate) async fn run_job(&self, job: Job, interrupt: &Interrupt) -> Ended {
        let progress = Progress::begin(None, Doing::of("replay"), Shown::Quiet);
        let ended = job::run(job, self.clients(), &self.journals, interrupt, progress).await;
        let job::Ended { report, exit, fault, .. } = ended.unwrap();
        let refusals = report.refusals.into_iter().map(|refused| refused.why).collect();
        Ended { exit, counts: report.counts, fault, refusals }
    }

    /// A run that has not begun: its queues are looked up, and its messages are counted.
    pub(crate) async fn job(&self, run: Run) -> Job {
        let queue = self.queue(self.dlq).await;
        let routes = match run.to {
            To::Source => Routes::to(Destination::Queue(self.queue(self.source).await)),
            To::ItsOwnSource => Routes::back_to_source(Some(queue.address.clone()), None),
            To::Bus => Routes::to(Destination::Bus(Bus::find(&self.clients(), "main").await.unwrap())),
        };
        let quarantine = match run.quarantine {
            Some(name) => Some(Destination::Queue(self.queue(name).await)),
            None => None,
        };
        let expected = queue.facts().await.unwrap().depth.total();
        Job {
            command: "replay",
            source: Source::Queue(queue),
            plan: Plan {
                selection: run.selection,
                treatment: run.treatment,
                bodies: run.file.as_deref().map(|file| Bodies::open(file).unwrap()),
                routes: routes.with_quarantine(quarantine),
                after: After::Delete,
                fifo_source: self.dlq.ends_with(".fifo"),
                limit: run.limit,
            },
            settings: Settings {
                expected: Some(expected),
                visibility: run.visibility,
                calls: run.calls,
                rate: run.rate,
                max_returned: DEFAULT_SHARE,
                canary: run.canary,
                most_aside: run.most_aside,
                shown: Shown::Quiet,
            },
            destination: "the destination".to_owned(),
            written: serde_json::Value::Null,
            archive: None,
            once: false,
        }
    }

    /// The bodies at a queue, sorted.
    pub(crate) fn bodies(&self, queue: &str) -> Vec<String> {
        let mut bodies: Vec<_> = self.model.messages(queue).into_iter().map(|message| message.body).collect();
        bodies.sort();
        bodies
    }
}

impl Drop for ReplayBench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.journals);
    }
}

/// Tells one task that something was reached, from wherever it was.
pub(crate) type Reached = Arc<tokio::sync::Notify>;
