//! Taking messages out of sight, each once, until the queue has no new ones, and giving back what was not used.

use std::{cell::RefCell, collections::HashMap, time::Duration};

use futures_util::{StreamExt, stream};
use tokio::time::{Instant, interval_at};

use crate::{
    sqs::call_error::CallError,
    sqs::message::{Message, MessageKey},
    sqs::queue::{ENTRIES, Queue},
};

/// Receives without anything new, in a row, that end a queue: one alone means nothing, because SQS asks only some of its servers.
const NOTHING_NEW: u32 = 3;

/// The same for a queue that says it has more.
const NOTHING_NEW_THOUGH_THERE_IS: u32 = 10;

/// Receipts that are kept to give messages back at once; a receipt has some hundred bytes. The others come back by themselves.
const RECEIPTS: usize = 10_000;

/// Calls under way when messages are given back.
const CALLS: usize = 8;

/// How messages are taken.
#[derive(Clone, Copy, Debug)]
pub struct Taking {
    /// Longest wait of one receive for the first message.
    pub wait: Duration,
    /// How long a message stays hidden when nobody prolongs it.
    pub hidden: Duration,
    /// How long to wait for messages that somebody else, such as a run that was killed, still hides.
    pub patience: Duration,
}

impl Default for Taking {
    fn default() -> Self {
        Self { wait: Duration::from_secs(2), hidden: Duration::from_mins(2), patience: Duration::ZERO }
    }
}

/// What is known of a message that has been met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// Somebody works on it, or it was not used.
    Seen,
    /// It has arrived at its destination: it must go, however often it comes.
    Delivered,
}

/// What one receive gave.
#[derive(Default)]
pub struct Taken {
    /// Messages that are met for the first time.
    pub fresh: Vec<Message>,
    /// Messages that have been delivered before and were not deleted.
    pub delivered: Vec<Message>,
}

/// The reading end of a run.
pub struct Intake<'a> {
    queue: &'a Queue,
    taking: Taking,
    began: Instant,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    met: HashMap<MessageKey, Met>,
    receipts: Vec<String>,
    nothing_new: u32,
    ended: bool,
    /// Receives whose messages are in work at this moment.
    in_work: u32,
}

impl<'a> Intake<'a> {
    /// Reads a queue; `delivered` are those that an earlier run has delivered and not deleted.
    pub fn new(queue: &'a Queue, taking: Taking, delivered: impl IntoIterator<Item = MessageKey>) -> Self {
        let met = delivered.into_iter().map(|key| (key, Met::Delivered)).collect();
        let state = RefCell::new(State { met, ..State::default() });
        Self { queue, taking, began: Instant::now(), state }
    }

    /// Takes up to ten messages. None at the end of the queue.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn next(&self) -> Result<Option<Taken>, CallError> {
        if self.state.borrow().ended {
            return Ok(None);
        }
        let messages = self.queue.receive(ENTRIES, self.taking.wait, self.taking.hidden).await?;
        let (taken, nothing_new) = self.sort(messages);
        if nothing_new >= NOTHING_NEW && !self.more_is_to_come(nothing_new).await? {
            // Another worker may have found something new while this one asked.
            let mut state = self.state.borrow_mut();
            state.ended = state.ended || state.nothing_new >= NOTHING_NEW;
        }
        Ok(Some(taken))
    }

    fn sort(&self, messages: Vec<Message>) -> (Taken, u32) {
        let mut state = self.state.borrow_mut();
        let mut taken = Taken::default();
        for message in messages {
            match state.met.get(&message.key()) {
                None => {
                    state.met.insert(message.key(), Met::Seen);
                    taken.fresh.push(message);
                }
                Some(Met::Delivered) => taken.delivered.push(message),
                Some(Met::Seen) => hold(&mut state.receipts, message.receipt),
            }
        }
        state.nothing_new = if taken.fresh.is_empty() { state.nothing_new + 1 } else { 0 };
        (taken, state.nothing_new)
    }

    async fn more_is_to_come(&self, nothing_new: u32) -> Result<bool, CallError> {
        // A FIFO queue gives the next messages of a group when those before them are gone.
        if self.queue.address.is_fifo() && self.state.borrow().in_work > 0 {
            tokio::task::yield_now().await;
            return Ok(true);
        }
        let depth = self.queue.facts().await?.depth;
        let patient = self.began.elapsed() < self.taking.patience && depth.in_flight > 0;
        Ok(patient || (depth.visible > 0 && nothing_new < NOTHING_NEW_THOUGH_THERE_IS))
    }

    /// Marks a message as delivered: it is deleted whenever it is met.
    pub fn delivered(&self, key: MessageKey) {
        self.state.borrow_mut().met.insert(key, Met::Delivered);
    }

    /// Keeps messages that are not used until they are given back.
    pub fn hold(&self, receipts: impl IntoIterator<Item = String>) {
        let mut state = self.state.borrow_mut();
        for receipt in receipts {
            hold(&mut state.receipts, receipt);
        }
    }

    /// Does `work` while the messages stay hidden, however long it takes.
    pub async fn while_hidden<T>(&self, receipts: &[String], work: impl Future<Output = T>) -> T {
        let period = (self.taking.hidden / 3).max(Duration::from_millis(1));
        let mut beats = interval_at(Instant::now() + period, period);
        let mut work = std::pin::pin!(work);
        self.state.borrow_mut().in_work += 1;
        loop {
            tokio::select! {
                done = &mut work => {
                    let mut state = self.state.borrow_mut();
                    state.in_work -= 1;
                    state.nothing_new = 0;
                    return done;
                }
                _ = beats.tick() => {
                    let receipts: Vec<_> = receipts.iter().map(String::as_str).collect();
                    for ten in receipts.chunks(ENTRIES) {
                        // Whoever loses a message this way meets it again, and knows it.
                        let _ = self.queue.hide(ten, self.taking.hidden).await;
                    }
                }
            }
        }
    }

    /// Gives back every message that is held. What cannot be given back comes back by itself.
    pub async fn give_back(&self) {
        let receipts = std::mem::take(&mut self.state.borrow_mut().receipts);
        stream::iter(receipts.chunks(ENTRIES))
            .for_each_concurrent(CALLS, |ten| async move {
                let ten: Vec<_> = ten.iter().map(String::as_str).collect();
                let _ = self.queue.hide(&ten, Duration::ZERO).await;
            })
            .await;
    }
}

fn hold(receipts: &mut Vec<String>, receipt: String) {
    if receipts.len() < RECEIPTS {
        receipts.push(receipt);
    }
}
