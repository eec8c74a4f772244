//! Stops a run whose messages return: what does not help is not done ten thousand times.

/// Returned messages below which a share says nothing.
const LEAST_RETURNED: u64 = 10;

/// Share of the sent messages that may return when nothing else is said.
pub const DEFAULT_SHARE: f64 = 0.5;

/// The circuit breaker: how many of all messages that the run has sent have returned.
#[derive(Debug)]
pub struct Breaker {
    share: f64,
    sent: u64,
    returned: u64,
}

impl Breaker {
    /// A breaker that opens when more than `share` (0 to 1) of what was sent has returned.
    pub fn new(share: f64) -> Self {
        Self { share, sent: 0, returned: 0 }
    }

    /// A message was sent.
    pub fn sent(&mut self) {
        self.sent += 1;
    }

    /// A message returned.
    pub fn returned(&mut self) {
        self.returned += 1;
    }

    /// Whether the run must stop.
    pub fn is_open(&self) -> bool {
        self.returned >= LEAST_RETURNED && share(self.returned, self.sent) > self.share
    }

    /// Whether so many returned messages of a canary are as many as the share, or more.
    pub fn reaches(&self, returned: u64, sent: u64) -> bool {
        share(returned, sent) >= self.share
    }
}

fn share(returned: u64, sent: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of messages are far below 2^52")]
    let share = returned as f64 / sent.max(1) as f64;
    share
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker(sent: u64, returned: u64) -> Breaker {
        Breaker { share: DEFAULT_SHARE, sent, returned }
    }

    #[test]
    fn it_opens_when_more_than_the_share_has_returned_and_enough_to_say_so() {
        assert!(!breaker(20, 10).is_open(), "half is not more than half");
        assert!(breaker(20, 11).is_open());
        assert!(!breaker(5, 5).is_open(), "five are too few to judge");
    }

    #[test]
    fn messages_that_return_late_still_count() {
        assert!(breaker(10_000, 5_001).is_open(), "the whole run is judged, not the last thousand");
    }
}
