//! The receiving end: when to receive, and what becomes of each message that comes.

use std::{future::ready, time::Duration};

use tokio::time::Instant;

use super::{
    canary::Canary,
    engine::{BARREN, BYTES, Engine, LONG_POLL, WAITING, WATCH_EVERY},
    event::{Event, Poll},
    intake::Seen,
    plan::Next,
    rate::Trouble,
    source::Source,
    state::{Look, Stop, Taking, Work},
};
use crate::{
    rules::refusal::Refusal,
    sqs::{
        call_error::{CallError, Effect},
        message::{Message, MessageKey},
        queue::{ENTRIES, Queue},
    },
};

/// Bytes of the largest message. Source: "Amazon SQS message quotas" in the Amazon SQS developer guide.
const LARGEST: u64 = 1024 * 1024;

impl Engine<'_> {
    pub(super) fn start_receives(&mut self, now: Instant) {
        let Source::Queue(queue) = &self.source else { return self.read_file() };
        let queue = queue.clone();
        while self.is_taking() && !self.is_throttled(now) && self.free_calls() > 0 && self.has_room() {
            self.under_way.receives += 1;
            self.receive(&queue, Poll::Take, LONG_POLL);
        }
        if self.is_watch_due(now) {
            self.under_way.receives += 1;
            self.receive(&queue, Poll::Watch, Duration::ZERO);
        }
    }

    /// Whether to look for returned messages: everything that was confirmed was received, and some of it still waits to be sent.
    /// Without a look, a slow run would learn at its end that all its messages return.
    fn is_watch_due(&self, now: Instant) -> bool {
        let all_received = self.settings.expected.is_some_and(|expected| self.fresh >= expected);
        let waits = matches!(&self.work, Work::Move(transfer) if transfer.deletes() && transfer.lanes.waiting() > 0);
        let settling = self.canary.as_ref().is_some_and(Canary::is_settling);
        all_received
            && waits
            && !settling
            && self.under_way.receives == 0
            && now >= self.watch_at
            && !self.is_throttled(now)
    }

    pub(super) fn receive(&mut self, queue: &Queue, poll: Poll, wait: Duration) {
        let (queue, hidden) = (queue.clone(), self.settings.visibility);
        self.calls.push(Box::pin(async move {
            Event::Received { poll, result: queue.receive(ENTRIES, wait, hidden).await }
        }));
    }

    /// Whether there is more to take, as far as is known.
    pub(super) fn is_taking(&self) -> bool {
        let expected = self.settings.expected.unwrap_or(u64::MAX);
        let under_way = (self.under_way.receives * ENTRIES) as u64;
        self.stop.is_none()
            && self.taking == Taking::On
            && self.barren < BARREN
            && self.under_way.releases == 0
            && !self.releasing
            && self.fresh + under_way < expected
    }

    fn has_room(&self) -> bool {
        let receives = self.under_way.receives;
        let coming = receives * ENTRIES;
        let Work::Move(transfer) = &self.work else {
            return receives < self.rate.window() && self.pending.waiting() + coming < WAITING;
        };
        let waiting = transfer.lanes.waiting() + self.pending.waiting() + coming;
        let wanted = transfer.left_of_limit() > (transfer.lanes.waiting().min(ENTRIES) + coming) as u64 || coming == 0;
        let settling = self.canary.as_ref().is_some_and(Canary::is_settling);
        let in_memory = (waiting + ENTRIES) as u64 + self.under_way.messages;
        let fits = in_memory * self.average_bytes() <= BYTES as u64 || in_memory <= ENTRIES as u64;
        waiting < WAITING && fits && wanted && !settling && receives < self.rate.window()
    }

    /// Bytes of a body, so far as was seen; before that, as many as SQS allows.
    fn average_bytes(&self) -> u64 {
        self.fresh_bytes.checked_div(self.fresh).unwrap_or(LARGEST)
    }

    /// Reads a few messages of a file: as many as a receive brings, so that signals are heard and memory is bounded as with a queue.
    fn read_file(&mut self) {
        if self.under_way.receives > 0 || !self.is_taking() || !self.has_room() {
            return;
        }
        let Source::File(file) = &mut self.source else { return };
        let result = file.next(ENTRIES);
        self.under_way.receives += 1;
        self.calls.push(Box::pin(ready(Event::Read(result))));
    }

    /// A file is never read twice, so every message is new.
    pub(super) fn read(&mut self, result: anyhow::Result<Vec<Message>>) {
        self.under_way.receives -= 1;
        match result {
            Ok(messages) if messages.is_empty() => self.taking = Taking::Exhausted,
            Ok(messages) => messages.into_iter().for_each(|message| self.admit_new(message)),
            Err(error) => self.fail(error),
        }
    }

    pub(super) fn received(&mut self, poll: Poll, result: Result<Vec<Message>, CallError>) {
        match poll {
            Poll::Take | Poll::Watch => self.under_way.receives -= 1,
            Poll::Proof => self.proof.answered(),
        }
        let messages = match result {
            Ok(messages) => messages,
            Err(error) if error.effect == Effect::Throttled => {
                self.proof.disturbed();
                return self.throttle();
            }
            Err(error) => return self.fail(error.into()),
        };
        self.throttled = None;
        // A full answer says that there may be more.
        let pause = if messages.len() < ENTRIES { WATCH_EVERY } else { Duration::ZERO };
        self.watch_at = Instant::now() + pause;
        let mut fresh = 0;
        for message in messages {
            fresh += usize::from(self.admit(message));
        }
        self.barren = if fresh == 0 { self.barren + 1 } else { 0 };
        if fresh > 0 {
            self.proof.progressed();
        }
    }

    /// Takes a message in; whether it is new.
    fn admit(&mut self, message: Message) -> bool {
        let key = message.key();
        let every = self.heartbeat();
        let (seen, held) = self.intake.receive(&message, Instant::now() + every);
        match seen {
            None => {
                self.admit_new(message);
                true
            }
            Some(Seen::Here) => {
                if !held {
                    self.put_aside(key);
                }
                false
            }
            Some(before @ (Seen::Delivered | Seen::Deleted)) => {
                self.delete_again(message, before == Seen::Deleted);
                false
            }
        }
    }

    pub(super) fn admit_new(&mut self, message: Message) {
        let key = message.key();
        if self.stop.is_some() {
            return self.leave(key);
        }
        if let Work::Move(transfer) = &mut self.work
            && transfer.has_returned(&message)
        {
            self.scanned += 1;
            let too_many = transfer.breaker().is_open();
            self.trouble(Trouble::Returned);
            self.put_aside(key);
            if too_many {
                self.halt(Stop::Breaker);
            }
            return;
        }
        if self.settings.expected.is_some_and(|expected| self.fresh >= expected) {
            self.beyond += 1;
            return self.put_aside(key);
        }
        if self.taking == Taking::Enough && matches!(self.work, Work::Look(_)) {
            // It came with the one that was enough, and is not looked at.
            return self.put_aside(key);
        }
        self.fresh += 1;
        self.scanned += 1;
        self.fresh_bytes += message.body.len() as u64;
        self.take(message);
    }

    /// Decides about a message, unless one of its group in front of it waits for a lookup.
    pub(super) fn take(&mut self, message: Message) {
        if let Some(message) = self.pending.put_behind(message) {
            self.decide(message, None);
        }
    }

    /// Decides about a message, which has nowhere to go when there is a refusal.
    pub(super) fn decide(&mut self, message: Message, refusal: Option<Refusal>) {
        let (key, id) = (message.key(), message.id.clone());
        match &mut self.work {
            Work::Look(visit) => match visit.visit(&message, refusal) {
                Look::On => self.put_aside(key),
                Look::Enough => {
                    self.taking = Taking::Enough;
                    self.put_aside(key);
                }
                Look::Lookup(arn) => self.look_up(arn, message),
            },
            Work::Move(transfer) => {
                let next = transfer.take(message, refusal);
                self.follow(key, id, next);
            }
        }
    }

    /// Does what a message needs next.
    fn follow(&mut self, key: MessageKey, id: String, next: anyhow::Result<Next>) {
        if matches!(&self.work, Work::Move(transfer) if transfer.is_enough()) {
            self.taking = Taking::Enough;
        }
        match next {
            Ok(Next::Queued) => {}
            Ok(Next::Aside | Next::Finished) => self.put_aside(key),
            Ok(Next::Delete) => self.doom(key, id),
            Ok(Next::Lookup(arn, message)) => self.look_up(arn, *message),
            Err(error) => self.fail(error),
        }
    }
}
