//! `export`: messages into a private file; they stay in the queue.

use jiff::Timestamp;

use super::{
    arguments,
    files::{check_new, incomplete},
    hints::going_on,
    session::Session,
};
use crate::{
    report::{
        exit::Exit,
        export::ExportReport,
        output::{messages, read_or_not},
        progress::{Doing, Progress},
    },
    rules::decide::Treatment,
    run::{
        plan::Plan,
        routes::Routes,
        scan::{Copied, copy},
        settings::Settings,
        source::After,
    },
    sqs::{
        archive::Archive,
        destination::Destination,
        new_file::NewFile,
        queue::Queue,
        snapshot::{Snapshot, SnapshotEnd},
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
    check_new(&arguments.file, "choose another file, or remove this one")?;
    let queue = session.queue(&arguments.queue).await?;
    session.note_live_run(&queue);
    let expected = queue.facts().await?.depth.total();
    let archive = Archive::create(&arguments.file)?;
    let mut file = NewFile::at(&arguments.file);
    if purpose == Purpose::Pull {
        let snapshot = Snapshot { snapshot_of: queue.address.arn.clone(), at: Timestamp::now(), has_end: true };
        archive.begin(&snapshot).await?;
        file.has_no_message_yet();
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
    };
    let progress = Progress::begin(Some(expected), Doing::of("export"), session.shown());
    let copied = copy(&queue, plan, settings, session.clients.clone(), &session.interrupt, progress).await;
    finish(session, arguments, purpose, &queue, copied).await
}

/// Ends a snapshot that is complete, and says what was written.
async fn finish(
    session: &Session<'_>,
    arguments: &arguments::Export,
    purpose: Purpose,
    queue: &Queue,
    copied: Copied,
) -> anyhow::Result<Exit> {
    let Copied { counts, scanned, mut fault } = copied;
    let everything = fault.is_none() && scanned.not_seen == 0 && !scanned.stopped.interrupted;
    if everything && counts.sent > 0 && purpose == Purpose::Pull {
        fault = SnapshotEnd::write(&arguments.file).await.err();
    }
    if let Some(fault) = fault {
        if counts.sent > 0 {
            let file = arguments.file.display();
            session.note(&format!("{file} is incomplete: it holds {}", messages(counts.sent)));
            return Err(going_on(
                fault,
                "the queue is unchanged",
                &format!("remove {file}, and run the command again"),
            ));
        }
        return Err(fault);
    }
    let report = ExportReport {
        queue: queue.address.arn.clone(),
        file: arguments.file.display().to_string(),
        exported: counts.sent,
        undecided: counts.undecided,
        not_seen: scanned.not_seen,
        stopped: scanned.stopped,
    };
    read_or_not(session.print(&report))?;
    session.note_undecided(counts.undecided);
    if let Some(text) = incomplete(&arguments.file)?.filter(|_| counts.sent > 0) {
        session.note(&text);
    }
    Ok(session.end_of_scan(&scanned, counts.sent, queue.address.is_fifo()))
}
