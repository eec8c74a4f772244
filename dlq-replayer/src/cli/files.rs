//! What the commands that write or read a file of messages ask about it.

use std::{fs, path::Path};

use anyhow::Context;

use super::hints::{UsageError, hinted};
use crate::sqs::{archive::FileExists, snapshot::is_incomplete};

/// Checks that a name is one of a file that does not exist yet.
///
/// # Errors
///
/// [`UsageError`] for `-`, which is not standard output here; it exists.
pub fn check_new(file: &Path, hint: &str) -> anyhow::Result<()> {
    if file == Path::new("-") {
        let text =
            "a file is written and read back, so `-` cannot be standard output; write `./-` for a file of this name";
        return Err(UsageError(text.to_owned()).into());
    }
    if file.symlink_metadata().is_err() {
        return Ok(());
    }
    Err(hinted(FileExists(file.to_owned()).to_string(), hint))
}

/// Checks that a file can be read twice, first to find faults before anything is sent. A pipe can be read only once.
///
/// # Errors
///
/// It is not a regular file, or not there.
pub fn check_regular(path: &Path) -> anyhow::Result<()> {
    let data = fs::metadata(path).with_context(|| format!("cannot read the file {}", path.display()))?;
    if data.is_file() {
        return Ok(());
    }
    Err(hinted(format!("{} is not a regular file", path.display()), "write the messages to a file, and import that"))
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
