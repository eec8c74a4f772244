//! The order in which messages are sent.
//!
//! A message of a FIFO group waits until the one before it has arrived, wherever that goes; all others may go at once.
//! When one does not arrive, those behind it stay that go to the same destination.

use std::collections::{BTreeMap, HashMap, VecDeque};

use tokio::time::Instant;

use super::order::Lane;
use crate::{
    rules::decide::Route,
    sqs::{destination::BATCH_BYTES, message::MessageKey, outgoing::Outgoing, queue::ENTRIES},
};

/// A message on its way.
pub struct Item {
    /// The dead letter's identity.
    pub key: MessageKey,
    /// Which destination it goes to.
    pub to: usize,
    /// Why it goes there.
    pub route: Route,
    /// What is sent.
    pub outgoing: Box<Outgoing>,
    /// The group whose order must be kept, if any, and where it goes.
    pub lane: Option<Lane>,
    /// What has been tried.
    pub tries: Tries,
}

/// What has been tried with a message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tries {
    /// Sends that failed in passing or had no answer.
    pub failed: u32,
    /// Sends that were throttled.
    pub throttled: u32,
    /// Whether a send had no answer, in this run or an earlier one.
    pub lost: bool,
    /// Whether it is sent in a batch of its own, because a batch was refused for one of its messages.
    pub alone: bool,
}

impl Item {
    /// The dead letter's id.
    pub fn id(&self) -> &str {
        &self.outgoing.message.id
    }
}

/// Messages that wait to be sent.
#[derive(Default)]
pub struct Lanes {
    ready: BTreeMap<usize, VecDeque<Item>>,
    /// Messages behind the first one of their group, which is ready or on its way.
    behind: HashMap<String, VecDeque<Item>>,
    /// Messages that are tried again later.
    later: Vec<(Instant, Item)>,
    waiting: usize,
}

impl Lanes {
    /// Adds a message behind those of its group.
    pub fn push(&mut self, item: Item) {
        self.waiting += 1;
        if let Some(lane) = &item.lane {
            if let Some(behind) = self.behind.get_mut(&lane.group) {
                behind.push_back(item);
                return;
            }
            self.behind.insert(lane.group.clone(), VecDeque::new());
        }
        self.ready.entry(item.to).or_default().push_back(item);
    }

    /// Adds a message that is tried again at `due`; its group waits for it.
    pub fn retry(&mut self, item: Item, due: Instant) {
        self.waiting += 1;
        self.later.push((due, item));
    }

    /// How many messages wait.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// When the first message is due that is tried again.
    pub fn next_due(&self) -> Option<Instant> {
        self.later.iter().map(|(due, _)| *due).min()
    }

    /// Takes the next batch: for one destination that need not wait, within the limits of a batch, at most one message of a group.
    pub fn next(&mut self, now: Instant, most: usize, waits: impl Fn(usize) -> bool) -> Option<Vec<Item>> {
        let (due, later) = std::mem::take(&mut self.later).into_iter().partition(|(due, _)| *due <= now);
        self.later = later;
        for (_, item) in due {
            self.ready.entry(item.to).or_default().push_front(item);
        }
        let may_be_sent = self.ready.iter_mut().filter(|(to, _)| !waits(**to));
        let fullest = may_be_sent.max_by_key(|(_, items)| items.len()).map(|(_, items)| items)?;
        let mut batch: Vec<Item> = Vec::new();
        let mut bytes = 0;
        while let Some(item) = fullest.front() {
            let size = item.outgoing.size();
            let full = batch.len() >= ENTRIES.min(most) || bytes + size > BATCH_BYTES || item.tries.alone;
            if (full && !batch.is_empty()) || batch.first().is_some_and(|first| first.tries.alone) {
                break;
            }
            bytes += size;
            batch.extend(fullest.pop_front());
        }
        self.waiting -= batch.len();
        Some(batch).filter(|batch| !batch.is_empty())
    }

    /// The message of a group has arrived: the next one is ready.
    pub fn arrived(&mut self, lane: Option<&Lane>) {
        let Some(Lane { group, .. }) = lane else { return };
        match self.behind.get_mut(group).and_then(VecDeque::pop_front) {
            Some(next) => self.ready.entry(next.to).or_default().push_back(next),
            None => drop(self.behind.remove(group)),
        }
    }

    /// A message of a group has not arrived: those behind it that have the same lane are given back, and the next one of the others is ready.
    pub fn stop(&mut self, lane: Option<&Lane>) -> Vec<Item> {
        let Some(behind) = lane.and_then(|lane| self.behind.get_mut(&lane.group)) else { return Vec::new() };
        let (stay, go) = std::mem::take(behind).into_iter().partition(|item| item.lane.as_ref() == lane);
        *behind = go;
        let stay = Vec::from(stay);
        self.waiting -= stay.len();
        self.arrived(lane);
        stay
    }

    /// Takes everything that waits.
    pub fn drain(&mut self) -> Vec<Item> {
        self.waiting = 0;
        let ready = std::mem::take(&mut self.ready).into_values().flatten();
        let behind = std::mem::take(&mut self.behind).into_values().flatten();
        let later = std::mem::take(&mut self.later).into_iter().map(|(_, item)| item);
        ready.chain(behind).chain(later).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sqs::message::Message;

    fn lane(group: &str, to: &str) -> Lane {
        Lane { group: group.to_owned(), to: Some(to.to_owned()) }
    }

    fn item(id: &str, bytes: usize, group: Option<&str>) -> Item {
        let message: Message = serde_json::from_value(json!({ "id": id, "body": "b".repeat(bytes) })).unwrap();
        Item {
            key: message.key(),
            to: 0,
            route: Route::Destination,
            outgoing: Box::new(Outgoing::new(message, 0)),
            lane: group.map(|group| lane(group, "orders")),
            tries: Tries::default(),
        }
    }

    fn none_waits(_: usize) -> bool {
        false
    }

    fn ids(batch: Option<Vec<Item>>) -> Vec<String> {
        batch.into_iter().flatten().map(|item| item.id().to_owned()).collect()
    }

    #[tokio::test]
    async fn batches_keep_to_both_limits_and_lose_nothing() {
        let sizes = |bodies: &[usize]| {
            let mut lanes = Lanes::default();
            bodies.iter().enumerate().for_each(|(at, bytes)| lanes.push(item(&at.to_string(), *bytes, None)));
            std::iter::from_fn(|| lanes.next(Instant::now(), 10, none_waits).map(|batch| batch.len()))
                .collect::<Vec<_>>()
        };
        assert_eq!(sizes(&[]), [0_usize; 0]);
        assert_eq!(sizes(&[1; 25]), [10, 10, 5]);
        assert_eq!(sizes(&[100_000; 5]), [2, 2, 1]);
        assert_eq!(sizes(&[300_000, 1, 300_000]), [1, 1, 1], "one that is too large alone is SQS's to refuse");
    }

    #[tokio::test]
    async fn a_destination_that_must_wait_does_not_keep_the_others() {
        let mut lanes = Lanes::default();
        for (id, to) in [("a", 0), ("b", 0), ("c", 1)] {
            lanes.push(Item { to, ..item(id, 1, None) });
        }
        let now = Instant::now();
        assert_eq!(ids(lanes.next(now, 10, |to| to == 0)), ["c"]);
        assert_eq!(ids(lanes.next(now, 10, |to| to == 0)), [""; 0]);
        assert_eq!((ids(lanes.next(now, 10, none_waits)), lanes.waiting()), (vec!["a".into(), "b".into()], 0));
    }

    #[tokio::test]
    async fn one_message_of_a_group_is_under_way_and_groups_keep_their_order() {
        let mut lanes = Lanes::default();
        for (id, group) in [("a1", "a"), ("a2", "a"), ("b1", "b"), ("a3", "a"), ("b2", "b")] {
            lanes.push(item(id, 1, Some(group)));
        }
        let (a, b) = (lane("a", "orders"), lane("b", "orders"));
        let now = Instant::now();
        assert_eq!(ids(lanes.next(now, 10, none_waits)), ["a1", "b1"]);
        assert_eq!(ids(lanes.next(now, 10, none_waits)), [""; 0]);
        lanes.arrived(Some(&a));
        assert_eq!(ids(lanes.next(now, 10, none_waits)), ["a2"]);
        lanes.retry(item("a2", 1, Some("a")), now);
        assert_eq!(ids(lanes.next(now, 10, none_waits)), ["a2"], "a retry goes before those behind it");
        assert_eq!(ids(Some(lanes.stop(Some(&a)))), ["a3"]);
        lanes.arrived(Some(&b));
        assert_eq!(ids(lanes.next(now, 10, none_waits)), ["b2"]);
        lanes.arrived(Some(&b));
        assert_eq!((lanes.waiting(), lanes.behind.len()), (0, 0));
    }
    #[tokio::test]
    async fn those_of_a_group_that_go_elsewhere_go_on_in_their_order() {
        let mut lanes = Lanes::default();
        for (id, to) in [("1", "orders"), ("2", "refunds"), ("3", "orders"), ("4", "refunds")] {
            lanes.push(Item { lane: Some(lane("a", to)), ..item(id, 1, None) });
        }
        let (now, orders, refunds) = (Instant::now(), lane("a", "orders"), lane("a", "refunds"));
        assert_eq!(ids(lanes.next(now, 10, none_waits)), ["1"]);
        assert_eq!(ids(Some(lanes.stop(Some(&orders)))), ["3"]);
        assert_eq!(ids(lanes.next(now, 10, none_waits)), ["2"]);
        lanes.arrived(Some(&refunds));
        assert_eq!(ids(lanes.next(now, 10, none_waits)), ["4"]);
        assert_eq!(ids(Some(lanes.stop(Some(&refunds)))), [""; 0]);
        assert_eq!((lanes.waiting(), lanes.behind.len()), (0, 0));
    }
}
