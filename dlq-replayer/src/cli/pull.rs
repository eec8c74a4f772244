//! `pull`: an export that names its queue, for triage, edit and replay.

use std::path::Path;

use super::{
    arguments,
    export::{Purpose, write},
    letters::Letters,
    session::Session,
};
use crate::{report::exit::Exit, sqs::snapshot_end::is_incomplete};

/// Takes a snapshot of a queue.
///
/// # Errors
///
/// The file exists or cannot be written, or a call failed.
pub async fn pull(session: &Session<'_>, arguments: &arguments::Export) -> anyhow::Result<Exit> {
    write(session, arguments, Purpose::Pull).await
}

/// What is to be said about a file whose `pull` has not written everything.
///
/// # Errors
///
/// The file cannot be read.
pub fn incomplete(file: &Path) -> anyhow::Result<Option<String>> {
    let text = || format!("{} is incomplete: its `pull` did not reach the end of the queue", file.display());
    Ok(is_incomplete(file)?.then(text))
}

/// The same of what is looked at, where it is a file.
///
/// # Errors
///
/// The file cannot be read.
pub fn incomplete_file(letters: &Letters) -> anyhow::Result<Option<String>> {
    match letters {
        Letters::File(file) => incomplete(file),
        Letters::Queue(_) => Ok(None),
    }
}
