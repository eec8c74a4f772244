//! Where messages come from: a queue or a file.

use std::{collections::HashSet, path::Path};

use crate::{
    journal::settled::Scope,
    sqs::{
        archive,
        call_error::CallError,
        line_fault::RepeatedId,
        message::Message,
        queue::{Depth, Queue},
    },
};

/// Where messages come from.
pub enum Source {
    /// A queue, whose messages are received, and deleted or released.
    Queue(Queue),
    /// A file, which stays as it is.
    File(FileSource),
}

impl Source {
    /// The ARN of the queue or the absolute path of the file, by which journals know it.
    pub fn name(&self) -> &str {
        match self {
            Self::Queue(queue) => &queue.address.arn,
            Self::File(file) => &file.path,
        }
    }

    /// As an operator reads it.
    pub fn shown(&self) -> String {
        match self {
            Self::Queue(queue) => queue.address.to_string(),
            Self::File(file) => file.path.clone(),
        }
    }

    /// Whether it is a FIFO queue, whose groups must keep their order wherever they go.
    pub fn is_fifo(&self) -> bool {
        matches!(self, Self::Queue(queue) if queue.address.is_fifo())
    }

    /// What becomes of a message here when its destination has confirmed it.
    pub fn after(&self) -> After {
        match self {
            Self::Queue(_) => After::Delete,
            Self::File(_) => After::Keep,
        }
    }

    /// The earlier runs that a run to this destination has to know.
    pub fn scope<'d>(&self, destination: &'d str) -> Scope<'d> {
        match self {
            Self::Queue(_) => Scope::Queue,
            Self::File(_) => Scope::FileTo(destination),
        }
    }

    /// How many messages there are, and for a queue where they stand.
    ///
    /// # Errors
    ///
    /// SQS says no.
    pub async fn count(&self) -> Result<(u64, Option<Depth>), CallError> {
        Ok(match self {
            Self::Queue(queue) => {
                let depth = queue.facts().await?.depth;
                (depth.total(), Some(depth))
            }
            Self::File(file) => (file.count, None),
        })
    }
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
    path: String,
    count: u64,
    messages: Box<dyn Iterator<Item = anyhow::Result<Message>>>,
}

/// What is done with a file in which an id occurs twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeats {
    /// It is used: its messages are only looked at.
    Shown,
    /// It is not used: the journal knows a message by its id, so the second one would count as sent.
    Refused,
}

impl FileSource {
    /// Opens a file. Every line is read once, so that one that is not a message is found before anything is done.
    ///
    /// # Errors
    ///
    /// The file cannot be read, a line is not a message, or an id occurs twice and must not.
    pub fn open(path: &Path, repeats: Repeats) -> anyhow::Result<Self> {
        let (mut ids, mut count) = (HashSet::new(), 0_usize);
        // The line that names the queue is no message.
        let before = usize::from(archive::snapshot(path)?.is_some());
        for message in archive::read(path)? {
            let message = message?;
            count += 1;
            if repeats == Repeats::Refused && !ids.insert(message.key()) {
                let (file, number) = (path.display().to_string(), count + before);
                return Err(RepeatedId { file, number, id: message.id }.into());
            }
        }
        // One file has one journal, by whatever name it was opened.
        let absolute = path.canonicalize()?.display().to_string();
        Ok(Self { path: absolute, count: count as u64, messages: Box::new(archive::read(path)?) })
    }

    /// How many messages there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The next messages; none at the end of the file.
    ///
    /// # Errors
    ///
    /// A line is not a message, or cannot be read.
    pub fn next(&mut self, most: usize) -> anyhow::Result<Vec<Message>> {
        self.messages.by_ref().take(most).collect()
    }
}
