//! What the loop of a run tells apart.

use super::transfer::Transfer;
use crate::{
    rules::refusal::Refusal,
    sqs::{address::AddressError, call_error::CallError, message::Message, queue::Queue},
};

/// What is done with each message.
pub enum Work<'w> {
    /// It is shown, and stays.
    Look(Box<dyn Visit + 'w>),
    /// It is moved.
    Move(Box<Transfer>),
}

/// Looks at messages.
pub trait Visit {
    /// Looks at one message, which has nowhere to go when there is a refusal.
    fn visit(&mut self, message: &Message, refusal: Option<Refusal>) -> Look;

    /// A queue was looked up. Gives back why the messages that have waited for it have nowhere to go, when that is so.
    ///
    /// # Errors
    ///
    /// [`CallError`] when no lookup can succeed, because of this program's own credentials.
    fn looked_up(&mut self, arn: String, found: Result<Queue, AddressError>) -> Result<Option<Refusal>, CallError>;
}

/// A look that asks for no lookup.
impl<F: FnMut(&Message) -> Look> Visit for F {
    fn visit(&mut self, message: &Message, _: Option<Refusal>) -> Look {
        self(message)
    }

    fn looked_up(&mut self, _: String, _: Result<Queue, AddressError>) -> Result<Option<Refusal>, CallError> {
        Ok(None)
    }
}

/// Whether a look goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// At the next message.
    On,
    /// No further.
    Enough,
    /// At the next message, and at this one again when this queue was looked up.
    Lookup(String),
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
