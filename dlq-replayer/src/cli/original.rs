//! The file that `edit` changes: opened once, and replaced in one step unless something else has changed it meanwhile.

use std::{
    collections::HashMap,
    fmt::Write as _,
    fs::{self, File, Metadata},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use jiff::Timestamp;

use super::document::{beside, write_private};
use crate::{
    report::{
        diff::{DiffLine, diff},
        masking::Reveal,
        output::say,
    },
    sqs::{
        lines::sync_folder,
        message::Message,
        reader::Reader,
        snapshot::{Snapshot, SnapshotEnd},
    },
};

/// A file of messages, as it was when it was opened.
pub struct Original {
    /// The file itself, not a symbolic link to it.
    pub path: PathBuf,
    file: File,
    mark: Mark,
}

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    file: (u64, u64),
    length: u64,
    modified: (i64, i64),
}

impl Mark {
    fn of(data: &Metadata) -> Self {
        Self { file: (data.dev(), data.ino()), length: data.len(), modified: (data.mtime(), data.mtime_nsec()) }
    }
}

impl Original {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let unreadable = || format!("cannot read the file {}", path.display());
        let linked = fs::symlink_metadata(path).with_context(unreadable)?.is_symlink();
        // A link stays, and the file behind it is edited.
        let path = if linked { path.canonicalize().with_context(unreadable)? } else { path.to_owned() };
        let file = File::open(&path).with_context(unreadable)?;
        let mark = Mark::of(&file.metadata().with_context(unreadable)?);
        Ok(Self { path, file, mark })
    }

    /// Its messages. Two with one id could not be told apart in the editor.
    ///
    /// # Errors
    ///
    /// It cannot be read, a line is not a message, or an id occurs twice.
    pub fn messages(&self) -> anyhow::Result<Vec<Message>> {
        Reader::open(&self.path)?.distinct().collect()
    }

    /// Where the difference is kept.
    pub fn diff(&self) -> PathBuf {
        beside(&self.path, "diff")
    }

    /// Replaces it in one step, so that a crash leaves the old file or the new one, and then keeps the difference.
    ///
    /// # Errors
    ///
    /// It cannot be written, or was changed since it was opened: then it is as it was.
    pub fn save(&self, all: &[Message], changed: &[(String, String)]) -> anyhow::Result<()> {
        let mut text = String::new();
        if let Some(snapshot) = Snapshot::of(&self.path)? {
            text += &(serde_json::to_string(&snapshot)? + "\n");
        }
        let bodies: HashMap<_, _> = changed.iter().map(|(id, body)| (id, body)).collect();
        for message in all {
            let body = bodies.get(&message.id).copied().unwrap_or(&message.body);
            text += &(serde_json::to_string(&Message { body: body.clone(), ..message.clone() })? + "\n");
        }
        if let Some(end) = SnapshotEnd::of(&self.path)? {
            text += &(serde_json::to_string(&end)? + "\n");
        }
        let new = beside(&self.path, &format!("new-{}", fastrand::u32(..)));
        write_private(&new, text.as_bytes())?;
        let replaced = self.replace_with(&new);
        if replaced.is_err() {
            // The new file is of no use, and it holds bodies.
            let _ = fs::remove_file(&new);
        }
        replaced?;
        if let Err(error) = self.keep_diff(all, changed) {
            say(&format!("note: the difference is not kept: {error:#}"));
        }
        Ok(())
    }

    fn replace_with(&self, new: &Path) -> anyhow::Result<()> {
        let path = self.path.display();
        // Of two edits that end at the same time, one waits here and then sees that the file is another one.
        self.file.lock().with_context(|| format!("cannot lock {path}"))?;
        let now = fs::metadata(&self.path).with_context(|| format!("cannot read {path} any more"))?;
        if Mark::of(&now) != self.mark {
            bail!("{path} was changed by something else while it was edited");
        }
        fs::rename(new, &self.path).with_context(|| format!("cannot replace {path}"))?;
        if let Err(error) = sync_folder(&self.path) {
            say(&format!("note: the folder of {path} cannot be synced: {error}"));
        }
        Ok(())
    }

    /// Adds to the difference of earlier edits. The file is made anew, so that it is private and no link is followed.
    fn keep_diff(&self, all: &[Message], changed: &[(String, String)]) -> anyhow::Result<()> {
        let path = self.diff();
        let is_file = fs::symlink_metadata(&path).is_ok_and(|data| data.is_file());
        let mut text = if is_file { fs::read(&path)? } else { Vec::new() };
        text.extend(difference(all, changed).into_bytes());
        let new = beside(&self.path, &format!("new-diff-{}", fastrand::u32(..)));
        write_private(&new, &text)?;
        fs::rename(&new, &path).inspect_err(|_| drop(fs::remove_file(&new)))?;
        Ok(sync_folder(&path)?)
    }
}

fn difference(all: &[Message], changed: &[(String, String)]) -> String {
    let mut text = String::new();
    for (id, after) in changed {
        let before = all.iter().find(|message| message.id == *id).map(|message| message.body.as_str());
        // Writing to a String does not fail.
        let _ = writeln!(text, "message {id}, {}", Timestamp::now());
        for DiffLine { sign, text: line } in diff(before.unwrap_or_default(), after, Reveal::Everything) {
            let _ = writeln!(text, "{sign} {line}");
        }
    }
    text
}
