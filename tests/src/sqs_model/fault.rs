//! What a test lets happen to a call.

/// What happens to one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is answered.
    None,
    /// The request never arrives, and the caller hears of it.
    RequestLost,
    /// It is done, and its answer never arrives.
    AnswerLost,
    /// The request never arrives, and the caller hears nothing.
    RequestHangs,
    /// It is done, and the caller hears nothing.
    AnswerHangs,
    /// It is refused with a status and a code, and not done.
    Refused(u16, &'static str),
    /// These entries of a batch are refused with a code and `SenderFault`; the others are done.
    Entries(Vec<usize>, &'static str, bool),
    /// A receive finds nothing, although there is something.
    Empty,
    /// Each entry of a send is answered with success and the id of the destination's first message, and not stored, as
    /// deduplication does; an empty destination stores it.
    Swallowed,
}

impl Fault {
    /// The code and `SenderFault` with which an entry of a batch is refused.
    pub(super) fn of_entry(&self, at: usize) -> Option<(&'static str, bool)> {
        match self {
            Self::Entries(places, code, sender) if places.contains(&at) => Some((code, *sender)),
            _ => None,
        }
    }
}
