//! Whether the destination keeps up, as far as its depth tells: see `docs/decisions/0005-lag-without-cloudwatch.md`.

use std::time::Duration;

use tokio::time::sleep;

use crate::{run::delivery::Delivery, run::rate::Trouble, sqs::destination::Destination};

/// Time between two looks at the destination's depth: its figures are approximate and some seconds old.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Lag above which a run slows down.
const MOST_LAG: Duration = Duration::from_mins(1);

/// Looks at the destination from time to time, and slows the run down when it falls behind. Never returns.
pub async fn watch(delivery: &Delivery<'_>) {
    let Destination::Queue(destination) = delivery.destination else { return std::future::pending().await };
    let (mut depth, mut sent) = (None, 0);
    loop {
        sleep(LOOK_EVERY).await;
        // Who may send need not be allowed to look.
        let Ok(facts) = destination.facts().await else { return std::future::pending().await };
        let sent_now = delivery.tally.borrow().sent;
        let behind = depth.and_then(|before| lag(before, facts.depth.total(), sent_now - sent, LOOK_EVERY));
        if behind.is_some_and(|lag| lag > MOST_LAG) {
            delivery.pace.borrow_mut().trouble(delivery.began.elapsed(), Trouble::Lag);
        }
        (depth, sent) = (Some(facts.depth.total()), sent_now);
    }
}

/// How long the destination needs for what it holds, from two looks at its depth and what was sent between them.
///
/// None while it cannot be told: nothing was taken out, and too little is there to say that nothing is taken.
fn lag(before: u64, after: u64, sent: u64, between: Duration) -> Option<Duration> {
    let drained = (before + sent).saturating_sub(after);
    if after == 0 {
        return Some(Duration::ZERO);
    }
    if drained == 0 {
        return (after >= sent.max(1)).then_some(Duration::MAX);
    }
    #[expect(clippy::cast_precision_loss, reason = "depths are far below 2^52")]
    let seconds = after as f64 / (drained as f64 / between.as_secs_f64().max(0.001));
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn lag_is_depth_by_drain_rate() {
        assert_eq!(lag(100, 100, 50, s(5.0)), Some(s(10.0)), "100 there, 10 a second go");
        assert_eq!(lag(0, 0, 50, s(5.0)), Some(Duration::ZERO));
        assert_eq!(lag(0, 50, 50, s(5.0)), Some(Duration::MAX), "nobody takes anything");
        assert_eq!(lag(10, 10, 0, s(5.0)), Some(Duration::MAX));
    }
}
