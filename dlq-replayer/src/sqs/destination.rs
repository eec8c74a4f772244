//! Where messages go: a queue, an event bus, a function or a file. Each answers for every single message.

use super::{
    archive::Archive,
    bus::Bus,
    call_error::CallError,
    lambda::Function,
    outgoing::Outgoing,
    queue::{Entry, Queue},
};

/// Bytes of one batch: 256 KiB, the limit before it was raised to 1 MiB, because emulators and some Regions keep it.
/// A larger message goes alone.
pub const BATCH_BYTES: usize = 256 * 1024;

/// Where messages go.
pub enum Destination {
    /// A queue.
    Queue(Queue),
    /// An event bus.
    Bus(Bus),
    /// A Lambda function.
    Function(Function),
    /// A file of lines.
    Archive(Archive),
}

impl Destination {
    /// Sends one batch, once, and says what became of each message, in order.
    ///
    /// # Errors
    ///
    /// [`CallError`] when there is no answer for the batch, or it was refused as a whole.
    pub async fn send(&self, batch: &[&Outgoing]) -> Result<Vec<Entry>, CallError> {
        match self {
            Self::Queue(queue) => queue.send(batch).await,
            Self::Bus(bus) => bus.put(batch).await,
            Self::Function(function) => function.invoke(batch).await,
            Self::Archive(archive) => {
                archive.append(&batch.iter().map(|outgoing| &outgoing.message).collect::<Vec<_>>()).await
            }
        }
    }

    /// Its ARN, name or path, by which journals know it.
    pub fn name(&self) -> String {
        match self {
            Self::Queue(queue) => queue.address.arn.clone(),
            Self::Bus(bus) => bus.arn.clone(),
            Self::Function(function) => function.arn.clone(),
            Self::Archive(archive) => archive.path().display().to_string(),
        }
    }

    /// Whether messages of one group must arrive in their order.
    pub fn is_fifo(&self) -> bool {
        matches!(self, Self::Queue(queue) if queue.address.is_fifo())
    }
}
