//! `watch`: a queue's counts and how they change.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::output::{Report, Style, grouped};
use crate::sqs::queue::Depth;

/// The counts of a queue at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct WatchReport {
    /// Messages that can be received.
    pub visible: u64,
    /// Messages that a receiver holds.
    pub in_flight: u64,
    /// Messages whose delay has not passed.
    pub delayed: u64,
    /// Change of all of them per second since the last line.
    pub per_second: Option<f64>,
}

impl WatchReport {
    /// The counts `now`, `between` after those `before`.
    pub fn new(now: Depth, before: Option<Depth>, between: Duration) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "counts of messages are far below 2^52")]
        let change = |before: Depth| (now.total() as f64 - before.total() as f64) / between.as_secs_f64().max(0.001);
        let Depth { visible, in_flight, delayed } = now;
        Self { visible, in_flight, delayed, per_second: before.map(change) }
    }
}

impl Report for WatchReport {
    fn text(&self, _: Style) -> String {
        let change = self.per_second.map_or(String::new(), |rate| format!("  {rate:+.1}/s"));
        let [visible, in_flight, delayed] = [self.visible, self.in_flight, self.delayed].map(grouped);
        format!("{visible:>9} visible {in_flight:>9} in flight {delayed:>9} delayed{change}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_the_change_since_the_last_one() {
        let depth = |visible| Depth { visible, in_flight: 5, delayed: 0 };
        let first = WatchReport::new(depth(1_000), None, Duration::from_secs(2));
        assert_eq!(first.text(Style::Plain), "    1,000 visible         5 in flight         0 delayed\n");
        let second = WatchReport::new(depth(900), Some(depth(1_000)), Duration::from_secs(2));
        assert!(second.text(Style::Plain).ends_with("-50.0/s\n"));
    }
}
