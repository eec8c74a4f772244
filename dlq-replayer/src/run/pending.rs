//! Messages that wait until the queue that they came from is looked up.
//!
//! In a FIFO queue the later messages of a group wait behind one that waits: they must not be decided about before it is.

use std::collections::{HashMap, VecDeque};

use crate::sqs::message::Message;

/// Messages that wait for lookups.
pub(super) struct Pending {
    /// Whether groups keep their order.
    is_fifo: bool,
    /// By the queue that is looked up. Of a group only the first message is here.
    by_source: HashMap<String, Vec<Message>>,
    /// By group: the messages behind the one that waits for a lookup.
    behind: HashMap<String, VecDeque<Message>>,
}

impl Pending {
    /// Of a queue from which nothing was received yet.
    pub(super) fn of(is_fifo: bool) -> Self {
        Self { is_fifo, by_source: HashMap::new(), behind: HashMap::new() }
    }

    /// Puts a message behind one of its group that waits; gives it back when there is none.
    pub(super) fn put_behind(&mut self, message: Message) -> Option<Message> {
        match self.group(&message).and_then(|group| self.behind.get_mut(&group)) {
            Some(behind) => {
                behind.push_back(message);
                None
            }
            None => Some(message),
        }
    }

    /// Adds a message that waits for a lookup of this queue; whether it is the first one.
    pub(super) fn wait(&mut self, arn: &str, message: Message) -> bool {
        if let Some(group) = self.group(&message) {
            self.behind.entry(group).or_default();
        }
        let waiting = self.by_source.entry(arn.to_owned()).or_default();
        waiting.push(message);
        waiting.len() == 1
    }

    /// Takes the messages that have waited for a queue.
    pub(super) fn take(&mut self, arn: &str) -> Vec<Message> {
        self.by_source.remove(arn).unwrap_or_default()
    }

    /// Takes the messages behind one that was taken: the first of them may have to wait for another lookup, with the rest behind it.
    pub(super) fn take_behind(&mut self, message: &Message) -> VecDeque<Message> {
        self.group(message).and_then(|group| self.behind.remove(&group)).unwrap_or_default()
    }

    /// Takes everything.
    pub(super) fn drain(&mut self) -> Vec<Message> {
        let behind = std::mem::take(&mut self.behind).into_values().flatten();
        std::mem::take(&mut self.by_source).into_values().flatten().chain(behind).collect()
    }

    /// How many messages wait.
    pub(super) fn waiting(&self) -> usize {
        let first: usize = self.by_source.values().map(Vec::len).sum();
        first + self.behind.values().map(VecDeque::len).sum::<usize>()
    }

    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.by_source.is_empty()
    }

    fn group(&self, message: &Message) -> Option<String> {
        // A standard queue has groups without an order.
        message.group().filter(|_| self.is_fifo).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(id: &str, group: &str) -> Message {
        serde_json::from_value(json!({ "id": id, "body": "b", "system": { "MessageGroupId": group } })).unwrap()
    }

    fn ids(messages: impl IntoIterator<Item = Message>) -> Vec<String> {
        messages.into_iter().map(|message| message.id).collect()
    }

    #[test]
    fn the_messages_of_a_group_wait_behind_its_first_and_those_of_other_groups_do_not() {
        let mut pending = Pending::of(true);
        assert!(pending.put_behind(message("a1", "a")).is_some(), "none of its group waits");
        assert!(pending.wait("orders", message("a1", "a")));
        assert!(pending.put_behind(message("a2", "a")).is_none() && pending.put_behind(message("a3", "a")).is_none());
        assert!(pending.put_behind(message("b1", "b")).is_some());
        assert!(!pending.wait("orders", message("b1", "b")), "it is being looked up");
        assert_eq!(pending.waiting(), 4);
        let first = pending.take("orders");
        assert_eq!(ids(first.iter().flat_map(|first| pending.take_behind(first))), ["a2", "a3"]);
        assert_eq!((ids(first), pending.waiting(), pending.is_empty()), (vec!["a1".into(), "b1".into()], 0, true));
        assert!(pending.put_behind(message("a4", "a")).is_some());
    }

    #[test]
    fn groups_of_a_standard_queue_have_no_order() {
        let mut pending = Pending::of(false);
        pending.wait("orders", message("a1", "a"));
        assert!(pending.put_behind(message("a2", "a")).is_some());
        assert_eq!((ids(pending.drain()), pending.is_empty()), (vec!["a1".into()], true));
    }
}
