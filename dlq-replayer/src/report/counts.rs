//! What a run has done so far, in numbers, and the messages that somebody has to know by id.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

/// Messages that are listed one by one; of more, only the number is told.
const LISTED: usize = 1_000;

/// The numbers of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Tally {
    /// Messages that were looked at.
    pub looked_at: u64,
    /// Messages that the selection meant.
    pub meant: u64,
    /// Messages that the destination has confirmed.
    pub sent: u64,
    /// Messages that the quarantine has confirmed.
    pub quarantined: u64,
    /// Messages that were deleted after they were confirmed.
    pub deleted: u64,
    /// Messages of an earlier run that were sent then, and deleted now without being sent again.
    pub finished_for_earlier_run: u64,
    /// Messages that came back to the dead-letter queue during the run.
    pub bounced: u64,
    /// Messages that were meant and refused before sending, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Messages that the destination refused, by its code.
    pub failed: BTreeMap<String, u64>,
    /// Messages of a FIFO group that were left because one before them was not sent.
    pub left_for_order: u64,
    /// Ids of messages that were confirmed and could not be deleted: `--resume` deletes them.
    pub not_deleted: Listed,
    /// Ids of messages whose send had no answer and that are still in the dead-letter queue: the destination may have them.
    pub unknown: Listed,
    /// Ids of messages that were sent again after a send without an answer: the destination may have them twice.
    pub perhaps_twice: Listed,
}

/// Ids, as far as they can be listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Listed {
    /// How many there are.
    pub count: u64,
    /// The first thousand of them.
    pub ids: Vec<String>,
}

impl Listed {
    /// Adds one, unless it is listed.
    pub fn push(&mut self, id: &str) {
        if self.ids.iter().any(|listed| listed == id) {
            return;
        }
        self.count += 1;
        if self.ids.len() < LISTED {
            self.ids.push(id.to_owned());
        }
    }

    /// Takes one away, and says whether it was listed.
    pub fn remove(&mut self, id: &str) -> bool {
        let Some(at) = self.ids.iter().position(|listed| listed == id) else { return false };
        self.ids.remove(at);
        self.count -= 1;
        true
    }
}

impl Tally {
    /// Messages that were meant and are not where they should be.
    pub fn not_sent(&self) -> u64 {
        self.refused.values().chain(self.failed.values()).sum::<u64>() + self.left_for_order + self.unknown.count
    }

    /// Whether everything that was meant was done.
    pub fn is_complete(&self) -> bool {
        self.not_sent() == 0 && self.not_deleted.count == 0
    }
}
