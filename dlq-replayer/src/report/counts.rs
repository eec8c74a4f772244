//! What a run has done, in numbers, and the messages that an operator has to know by id.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::output::{grouped, messages};
use crate::rules::select::Undecided;

/// Ids that a report lists; the journal has all of them, and `history RUN` shows them.
const LISTED: usize = 1_000;

/// Whether a scan was stopped before its end, and what it has left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Stopped {
    /// Whether the operator stopped it.
    pub interrupted: bool,
    /// Messages that were not scanned then, by the count at the start.
    pub not_scanned: u64,
}

impl Stopped {
    /// What was left of `scanned` and more messages, when it was stopped.
    pub fn text(self, scanned: u64) -> Option<String> {
        match self {
            Self { interrupted: false, .. } => None,
            Self { not_scanned: 0, .. } => {
                Some("interrupted: there may be more messages that were not scanned".to_owned())
            }
            Self { not_scanned, .. } => Some(format!(
                "interrupted: {} of about {} not scanned",
                grouped(not_scanned),
                messages(scanned + not_scanned)
            )),
        }
    }
}

/// The numbers of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counts {
    /// Messages that were scanned.
    pub scanned: u64,
    /// Messages of those that the selection matched.
    pub matched: u64,
    /// Messages that a filter could not decide about.
    #[serde(flatten)]
    pub undecided: Undecided,
    /// Messages that their destination has confirmed, quarantine left out.
    pub sent: u64,
    /// The same for each destination.
    pub sent_to: BTreeMap<String, u64>,
    /// Of a bus: how many of them each rule passes on to all of its targets.
    pub rules: BTreeMap<String, u64>,
    /// Messages that the quarantine has confirmed.
    pub quarantined: u64,
    /// Messages that were deleted after they were confirmed.
    pub deleted: u64,
    /// Messages that an earlier run had sent, and that this one deleted without sending them again.
    pub finished_for_earlier_run: u64,
    /// Messages that returned to the dead-letter queue during the run.
    pub returned: u64,
    /// Messages that were matched and refused before sending, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Queues that could not be used, and how many messages stay because of that.
    pub unusable: BTreeMap<String, Unusable>,
    /// Messages that a destination did not accept, by its code.
    pub failed: BTreeMap<String, u64>,
    /// Messages of a FIFO group that were left because one before them was not sent.
    pub left_for_order: u64,
    /// Messages that were sent to another queue than the one they came from, because `--to` said so, by the queue they came from.
    pub from_other_source: BTreeMap<String, u64>,
    /// Messages that were confirmed and could not be deleted; the next run deletes them.
    pub not_deleted: Named,
    /// Messages whose send had no answer and that are still in the dead-letter queue or the file: the destination may have them.
    pub unconfirmed: Named,
    /// Messages that were sent again after an unconfirmed send: the destination may have them twice.
    pub possible_duplicates: Named,
    /// Messages of the file of `--from` that are not in the queue, whose whole was seen.
    pub not_in_queue: Named,
    /// Messages that the queue counts and that the run has not seen: another receiver has them, or the queue does not give them.
    pub not_seen: u64,
    /// Messages that were not counted when the run was confirmed, and that it therefore left alone.
    pub arrived_later: u64,
}

/// A queue that could not be used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unusable {
    /// Messages that stay because of that; they are counted among those that were refused or are unconfirmed, too.
    pub messages: u64,
    /// Why it could not be used.
    pub why: String,
}

/// Messages by id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Named {
    /// How many there are.
    pub count: u64,
    /// The first thousand; `history RUN` has all.
    pub ids: Vec<String>,
}

impl Named {
    /// As many of a set as a report lists.
    pub fn of(ids: &BTreeSet<String>) -> Self {
        Self { count: ids.len() as u64, ids: ids.iter().take(LISTED).cloned().collect() }
    }
}

impl Counts {
    /// Messages that were matched and are not where they should be.
    pub fn not_sent(&self) -> u64 {
        self.refused.values().chain(self.failed.values()).sum::<u64>() + self.left_for_order + self.unconfirmed.count
    }

    /// Messages that were matched and were still waiting to be sent when the run stopped.
    pub fn left_by_the_end(&self) -> u64 {
        self.matched.saturating_sub(self.sent + self.quarantined + self.not_sent())
    }

    /// Whether everything that was matched was done, stayed done, and everything was seen.
    pub fn is_complete(&self) -> bool {
        self.not_sent() == 0
            && self.not_deleted.count == 0
            && self.not_in_queue.count == 0
            && self.returned == 0
            && self.not_seen == 0
            && self.arrived_later == 0
    }
}
