//! Where messages come from: a queue or a file.

use std::{collections::HashSet, path::Path};

use anyhow::bail;

use crate::sqs::{archive, message::Message, queue::Queue};

/// Where messages come from.
pub enum Source {
    /// A queue, whose messages are received, and deleted or released.
    Queue(Queue),
    /// A file, which stays as it is.
    File(FileSource),
}

/// What becomes of a message at its source when its destination has confirmed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It is deleted.
    Delete,
    /// It stays.
    Keep,
}

/// The messages of a file, in its order.
pub struct FileSource {
    /// The file's absolute path, by which its journals are known.
    pub path: String,
    messages: Box<dyn Iterator<Item = anyhow::Result<Message>>>,
}

impl FileSource {
    /// Opens a file; every line is read once, so that a line that is not a message is found before anything is sent.
    /// Gives back how many messages there are, too.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a line is not a message.
    pub fn open(path: &Path) -> anyhow::Result<(Self, u64)> {
        let mut ids = HashSet::new();
        for message in archive::read(path)? {
            let message = message?;
            // The journal knows a message by its id: the second one would count as sent.
            if !ids.insert(message.key()) {
                bail!("{} has two messages with the id {}", path.display(), message.id);
            }
        }
        let count = ids.len() as u64;
        // One file has one journal, by whatever name it was opened.
        let absolute = path.canonicalize()?.display().to_string();
        Ok((Self { path: absolute, messages: Box::new(archive::read(path)?) }, count))
    }

    /// The next messages; none at the end of the file.
    ///
    /// # Errors
    ///
    /// The file has changed while it was read.
    pub fn next(&mut self, most: usize) -> anyhow::Result<Vec<Message>> {
        self.messages.by_ref().take(most).collect()
    }
}
