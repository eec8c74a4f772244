//! Users whose rows the table has refused without a proof that they are at fault, and whether another row has passed since.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use rollcall_events::CognitoSub;
use uuid::Uuid;

/// Users that are remembered; beyond them all are forgotten, which only delays what is known about them.
const REMEMBERED: usize = 10_000;

/// What one process remembers from batch to batch: a quiet pool delivers a row that is refused and a row that passes in batches of their own.
#[derive(Default)]
pub(crate) struct Doubts(Mutex<Memory>);

#[derive(Default)]
struct Memory {
    /// Rows that the table has taken.
    passed: u64,
    /// How many had passed when a user's row was first refused.
    refused: HashMap<Uuid, u64>,
}

impl Doubts {
    /// Rows have been inserted.
    ///
    /// A user among them who was refused before shows that the table has changed, so nothing that was seen before is evidence any more.
    pub(crate) fn passed(&self, users: &[Uuid]) {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.passed = memory.passed.saturating_add(users.len().try_into().unwrap_or(u64::MAX));
        if !memory.refused.is_empty() && users.iter().any(|user| memory.refused.contains_key(user)) {
            memory.refused.clear();
        }
    }

    /// A row has been refused, alone. True if another one has passed since this one was first refused: then the row is at fault.
    pub(crate) fn refused(&self, user: CognitoSub) -> bool {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.refused.len() >= REMEMBERED {
            memory.refused.clear();
        }
        let passed = memory.passed;
        *memory.refused.entry(user.as_uuid()).or_insert(passed) < passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(number: usize) -> CognitoSub {
        CognitoSub::parse(&format!("7d4a1f0e-2c5b-4a8e-9d61-{number:012}")).unwrap()
    }

    #[test]
    fn a_row_is_at_fault_only_if_another_one_has_passed_between_two_of_its_refusals() {
        let doubts = Doubts::default();
        doubts.passed(&[user(1).as_uuid()]);
        assert!(!doubts.refused(user(7)), "who passed before says nothing about the table now");
        assert!(!doubts.refused(user(7)));
        doubts.passed(&[]);
        assert!(!doubts.refused(user(7)), "nobody has passed");
        doubts.passed(&[user(2).as_uuid()]);
        assert!(!doubts.refused(user(8)), "the table may have broken since");
        assert!(doubts.refused(user(7)));
    }

    #[test]
    fn a_user_who_passes_after_all_shows_that_the_table_was_at_fault() {
        let doubts = Doubts::default();
        assert!(!doubts.refused(user(7)) && !doubts.refused(user(8)));
        doubts.passed(&[user(1).as_uuid(), user(8).as_uuid()]);
        assert!(!doubts.refused(user(7)));
    }

    #[test]
    fn a_fault_that_meets_a_whole_backlog_fills_no_memory() {
        let doubts = Doubts::default();
        for number in 0..3 * REMEMBERED {
            doubts.refused(user(number));
        }
        assert!(doubts.0.lock().unwrap().refused.len() <= REMEMBERED);
    }
}
