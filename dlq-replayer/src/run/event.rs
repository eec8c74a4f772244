//! What came of a call.

use std::collections::HashMap;

use super::{lanes::Item, plan::Doomed};
use crate::sqs::{
    address::AddressError,
    call_error::CallError,
    message::Message,
    queue::{Entry, Facts, Queue},
};

/// What a receive is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll {
    /// To get messages.
    Take,
    /// To see whether messages return, when everything else was received.
    Watch,
    /// To prove that there are no more.
    Proof,
}

/// What came of a call.
pub enum Event {
    /// The next messages of a file; none at its end.
    Read(anyhow::Result<Vec<Message>>),
    /// A receive.
    Received {
        /// What it was for.
        poll: Poll,
        /// The messages.
        result: Result<Vec<Message>, CallError>,
    },
    /// The counts of the queue that is read.
    Counted(Result<Facts, CallError>),
    /// A batch was sent.
    Sent {
        /// Its messages.
        items: Vec<Item>,
        /// What the destination said.
        answer: Result<Vec<Entry>, CallError>,
    },
    /// A batch was not sent, because the journal could not say that it would be.
    NotJournaled {
        /// Its messages.
        items: Vec<Item>,
        /// Why.
        error: anyhow::Error,
    },
    /// The journal says that messages were confirmed; if it does not, the run ends.
    Confirmed {
        /// The messages.
        doomed: Vec<Doomed>,
        /// Whether it is on the disk.
        result: anyhow::Result<()>,
    },
    /// A batch was deleted.
    Deleted {
        /// The receipts that were used.
        receipts: Vec<String>,
        /// Its messages.
        doomed: Vec<Doomed>,
        /// For each, why it is not deleted.
        result: Result<Vec<Option<String>>, CallError>,
    },
    /// Messages were released.
    Released,
    /// The visibility of messages was prolonged.
    Prolonged,
    /// The queue that messages came from.
    LookedUp {
        /// Its ARN.
        arn: String,
        /// The queue.
        found: Box<Result<Queue, AddressError>>,
    },
    /// The counts of a destination, to see whether it keeps up.
    Looked {
        /// The destination.
        to: usize,
        /// The counts.
        facts: Result<Facts, CallError>,
    },
    /// A destination before the canary is sent to it.
    Baseline {
        /// The destination.
        to: usize,
        /// Its counts and settings; none when it is not a queue.
        facts: Option<Result<Facts, CallError>>,
    },
    /// What destinations and the dead-letter queue hold while the canary settles.
    CanaryLook {
        /// What each destination holds.
        depths: HashMap<usize, u64>,
        /// What the dead-letter queue holds; none when it could not be asked.
        dlq: Option<u64>,
    },
}
