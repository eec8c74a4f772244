//! A run from its first journal line to its report, and a scan that changes nothing.

use std::{collections::HashSet, path::Path, rc::Rc, time::SystemTime};

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use super::{
    breaker::Breaker,
    engine::Engine,
    held::Held,
    interrupt::Interrupt,
    outcome::{canary, end, exit, not_scanned},
    plan::Plan,
    returned::SentIds,
    settings::Settings,
    source::Source,
    state::Work,
    transfer::Transfer,
};
use crate::{
    journal::{
        folder::{Live, of_queue, prune},
        given::ids_given,
        holders::holders,
        leftovers::Leftovers,
        past::files_of,
        record::{Begin, Record},
        settled::{SentBefore, sent_before},
        write::{Journal, next_run},
    },
    report::{
        exit::Exit,
        output::messages,
        progress::Progress,
        summary::{Refused, RunReport, outcome},
    },
    sqs::{archive::Archive, call_error::CallError, clients::Clients, message::MessageKey, new_file::NewFile},
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
    /// What AWS has refused so that a queue could not be used, although the run went on.
    pub refused: Vec<CallError>,
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
    interrupt.finishing(cost, Box::pin(run_to_its_end(job, clients, journals, interrupt, progress))).await
}

/// The ids that recent runs were given, when one of them may be given again.
fn recent_ids(plan: &Plan, journals: &Path) -> anyhow::Result<SentIds> {
    // A queue whose messages go back to a FIFO queue is one itself. An archive deduplicates nothing.
    let is_deduplicated = plan.routes.archive().is_none() && (plan.fifo_source || plan.routes.has_fifo());
    let given = if is_deduplicated { ids_given(journals, SystemTime::now())? } else { Vec::new() };
    Ok(SentIds::of_earlier_runs(given))
}

async fn run_to_its_end(
    mut job: Job,
    clients: Rc<Clients>,
    journals: &Path,
    interrupt: &Interrupt,
    progress: Progress,
) -> anyhow::Result<Ended> {
    let from = job.source.name().to_owned();
    let folder = of_queue(journals, &from);
    let mut live = Live::take(&folder)?;
    let newest = files_of(&folder)?.into_iter().next();
    let newest = newest.as_deref().and_then(Path::file_stem).and_then(|stem| stem.to_str());
    let name = next_run(Timestamp::now(), newest);
    live.name(&name)?;
    if let Source::Queue(_) = &job.source {
        prune(&folder, SystemTime::now());
    }
    if job.once {
        // Asked once more: another run may have done it while this one waited for an answer.
        check_repetition(&folder, &job.destination)??;
    }
    let mut leftovers = Leftovers::load(&folder, job.source.scope(&job.destination))?;
    // Before the journal: one that begins and does not end is that of a run that was killed.
    let recent_ids = recent_ids(&job.plan, journals)?;
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
    let transfer = Transfer::new(job.plan, breaker, Some(Rc::clone(&journal)), leftovers).knowing(recent_ids);
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
    let refused =
        engine.transfer().map(|transfer| transfer.plan.routes.refusals().cloned().collect()).unwrap_or_default();
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
        canary: engine.canary_outcome(),
        counts,
        limit,
        journal: journal.path().display().to_string(),
    };
    Ok(Ended { report, exit, fault, refused })
}
