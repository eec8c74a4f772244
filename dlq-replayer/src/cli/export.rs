//! `export`: messages into a private file; they stay in the queue.

use jiff::Timestamp;

use super::{arguments, pull::incomplete, session::Session};
use crate::{
    report::{
        exit::Exit,
        export::ExportReport,
        output::messages,
        progress::{Doing, Progress},
    },
    rules::decide::Treatment,
    run::{job::copy, routes::Routes, settings::Settings, source::After, transfer::Plan},
    sqs::{
        archive::{Archive, Snapshot},
        destination::Destination,
        snapshot_end::SnapshotEnd,
    },
};

/// What the file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// `export`: to be read, kept or imported.
    Export,
    /// `pull`: to be edited and replayed; its first line names the queue.
    Pull,
}

/// Writes messages to a file.
///
/// # Errors
///
/// The file exists or cannot be written, or a call failed.
pub async fn export(session: &Session<'_>, arguments: &arguments::Export) -> anyhow::Result<Exit> {
    write(session, arguments, Purpose::Export).await
}

/// Writes messages to a file for either purpose.
///
/// # Errors
///
/// The file exists or cannot be written, or a call failed.
pub async fn write(session: &Session<'_>, arguments: &arguments::Export, purpose: Purpose) -> anyhow::Result<Exit> {
    let selection = arguments.filters.selection(Timestamp::now())?.compile()?;
    let queue = session.queue(&arguments.queue).await?;
    let expected = queue.facts().await?.depth.total();
    let archive = Archive::create(&arguments.file)?;
    if purpose == Purpose::Pull {
        archive
            .begin(&Snapshot { snapshot_of: queue.address.arn.clone(), at: Timestamp::now(), has_end: true })
            .await?;
    }
    let settings = Settings { expected: Some(expected), ..session.settings() };
    let plan = Plan {
        selection,
        treatment: Treatment::Move,
        bodies: None,
        routes: Routes::to(Destination::Archive(archive)),
        after: After::Keep,
        fifo_source: queue.address.is_fifo(),
        limit: arguments.filters.limit.unwrap_or(u64::MAX),
        max_returned: 1.0,
    };
    let progress = Progress::begin(expected, Doing::of("export"), session.shown());
    let copied = copy(&queue, plan, settings, session.clients.clone(), &session.interrupt, progress).await;
    let (counts, mut fault) = (copied.counts, copied.fault);
    let everything = fault.is_none() && copied.scanned.not_seen == 0 && !copied.scanned.stopped.interrupted;
    if everything && purpose == Purpose::Pull {
        fault = SnapshotEnd::write(&arguments.file).await.err();
    }
    if let Some(fault) = fault {
        session.note(&format!("{} were written to {} before", messages(counts.sent), arguments.file.display()));
        return Err(fault);
    }
    let report = ExportReport {
        queue: queue.address.arn.clone(),
        file: arguments.file.display().to_string(),
        exported: counts.sent,
        undecided: counts.undecided,
        not_seen: copied.scanned.not_seen,
        stopped: copied.scanned.stopped,
    };
    session.print(&report)?;
    session.note_undecided(counts.undecided);
    if let Some(text) = incomplete(&arguments.file)? {
        session.note(&text);
    }
    Ok(session.end_of_scan(copied.scanned, counts.sent, queue.address.is_fifo()))
}
