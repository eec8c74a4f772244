//! Where messages come from: a queue or a file.

use std::path::Path;

use crate::{
    journal::settled::Scope,
    sqs::{
        call_error::CallError,
        message::Message,
        queue::{Depth, Queue},
        reader::Reader,
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

    /// How many messages there are, if that is known, and for a queue where they stand.
    ///
    /// # Errors
    ///
    /// SQS says no.
    pub async fn count(&self) -> Result<(Option<u64>, Option<Depth>), CallError> {
        Ok(match self {
            Self::Queue(queue) => {
                let depth = queue.facts().await?.depth;
                (Some(depth.total()), Some(depth))
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
    count: Option<u64>,
    messages: Reader,
    fault: Option<anyhow::Error>,
}

impl FileSource {
    /// A file or pipe whose messages are looked at. It is read once, and no further than is asked for.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn looked_at(path: &Path) -> anyhow::Result<Self> {
        let messages = Reader::open(path)?;
        Ok(Self { path: path.display().to_string(), count: None, messages, fault: None })
    }

    /// A file whose messages are sent. It is read before anything is done, so that a line that is not a message is found then.
    ///
    /// # Errors
    ///
    /// The file cannot be read, a line is not a message, or an id occurs twice: the journal knows a message by its id,
    /// so the second one would count as sent.
    pub fn checked(path: &Path) -> anyhow::Result<Self> {
        let mut count = 0;
        for message in Reader::open(path)?.distinct() {
            message?;
            count += 1;
        }
        // One file has one journal, by whatever name it was opened.
        let absolute = path.canonicalize()?.display().to_string();
        Ok(Self { path: absolute, count: Some(count), messages: Reader::open(path)?, fault: None })
    }

    /// How many messages there are, if that is known.
    pub fn count(&self) -> Option<u64> {
        self.count
    }

    /// The next messages; none at the end of the file. What is wrong with a line is told after the messages before it.
    ///
    /// # Errors
    ///
    /// A line is not a message, or cannot be read.
    pub fn next(&mut self, most: usize) -> anyhow::Result<Vec<Message>> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let mut messages = Vec::new();
        for message in self.messages.by_ref().take(most) {
            match message {
                Ok(message) => messages.push(message),
                Err(fault) if messages.is_empty() => return Err(fault),
                Err(fault) => {
                    self.fault = Some(fault);
                    break;
                }
            }
        }
        Ok(messages)
    }
}
