//! `purge`: messages into an archive, and then out of the queue.

use anyhow::Context;

use super::{
    arguments,
    changing::{ArchivePath, CHOOSE_ANOTHER, Change, apply},
    files::check_new,
    session::Session,
    written::Written,
};
use crate::{
    journal::folder,
    report::exit::Exit,
    rules::decide::Treatment,
    run::{routes::Routes, source::Source},
};

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
        routes: Routes::nowhere(),
        destination: path.display().to_string(),
        written,
        archive: Some(ArchivePath { path, resumes: arguments.run.resume.is_some() }),
        once: false,
    };
    apply(session, Source::Queue(queue), change, &arguments.run, None).await
}
