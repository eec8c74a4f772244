//! What the loop of a run tells apart.

use super::transfer::Transfer;
use crate::sqs::message::Message;

/// What is done with each message.
pub enum Work<'w> {
    /// It is shown, and stays.
    Look(Box<dyn FnMut(&Message) -> Look + 'w>),
    /// It is moved.
    Move(Box<Transfer>),
}

/// Whether a look goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// At the next message.
    On,
    /// No further.
    Enough,
}

/// Whether more messages are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taking {
    /// Yes, as long as there are any.
    On,
    /// No: what was asked for was found.
    Enough,
    /// No: the file has no more.
    Exhausted,
}

/// Why a run stopped before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The operator asked.
    Interrupted,
    /// Something failed.
    Fault,
    /// Too many messages returned.
    Breaker,
    /// The canary returned.
    Canary,
    /// The time for the canary was over.
    Unsettled,
}

/// How many calls of each kind are under way.
#[derive(Default)]
pub(super) struct UnderWay {
    pub(super) receives: usize,
    pub(super) sends: usize,
    /// Messages in these sends.
    pub(super) messages: u64,
    /// Lines of the journal that say what was confirmed.
    pub(super) confirmations: usize,
    pub(super) deletes: usize,
    pub(super) lookups: usize,
    pub(super) releases: usize,
    pub(super) prolongs: usize,
    pub(super) looks: usize,
}
