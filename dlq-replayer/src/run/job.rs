//! A run from its first journal line to its summary: what `replay`, `move` and `purge` have in common.

use std::{
    cell::RefCell,
    io::{self, BufRead, IsTerminal, Write},
    path::Path,
};

use anyhow::{Context, bail};
use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use crate::{
    cli::arguments::Running,
    journal::read::{Resumed, past_runs, resolve, resumed},
    journal::write::{Begin, End, Journal, new_run},
    report::counts::Tally,
    report::exit::Exit,
    report::output::{messages, say},
    report::progress::Progress,
    report::summary::{Refused, RunReport, outcome},
    rules::decide::Treatment,
    rules::select::Selection,
    run::breaker::Breaker,
    run::delivery::Delivery,
    run::intake::{Intake, Taking},
    run::interrupt::Interrupt,
    run::rate::Pace,
    run::state::Memory,
    run::transfer::Transfer,
    sqs::destination::Destination,
    sqs::queue::Queue,
};

/// Messages above which a run asks before it begins.
const ASK_ABOVE: u64 = 100;

/// One run: what, from where, to where.
pub struct Job<'a> {
    /// The command.
    pub command: &'static str,
    /// The queue it reads.
    pub queue: &'a Queue,
    /// Where it sends.
    pub destination: &'a Destination,
    /// Where those go that have been replayed too often.
    pub quarantine: Option<&'a Destination>,
    /// Which messages are meant.
    pub selection: &'a Selection,
    /// What is done to them.
    pub treatment: &'a Treatment,
    /// The most to send.
    pub limit: u64,
    /// How it goes.
    pub running: &'a Running,
    /// How messages are taken.
    pub taking: Taking,
    /// Batches at the same time.
    pub workers: usize,
}

/// Runs a job, and gives back what it has done and how it ended.
///
/// # Errors
///
/// The journal cannot be written, or a call failed for good. What was done until then is in the report of `Ok`, if anything was.
pub async fn run(
    job: &Job<'_>,
    journals: &Path,
    interrupt: &Interrupt,
) -> anyhow::Result<(RunReport, Exit, Option<anyhow::Error>)> {
    let arn = &job.queue.address.arn;
    let resume = job.running.resume.as_deref().map(|wanted| resolve(journals, wanted, arn)).transpose()?;
    let Resumed { sent, unknown } =
        resume.as_deref().map(|run| resumed(journals, run)).transpose()?.unwrap_or_default();
    if resume.is_none() {
        tell_of_unfinished_run(journals, arn)?;
    }
    let name = new_run(Timestamp::now());
    let journal = Journal::create(journals, begin(job.command, &name, arn, &job.destination.name(), resume.clone()))?;
    // The run that is resumed may have been killed a moment ago, and still hides what it held.
    let patience = if resume.is_some() { job.taking.hidden } else { job.taking.patience };
    let pace = job.running.rate.map_or_else(Pace::adaptive, Pace::fixed);
    let transfer = Transfer {
        queue: job.queue,
        intake: Intake::new(job.queue, Taking { patience, ..job.taking }, sent),
        delivery: Delivery {
            destination: job.destination,
            quarantine: job.quarantine,
            journal: &journal,
            pace: RefCell::new(pace),
            began: Instant::now(),
            tally: RefCell::default(),
            interrupt,
            doubtful: unknown,
        },
        selection: job.selection,
        treatment: job.treatment,
        limit: job.limit,
        breaker: RefCell::new(Breaker::new(job.running.max_bounced)),
        workers: job.workers,
        memory: Memory::default(),
    };
    let progress = Progress::begin(job.queue.facts().await?.depth.visible);
    tokio::select! {
        () = transfer.run() => {}
        () = show(&progress, &transfer.delivery) => {}
    }
    drop(progress);
    let tally = transfer.delivery.tally.borrow().clone();
    let (exit, fault) = end(&journal, &tally, transfer.exit(), transfer.take_fault()).await;
    let refusals = transfer.refusals().into_iter().map(|(id, why)| Refused { id, why: why.to_string() }).collect();
    let report = RunReport {
        run: name,
        command: job.command.to_owned(),
        from: arn.clone(),
        destination: job.destination.name(),
        outcome: outcome(exit).to_owned(),
        held_by_others: job.queue.facts().await.map(|facts| facts.depth.in_flight).unwrap_or_default(),
        tally,
        refusals,
        journal: journal.path().display().to_string(),
    };
    Ok((report, exit, fault))
}

/// The first line of a journal.
pub(crate) fn begin(command: &str, run: &str, queue: &str, destination: &str, resumes: Option<String>) -> Begin {
    Begin {
        run: run.to_owned(),
        at: Timestamp::now(),
        command: command.to_owned(),
        queue: queue.to_owned(),
        destination: destination.to_owned(),
        resumes,
    }
}

/// Writes the last line of a journal. What was done is told even if it cannot be written down: then that is the fault, unless there was one.
pub(crate) async fn end(
    journal: &Journal,
    tally: &Tally,
    exit: Exit,
    fault: Option<anyhow::Error>,
) -> (Exit, Option<anyhow::Error>) {
    let end = End {
        at: Timestamp::now(),
        outcome: outcome(exit).to_owned(),
        sent: tally.sent + tally.quarantined,
        not_sent: tally.not_sent(),
        bounced: tally.bounced,
    };
    match journal.write(&crate::journal::write::Record::End(end)).await {
        Ok(()) => (exit, fault),
        Err(error) => (Exit::Error, fault.or(Some(error))),
    }
}

/// Shows how far it is, from time to time. Never returns.
pub(crate) async fn show(progress: &Progress, delivery: &Delivery<'_>) {
    loop {
        sleep(progress.pause()).await;
        let rate = delivery.pace.borrow().rate();
        progress.show(&delivery.tally.borrow(), rate);
    }
}

/// A run of the same queue that did not end by itself may have sent messages that it did not delete.
fn tell_of_unfinished_run(journals: &Path, arn: &str) -> anyhow::Result<()> {
    let last = past_runs(journals)?.into_iter().find(|run| run.begin.queue == arn);
    if let Some(last) = last.filter(|run| run.end.is_none() && (run.sent > run.deleted || run.unknown > 0)) {
        let (run, left) = (&last.begin.run, messages(last.sent.saturating_sub(last.deleted) + last.unknown));
        say(&format!(
            "note: the run {run} was killed with {left} sent and perhaps not deleted; `--resume {run}` would not send them twice"
        ));
    }
    Ok(())
}

/// Asks before much is done.
///
/// # Errors
///
/// The answer is no, or nobody can be asked.
pub fn confirm(running: &Running, count: u64, what: &str, queue: &Queue) -> anyhow::Result<()> {
    if running.yes || count <= ASK_ABOVE {
        return Ok(());
    }
    let (count, address) = (messages(count), &queue.address);
    let place = format!("`{}` of account {} in {}", address.name, address.account, address.region);
    if !io::stdin().is_terminal() {
        bail!("{what} would touch up to {count} in {place}: give `--yes`, because nobody can be asked here");
    }
    let mut stderr = io::stderr();
    write!(stderr, "{what} up to {count} in {place}? Type `yes` to go on: ").context("nobody can be asked")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    if answer.trim() == "yes" { Ok(()) } else { bail!("not confirmed: nothing was sent or deleted") }
}
