//! How fast messages are sent: as fast as possible, at a fixed rate, or at a rate that adapts. Time comes from outside.
//!
//! An adaptive run begins with ten batches under way and doubles them with every round trip until there is trouble.
//! Then it goes on at half of what it had reached, gains a little every second, and halves again at the next trouble (AIMD).

use std::time::Duration;

/// Batches under way when an adaptive run begins.
const FIRST_WINDOW: usize = 10;

/// Messages per second that a run gains in each second without trouble, once it had trouble.
const GAIN: f64 = 100.0;

/// The slowest that an adaptive run becomes, in messages per second.
const SLOWEST: f64 = 1.0;

/// One trouble halves the rate once in this time, however many calls report it.
const DEAF: Duration = Duration::from_secs(1);

/// Messages that may go at once after a pause.
const BURST: f64 = 10.0;

/// How a run was asked to go.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum RateSetting {
    /// The rate adapts.
    #[default]
    Adaptive,
    /// At most so many messages per second.
    Fixed(f64),
    /// As fast as the calls under way allow.
    Unlimited,
}

/// What makes a run slow down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The service asked for a lower rate.
    Throttled,
    /// A message returned.
    Returned,
    /// The destination falls behind.
    Lag,
}

/// The rate of a run. All times are since its start.
#[derive(Debug)]
pub struct Rate {
    setting: RateSetting,
    /// Batches that may be under way.
    window: usize,
    /// Batches that were confirmed since the window grew.
    confirmed: usize,
    /// Messages per second; none while nothing limits them.
    limit: Option<f64>,
    /// When the next message may go, in seconds; in the past when there was a pause.
    next: f64,
    gained_at: f64,
    halved_at: Option<Duration>,
    sent: u64,
}

impl Rate {
    /// A rate with at most `most` batches under way.
    pub fn new(setting: RateSetting, most: usize) -> Self {
        let (window, limit) = match setting {
            RateSetting::Adaptive => (FIRST_WINDOW.min(most), None),
            RateSetting::Fixed(limit) => (most, Some(limit)),
            RateSetting::Unlimited => (most, None),
        };
        Self { setting, window, confirmed: 0, limit, next: 0.0, gained_at: 0.0, halved_at: None, sent: 0 }
    }

    /// Batches that may be under way.
    pub fn window(&self) -> usize {
        self.window
    }

    /// Messages per second that the run is held to; none while nothing holds it.
    pub fn limit(&self) -> Option<f64> {
        self.limit
    }

    /// How long to wait until the next batch may go; zero is now.
    pub fn wait(&mut self, now: Duration) -> Duration {
        let now = now.as_secs_f64();
        if self.setting == RateSetting::Adaptive
            && let Some(limit) = &mut self.limit
        {
            *limit += GAIN * (now - self.gained_at).max(0.0);
            self.gained_at = now;
        }
        let Some(limit) = self.limit else { return Duration::ZERO };
        self.next = self.next.max(now - BURST / limit);
        Duration::from_secs_f64((self.next - now).max(0.0))
    }

    /// A batch of `messages` goes now.
    pub fn take(&mut self, messages: usize) {
        #[expect(clippy::cast_precision_loss, reason = "ten messages at most")]
        if let Some(limit) = self.limit {
            self.next += messages as f64 / limit;
        }
    }

    /// A batch of `messages` was confirmed without trouble; `most` is the limit of batches under way.
    pub fn confirmed(&mut self, messages: u64, most: usize) {
        self.sent += messages;
        self.confirmed += 1;
        if self.setting == RateSetting::Adaptive && self.halved_at.is_none() && self.confirmed >= self.window {
            self.window = (self.window * 2).min(most);
            self.confirmed = 0;
        }
    }

    /// Something went wrong: an adaptive run goes on at half of what it had reached.
    pub fn trouble(&mut self, now: Duration, _: Trouble) {
        let deaf = self.halved_at.is_some_and(|at| now.saturating_sub(at) < DEAF);
        if self.setting != RateSetting::Adaptive || deaf {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "counts of messages are far below 2^52")]
        let reached = self.limit.unwrap_or(self.sent as f64 / now.as_secs_f64().max(0.1));
        self.limit = Some((reached / 2.0).max(SLOWEST));
        (self.gained_at, self.next) = (now.as_secs_f64(), self.next.max(now.as_secs_f64()));
        self.halved_at = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// Messages that go in `seconds`, ten at a time.
    fn sent_within(rate: &mut Rate, from: f64, seconds: f64) -> usize {
        let (mut now, mut sent) = (from, 0);
        loop {
            now += rate.wait(s(now)).as_secs_f64();
            if now >= from + seconds {
                return sent;
            }
            rate.take(10);
            sent += 10;
        }
    }

    #[test]
    fn a_fixed_rate_is_kept_whatever_happens() {
        let mut rate = Rate::new(RateSetting::Fixed(100.0), 64);
        rate.trouble(s(0.0), Trouble::Throttled);
        let sent = sent_within(&mut rate, 0.0, 10.0);
        assert!((1_000..=1_020).contains(&sent), "{sent}");
        assert!(sent_within(&mut rate, 100.0, 1.0) <= 120, "a pause is not made up for");
    }

    #[test]
    fn an_adaptive_window_doubles_until_there_is_trouble() {
        let mut rate = Rate::new(RateSetting::Adaptive, 64);
        assert_eq!((rate.window(), rate.wait(s(0.0))), (10, Duration::ZERO));
        (0..10).for_each(|_| rate.confirmed(10, 64));
        assert_eq!(rate.window(), 20);
        (0..200).for_each(|_| rate.confirmed(10, 64));
        assert_eq!(rate.window(), 64, "no further than the calls that are allowed");
        assert_eq!(rate.limit(), None);
    }

    #[test]
    fn after_trouble_the_rate_is_half_of_what_was_reached_rises_by_the_second_and_halves_once_a_second() {
        let mut rate = Rate::new(RateSetting::Adaptive, 64);
        (0..200).for_each(|_| rate.confirmed(10, 64));
        rate.trouble(s(2.0), Trouble::Throttled);
        rate.trouble(s(2.5), Trouble::Throttled);
        assert_eq!(rate.limit(), Some(500.0), "2,000 in two seconds, one trouble reported twice");
        rate.wait(s(4.0));
        assert_eq!(rate.limit(), Some(700.0));
        rate.trouble(s(4.0), Trouble::Returned);
        assert_eq!(rate.limit(), Some(350.0));
        (3..100).for_each(|at| rate.trouble(s(f64::from(at) * 2.0), Trouble::Lag));
        assert_eq!(rate.limit(), Some(SLOWEST));
    }
}
