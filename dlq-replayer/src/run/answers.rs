//! What came of each message that was sent, and what follows from it: it has arrived, it is sent again, or it has failed.

use tokio::time::Instant;

use super::{
    lanes::{Item, Tries},
    plan::Doomed,
    transfer::{FIRST_WAIT, THROTTLED_TRIES, Transfer},
};
use crate::{
    journal::record::Note,
    rules::decide::{Route, Treatment},
    sqs::{
        message::MessageKey,
        queue::{Entry, Retry},
    },
};

/// Sends of one message, when the destination says that another try may help, or does not answer.
const TRIES: u32 = 3;

/// Codes that refuse a batch for what is in it. The message at fault is found by sending each alone.
const ABOUT_THE_BATCH: [&str; 7] = [
    "BatchRequestTooLong",
    "InvalidMessageContents",
    "InvalidParameterValue",
    "MissingParameter",
    "PayloadTooLarge",
    "RequestEntityTooLarge",
    "ValidationException",
];

/// What follows from the answer about a message.
#[derive(Default)]
pub struct Answered {
    /// Messages that have arrived, and the ids that they have there.
    pub delivered: Vec<(Doomed, String)>,
    /// Messages that stay.
    pub aside: Vec<MessageKey>,
    /// Whether the service asked for a lower rate.
    pub throttled: bool,
}

impl Transfer {
    /// What came of one message of a batch, and what follows from it.
    pub fn answered(&mut self, item: Item, entry: Entry, now: Instant) -> Answered {
        match entry {
            Entry::Sent(id) => self.sent(&item, &id),
            Entry::Unanswered(code) => {
                let tries = Tries { lost: true, failed: item.tries.failed + 1, ..item.tries };
                self.again(Item { tries, ..item }, tries.failed, TRIES, &code, now)
            }
            Entry::Refused { retry: Retry::Never, code } => self.failed(&item, &code),
            Entry::Refused { retry: Retry::Soon, code } => {
                let tries = Tries { failed: item.tries.failed + 1, ..item.tries };
                self.again(Item { tries, ..item }, tries.failed, TRIES, &code, now)
            }
            Entry::Refused { retry: Retry::Slower, code } => {
                let tries = Tries { throttled: item.tries.throttled + 1, ..item.tries };
                let answered = self.again(Item { tries, ..item }, tries.throttled, THROTTLED_TRIES, &code, now);
                Answered { throttled: true, ..answered }
            }
        }
    }

    /// A batch that was refused for one of its messages: each is sent alone, or the only one has failed.
    ///
    /// # Errors
    ///
    /// The batch, when the code says nothing about what is in it.
    pub fn about_the_batch(&mut self, items: Vec<Item>, code: &str, now: Instant) -> Result<Answered, Vec<Item>> {
        if !ABOUT_THE_BATCH.iter().any(|about| code.ends_with(about)) {
            return Err(items);
        }
        let several = items.len() > 1;
        let mut answered = Answered::default();
        for item in items {
            if several {
                let tries = Tries { alone: true, ..item.tries };
                self.lanes.retry(Item { tries, ..item }, now);
            } else {
                answered.aside.extend(self.failed(&item, code).aside);
            }
        }
        Ok(answered)
    }

    fn sent(&mut self, item: &Item, id: &str) -> Answered {
        // An archive gives no ids of its own: it has what it was given, whatever another archive has.
        if self.plan.routes.archive().is_none() && !self.sent_ids.insert(id) {
            // An id that this run was given before is another message's: nothing has arrived.
            return self.failed(item, "deduplicated");
        }
        match item.route {
            Route::Destination => {
                self.counts.sent += 1;
                for rule in &item.outgoing.rules {
                    *self.counts.rules.entry(rule.clone()).or_default() += 1;
                }
                *self.counts.sent_to.entry(self.plan.routes.name(item.to)).or_default() += 1;
                self.breaker.sent();
                self.count_other_source(item);
            }
            Route::Quarantine => self.counts.quarantined += 1,
        }
        if item.tries.lost {
            self.duplicates.insert(item.id().to_owned());
            self.note(Note::PossibleDuplicate, "", item.id());
        }
        self.lanes.arrived(item.lane.as_ref());
        let doomed = Doomed { key: item.key, id: item.id().to_owned(), tries: 0 };
        Answered { delivered: vec![(doomed, id.to_owned())], ..Answered::default() }
    }

    fn again(&mut self, item: Item, tried: u32, most: u32, code: &str, now: Instant) -> Answered {
        if tried >= most {
            return self.failed(&item, code);
        }
        self.lanes.retry(item, now + FIRST_WAIT * 2_u32.saturating_pow(tried - 1));
        Answered::default()
    }

    /// A message that does not arrive. Those behind it in its group stay behind it.
    fn failed(&mut self, item: &Item, code: &str) -> Answered {
        if item.tries.lost {
            self.unconfirm(item.id());
        } else {
            *self.counts.failed.entry(code.to_owned()).or_default() += 1;
            self.note(Note::Failed, code, item.id());
        }
        Answered { aside: self.stays_with_those_behind(item), ..Answered::default() }
    }

    /// A message stays, and so do those behind it in its group. Gives back all of them.
    pub(super) fn stays_with_those_behind(&mut self, item: &Item) -> Vec<MessageKey> {
        self.stopped.stop(item.lane.clone());
        let behind = self.lanes.stop(item.lane.as_ref());
        self.counts.left_for_order += behind.len() as u64;
        let stay: Vec<_> = std::iter::once(item.key).chain(behind.into_iter().map(|item| item.key)).collect();
        for key in &stay {
            self.stays(*key);
        }
        stay
    }

    /// A message that was not sent because the run stops.
    pub fn abandon(&mut self, item: &Item) {
        self.stays(item.key);
        if item.tries.lost {
            self.unconfirm(item.id());
        }
    }

    pub(super) fn unconfirm(&mut self, id: &str) {
        self.unconfirmed.insert(id.to_owned());
        self.note(Note::Unconfirmed, "", id);
    }

    /// A message that is sent somewhere else than SQS says it came from.
    fn count_other_source(&mut self, item: &Item) {
        if let Treatment::Replay(_) = &self.plan.treatment
            && let Some(source) = self.plan.routes.passed_over(&item.outgoing.message)
        {
            *self.counts.from_other_source.entry(source.to_owned()).or_default() += 1;
        }
    }
}
