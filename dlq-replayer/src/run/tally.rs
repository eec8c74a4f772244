//! The numbers of a transfer, and the messages that an operator has to know by id.

use super::transfer::Transfer;
use crate::{
    journal::record::{Note, Record},
    report::counts::{Counts, Named},
    sqs::message::MessageKey,
};

impl Transfer {
    /// So many messages of the canary have returned.
    pub fn canary_returned(&mut self, messages: u64) {
        self.canary_returned = messages;
    }

    /// Messages of the file of repaired bodies that were not met, which means that they are not in the queue once its end is proven.
    pub fn not_met(&self) -> Named {
        Named::of(&self.not_met.iter().map(|key| self.written(*key)).collect())
    }

    /// The id of a message of the file.
    fn written(&self, key: MessageKey) -> String {
        self.plan.bodies.as_ref().map_or_else(|| key.to_string(), |bodies| bodies.written(key))
    }

    /// Writes down which messages of the file are not in the queue.
    pub fn note_not_in_queue(&self) {
        for key in &self.not_met {
            self.note(Note::NotInQueue, "", &self.written(*key));
        }
    }

    /// Messages that this run leaves to the next one.
    pub fn unfinished(&self) -> u64 {
        (self.not_deleted.len() + self.unconfirmed.len() + self.finishing.len() + self.still_left.len()) as u64
    }

    /// The numbers, with the messages that an operator has to know.
    pub fn counts(&self) -> Counts {
        Counts {
            returned: self.counts.returned.max(self.canary_returned),
            not_deleted: Named::of(&self.not_deleted),
            unconfirmed: Named::of(&self.unconfirmed),
            possible_duplicates: Named::of(&self.duplicates),
            undecided: self.plan.selection.undecided(),
            ..self.counts.clone()
        }
    }

    pub(super) fn note(&self, what: Note, why: &str, id: &str) {
        if let Some(journal) = &self.journal {
            journal.note(&Record::Noted { what, why: why.to_owned(), ids: vec![id.to_owned()] });
        }
    }
}
