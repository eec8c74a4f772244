//! Waiting is always "until this holds, at most so long", never a sleep and hope.

use std::time::Duration;

use anyhow::bail;
use tokio::time::{Instant, sleep};

/// Time between two looks: short against everything that is waited for, long against a query.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Looks until `look` gives a value and returns it.
///
/// # Errors
///
/// An error of `look` itself at once, or, after `most`, one that names `what` was waited for.
pub async fn until<T>(
    what: &str,
    most: Duration,
    mut look: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + most;
    loop {
        if let Some(value) = look().await? {
            return Ok(value);
        }
        if Instant::now() >= deadline {
            bail!("waited {most:?} in vain until {what}");
        }
        sleep(LOOK_EVERY).await;
    }
}
