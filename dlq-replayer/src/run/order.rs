//! Whose order is kept: the messages of one group on their way to one destination.

use std::collections::HashSet;

/// A group of messages on its way to one destination. Another destination gets none of them, so its messages have an order of their own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lane {
    /// The group.
    pub group: String,
    /// The destination, by name, also of a message that goes to quarantine in its place; none when it is not known, and may be any.
    pub to: Option<String>,
}

/// Lanes of which a message stays, so that those behind it stay, too.
#[derive(Debug, Default)]
pub struct StoppedLanes(HashSet<Lane>);

impl StoppedLanes {
    /// A message of a lane stays.
    pub fn stop(&mut self, lane: Option<Lane>) {
        self.0.extend(lane);
    }

    /// Whether a message of this lane has to stay: behind one of its lane, or behind one that may have been of any lane of its group.
    pub fn has(&self, lane: &Lane) -> bool {
        self.0.contains(lane) || self.0.contains(&Lane { group: lane.group.clone(), to: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(group: &str, to: Option<&str>) -> Lane {
        Lane { group: group.to_owned(), to: to.map(str::to_owned) }
    }

    #[test]
    fn a_group_is_stopped_on_its_way_to_one_destination_and_everywhere_when_the_destination_is_not_known() {
        let mut stopped = StoppedLanes::default();
        stopped.stop(Some(lane("a", Some("orders"))));
        stopped.stop(Some(lane("b", None)));
        stopped.stop(None);
        let is_stopped = [("a", "orders"), ("a", "refunds"), ("b", "orders"), ("c", "orders")]
            .map(|(group, to)| stopped.has(&lane(group, Some(to))));
        assert_eq!(is_stopped, [true, false, true, false]);
    }
}
