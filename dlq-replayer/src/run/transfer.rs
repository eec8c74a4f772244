//! Messages from a queue to a destination: taken, decided about, sent, and only then deleted (promise P5).
//!
//! Every command that moves messages is this one run with another treatment or destination.

use std::cell::RefCell;

use futures_util::future::join_all;
use jiff::Timestamp;

use crate::{
    journal::write::Record,
    report::exit::Exit,
    rules::decide::{Decision, Refusal, Route, Treatment, decide},
    rules::select::Selection,
    run::breaker::Breaker,
    run::delivery::Delivery,
    run::intake::{Intake, Taken},
    run::lag,
    run::rate::Trouble,
    run::state::Memory,
    sqs::destination::{Item, batches, waves},
    sqs::message::{Message, MessageKey},
    sqs::queue::{ENTRIES, Queue},
};

/// Deletes of a message that has arrived.
const DELETES: u32 = 3;

/// One run.
pub struct Transfer<'a> {
    /// The dead-letter queue.
    pub queue: &'a Queue,
    /// How messages are taken from it.
    pub intake: Intake<'a>,
    /// How they are sent.
    pub delivery: Delivery<'a>,
    /// Which are meant.
    pub selection: &'a Selection,
    /// What is done to them.
    pub treatment: &'a Treatment,
    /// The most to send.
    pub limit: u64,
    /// What stops the run when messages come back.
    pub breaker: RefCell<Breaker>,
    /// Batches in work at the same time.
    pub workers: usize,
    /// What it remembers; starts empty.
    pub memory: Memory,
}

impl Transfer<'_> {
    /// Runs to the end of the queue, or until something stops it, and gives back what was not used.
    pub async fn run(&self) {
        let work = join_all((0..self.workers).map(|_| self.work()));
        tokio::select! {
            _ = work => {}
            () = lag::watch(&self.delivery) => {}
        }
        self.intake.give_back().await;
    }

    /// How it ended.
    pub fn exit(&self) -> Exit {
        let tally = self.delivery.tally.borrow();
        if self.memory.fault.borrow().is_some() {
            Exit::Error
        } else if self.breaker.borrow().is_open() {
            Exit::Breaker
        } else if self.delivery.interrupt.is_asked() {
            Exit::Interrupted
        } else if tally.meant == 0 && tally.finished_for_earlier_run == 0 {
            Exit::NothingMatched
        } else if tally.is_complete() {
            Exit::Done
        } else {
            Exit::Partly
        }
    }

    /// What stopped it, if something failed.
    pub fn take_fault(&self) -> Option<anyhow::Error> {
        self.memory.fault.borrow_mut().take()
    }

    /// The first refusals, with the message's id.
    pub fn refusals(&self) -> Vec<(String, Refusal)> {
        self.memory.refusals.borrow().clone()
    }

    async fn work(&self) {
        while !self.is_over() && self.memory.chosen.get() < self.limit {
            match self.intake.next().await {
                Ok(Some(taken)) => Box::pin(self.handle(taken)).await,
                Ok(None) => return,
                Err(error) => self.stop(error.into()),
            }
        }
    }

    fn is_over(&self) -> bool {
        let found = self.delivery.tally.borrow().meant;
        self.delivery.interrupt.is_asked()
            || self.memory.fault.borrow().is_some()
            || self.breaker.borrow().is_open()
            || self.selection.is_complete_with(found)
    }

    fn stop(&self, fault: anyhow::Error) {
        // The first one is the cause.
        self.memory.fault.borrow_mut().get_or_insert(fault);
    }

    async fn handle(&self, taken: Taken) {
        if !taken.delivered.is_empty() {
            self.finish(&taken.delivered).await;
        }
        let (mut items, mut repeaters) = (Vec::new(), Vec::new());
        for message in taken.fresh {
            match self.choose(&message) {
                Some((Route::Destination, outgoing)) => items.push(Item { message, outgoing }),
                Some((Route::Quarantine, outgoing)) => repeaters.push(Item { message, outgoing }),
                None => self.intake.hold([message.receipt]),
            }
        }
        let receipts: Vec<_> = items.iter().chain(&repeaters).map(|item| item.message.receipt.clone()).collect();
        if receipts.is_empty() {
            return;
        }
        let work = async {
            self.send_in_order(Route::Destination, items).await;
            self.send_in_order(Route::Quarantine, repeaters).await;
        };
        self.intake.while_hidden(&receipts, work).await;
    }

    /// What to send in a message's place, if it is sent.
    fn choose(&self, message: &Message) -> Option<(Route, crate::sqs::outgoing::Outgoing)> {
        let mut tally = self.delivery.tally.borrow_mut();
        tally.looked_at += 1;
        if let Some(key) = self.memory.bounced(message, self.delivery.destination) {
            tally.bounced += 1;
            self.breaker.borrow_mut().bounced(key);
            let now = self.delivery.began.elapsed();
            self.delivery.pace.borrow_mut().trouble(now, Trouble::Bounced);
            return None;
        }
        let decision = decide(message, self.selection, self.treatment, Timestamp::now());
        if matches!(decision, Decision::NotMeant) || self.memory.chosen.get() >= self.limit {
            return None;
        }
        tally.meant += 1;
        if self.queue.address.is_fifo() && self.group_is_stopped(message.group()) {
            tally.left_for_order += 1;
            return None;
        }
        match decision {
            Decision::NotMeant => None,
            Decision::Refused(refusal) => {
                *tally.refused.entry(refusal.word().to_owned()).or_default() += 1;
                self.stop_group(message.group());
                self.memory.refused(&message.id, refusal);
                None
            }
            Decision::Send(route, outgoing) => {
                self.memory.chosen.set(self.memory.chosen.get() + 1);
                Some((route, outgoing))
            }
        }
    }

    async fn send_in_order(&self, route: Route, items: Vec<Item>) {
        let ordered = self.queue.address.is_fifo() || self.delivery.destination.is_fifo();
        for wave in if ordered { waves(items) } else { vec![items] } {
            for batch in batches(wave) {
                let (batch, stopped): (Vec<_>, Vec<_>) = batch
                    .into_iter()
                    .partition(|item| !ordered || !self.group_is_stopped(item.outgoing.group.as_deref()));
                self.delivery.tally.borrow_mut().left_for_order += stopped.len() as u64;
                self.intake.hold(stopped.into_iter().map(|item| item.message.receipt));
                if self.is_stopped() {
                    self.intake.hold(batch.into_iter().map(|item| item.message.receipt));
                } else if !batch.is_empty() {
                    self.send(route, batch).await;
                }
            }
        }
    }

    /// Whether nothing more may be sent, not even of what is in hand.
    fn is_stopped(&self) -> bool {
        self.memory.fault.borrow().is_some() || self.breaker.borrow().is_open()
    }

    /// Sends one batch, and deletes exactly what is confirmed.
    async fn send(&self, route: Route, batch: Vec<Item>) {
        let delivered = self.delivery.deliver(route, &batch).await;
        let (mut gone, mut kept) = (Vec::new(), Vec::new());
        for (item, id) in batch.iter().zip(&delivered.ids) {
            let Some(id) = id else {
                self.stop_group(item.outgoing.group.as_deref());
                kept.push(item.message.receipt.clone());
                continue;
            };
            self.intake.delivered(item.message.key());
            if route == Route::Destination {
                self.memory.sent.borrow_mut().insert(MessageKey::of(id));
                self.breaker.borrow_mut().sent(MessageKey::of(id));
            }
            gone.push(&item.message);
        }
        if let Some(fault) = delivered.fault {
            self.stop(fault);
        }
        self.intake.hold(kept);
        if !gone.is_empty() {
            let deleted = self.delete(gone).await;
            self.delivery.tally.borrow_mut().deleted += deleted.len() as u64;
        }
    }

    /// Deletes messages that an earlier run, or this one, has sent and could not delete.
    async fn finish(&self, messages: &[Message]) {
        let deleted = self.delete(messages.iter().collect()).await;
        let mut tally = self.delivery.tally.borrow_mut();
        for id in deleted {
            if tally.not_deleted.remove(&id) {
                tally.deleted += 1;
            } else {
                tally.finished_for_earlier_run += 1;
            }
        }
    }

    /// Deletes messages that have arrived, and gives back the ids of those that are gone.
    /// What is left is named, and deleted when it is met again.
    async fn delete(&self, messages: Vec<&Message>) -> Vec<String> {
        let mut left = messages;
        let mut deleted = Vec::new();
        for _ in 0..DELETES {
            let mut still = Vec::new();
            for ten in left.chunks(ENTRIES) {
                let receipts: Vec<_> = ten.iter().map(|message| message.receipt.as_str()).collect();
                let gone = self.queue.delete(&receipts).await.unwrap_or_else(|error| {
                    // Sending on without being able to delete would only make duplicates.
                    self.stop(error.into());
                    vec![false; ten.len()]
                });
                for (message, gone) in ten.iter().zip(gone) {
                    if gone { deleted.push(message.id.clone()) } else { still.push(*message) }
                }
            }
            left = still;
            if left.is_empty() || self.memory.fault.borrow().is_some() {
                break;
            }
        }
        if !deleted.is_empty() {
            self.delivery.journal.note(&Record::Deleted { ids: deleted.clone() });
        }
        let mut tally = self.delivery.tally.borrow_mut();
        for message in left {
            tally.not_deleted.push(&message.id);
        }
        deleted
    }

    fn group_is_stopped(&self, group: Option<&str>) -> bool {
        group.is_some_and(|group| self.memory.stopped_groups.borrow().contains(group))
    }

    fn stop_group(&self, group: Option<&str>) {
        let ordered = self.queue.address.is_fifo() || self.delivery.destination.is_fifo();
        if let Some(group) = group.filter(|_| ordered) {
            self.memory.stopped_groups.borrow_mut().insert(group.to_owned());
        }
    }
}
