//! What a run remembers: what it has sent, to know what comes back, and what goes no further.

use std::{
    cell::{Cell, RefCell},
    collections::HashSet,
};

use serde::Deserialize;

use crate::{
    rules::decide::Refusal,
    sqs::destination::Destination,
    sqs::message::{Message, MessageKey},
};

/// Refusals that are kept to be shown.
const SHOWN_REFUSALS: usize = 20;

/// What a run remembers.
#[derive(Default)]
pub struct Memory {
    /// Ids at the destination, to know what comes back.
    pub(crate) sent: RefCell<HashSet<MessageKey>>,
    /// Groups of a FIFO queue that go no further.
    pub(crate) stopped_groups: RefCell<HashSet<String>>,
    /// Messages that were chosen to be sent.
    pub(crate) chosen: Cell<u64>,
    /// What has failed.
    pub(crate) fault: RefCell<Option<anyhow::Error>>,
    /// The first refusals, with the message's id.
    pub(crate) refusals: RefCell<Vec<(String, Refusal)>>,
}

impl Memory {
    /// Keeps a refusal, as long as there are few.
    pub(crate) fn refused(&self, id: &str, refusal: Refusal) {
        let mut refusals = self.refusals.borrow_mut();
        if refusals.len() < SHOWN_REFUSALS {
            refusals.push((id.to_owned(), refusal));
        }
    }

    /// The id under which this run has sent a message that is now back.
    ///
    /// SQS keeps the id of what it moves; rollcall's consumer names it on its copy; EventBridge puts it into the event.
    pub(crate) fn bounced(&self, message: &Message, destination: &Destination) -> Option<MessageKey> {
        /// What EventBridge puts around an event that went over a bus.
        #[derive(Deserialize)]
        struct Event<'a> {
            id: &'a str,
        }
        let sent = self.sent.borrow();
        if sent.is_empty() {
            return None;
        }
        let source = message.text("source_message_id").map(MessageKey::of);
        let event = match destination {
            Destination::Bus(_) => serde_json::from_str::<Event<'_>>(&message.body).ok().map(|e| MessageKey::of(e.id)),
            _ => None,
        };
        [Some(message.key()), source, event].into_iter().flatten().find(|key| sent.contains(key))
    }
}
