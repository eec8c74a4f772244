//! A run from its first journal line to its report, and a scan that changes nothing.

use std::{collections::HashSet, path::Path, rc::Rc, time::SystemTime};

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use super::{
    breaker::Breaker,
    engine::{Engine, Look, Stop, Work},
    held::Held,
    interrupt::Interrupt,
    returned::SentIds,
    settings::Settings,
    source::Source,
    transfer::{Plan, Transfer},
};
use crate::{
    journal::{
        folder::{Live, of_queue, prune},
        holders::holders,
        leftovers::Leftovers,
        past::{files_of, ids_given},
        record::{Begin, End, Record},
        settled::{SentBefore, sent_before},
        write::{Journal, next_run},
    },
    report::{
        counts::{Counts, Stopped},
        exit::Exit,
        output::messages,
        progress::{Doing, Progress},
        summary::{CanaryEnd, Refused, RunReport, outcome},
    },
    sqs::{
        archive::Archive,
        clients::Clients,
        message::{Message, MessageKey},
        new_file::NewFile,
        queue::{Depth, Queue},
    },
};

/// One run: from where, what, to where.
pub struct Job {
    /// The command.
    pub command: &'static str,
    /// Where messages come from.
    pub source: Source,
    /// Which messages, and what is done to them.
    pub plan: Plan,
    /// How it goes.
    pub settings: Settings,
    /// Where it sends to, as it is shown.
    pub destination: String,
    /// Selection and treatment as they were written, for the journal.
    pub written: Value,
    /// For an archive: opens it, when the lock of the queue is held.
    pub archive: Option<OpenArchive>,
    /// Whether it is refused when an earlier run has done all of it.
    pub once: bool,
}

/// A standard queue takes every message of a file a second time, and says nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a file of this name was imported to {destination} already: {}, the last of them by the run {}",
    messages(sent.messages),
    sent.run
)]
pub struct Repetition {
    destination: String,
    sent: SentBefore,
}

/// Checks that there is something left to send of the file whose journals are in this folder.
///
/// # Errors
///
/// [`Repetition`], or a journal cannot be read.
pub fn check_repetition(folder: &Path, destination: &str) -> anyhow::Result<Result<(), Repetition>> {
    let repetition = |sent| Repetition { destination: destination.to_owned(), sent };
    Ok(sent_before(folder, destination)?.map(repetition).map_or(Ok(()), Err))
}

/// Opens an archive, given what earlier runs have left, and says which messages were read back from it, which alone may be deleted.
pub type OpenArchive = fn(&Archive, &Leftovers) -> anyhow::Result<HashSet<MessageKey>>;

/// A run that is over.
pub struct Ended {
    /// What it has done.
    pub report: RunReport,
    /// How it ended.
    pub exit: Exit,
    /// What failed, if something did. What was done until then is in the report.
    pub fault: Option<anyhow::Error>,
}

/// Runs a job with a journal under `journals`.
///
/// # Errors
///
/// Another run works on the queue, or the journal cannot be written: then nothing was sent.
pub async fn run(
    job: Job,
    clients: Rc<Clients>,
    journals: &Path,
    interrupt: &Interrupt,
    progress: Progress,
) -> anyhow::Result<Ended> {
    let cost = match (job.command, &job.source) {
        ("purge", _) => {
            "messages that were received stay hidden until their visibility timeout ends; `--resume last` goes on"
        }
        (_, Source::File(_)) => "run the same command again to go on",
        (_, Source::Queue(_)) => {
            "messages that were received stay hidden until their visibility timeout ends; run the same command again to go on"
        }
    };
    interrupt.finishing(cost, run_to_its_end(job, clients, journals, interrupt, progress)).await
}

async fn run_to_its_end(
    mut job: Job,
    clients: Rc<Clients>,
    journals: &Path,
    interrupt: &Interrupt,
    mut progress: Progress,
) -> anyhow::Result<Ended> {
    let from = job.source.name().to_owned();
    let folder = of_queue(journals, &from);
    let mut live = Live::take(&folder)?;
    let newest = files_of(&folder)?.into_iter().next();
    let newest = newest.as_deref().and_then(Path::file_stem).and_then(|stem| stem.to_str());
    let name = next_run(Timestamp::now(), newest);
    live.name(&name)?;
    prune(&folder, SystemTime::now());
    if job.once {
        // Asked once more: another run may have done it while this one waited for an answer.
        check_repetition(&folder, &job.destination)??;
    }
    let mut leftovers = Leftovers::load(&folder, job.source.scope(&job.destination))?;
    let held = match &job.source {
        Source::Queue(_) => Held::by(holders(&folder, SystemTime::now())?, job.settings.visibility, Instant::now()),
        Source::File(_) => None,
    };
    let mut file = None;
    if let (Some(open), Some(archive)) = (job.archive.take(), job.plan.routes.archive()) {
        let held = open(archive, &leftovers)?;
        file = Some(NewFile::at(archive.path()));
        leftovers.trust_only(&archive.path().display().to_string(), &held);
    }
    let begin = Begin {
        run: name.clone(),
        at: Timestamp::now(),
        command: job.command.to_owned(),
        queue: from.clone(),
        destination: job.destination.clone(),
        visibility_seconds: matches!(job.source, Source::Queue(_)).then(|| job.settings.visibility.as_secs()),
        plan: job.written,
    };
    let journal = Rc::new(Journal::create(&folder, begin).await?);
    let breaker = Breaker::new(job.settings.max_returned);
    let limit = Some(job.plan.limit).filter(|limit| *limit < u64::MAX);
    let mut transfer = Transfer::new(job.plan, breaker, Some(Rc::clone(&journal)), leftovers);
    if let Source::File(_) = &job.source {
        transfer = transfer.knowing(SentIds::of_earlier_runs(ids_given(&folder, SystemTime::now())?));
    }
    let work = Work::Move(Box::new(transfer));
    let engine = Engine::new(job.source, work, job.settings, clients, interrupt.clone());
    let mut engine = engine.after(held);
    engine.run(&mut |counts, rate| progress.show(counts, rate)).await;
    drop(progress);
    if let Some(transfer) = engine.transfer()
        && engine.saw_everything()
    {
        transfer.note_not_in_queue();
    }
    let (counts, mut exit, mut fault) = (engine.numbers(), exit(&engine), engine.take_fault());
    if let Err(error) = journal.write(&Record::End(end(&engine, &counts, exit))).await {
        // What was done is told even if it cannot be written down.
        exit = Exit::Error;
        fault = fault.or(Some(error));
    }
    // While the lock is held: another run may open it.
    drop(file);
    drop(live);
    let refusals = engine.transfer().map(|transfer| transfer.refusals.as_slice()).unwrap_or_default();
    let report = RunReport {
        run: name,
        command: job.command.to_owned(),
        from,
        destination: job.destination,
        outcome: outcome(exit, canary(&engine)).to_owned(),
        not_scanned: not_scanned(&engine),
        refusals: refusals.iter().map(|(id, why)| Refused { id: id.clone(), why: why.to_string() }).collect(),
        canary_sent: engine.canary_sent(),
        counts,
        limit,
        journal: journal.path().display().to_string(),
    };
    Ok(Ended { report, exit, fault })
}

fn end(engine: &Engine<'_>, counts: &Counts, exit: Exit) -> End {
    End {
        at: Timestamp::now(),
        outcome: outcome(exit, canary(engine)).to_owned(),
        sent: counts.sent + counts.quarantined,
        not_sent: counts.not_sent(),
        returned: counts.returned,
        unfinished: engine.transfer().map_or(0, Transfer::unfinished),
        saw_everything: engine.saw_everything() && counts.arrived_later == 0 && !is_to_be_repeated(engine, counts),
    }
}

/// Whether the same command sends the rest: nothing is deleted from a file, so only the journal tells what is not to be sent again.
fn is_to_be_repeated(engine: &Engine<'_>, counts: &Counts) -> bool {
    engine.transfer().is_some_and(|transfer| !transfer.deletes()) && counts.not_sent() > 0
}

/// How the canary ended the run, if it did.
fn canary(engine: &Engine<'_>) -> Option<CanaryEnd> {
    match engine.stopped()? {
        Stop::Canary => Some(CanaryEnd::Returned),
        Stop::Unsettled => Some(CanaryEnd::Unsettled),
        Stop::Interrupted | Stop::Fault | Stop::Breaker => None,
    }
}

fn exit(engine: &Engine<'_>) -> Exit {
    let counts = engine.numbers();
    match engine.stopped() {
        Some(Stop::Fault) => Exit::Error,
        Some(Stop::Breaker | Stop::Canary) => Exit::Breaker,
        Some(Stop::Interrupted) => Exit::Interrupted,
        Some(Stop::Unsettled) => Exit::Partly,
        None if !counts.is_complete() => Exit::Partly,
        None if counts.matched == 0 && counts.finished_for_earlier_run == 0 => Exit::NothingMatched,
        None => Exit::Done,
    }
}

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

/// Messages that were counted and not scanned, because the command stopped before its end.
fn not_scanned(engine: &Engine<'_>) -> u64 {
    let counted = match &engine.source {
        Source::Queue(_) => engine.settings.expected,
        Source::File(file) => file.count(),
    };
    counted.filter(|_| engine.stopped().is_some()).unwrap_or(0).saturating_sub(engine.fresh)
}

fn stopped(engine: &Engine<'_>) -> Stopped {
    Stopped { interrupted: engine.stopped() == Some(Stop::Interrupted), not_scanned: not_scanned(engine) }
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
    visit: impl FnMut(&Message) -> Look + 'w,
) -> anyhow::Result<Scanned> {
    let (expected, depth) = match depth {
        Some(depth) => (Some(depth.total()), Some(depth)),
        None => source.count().await?,
    };
    let mut progress = Progress::begin(expected, Doing::Looking, settings.shown);
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
    mut progress: Progress,
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
