//! The messages of a file, line by line. A file is opened once and read on from where it was left, so that a pipe will do.

use std::{
    collections::HashSet,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

use anyhow::Context;

use super::{
    line_fault::{NotAMessage, RepeatedId},
    message::Message,
    snapshot::{Snapshot, SnapshotEnd},
};

/// A line of a file.
pub(super) enum Line {
    Message(Message),
    Snapshot(Snapshot),
    End,
}

impl Line {
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let message = serde_json::from_slice(line).map(Self::Message);
        let snapshot = || serde_json::from_slice(line).map(Self::Snapshot);
        message
            .or_else(|_| snapshot())
            .or_else(|_| serde_json::from_slice(line).map(|SnapshotEnd { .. }| Self::End))
            .ok()
    }
}

/// Where a line is in its file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Its number, from 1.
    pub number: usize,
    /// Its first byte.
    pub start: u64,
    /// Its bytes.
    pub length: u64,
}

/// The messages of a file; the lines of a snapshot that are about itself are passed over.
///
/// A line that is not a message is an error of its own, with its number and without its text.
pub struct Reader {
    lines: BufReader<File>,
    shown: String,
    at: Place,
}

impl Reader {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display().to_string();
        let file = File::open(path).with_context(|| format!("cannot read the file {shown}"))?;
        Ok(Self { lines: BufReader::new(file), shown, at: Place::default() })
    }

    /// The file, to be read again elsewhere.
    pub fn into_file(self) -> File {
        self.lines.into_inner()
    }

    /// Where the last message is.
    pub fn place(&self) -> Place {
        self.at
    }

    /// The messages, each with an id that no other one has.
    pub fn distinct(mut self) -> impl Iterator<Item = anyhow::Result<Message>> {
        let mut ids = HashSet::new();
        std::iter::from_fn(move || {
            let message = self.next()?;
            Some(message.and_then(|message| {
                if ids.insert(message.key()) { Ok(message) } else { Err(self.repeated(message.id).into()) }
            }))
        })
    }

    /// The error of a message whose id an earlier one has.
    pub fn repeated(&self, id: String) -> RepeatedId {
        RepeatedId { file: self.shown.clone(), number: self.at.number, id }
    }

    fn read(&mut self) -> anyhow::Result<Option<Message>> {
        loop {
            let number = self.at.number + 1;
            let mut line = Vec::new();
            let unreadable = || format!("line {number} of {} cannot be read", self.shown);
            let length = self.lines.by_ref().read_until(b'\n', &mut line).with_context(unreadable)? as u64;
            if length == 0 {
                return Ok(None);
            }
            self.at = Place { number, start: self.at.start + self.at.length, length };
            let line = line.strip_suffix(b"\n").unwrap_or(&line);
            match Line::parse(line) {
                Some(Line::Message(message)) => return Ok(Some(message)),
                Some(Line::Snapshot(_) | Line::End) => {}
                None => return Err(NotAMessage::new(&self.shown, number, line).into()),
            }
        }
    }
}

impl Iterator for Reader {
    type Item = anyhow::Result<Message>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}
