//! Stops a run whose messages come back: what does not help is not done ten thousand times.

use std::collections::VecDeque;

use crate::sqs::message::MessageKey;

/// How many of the last sent messages are looked at. A bounce takes as long as the consumer takes, so a shorter window would have moved on by then.
const WINDOW: usize = 1_000;

/// Bounces below which a share says nothing.
const LEAST_BOUNCED: usize = 10;

/// Share of the window that may bounce when nothing else is said.
pub const DEFAULT_SHARE: f64 = 0.5;

/// The circuit breaker: which of the last sent messages have come back.
#[derive(Debug)]
pub struct Breaker {
    share: f64,
    window: VecDeque<(MessageKey, bool)>,
}

impl Breaker {
    /// A breaker that opens when more than `share` (0 to 1) of the last sent messages have come back.
    pub fn new(share: f64) -> Self {
        Self { share, window: VecDeque::new() }
    }

    /// A message was sent, under this id.
    pub fn sent(&mut self, key: MessageKey) {
        if self.window.len() == WINDOW {
            self.window.pop_front();
        }
        self.window.push_back((key, false));
    }

    /// A message that was sent under this id has come back.
    pub fn bounced(&mut self, key: MessageKey) {
        if let Some((_, bounced)) = self.window.iter_mut().find(|(sent, _)| *sent == key) {
            *bounced = true;
        }
    }

    /// Whether the run must stop.
    pub fn is_open(&self) -> bool {
        let bounced = self.window.iter().filter(|(_, bounced)| *bounced).count();
        #[expect(clippy::cast_precision_loss, reason = "both are at most a thousand")]
        let share = bounced as f64 / self.window.len().max(1) as f64;
        bounced >= LEAST_BOUNCED && share > self.share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(at: usize) -> MessageKey {
        MessageKey::of(&format!("m{at}"))
    }

    #[test]
    fn it_opens_when_more_than_the_share_has_come_back_and_enough_to_say_so() {
        let mut breaker = Breaker::new(DEFAULT_SHARE);
        (0..20).for_each(|at| breaker.sent(key(at)));
        (0..10).for_each(|at| breaker.bounced(key(at)));
        assert!(!breaker.is_open(), "half is not more than half");
        breaker.bounced(key(10));
        breaker.bounced(key(10));
        assert!(breaker.is_open());

        let mut few = Breaker::new(DEFAULT_SHARE);
        (0..5).for_each(|at| few.sent(key(at)));
        (0..5).for_each(|at| few.bounced(key(at)));
        assert!(!few.is_open(), "five are too few to judge");
    }

    #[test]
    fn only_the_last_sent_count() {
        let mut breaker = Breaker::new(DEFAULT_SHARE);
        (0..20).for_each(|at| breaker.sent(key(at)));
        (0..20).for_each(|at| breaker.bounced(key(at)));
        (20..20 + WINDOW).for_each(|at| breaker.sent(key(at)));
        assert!(!breaker.is_open());
        breaker.bounced(key(0));
        assert!(!breaker.is_open(), "one that left the window is forgotten");
    }
}
