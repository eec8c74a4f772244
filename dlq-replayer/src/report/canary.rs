//! What a canary has shown, for the operator who sent it first.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    exit::Exit,
    output::{age, at_most, grouped, messages},
    summary::{RunReport, outcome},
};
use crate::journal::record::FAILED;

/// How the canary ended a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CanaryEnd {
    /// Too many of its messages returned.
    Returned,
    /// When the time was over, the counts did not show that its messages had left the destination.
    Unsettled,
}

/// What became of a canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CanaryOutcome {
    /// Its messages, all of which were sent.
    pub sent: u64,
    /// Those that returned to the dead-letter queue.
    pub returned: u64,
    /// Whether every destination could be watched; otherwise only returned messages were counted.
    pub watched: bool,
    /// Seconds that the run waited.
    pub waited_seconds: u64,
}

impl RunReport {
    /// What the canary has shown, and what followed.
    pub(super) fn told(&self, canary: CanaryOutcome) -> String {
        let CanaryOutcome { sent, returned, watched, waited_seconds } = canary;
        let (sent, wait) = (messages(sent), age(Duration::from_secs(waited_seconds)));
        if self.outcome == outcome(Exit::Partly, Some(CanaryEnd::Unsettled)) {
            return format!(
                "canary: {sent} sent first, and the queue counts did not show that all of them were processed within {wait}, so nothing more was sent; check that the destination's consumer is running, or allow more time with `--canary-timeout`"
            );
        }
        let (returned, wait) = match returned {
            0 => ("none".to_owned(), wait),
            // The last of them may have returned at the end of the wait.
            returned => (grouped(returned), at_most(Duration::from_secs(waited_seconds))),
        };
        let seen = if watched { "" } else { "; whether they were processed could not be watched" };
        let then = if self.outcome == outcome(Exit::Breaker, Some(CanaryEnd::Returned)) {
            "nothing more was sent, because the cause is not fixed"
        } else if self.outcome == FAILED {
            "the run ended with an error"
        } else {
            "the run went on"
        };
        format!("canary: {sent} sent first, {returned} returned within {wait}{seen}; {then}")
    }
}
