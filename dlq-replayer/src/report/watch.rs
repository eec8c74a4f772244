//! `watch`: a queue's counts and rates, look by look.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::sleep;

use crate::{
    report::output::{Report, Style, grouped},
    run::interrupt::Interrupt,
    sqs::queue::{Depth, Queue},
};

/// One look at a queue.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct WatchReport {
    /// Messages that can be received.
    pub visible: u64,
    /// Messages that somebody holds.
    pub in_flight: u64,
    /// Messages that wait until they can be received.
    pub delayed: u64,
    /// Change of all of them per second since the last look.
    pub per_second: Option<f64>,
}

impl WatchReport {
    /// A look at `now`, `between` after the one at `before`.
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

/// Looks every so often until asked to end, or so many times.
///
/// # Errors
///
/// A call that failed, or whatever `look` says.
pub async fn watch(
    queue: &Queue,
    every: Duration,
    looks: Option<u64>,
    interrupt: &Interrupt,
    mut look: impl FnMut(&WatchReport) -> std::io::Result<()>,
) -> anyhow::Result<()> {
    let mut before = None;
    let mut done = 0;
    loop {
        let depth = queue.facts().await?.depth;
        look(&WatchReport::new(depth, before, every))?;
        before = Some(depth);
        done += 1;
        if looks.is_some_and(|looks| done >= looks) {
            return Ok(());
        }
        tokio::select! {
            () = sleep(every) => {}
            () = interrupt.asked() => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_tells_the_change_since_the_last_one() {
        let depth = |visible| Depth { visible, in_flight: 5, delayed: 0 };
        let first = WatchReport::new(depth(1_000), None, Duration::from_secs(2));
        assert_eq!(first.text(Style::Plain), "    1,000 visible         5 in flight         0 delayed\n");
        let second = WatchReport::new(depth(900), Some(depth(1_000)), Duration::from_secs(2));
        assert!(second.text(Style::Plain).ends_with("-50.0/s\n"));
    }
}
