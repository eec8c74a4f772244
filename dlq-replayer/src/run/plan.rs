//! What a run moves, and what each message needs next.

use super::{routes::Routes, source::After};
use crate::{
    rules::{decide::Treatment, select::Selection},
    sqs::{
        archive::Bodies,
        message::{Message, MessageKey},
    },
};

/// What a run moves, and how.
pub struct Plan {
    /// Which messages.
    pub selection: Selection,
    /// What is done to them.
    pub treatment: Treatment,
    /// Bodies that take the place of those in the queue.
    pub bodies: Option<Bodies>,
    /// Where they go.
    pub routes: Routes,
    /// What becomes of them at their source.
    pub after: After,
    /// Whether their source is a FIFO queue, whose groups must keep their order wherever they go.
    pub fifo_source: bool,
    /// The most to send.
    pub limit: u64,
}

/// What a message needs next.
pub enum Next {
    /// Nothing: it is put aside.
    Aside,
    /// Nothing: an earlier run has sent it, and it stays at its source.
    Finished,
    /// It waits to be sent.
    Queued,
    /// It is deleted: an earlier run has sent it.
    Delete,
    /// The queue that it came from has to be looked up.
    Lookup(String, Box<Message>),
}

/// A message that is to be deleted.
#[derive(Clone, Debug)]
pub struct Doomed {
    /// Its identity.
    pub key: MessageKey,
    /// Its id.
    pub id: String,
    /// Deletes that failed.
    pub tries: u32,
}
