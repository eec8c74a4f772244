//! `purge`: messages into an archive, and then out of the queue.

use std::collections::HashSet;

use anyhow::Context;

use super::{
    arguments,
    changing::{Change, apply},
    files::check_new,
    hints::hinted,
    session::Session,
    written::Written,
};
use crate::{
    journal::{folder, leftovers::Leftovers},
    report::exit::Exit,
    rules::decide::Treatment,
    run::{routes::Routes, source::Source},
    sqs::{archive::Archive, destination::Destination, message::MessageKey},
};

/// What to do about an archive that cannot be made.
const CHOOSE_ANOTHER: &str = "choose another file, or finish the earlier run with `--resume last`";

/// Archives and deletes messages, or shows what would happen.
///
/// A resumed run goes on with the archive of the earlier one, and deletes only what it reads back from there.
///
/// # Errors
///
/// The archive exists already or, of a resumed run, no longer; a call failed, or the journal cannot be written.
pub async fn purge(session: &Session<'_>, arguments: &arguments::Purge) -> anyhow::Result<Exit> {
    if let Some(archive) = &arguments.archive {
        check_new(archive, CHOOSE_ANOTHER)?;
    }
    let archive = arguments.archive.as_deref().map(std::path::absolute).transpose()?;
    let written = Written { archive, ..Written::of_filters(&arguments.filters)? };
    let queue = session.queue(&arguments.queue).await?;
    let journals = folder::of_queue(&folder::root()?, &queue.address.arn);
    let written = written.or_resumed(&journals, arguments.run.resume.as_deref(), "purge")?;
    let path = written.archive.clone().context("the run has no archive")?;
    let change = Change {
        command: "purge",
        selection: written.selection.compile()?,
        treatment: Treatment::Move,
        bodies: None,
        routes: Routes::to(Destination::Archive(Archive::at(&path))),
        destination: path.display().to_string(),
        written,
        archive: Some(if arguments.run.resume.is_some() { reopen } else { make }),
        once: false,
    };
    apply(session, Source::Queue(queue), change, &arguments.run, None).await
}

/// Makes the archive. Whether it exists was asked before, but that may be a while ago.
fn make(archive: &Archive, _: &Leftovers) -> anyhow::Result<HashSet<MessageKey>> {
    archive.make().map_err(|error| hinted(format!("{error:#}"), CHOOSE_ANOTHER))?;
    Ok(HashSet::new())
}

/// Opens the archive of an earlier run, and reads back which messages it holds. A run that was stopped before it archived
/// anything has left none.
fn reopen(archive: &Archive, earlier: &Leftovers) -> anyhow::Result<HashSet<MessageKey>> {
    let path = archive.path();
    if !path.exists() && !earlier.has_sent_to(&path.display().to_string()) {
        return make(archive, earlier);
    }
    archive.reopen().map_err(|error| {
        let hint = "nothing was deleted; restore the file, or start a new run with another `--archive`";
        hinted(format!("{error:#}"), hint)
    })
}
