//! When Lambda ends an invocation, on the clock that time-outs use.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// The end of the invocation, from the deadline in Lambda's context: milliseconds since 1970.
///
/// A deadline that is past is now.
pub fn end_of_invocation(deadline_ms: u64) -> Instant {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Instant::now() + Duration::from_millis(deadline_ms).saturating_sub(now)
}
