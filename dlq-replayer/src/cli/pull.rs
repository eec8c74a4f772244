//! `pull`: an export that names its queue, for triage, edit and replay.

use super::{
    arguments,
    export::{Purpose, write},
    session::Session,
};
use crate::report::exit::Exit;

/// Takes a snapshot of a queue.
///
/// # Errors
///
/// The file exists or cannot be written, or a call failed.
pub async fn pull(session: &Session<'_>, arguments: &arguments::Export) -> anyhow::Result<Exit> {
    write(session, arguments, Purpose::Pull).await
}
