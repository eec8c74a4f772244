//! What a run knows of the queue that it reads: which messages it has seen, which it holds, and whether there are more.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use crate::sqs::{
    message::{Message, MessageKey},
    queue::ENTRIES,
};

/// How far a message has come that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is in work, or it is put aside.
    Here,
    /// Its destination has confirmed it: it is deleted, however often it is received.
    Delivered,
    /// It was deleted.
    Deleted,
}

/// A message that is hidden from other receivers.
struct Held {
    /// What deletes and hides it: the newest receipt, because older ones do nothing and are answered with success.
    receipt: Box<str>,
    /// Whether it is only kept from being received again.
    aside: bool,
    /// When its visibility has to be prolonged.
    beat: Instant,
}

/// What a run knows of its queue.
#[derive(Default)]
pub struct Intake {
    seen: HashMap<MessageKey, Seen>,
    held: HashMap<MessageKey, Held>,
    /// When the visibility of held messages has to be prolonged, the first first.
    beats: VecDeque<(Instant, MessageKey)>,
    /// Messages that were put aside, the oldest first.
    aside: VecDeque<MessageKey>,
    /// Messages that were seen and are not deleted.
    live: u64,
}

impl Intake {
    /// A message was received: it is held from now on, by this receipt. Gives back how it was known before, and whether it was held.
    pub fn receive(&mut self, message: &Message, beat: Instant) -> (Option<Seen>, bool) {
        let key = message.key();
        let before = self.seen.get(&key).copied();
        if before.is_none_or(|seen| seen == Seen::Deleted) {
            self.live += 1;
        }
        match before {
            None => drop(self.seen.insert(key, Seen::Here)),
            // The receipt that it was deleted with was not the newest one.
            Some(Seen::Deleted) => drop(self.seen.insert(key, Seen::Delivered)),
            Some(_) => {}
        }
        let receipt = message.receipt.as_str().into();
        if let Some(held) = self.held.get_mut(&key) {
            held.receipt = receipt;
            return (before, true);
        }
        self.held.insert(key, Held { receipt, aside: false, beat });
        self.beats.push_back((beat, key));
        (before, false)
    }

    /// Its destination has confirmed a message.
    pub fn delivered(&mut self, key: MessageKey) {
        self.seen.insert(key, Seen::Delivered);
    }

    /// A message was deleted.
    pub fn deleted(&mut self, key: MessageKey) {
        self.held.remove(&key);
        if self.seen.insert(key, Seen::Deleted) != Some(Seen::Deleted) {
            self.live = self.live.saturating_sub(1);
        }
    }

    /// Whether a message was deleted.
    pub fn is_deleted(&self, key: MessageKey) -> bool {
        self.seen.get(&key) == Some(&Seen::Deleted)
    }

    /// A message is not used; it stays hidden so that it is not received again, and is released at the end.
    pub fn put_aside(&mut self, key: MessageKey) {
        if let Some(held) = self.held.get_mut(&key)
            && !held.aside
        {
            held.aside = true;
            self.aside.push_back(key);
        }
    }

    /// How many messages are held.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// How many messages are put aside.
    pub fn aside(&self) -> usize {
        self.aside.len()
    }

    /// How many messages were seen and are not deleted, whether they are held or were released.
    pub fn live(&self) -> u64 {
        self.live
    }

    /// The newest receipt of a message that is held.
    pub fn receipt(&self, key: MessageKey) -> Option<String> {
        self.held.get(&key).map(|held| held.receipt.to_string())
    }

    /// Up to ten messages, oldest first, that were put aside; they are no longer held.
    pub fn release_aside(&mut self) -> Vec<String> {
        let mut receipts = Vec::new();
        while receipts.len() < ENTRIES
            && let Some(key) = self.aside.pop_front()
        {
            receipts.extend(self.held.remove(&key).map(|held| String::from(held.receipt)));
        }
        receipts
    }

    /// Everything that is held; it is no longer held.
    pub fn release_all(&mut self) -> Vec<String> {
        self.aside.clear();
        let held = std::mem::take(&mut self.held).into_values();
        let mut receipts: Vec<_> = held.map(|held| String::from(held.receipt)).collect();
        // A map has no order, and two equal runs should make equal calls.
        receipts.sort_unstable();
        receipts
    }

    /// When the next visibility has to be prolonged.
    pub fn next_beat(&self) -> Option<Instant> {
        self.beats.front().map(|(due, _)| *due)
    }

    /// Up to ten messages that are held and whose visibility has to be prolonged now; the next time is `every` later.
    pub fn due(&mut self, now: Instant, every: Duration) -> Vec<String> {
        let mut receipts = Vec::new();
        while receipts.len() < ENTRIES
            && let Some((due, key)) = self.beats.pop_front_if(|(due, _)| *due <= now)
        {
            // A message that was released and received again has a beat of its own.
            if let Some(held) = self.held.get_mut(&key).filter(|held| held.beat == due) {
                held.beat = now + every;
                receipts.push(held.receipt.to_string());
                self.beats.push_back((held.beat, key));
            }
        }
        receipts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, receipt: &str) -> Message {
        let mut message: Message = serde_json::from_value(serde_json::json!({ "id": id, "body": "b" })).unwrap();
        receipt.clone_into(&mut message.receipt);
        message
    }

    #[tokio::test]
    async fn a_message_is_deleted_with_its_newest_receipt_and_counts_until_it_really_is() {
        let (mut intake, now) = (Intake::default(), Instant::now());
        let key = MessageKey::of("m");
        assert_eq!(intake.receive(&message("m", "1"), now), (None, false));
        assert_eq!(intake.receive(&message("m", "2"), now), (Some(Seen::Here), true));
        assert_eq!(intake.receipt(key).as_deref(), Some("2"));
        intake.delivered(key);
        intake.deleted(key);
        assert_eq!((intake.held(), intake.live()), (0, 0));
        let again = intake.receive(&message("m", "3"), now);
        assert_eq!(again, (Some(Seen::Deleted), false), "an old receipt had deleted nothing");
        assert_eq!((intake.receipt(key).as_deref(), intake.live()), (Some("3"), 1));
    }

    #[tokio::test]
    async fn what_is_put_aside_is_released_oldest_first_and_is_still_known() {
        let (mut intake, now) = (Intake::default(), Instant::now());
        for id in ["a", "b", "c"] {
            intake.receive(&message(id, id), now);
            intake.put_aside(MessageKey::of(id));
        }
        intake.deleted(MessageKey::of("a"));
        assert_eq!(intake.release_aside(), ["b", "c"]);
        assert_eq!((intake.held(), intake.live()), (0, 2));
        assert_eq!(intake.receive(&message("b", "again"), now), (Some(Seen::Here), false));
    }

    #[tokio::test]
    async fn visibility_is_prolonged_for_what_is_held_and_for_nothing_else() {
        let (mut intake, now) = (Intake::default(), Instant::now());
        let every = Duration::from_secs(40);
        for id in ["a", "b"] {
            intake.receive(&message(id, id), now + every);
        }
        assert!(intake.due(now, every).is_empty());
        intake.deleted(MessageKey::of("a"));
        assert_eq!(intake.due(now + every, every), ["b"]);
        assert!(intake.due(now + every, every).is_empty());
        assert_eq!(intake.next_beat(), Some(now + 2 * every));
    }
}
