//! The sending end: batches, and what came of them.
//!
//! A message leaves its queue only after its destination has confirmed it by an id. The confirmation is written first; a run whose disk
//! refuses it ends, and deletes what has arrived all the same: the next run would send it again.

use std::rc::Rc;

use tokio::time::Instant;

use super::{
    canary::Phase, engine::Engine, event::Event, lanes::Item, plan::Doomed, rate::Trouble, silence::Silence,
    state::Work, transfer::Transfer,
};
use crate::{
    journal::{record::Record, write::Journal},
    rules::decide::Route,
    sqs::{
        call_error::{CallError, Effect},
        destination::Destination,
        queue::{ENTRIES, Entry, Retry},
    },
};

impl Engine<'_> {
    pub(super) fn transfer_mut(&mut self) -> Option<&mut Transfer> {
        match &mut self.work {
            Work::Move(transfer) => Some(transfer),
            Work::Look(_) => None,
        }
    }

    pub(super) fn start_sends(&mut self, now: Instant) {
        self.send_at = None;
        while self.under_way.sends < self.rate.window() && self.free_calls() > 0 {
            let most = match self.canary.as_ref().map(super::canary::Canary::phase) {
                Some(Phase::Sending(0)) => return self.settle_canary(now),
                Some(Phase::Settling { .. }) => return,
                // What is under way may arrive, and then it is of the canary.
                Some(Phase::Sending(left)) => {
                    let left = left.saturating_sub(self.under_way.messages);
                    if left == 0 {
                        return;
                    }
                    usize::try_from(left).unwrap_or(ENTRIES)
                }
                Some(Phase::Passed) | None => ENTRIES,
            };
            let wait = self.rate.wait(self.began.elapsed());
            if !wait.is_zero() {
                self.send_at = Some(now + wait);
                return;
            }
            let Some(items) = self.next_batch(now, most) else { return };
            let Some(transfer) = self.transfer_mut() else { return };
            let Some(to) = items.first().map(|item| item.to) else { return };
            let Some(route) = items.first().map(|item| item.route) else { return };
            if transfer.routes().refusal(to, route).is_some() {
                self.turn_away(&items);
                continue;
            }
            if route == Route::Destination && self.needs_baseline(to) {
                return self.take_baseline(to, items, now);
            }
            self.send(to, items);
        }
    }

    /// The next batch, of a destination whose connections are not refused at the moment.
    fn next_batch(&mut self, now: Instant, most: usize) -> Option<Vec<Item>> {
        let silence = &self.silence;
        let Work::Move(transfer) = &mut self.work else { return None };
        let waits = |to| silence.get(&to).is_some_and(|silence| silence.must_wait(now));
        let items = transfer.lanes.next(now, most, waits);
        if items.is_none() {
            self.send_at = silence.values().filter_map(Silence::next_try).filter(|next| *next > now).min();
        }
        items
    }

    fn send(&mut self, to: usize, items: Vec<Item>) {
        self.silence.entry(to).or_default().begins();
        let Some(transfer) = self.transfer_mut() else { return };
        let Some(destination) = transfer.routes().get(to).cloned() else { return };
        let journal = transfer.journal();
        self.rate.take(items.len());
        self.under_way.messages += items.len() as u64;
        self.under_way.sends += 1;
        self.calls.push(Box::pin(send(journal, destination, items)));
    }

    pub(super) fn sent(&mut self, items: Vec<Item>, answer: Result<Vec<Entry>, CallError>) {
        self.send_is_over(&items);
        self.note_not_sent(&items, &answer);
        let Some(to) = items.first().map(|item| item.to) else { return };
        match answer {
            Ok(entries) => {
                if entries.iter().all(|entry| matches!(entry, Entry::Unanswered(_))) {
                    self.unanswered(to);
                } else {
                    self.silence.entry(to).or_default().broken();
                }
                self.read_answer(items, entries);
            }
            Err(error) => self.read_error(to, items, error),
        }
    }

    fn send_is_over(&mut self, items: &[Item]) {
        self.under_way.sends -= 1;
        self.under_way.messages -= items.len() as u64;
        if let Some(silence) = items.first().and_then(|item| self.silence.get_mut(&item.to)) {
            silence.ends();
        }
    }

    pub(super) fn not_journaled(&mut self, items: &[Item], error: anyhow::Error) {
        self.send_is_over(items);
        for item in items {
            self.intake.put_aside(item.key);
            // An earlier try of it may have arrived.
            if let Some(transfer) = self.transfer_mut() {
                transfer.abandon(item);
            }
        }
        self.fail(error);
    }

    /// Takes back the line "sending" of messages that were certainly not taken. What an earlier try may have done is still unknown.
    fn note_not_sent(&mut self, items: &[Item], answer: &Result<Vec<Entry>, CallError>) {
        let certain = |(at, item): (usize, &Item)| {
            let not_taken = match answer {
                Ok(entries) => matches!(entries.get(at), Some(Entry::Refused { .. })),
                Err(error) => error.effect != Effect::Unknown,
            };
            (not_taken && !item.tries.lost).then(|| item.id().to_owned())
        };
        let ids: Vec<_> = items.iter().enumerate().filter_map(certain).collect();
        let Some(transfer) = self.transfer_mut() else { return };
        if let (Some(journal), Some(first)) = (transfer.journal(), items.first())
            && !ids.is_empty()
        {
            journal.note(&Record::NotSent { to: transfer.routes().name(first.to), ids });
        }
    }

    /// Reads an answer entry by entry. What is not proven to be sent is not sent.
    fn read_answer(&mut self, items: Vec<Item>, entries: Vec<Entry>) {
        let now = Instant::now();
        let stopping = self.stop.is_some();
        let Some(to) = items.first().map(|item| item.to) else { return };
        let quarantined = items.first().is_some_and(|item| item.route == Route::Quarantine);
        let (mut confirmed, mut throttled) = (Vec::new(), false);
        for (item, entry) in items.into_iter().zip(entries) {
            if stopping && !matches!(entry, Entry::Sent(_)) {
                self.abandon(item, &entry);
                continue;
            }
            let Some(transfer) = self.transfer_mut() else { return };
            let answered = transfer.answered(item, entry, now);
            throttled |= answered.throttled;
            answered.aside.into_iter().for_each(|key| self.put_aside(key));
            confirmed.extend(answered.delivered);
        }
        if throttled {
            self.trouble(Trouble::Throttled);
        } else {
            self.rate.confirmed(confirmed.len() as u64, self.settings.calls);
        }
        if let Some(canary) = &mut self.canary
            && !quarantined
        {
            canary.arrived(confirmed.len() as u64);
        }
        self.confirm(to, confirmed);
    }

    /// Messages have arrived: that is written down before they are deleted.
    fn confirm(&mut self, to: usize, arrived: Vec<(Doomed, String)>) {
        let Some(transfer) = self.transfer_mut() else { return };
        if arrived.is_empty() {
            return;
        }
        let name = transfer.routes().name(to);
        let Some(journal) = transfer.journal() else {
            return arrived.into_iter().for_each(|(doomed, _)| self.doom(doomed.key, doomed.id));
        };
        self.under_way.confirmations += 1;
        self.calls.push(Box::pin(async move {
            let (doomed, ids) = arrived.into_iter().map(|(doomed, id)| (doomed.clone(), (doomed.id, id))).unzip();
            let result = journal.write(&Record::Sent { to: name, ids }).await;
            Event::Confirmed { doomed, result }
        }));
    }

    pub(super) fn confirmed(&mut self, doomed: Vec<Doomed>, result: anyhow::Result<()>) {
        self.under_way.confirmations -= 1;
        // They have arrived, whatever the disk says.
        for doomed in doomed {
            self.doom(doomed.key, doomed.id);
        }
        if let Err(error) = result {
            self.fail(error);
        }
    }

    /// A message that another try might have sent, in a run that stops.
    pub(super) fn abandon(&mut self, mut item: Item, entry: &Entry) {
        item.tries.lost |= matches!(entry, Entry::Unanswered(_));
        self.intake.put_aside(item.key);
        if let Some(transfer) = self.transfer_mut() {
            transfer.abandon(&item);
        }
    }

    /// A batch whose answer says of no message what became of it.
    fn unanswered(&mut self, to: usize) {
        if !self.silence.entry(to).or_default().lost(self.settings.calls) {
            return;
        }
        let resource = self.transfer_mut().map(|transfer| transfer.routes().name(to)).unwrap_or_default();
        let text = "it does not say what became of the messages that were sent to it".to_owned();
        let (operation, code, effect) = ("SendMessageBatch", "no answer".to_owned(), Effect::Unknown);
        let fault = anyhow::anyhow!("{resource}: {text}");
        self.give_up(to, CallError { operation, resource, code, text, effect }, fault);
    }

    /// A batch that was refused as a whole, or had no answer.
    fn read_error(&mut self, to: usize, items: Vec<Item>, error: CallError) {
        let silence = self.silence.entry(to).or_default();
        let is_given_up = match error.effect {
            Effect::Unknown => silence.lost(self.settings.calls),
            Effect::NoConnection => silence.refused(Instant::now()),
            Effect::Throttled | Effect::None => {
                silence.broken();
                false
            }
        };
        if is_given_up {
            self.give_up(to, error.clone(), error.clone().into());
        }
        let entry = match error.effect {
            Effect::NoConnection => Entry::Refused { code: error.code, retry: Retry::Soon },
            Effect::Unknown => Entry::Unanswered(error.code),
            Effect::Throttled => Entry::Refused { code: error.code, retry: Retry::Slower },
            Effect::None => return self.read_refusal(to, items, error),
        };
        let entries = vec![entry; items.len()];
        self.read_answer(items, entries);
    }
}

/// Sends a batch once, after the journal has said so.
async fn send(journal: Option<Rc<Journal>>, destination: Rc<Destination>, items: Vec<Item>) -> Event {
    if let Some(journal) = &journal {
        let ids = items.iter().map(|item| item.id().to_owned()).collect();
        if let Err(error) = journal.write(&Record::Sending { to: destination.name(), ids }).await {
            return Event::NotJournaled { items, error };
        }
    }
    let outgoing: Vec<_> = items.iter().map(|item| &*item.outgoing).collect();
    let answer = destination.send(&outgoing).await;
    Event::Sent { items, answer }
}
