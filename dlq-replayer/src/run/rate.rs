//! How fast messages go: a fixed rate, or one that rises while all is well and halves when it is not (AIMD). Time comes from outside.

use std::time::Duration;

/// Messages per second at the start of an adaptive run: slow enough that a run of poison is stopped before it has done much.
const START: f64 = 100.0;

/// Messages per second that an adaptive run gains in each second without trouble.
const GAIN: f64 = 100.0;

/// The slowest that an adaptive run becomes, in messages per second.
const SLOWEST: f64 = 1.0;

/// The fastest, in messages per second: what one standard queue takes without complaint.
const FASTEST: f64 = 3_000.0;

/// One trouble halves the rate once in this time, however many calls tell of it.
const DEAF: Duration = Duration::from_secs(1);

/// Messages that may go at once after a pause.
const BURST: f64 = 10.0;

/// What made a run slow down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The service asked for it.
    Throttled,
    /// A message came back.
    Bounced,
    /// The destination falls behind.
    Lag,
}

/// The pace of a run. All times are since its start.
#[derive(Debug)]
pub struct Pace {
    rate: f64,
    adaptive: bool,
    /// When the next message may go, in seconds; behind now when there was a pause.
    next: f64,
    gained_at: f64,
    halved_at: Option<Duration>,
}

impl Pace {
    /// A fixed rate, in messages per second.
    pub fn fixed(rate: f64) -> Self {
        Self { rate, adaptive: false, next: 0.0, gained_at: 0.0, halved_at: None }
    }

    /// A rate that finds itself.
    pub fn adaptive() -> Self {
        Self { adaptive: true, ..Self::fixed(START) }
    }

    /// The rate at this moment, in messages per second.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// Takes the places of `messages`, and says how long to wait for them.
    pub fn reserve(&mut self, now: Duration, messages: usize) -> Duration {
        let now = now.as_secs_f64();
        if self.adaptive {
            self.rate = (self.rate + GAIN * (now - self.gained_at).max(0.0)).min(FASTEST);
            self.gained_at = now;
        }
        let start = self.next.max(now - BURST / self.rate);
        #[expect(clippy::cast_precision_loss, reason = "ten messages at most")]
        let taken = messages as f64 / self.rate;
        self.next = start + taken;
        Duration::from_secs_f64((start - now).max(0.0))
    }

    /// Something went wrong: an adaptive run halves its rate.
    pub fn trouble(&mut self, now: Duration, _: Trouble) {
        let deaf = self.halved_at.is_some_and(|at| now.saturating_sub(at) < DEAF);
        if self.adaptive && !deaf {
            self.rate = (self.rate / 2.0).max(SLOWEST);
            self.gained_at = now.as_secs_f64();
            self.halved_at = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// Messages that go in `seconds`, ten at a time.
    fn sent_within(pace: &mut Pace, from: f64, seconds: f64) -> usize {
        let (mut now, mut sent) = (from, 0);
        loop {
            now += pace.reserve(s(now), 10).as_secs_f64();
            if now >= from + seconds {
                return sent;
            }
            sent += 10;
        }
    }

    #[test]
    fn a_fixed_rate_is_kept_whatever_happens() {
        let mut pace = Pace::fixed(100.0);
        pace.trouble(s(0.0), Trouble::Throttled);
        let sent = sent_within(&mut pace, 0.0, 10.0);
        assert!((1_000..=1_020).contains(&sent), "{sent}");
        pace.reserve(s(100.0), 1);
        assert!(sent_within(&mut pace, 100.0, 1.0) <= 120, "a pause is not made up for");
    }

    #[test]
    fn an_adaptive_rate_rises_by_the_second_and_halves_once_a_second() {
        let mut pace = Pace::adaptive();
        pace.reserve(s(2.0), 1);
        assert!((pace.rate() - 300.0).abs() < 1e-9);
        pace.trouble(s(2.0), Trouble::Bounced);
        pace.trouble(s(2.5), Trouble::Throttled);
        assert!((pace.rate() - 150.0).abs() < 1e-9, "one trouble, told twice");
        pace.trouble(s(3.1), Trouble::Lag);
        assert!((pace.rate() - 75.0).abs() < 1e-9);
        (4..100).for_each(|at| pace.trouble(s(f64::from(at) * 2.0), Trouble::Lag));
        assert!((pace.rate() - SLOWEST).abs() < 1e-9);
        pace.reserve(s(10_000.0), 1);
        assert!((pace.rate() - FASTEST).abs() < 1e-9);
    }
}
