//! When Lambda ends an invocation, on the clock that time-outs use.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// The end of the invocation, from the deadline in Lambda's context: milliseconds since 1970.
///
/// A deadline that is past is now.
pub fn end_of_invocation(deadline_ms: u64) -> Instant {
    before_end_of_invocation(deadline_ms, Duration::ZERO)
}

/// A point in time so long before the end of the invocation, or now if that is past.
pub fn before_end_of_invocation(deadline_ms: u64, margin: Duration) -> Instant {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Instant::now() + Duration::from_millis(deadline_ms).saturating_sub(now).saturating_sub(margin)
}
