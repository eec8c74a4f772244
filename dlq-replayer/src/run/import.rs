//! `import`: the messages of a file to a queue, over the same road as a replay.

use std::{cell::RefCell, collections::HashSet, path::Path};

use anyhow::Context;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::{
    cli::arguments::Running,
    journal::read::{Resumed, resolve, resumed},
    journal::write::{Journal, new_run},
    report::exit::Exit,
    report::progress::Progress,
    report::summary::{RunReport, outcome},
    rules::decide::Route,
    run::delivery::Delivery,
    run::interrupt::Interrupt,
    run::job::{begin, end, show},
    run::rate::Pace,
    sqs::archive,
    sqs::destination::{Destination, Item, batches, waves},
    sqs::message::{Message, MessageKey},
    sqs::outgoing::Outgoing,
    sqs::queue::ENTRIES,
};

/// How many messages a file holds; every line is read once before any is sent.
///
/// # Errors
///
/// A line is no message.
pub fn count(file: &Path) -> anyhow::Result<u64> {
    archive::read(file)?.try_fold(0, |count, message| message.map(|_| count + 1))
}

/// Sends all messages of a file, in its order, and says what came of it. The file stays as it is.
///
/// # Errors
///
/// The file or the journal, or a call that failed for good.
pub async fn import(
    file: &Path,
    destination: &Destination,
    running: &Running,
    journals: &Path,
    interrupt: &Interrupt,
) -> anyhow::Result<(RunReport, Exit, Option<anyhow::Error>)> {
    let expected = count(file)?;
    let from = std::path::absolute(file).context("the file's path")?.display().to_string();
    let resume = running.resume.as_deref().map(|wanted| resolve(journals, wanted, &from)).transpose()?;
    let Resumed { sent, unknown } =
        resume.as_deref().map(|run| resumed(journals, run)).transpose()?.unwrap_or_default();
    let name = new_run(Timestamp::now());
    let journal = Journal::create(journals, begin("import", &name, &from, &destination.name(), resume))?;
    let delivery = Delivery {
        destination,
        quarantine: None,
        journal: &journal,
        pace: RefCell::new(running.rate.map_or_else(Pace::adaptive, Pace::fixed)),
        began: Instant::now(),
        tally: RefCell::default(),
        interrupt,
        doubtful: unknown,
    };
    let progress = Progress::begin(expected);
    let fault = tokio::select! {
        fault = send_all(file, &delivery, &sent) => fault.err(),
        () = show(&progress, &delivery) => None,
    };
    drop(progress);
    let tally = delivery.tally.borrow().clone();
    let exit = if fault.is_some() {
        Exit::Error
    } else if interrupt.is_asked() {
        Exit::Interrupted
    } else if tally.looked_at == 0 {
        Exit::NothingMatched
    } else if tally.is_complete() {
        Exit::Done
    } else {
        Exit::Partly
    };
    let (exit, fault) = end(&journal, &tally, exit, fault).await;
    let report = RunReport {
        run: name,
        command: "import".to_owned(),
        from,
        destination: destination.name(),
        outcome: outcome(exit).to_owned(),
        held_by_others: 0,
        tally,
        refusals: Vec::new(),
        journal: journal.path().display().to_string(),
    };
    Ok((report, exit, fault))
}

async fn send_all(file: &Path, delivery: &Delivery<'_>, sent: &HashSet<MessageKey>) -> anyhow::Result<()> {
    let mut stopped_groups = HashSet::new();
    let mut messages = archive::read(file)?;
    loop {
        let ten: Vec<Message> = messages.by_ref().take(ENTRIES).collect::<anyhow::Result<_>>()?;
        if ten.is_empty() || delivery.interrupt.is_asked() {
            return Ok(());
        }
        delivery.tally.borrow_mut().looked_at += ten.len() as u64;
        let fresh = ten.into_iter().filter(|message| !sent.contains(&message.key()));
        let items: Vec<_> = fresh.map(|message| Item { outgoing: Outgoing::unchanged(&message), message }).collect();
        delivery.tally.borrow_mut().meant += items.len() as u64;
        for wave in if delivery.destination.is_fifo() { waves(items) } else { vec![items] } {
            let (wave, stopped): (Vec<_>, Vec<_>) = wave
                .into_iter()
                .partition(|item| item.outgoing.group.as_ref().is_none_or(|group| !stopped_groups.contains(group)));
            delivery.tally.borrow_mut().left_for_order += stopped.len() as u64;
            for batch in batches(wave) {
                let delivered = delivery.deliver(Route::Destination, &batch).await;
                if let Some(fault) = delivered.fault {
                    return Err(fault);
                }
                let failed = batch.iter().zip(&delivered.ids).filter(|(_, id)| id.is_none());
                if delivery.destination.is_fifo() {
                    stopped_groups.extend(failed.filter_map(|(item, _)| item.outgoing.group.clone()));
                }
            }
        }
    }
}
