//! Promise P5 at every call: the replayer is stopped there, with the request lost or its answer lost, and run again.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use dlq_replayer::{
    report::exit::Exit,
    rules::{
        bus_event::{BusPlace, BusRule},
        decide::{Carrier, Replay, Treatment},
        event_pattern::EventPattern,
        select::Selection,
    },
    run::interrupt::Interrupt,
    sqs::archive::Bodies,
};
use futures_util::{StreamExt, stream};
use pipeline_tests::sqs_model::{self, Fault, ModelQueue, NewMessage, Rule};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bench_replay::{Reached, ReplayBench, Run, To, replay};

/// Messages of one case: three batches, the last one not full.
const MESSAGES: usize = 23;

/// No run makes this many calls; one that does would never end.
const MOST_POINTS: usize = 1_000;

/// Cases at the same time.
const AT_ONCE: usize = 16;

/// What happens at the point.
#[derive(Clone, Copy, Debug)]
enum Stop {
    /// The process is gone before the service has heard of the call.
    KilledBefore,
    /// The process is gone after the service has done it.
    KilledAfter,
    /// The request is lost, and the process goes on.
    RequestLost,
    /// The answer is lost, and the process goes on.
    AnswerLost,
    /// From here on no request arrives.
    RequestsGone,
    /// From here on no answer arrives, and everything is done.
    AnswersGone,
    /// The permission for this call is missing, and for no other one.
    Denied,
}

const STOPS: [Stop; 7] = [
    Stop::KilledBefore,
    Stop::KilledAfter,
    Stop::RequestLost,
    Stop::AnswerLost,
    Stop::RequestsGone,
    Stop::AnswersGone,
    Stop::Denied,
];

/// What is replayed, and where to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum World {
    /// A standard queue to its source.
    Standard,
    /// A FIFO queue of five groups to its source.
    Fifo,
    /// A standard queue onto a bus.
    Bus,
    /// A shared dead-letter queue, each message to the queue it came from.
    SeveralSources,
    /// A standard queue to its source, with the bodies of a file.
    File,
}

/// A case before it is run.
struct Case {
    world: World,
    bench: ReplayBench,
    file: Option<PathBuf>,
}

fn body(at: usize) -> String {
    json!({ "source": "rollcall-test", "detail-type": "Made", "detail": { "at": at } }).to_string()
}

impl Case {
    fn new(world: World) -> Self {
        let bench = if world == World::Fifo { ReplayBench::fifo() } else { ReplayBench::new() };
        let mut lines = String::new();
        for source in ["one", "two"].into_iter().filter(|_| world == World::SeveralSources) {
            bench.model.create(source);
        }
        for at in 0..MESSAGES {
            let message = NewMessage::new(body(at), &[]);
            let id = bench.model.put(
                bench.dlq,
                match world {
                    World::Fifo => message.in_group(&format!("g{}", at % 5), &format!("d{at}")),
                    World::SeveralSources => message.redriven_from(&sqs_model::arn(["one", "two"][at % 2])),
                    _ => message,
                },
            );
            lines += &(json!({ "id": id, "body": format!("repaired {at}") }).to_string() + "\n");
        }
        let rule = Rule::new("all", json!({ "source": ["rollcall-test"] })).to(&sqs_model::arn("somewhere"));
        bench.model.here().create_bus("main");
        bench.model.here().add_rule("main", rule);
        let file = (world == World::File).then(|| {
            let path = std::env::temp_dir().join(format!("rollcall-bodies-{}.ndjson", Uuid::new_v4().simple()));
            std::fs::write(&path, lines).unwrap();
            path
        });
        Self { world, bench, file }
    }

    fn run(&self) -> Run {
        let carrier = match self.world {
            World::Bus => {
                let pattern = r#"{"source":["rollcall-test"]}"#;
                let pattern = EventPattern::parse(pattern).unwrap();
                let rules = vec![BusRule { label: "all".into(), text: String::new(), pattern }];
                let bus = BusPlace { account: "1".into(), region: "r".into(), now: jiff::Timestamp::UNIX_EPOCH };
                Carrier::Bus { drop_attributes: false, bus, rules, allow_unmatched: false }
            }
            _ => Carrier::Queue,
        };
        let keys = self.file.as_deref().map(|file| Bodies::open(file).unwrap().keys());
        Run {
            calls: 6,
            to: match self.world {
                World::Bus => To::Bus,
                World::SeveralSources => To::ItsOwnSource,
                _ => To::Source,
            },
            treatment: Treatment::Replay(Box::new(Replay { carrier, ..replay() })),
            selection: Selection { ids: keys, ..Selection::default() },
            file: self.file.clone(),
            ..Run::default()
        }
    }

    /// The number of each message that has arrived, as often as it has.
    fn arrived(&self) -> Vec<usize> {
        let numbers = |queue: &str| self.bench.bodies(queue).iter().filter_map(|body| number(body)).collect::<Vec<_>>();
        match self.world {
            World::SeveralSources => [numbers("one"), numbers("two")].concat(),
            World::Bus => self
                .bench
                .model
                .delivered()
                .iter()
                .map(|event| serde_json::from_str::<Value>(event["Detail"].as_str().unwrap()).unwrap())
                .map(|detail| usize::try_from(detail["at"].as_u64().unwrap()).unwrap())
                .collect(),
            _ => numbers(self.bench.source),
        }
    }

    /// Each message is in the dead-letter queue or at its destination.
    fn nothing_is_lost(&self, case: &str) {
        let left = self.bench.bodies(self.bench.dlq).iter().filter_map(|body| number(body)).collect::<Vec<_>>();
        let there: BTreeSet<_> = left.into_iter().chain(self.arrived()).collect();
        assert_eq!(there.len(), MESSAGES, "{case}: a message is nowhere");
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            let _ = std::fs::remove_file(file);
        }
    }
}

/// The number in a body, whether it was repaired or not.
fn number(body: &str) -> Option<usize> {
    match body.strip_prefix("repaired ") {
        Some(number) => number.parse().ok(),
        None => usize::try_from(serde_json::from_str::<Value>(body).ok()?["detail"]["at"].as_u64()?).ok(),
    }
}

/// Stops a run at its call number `point`. None when the run ends before it.
async fn stopped_at(point: usize, world: World, stop: Stop) -> Option<()> {
    let name = format!("{world:?}, {stop:?} at call {point}");
    let case = Case::new(world);
    let job = case.bench.job(case.run()).await;
    let reached: Reached = Arc::default();
    let notify = Arc::clone(&reached);
    case.bench.model.set_faults(move |_, call| {
        let lasting = matches!(stop, Stop::RequestsGone | Stop::AnswersGone);
        if call < point || (call > point && !lasting) {
            return Fault::None;
        }
        notify.notify_one();
        match stop {
            Stop::KilledBefore => Fault::RequestHangs,
            Stop::KilledAfter => Fault::AnswerHangs,
            Stop::RequestLost | Stop::RequestsGone => Fault::RequestLost,
            Stop::AnswerLost | Stop::AnswersGone => Fault::AnswerLost,
            Stop::Denied => Fault::Refused(403, "AccessDenied"),
        }
    });
    let interrupt = Interrupt::by_hand().1;
    let first = match stop {
        Stop::KilledBefore | Stop::KilledAfter => tokio::select! {
            biased;
            () = reached.notified() => None,
            ended = case.bench.run_job(job, &interrupt) => Some(ended),
        },
        _ => Some(case.bench.run_job(job, &interrupt).await),
    };
    if case.bench.model.calls().len() <= point {
        return None;
    }
    case.nothing_is_lost(&name);

    case.bench.model.set_faults(|_, _| Fault::None);
    case.bench.model.with(case.bench.dlq, ModelQueue::let_visibility_run_out);
    let second = case.bench.run(case.run()).await;
    let of_file_and_gone = world == World::File && second.counts.not_in_queue.count > 0 && second.exit == Exit::Partly;
    assert!(
        matches!(second.exit, Exit::Done | Exit::NothingMatched) || of_file_and_gone,
        "{name}: {second:?}, after {first:?}"
    );
    case.nothing_is_lost(&name);
    let left = case.bench.bodies(case.bench.dlq);
    assert!(left.is_empty(), "{name}: {left:?} have not left the dead-letter queue: {second:?}");

    let mut copies = BTreeMap::new();
    for number in case.arrived() {
        *copies.entry(number).or_insert(0_usize) += 1;
    }
    let twice = copies.values().filter(|count| **count > 1).count() as u64;
    let named =
        second.counts.possible_duplicates.count + first.map_or(0, |first| first.counts.possible_duplicates.count);
    assert!(twice <= named, "{name}: {twice} arrived twice, and {named} are named");
    assert!(world != World::Fifo || twice == 0, "{name}: a FIFO queue recognizes every try");
    let tries = if matches!(stop, Stop::AnswersGone) { 6 } else { 2 };
    assert!(copies.values().all(|count| *count <= tries), "{name}: at most {tries} times");
    Some(())
}

async fn every_point(world: World) {
    let mut points = 0;
    for stop in STOPS {
        let mut cases = stream::iter(0..MOST_POINTS).map(|point| stopped_at(point, world, stop)).buffered(AT_ONCE);
        let before = points;
        while let Some(Some(())) = cases.next().await {
            points += 1;
        }
        // Three batches are received, sent and deleted.
        assert!(points - before >= 9, "a run makes more than {} calls", points - before);
    }
    println!("{world:?}: {points} stop points tried");
}

#[tokio::test]
async fn of_a_standard_queue_each_message_is_in_the_queue_or_at_its_source_wherever_a_run_is_stopped() {
    every_point(World::Standard).await;
}

#[tokio::test]
async fn of_a_fifo_queue_each_message_is_in_the_queue_or_once_at_its_source_wherever_a_run_is_stopped() {
    every_point(World::Fifo).await;
}

#[tokio::test]
async fn over_a_bus_each_message_is_in_the_queue_or_delivered_wherever_a_run_is_stopped() {
    every_point(World::Bus).await;
}

#[tokio::test]
async fn of_a_shared_queue_each_message_is_in_the_queue_or_at_its_own_source_wherever_a_run_is_stopped() {
    every_point(World::SeveralSources).await;
}

#[tokio::test]
async fn from_a_file_each_message_is_in_the_queue_or_at_its_source_wherever_a_run_is_stopped() {
    every_point(World::File).await;
}
