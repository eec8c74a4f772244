//! A scan, which changes nothing, and a copy, which leaves the messages where they are.

use std::rc::Rc;

use super::{
    breaker::Breaker,
    engine::Engine,
    interrupt::Interrupt,
    outcome::stopped,
    plan::Plan,
    settings::Settings,
    source::Source,
    state::{Visit, Work},
    transfer::Transfer,
};
use crate::{
    journal::leftovers::Leftovers,
    report::{
        counts::{Counts, Stopped},
        progress::{Doing, Progress},
    },
    sqs::{
        clients::Clients,
        queue::{Depth, Queue},
    },
};

/// What a scan has seen.
#[derive(Debug, Default)]
pub struct Scanned {
    /// Messages that were scanned.
    pub scanned: u64,
    /// Messages that are counted and were not seen; they may be held by another receiver.
    pub not_seen: u64,
    /// Whether the operator stopped it, and what was left then.
    pub stopped: Stopped,
    /// What is wrong with a line of the file, at which the scan ended.
    pub fault: Option<anyhow::Error>,
}

/// Shows every message of a source once to `visit`, until it has seen enough or the end is proven. Messages of a queue are released;
/// its counts are read unless they are known.
///
/// # Errors
///
/// A call failed; what was taken was released before. What is wrong with a file is in [`Scanned`], because what was seen before still counts.
pub async fn scan<'w>(
    source: Source,
    depth: Option<Depth>,
    settings: Settings,
    clients: Rc<Clients>,
    interrupt: &Interrupt,
    visit: impl Visit + 'w,
) -> anyhow::Result<Scanned> {
    let (expected, depth) = match depth {
        Some(depth) => (Some(depth.total()), Some(depth)),
        None => source.count().await?,
    };
    let progress = Progress::begin(expected, Doing::Looking, settings.shown);
    let settings = Settings { expected: depth.map(Depth::total), ..settings };
    let work = Work::Look(Box::new(visit));
    let cost = match &source {
        Source::Queue(_) => "messages that were received stay hidden until their visibility timeout ends",
        Source::File(_) => "the file was not read to its end",
    };
    let mut engine = Engine::new(source, work, settings, clients, interrupt.clone());
    interrupt.finishing(cost, engine.run(&mut |counts, rate| progress.show(counts, rate))).await;
    drop(progress);
    let fault = match (engine.take_fault(), &engine.source) {
        (Some(fault), Source::Queue(_)) => return Err(fault),
        (fault, _) => fault,
    };
    let numbers = engine.numbers();
    Ok(Scanned {
        scanned: numbers.scanned,
        not_seen: numbers.not_seen + numbers.arrived_later,
        stopped: stopped(&engine),
        fault,
    })
}

/// What was copied into a file.
pub struct Copied {
    /// The numbers.
    pub counts: Counts,
    /// What was seen.
    pub scanned: Scanned,
    /// What failed, if something did.
    pub fault: Option<anyhow::Error>,
}

/// Copies messages of a queue and leaves them there. Nothing is at risk, so there is no journal.
pub async fn copy(
    queue: &Queue,
    plan: Plan,
    settings: Settings,
    clients: Rc<Clients>,
    interrupt: &Interrupt,
    progress: Progress,
) -> Copied {
    let transfer = Transfer::new(plan, Breaker::new(settings.max_returned), None, Leftovers::default());
    let work = Work::Move(Box::new(transfer));
    let cost =
        "messages that were received stay hidden until their visibility timeout ends, and the file is incomplete";
    let mut engine = Engine::new(Source::Queue(queue.clone()), work, settings, clients, interrupt.clone());
    interrupt.finishing(cost, engine.run(&mut |counts, rate| progress.show(counts, rate))).await;
    let counts = engine.numbers();
    let scanned = Scanned {
        scanned: counts.scanned,
        not_seen: counts.not_seen + counts.arrived_later,
        stopped: stopped(&engine),
        fault: None,
    };
    Copied { counts, scanned, fault: engine.take_fault() }
}
