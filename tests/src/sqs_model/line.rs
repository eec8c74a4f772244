//! The order in which a queue gives its messages out.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// What waits to be received.
pub(super) enum Line {
    /// Roughly in order. A message that was deleted meanwhile may still stand here.
    Standard(VecDeque<u64>),
    /// In order within a group.
    Fifo(Groups),
}

impl Line {
    pub(super) fn of(name: &str) -> Self {
        if is_fifo(name) { Self::Fifo(Groups::default()) } else { Self::Standard(VecDeque::new()) }
    }

    /// A message arrives.
    pub(super) fn add(&mut self, seq: u64, group: &str) {
        match self {
            Self::Standard(line) => line.push_back(seq),
            Self::Fifo(groups) => groups.change(group, |group| {
                group.waiting.insert(seq);
            }),
        }
    }

    /// A message that was held can be received again.
    pub(super) fn release(&mut self, seq: u64, group: &str) {
        match self {
            Self::Standard(line) => line.push_back(seq),
            Self::Fifo(groups) => groups.change(group, |group| {
                group.waiting.insert(seq);
                group.held = group.held.saturating_sub(1);
            }),
        }
    }

    /// A message is gone from the queue.
    pub(super) fn remove(&mut self, seq: u64, group: &str) {
        if let Self::Fifo(groups) = self {
            groups.change(group, |group| {
                if !group.waiting.remove(&seq) {
                    group.held = group.held.saturating_sub(1);
                }
            });
        }
    }

    /// Takes the next messages, of which `exists` says whether they are still in the queue.
    pub(super) fn take(&mut self, most: usize, exists: impl Fn(u64) -> bool) -> Vec<u64> {
        match self {
            Self::Standard(line) => {
                let mut taken = Vec::new();
                while taken.len() < most {
                    let Some(seq) = line.pop_front() else { break };
                    taken.extend(Some(seq).filter(|seq| exists(*seq)));
                }
                taken
            }
            Self::Fifo(groups) => groups.take(most),
        }
    }
}

pub(super) fn is_fifo(name: &str) -> bool {
    name.rsplit('.').next() == Some("fifo")
}

/// The groups of a FIFO queue: one of which messages are held gives no others.
#[derive(Default)]
pub(super) struct Groups {
    groups: HashMap<String, Group>,
    /// Groups that can be received from, by their first message.
    free: BTreeMap<u64, String>,
}

#[derive(Default)]
struct Group {
    waiting: BTreeSet<u64>,
    held: usize,
    /// Where it stands in `free`.
    free_at: Option<u64>,
}

impl Groups {
    fn change(&mut self, name: &str, change: impl FnOnce(&mut Group)) {
        let group = self.groups.entry(name.to_owned()).or_default();
        change(group);
        if let Some(before) = group.free_at.take() {
            self.free.remove(&before);
        }
        match group.waiting.first() {
            Some(first) if group.held == 0 => {
                group.free_at = Some(*first);
                self.free.insert(*first, name.to_owned());
            }
            None if group.held == 0 => drop(self.groups.remove(name)),
            _ => {}
        }
    }

    /// As many messages of one group as there are, and then of the next.
    ///
    /// Source: "FIFO queue delivery logic" (Amazon SQS Developer Guide).
    fn take(&mut self, most: usize) -> Vec<u64> {
        let mut taken = Vec::new();
        while taken.len() < most {
            let Some((_, name)) = self.free.pop_first() else { break };
            self.change(&name, |group| {
                for _ in taken.len()..most {
                    let Some(seq) = group.waiting.pop_first() else { break };
                    group.held += 1;
                    taken.push(seq);
                }
            });
        }
        taken
    }
}
