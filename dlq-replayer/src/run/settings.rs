//! How a run goes, as its command says.

use std::time::Duration;

use super::{breaker::DEFAULT_SHARE, ending::LATE_COUNTS, rate::RateSetting};
use crate::report::progress::Shown;

/// Messages that are put aside at the same time before the oldest are released: below the 120,000 that may be in flight, with room for other receivers.
/// Source: "Amazon SQS message quotas" in the Amazon SQS developer guide.
pub const MOST_ASIDE: usize = 100_000;

/// Calls to AWS under way at the same time when nothing else is said.
pub const MOST_CALLS: usize = 64;

/// How long a message stays hidden when this program is killed.
pub const VISIBILITY: Duration = Duration::from_mins(2);

/// How a run goes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The number of messages that were counted when the run was confirmed; none for a file.
    pub expected: Option<u64>,
    /// How long a message stays hidden when nothing prolongs it.
    pub visibility: Duration,
    /// Calls to AWS under way at the same time.
    pub calls: usize,
    /// How fast.
    pub rate: RateSetting,
    /// Share of the sent messages that may return.
    pub max_returned: f64,
    /// Messages that are sent first, to see what becomes of them.
    pub canary: Option<CanarySetting>,
    /// Messages that are put aside before the oldest are released.
    pub most_aside: usize,
    /// Whether a scan shows how far it is.
    pub shown: Shown,
}

/// How a run begins with a few messages.
#[derive(Clone, Copy, Debug)]
pub struct CanarySetting {
    /// How many.
    pub messages: u64,
    /// The longest wait for what becomes of them; by default the destination's visibility timeout times its receives.
    pub timeout: Option<Duration>,
    /// Time between two looks.
    pub look_every: Duration,
    /// How late counts may be.
    pub late_counts: Duration,
}

impl CanarySetting {
    /// One look a second, at counts that may be as late as those of SQS.
    pub fn of(messages: u64, timeout: Option<Duration>) -> Self {
        Self { messages, timeout, look_every: Duration::from_secs(1), late_counts: LATE_COUNTS }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            expected: None,
            visibility: VISIBILITY,
            calls: MOST_CALLS,
            rate: RateSetting::Adaptive,
            max_returned: DEFAULT_SHARE,
            canary: None,
            most_aside: MOST_ASIDE,
            shown: Shown::Quiet,
        }
    }
}
