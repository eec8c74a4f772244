//! Which sources are still open: those that can be looked up, and that take what is sent to them.

use super::routes::Routes;
use crate::{
    rules::{decide::Route, refusal::Refusal},
    sqs::{address::AddressError, call_error::CallError, destination::Destination, queue::Queue},
};

/// Lookups of one source that may fail before it is given up. A lookup that fails in passing was already tried three times by the SDK,
/// and a run over thousands of messages must not ask for each of them.
const LOOKUPS: u32 = 3;

impl Routes {
    /// A queue was looked up. Gives back why it takes none of the messages that have waited for it, when that is so.
    ///
    /// What may be different for the next message is asked again then, a few times.
    ///
    /// # Errors
    ///
    /// [`CallError`] when no lookup can succeed, because of this program's own credentials.
    pub fn looked_up(&mut self, arn: String, found: Result<Queue, AddressError>) -> Result<Option<Refusal>, CallError> {
        let itself = self.from.as_ref().is_some_and(|from| from.arn == arn);
        let (why, lasts) = match found {
            Ok(_) if itself => ("it is this dead-letter queue".to_owned(), true),
            Ok(queue) => {
                let at = self.add(Destination::Queue(queue));
                self.sources.insert(arn, Ok(at));
                return Ok(None);
            }
            Err(AddressError::Call(error)) if error.is_ours() => return Err(error),
            Err(AddressError::Call(error)) => {
                let lasts = error.is_denied() || self.has_failed_too_often(&arn);
                let why = error.to_string();
                self.denied.extend(Some(error).filter(CallError::is_denied));
                (why, lasts)
            }
            Err(error) => (error.to_string(), true),
        };
        let refusal = Refusal::SourceUnusable { queue: arn.clone(), why };
        if lasts {
            self.sources.insert(arn, Err(refusal.clone()));
        }
        Ok(Some(refusal))
    }

    /// Counts a lookup that has failed in passing.
    fn has_failed_too_often(&mut self, arn: &str) -> bool {
        let failed = self.failed.entry(arn.to_owned()).or_default();
        *failed += 1;
        *failed >= LOOKUPS
    }

    /// Sends nothing more to a destination, because of this error.
    pub fn close(&mut self, at: usize, error: CallError) {
        self.closed.entry(at).or_insert(error);
    }

    /// Whether messages may go somewhere else when this destination is closed, as far as is known.
    /// Most messages do not go to a quarantine.
    pub fn has_others_than(&self, at: usize) -> bool {
        if self.quarantine == Some(at) {
            return true;
        }
        if self.fixed.is_some() {
            return false;
        }
        self.has_open_source(Some(at))
    }

    /// Whether a source is given up because its lookup has failed, and it was the last one that messages might go to.
    pub fn has_given_up_the_last(&self, arn: &str) -> bool {
        matches!(self.sources.get(arn), Some(Err(_))) && !self.has_open_source(None)
    }

    /// Whether there is a source that messages may go to, as far as is known, leaving one out.
    fn has_open_source(&self, but: Option<usize>) -> bool {
        let is_open = |source: &usize| Some(*source) != but && !self.closed.contains_key(source);
        let known = self.sources.values().any(|source| source.as_ref().is_ok_and(is_open));
        // One that is listed may not have been looked up yet; without a list there may be any number of them.
        known || self.listed.as_ref().is_none_or(|all| all.iter().any(|arn| !self.sources.contains_key(arn)))
    }

    /// Why a destination takes no message of a route, when it is closed.
    pub fn refusal(&self, at: usize, route: Route) -> Option<Refusal> {
        let why = self.closed.get(&at)?.to_string();
        let queue = self.name(at);
        Some(match route {
            Route::Destination => Refusal::SourceUnusable { queue, why },
            Route::Quarantine => Refusal::QuarantineUnusable { queue, why },
        })
    }

    /// What AWS has refused, so that a queue could not be used.
    pub fn refusals(&self) -> impl Iterator<Item = &CallError> {
        self.closed.values().chain(&self.denied)
    }
}
