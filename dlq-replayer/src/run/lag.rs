//! Whether a destination keeps up, as far as its depth tells: see `docs/decisions/0005-lag-without-cloudwatch.md`.

use std::time::Duration;

/// Time between two looks at a destination's depth: its figures are approximate and some seconds old.
pub const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Lag above which a run slows down.
const MOST_LAG: Duration = Duration::from_mins(1);

/// The last look at one destination.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lag {
    depth: Option<u64>,
    sent: u64,
}

impl Lag {
    /// A look at the depth; `sent` is what the run has sent there so far. Says whether the destination falls behind.
    pub fn falls_behind(&mut self, depth: u64, sent: u64) -> bool {
        let lag = self.depth.and_then(|before| lag(before, depth, sent - self.sent, LOOK_EVERY));
        *self = Self { depth: Some(depth), sent };
        lag.is_some_and(|lag| lag > MOST_LAG)
    }
}

/// How long the destination needs for what it holds, from two looks at its depth and what was sent between them.
///
/// None when nothing was taken out: a queue that is not drained at the moment does not become faster by waiting.
fn lag(before: u64, after: u64, sent: u64, between: Duration) -> Option<Duration> {
    let drained = (before + sent).saturating_sub(after);
    if drained == 0 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "depths are far below 2^52")]
    let seconds = after as f64 / (drained as f64 / between.as_secs_f64().max(0.001));
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_depth_by_drain_rate_and_a_queue_that_is_not_drained_has_none() {
        let five = Duration::from_secs(5);
        assert_eq!(lag(100, 100, 50, five), Some(Duration::from_secs(10)), "100 there, 10 a second go");
        assert_eq!(lag(50, 0, 0, five), Some(Duration::ZERO));
        assert_eq!(lag(0, 50, 50, five), None, "nothing is taken out");
    }

    #[test]
    fn a_destination_falls_behind_when_it_needs_more_than_a_minute() {
        let mut look = Lag::default();
        assert!(!look.falls_behind(1_000, 0));
        assert!(look.falls_behind(1_990, 1_000), "2 a second go");
        assert!(!look.falls_behind(990, 1_000));
    }
}
