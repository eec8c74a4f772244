//! Destinations that refuse, one message of a batch or everything that is sent to them, or that give no answers.
//!
//! A queue that takes nothing says nothing about the other ones. Its messages stay where they are, and the run goes on,
//! unless it has nowhere else to send to.

use tokio::time::Instant;

use super::{
    engine::Engine,
    lanes::Item,
    order::Lane,
    state::{Taking, Work},
    transfer::Transfer,
};
use crate::{
    journal::record::Note,
    rules::refusal::Refusal,
    sqs::{
        call_error::CallError,
        message::MessageKey,
        queue::{Entry, Retry},
    },
};

/// Refusals that a report explains one by one; it counts all of them.
const EXPLAINED: usize = 20;

impl Engine<'_> {
    /// A batch was refused as a whole.
    pub(super) fn read_refusal(&mut self, to: usize, items: Vec<Item>, error: CallError) {
        let now = Instant::now();
        let Some(transfer) = self.transfer_mut() else { return };
        match transfer.about_the_batch(items, &error.code, now) {
            Ok(answered) => answered.aside.into_iter().for_each(|key| self.put_aside(key)),
            Err(items) if error.is_about_the_resource() && self.has_others_than(to) => {
                self.close(to, error);
                self.turn_away(&items);
            }
            Err(items) => {
                for item in items {
                    let entry = Entry::Refused { code: error.code.clone(), retry: Retry::Never };
                    self.abandon(item, &entry);
                }
                self.fail(error.into());
            }
        }
        if self.stop.is_some() {
            // Messages that were to be sent alone are not sent any more.
            self.drain_lanes();
        }
    }

    /// A destination has given no answers for too long: it is closed, or the run ends with this fault when there is no other one.
    pub(super) fn give_up(&mut self, to: usize, error: CallError, fault: anyhow::Error) {
        if self.has_others_than(to) {
            self.close(to, error);
        } else {
            self.fail(fault);
        }
    }

    /// Whether messages may still be sent somewhere else.
    fn has_others_than(&mut self, to: usize) -> bool {
        let is_looked_up = !self.pending.is_empty();
        self.transfer_mut().is_some_and(|transfer| is_looked_up || transfer.routes().has_others_than(to))
    }

    /// Nothing more is sent to a destination. What waits for it is turned away when it is its turn.
    fn close(&mut self, to: usize, error: CallError) {
        // What waits need not wait for a connection any more.
        self.silence.remove(&to);
        let Some(transfer) = self.transfer_mut() else { return };
        transfer.routes().close(to, error);
        let name = transfer.routes().name(to);
        if !transfer.counts.sent_to.contains_key(&name)
            && let Some(canary) = &mut self.canary
        {
            canary.forget(to);
        }
    }

    /// Messages whose destination is closed are put aside. Others may take their place.
    pub(super) fn turn_away(&mut self, items: &[Item]) {
        let Work::Move(transfer) = &mut self.work else { return };
        let aside: Vec<_> = items.iter().flat_map(|item| transfer.turned_away(item)).collect();
        if self.taking == Taking::Enough && !transfer.is_enough() {
            self.taking = Taking::On;
        }
        for key in aside {
            self.put_aside(key);
        }
    }
}

impl Transfer {
    /// A message that matches is refused before it is sent.
    pub(super) fn refuse(&mut self, id: &str, lane: Option<Lane>, refusal: Refusal) {
        self.count_unusable(&refusal);
        *self.counts.refused.entry(refusal.word().to_owned()).or_default() += 1;
        self.note(Note::Refused, refusal.word(), id);
        if self.refusals.len() < EXPLAINED {
            self.refusals.push((id.to_owned(), refusal));
        }
        self.stopped.stop(lane);
    }

    /// A message that is not sent because its destination is closed. Gives back what stays: the message, and those behind it in its group.
    fn turned_away(&mut self, item: &Item) -> Vec<MessageKey> {
        if let Some(refusal) = self.plan.routes.refusal(item.to, item.route) {
            if item.tries.lost {
                // An earlier try may have arrived.
                self.unconfirm(item.id());
                self.count_unusable(&refusal);
            } else {
                self.refuse(item.id(), None, refusal);
            }
        }
        let stay = self.stays_with_those_behind(item);
        self.chosen = self.chosen.saturating_sub(stay.len() as u64);
        stay
    }

    /// Counts a message by the queue that cannot be used, if that is why it is refused.
    fn count_unusable(&mut self, refusal: &Refusal) {
        let Some((queue, why)) = refusal.unusable() else { return };
        let unusable = self.counts.unusable.entry(queue.to_owned()).or_default();
        unusable.messages += 1;
        why.clone_into(&mut unusable.why);
    }
}
