//! Retrying, with its policies named. The one module that knows `backoff`: see `docs/decisions/0002-backoff-in-one-module.md`.

use std::time::Duration;

use backoff::ExponentialBackoff;
use tokio::time::{Instant, timeout_at};

/// How attempts follow each other. The total is not in it: a deadline is given with each use.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// First wait between two attempts; doubled each time, with jitter of half its length.
    pub first_wait: Duration,
    /// Longest wait between two attempts.
    pub longest_wait: Duration,
    /// The most time that one attempt may take.
    pub attempt: Duration,
}

/// Why one attempt failed.
#[derive(Debug)]
pub enum Refusal<E> {
    /// Another attempt may succeed.
    Transient(E),
    /// Every other attempt would fail the same way.
    Permanent(E),
}

/// Why there is no result.
#[derive(Debug, PartialEq, Eq)]
pub enum GaveUp<E> {
    /// An attempt was refused for good.
    Refused(E),
    /// The deadline came; with the last transient failure, if an attempt has failed in its time.
    OutOfTime(Option<E>),
}

/// Attempts until one succeeds, one is refused for good, or the deadline has come.
///
/// An attempt that takes too long is dropped where it waits, so it must be harmless to drop.
///
/// # Errors
///
/// [`GaveUp`].
pub async fn until<T, E, A>(deadline: Instant, pace: &Pace, mut attempt: impl FnMut() -> A) -> Result<T, GaveUp<E>>
where
    A: Future<Output = Result<T, Refusal<E>>>,
{
    let policy = ExponentialBackoff {
        initial_interval: pace.first_wait,
        current_interval: pace.first_wait,
        max_interval: pace.longest_wait,
        multiplier: 2.0,
        // The deadline is the only clock: `backoff` looks at its own just between attempts.
        max_elapsed_time: None,
        ..ExponentialBackoff::default()
    };
    let mut last = None;
    let attempts = backoff::future::retry_notify(
        policy,
        || {
            let attempt = attempt();
            async move {
                match timeout_at(deadline.min(Instant::now() + pace.attempt), attempt).await {
                    Ok(Ok(done)) => Ok(done),
                    Ok(Err(Refusal::Permanent(error))) => Err(backoff::Error::permanent(Some(error))),
                    Ok(Err(Refusal::Transient(error))) => Err(backoff::Error::transient(Some(error))),
                    Err(_) => Err(backoff::Error::transient(None)),
                }
            }
        },
        // An attempt that took too long says less than the one before it.
        |error: Option<E>, _| last = error.or(last.take()),
    );
    match timeout_at(deadline, attempts).await {
        Ok(Ok(done)) => Ok(done),
        // Only a permanent refusal ends the attempts, and it always has its error.
        Ok(Err(error)) => Err(error.map_or(GaveUp::OutOfTime(None), GaveUp::Refused)),
        Err(_) => Err(GaveUp::OutOfTime(last)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(2),
        attempt: Duration::from_millis(20),
    };

    fn in_ms(ms: u64) -> Instant {
        Instant::now() + Duration::from_millis(ms)
    }

    #[tokio::test]
    async fn a_transient_failure_is_tried_again_and_a_permanent_one_is_not() {
        let mut attempts = 0;
        let done = until::<_, &str, _>(in_ms(5_000), &PACE, || {
            attempts += 1;
            let third = attempts == 3;
            async move { if third { Ok("done") } else { Err(Refusal::Transient("not yet")) } }
        });
        assert_eq!(done.await, Ok("done"));
        assert_eq!(attempts, 3);

        let mut attempts = 0;
        let refused = until::<(), _, _>(in_ms(5_000), &PACE, || {
            attempts += 1;
            async { Err(Refusal::Permanent("no")) }
        });
        assert_eq!(refused.await, Err(GaveUp::Refused("no")));
        assert_eq!(attempts, 1);
    }

    #[tokio::test]
    async fn the_deadline_ends_everything_even_an_attempt_that_never_ends() {
        let start = Instant::now();
        let hung = until::<(), &str, _>(in_ms(60), &PACE, std::future::pending);
        assert_eq!(hung.await, Err(GaveUp::OutOfTime(None)));
        let failing = until::<(), _, _>(in_ms(30), &PACE, || async { Err(Refusal::Transient("down")) });
        assert_eq!(failing.await, Err(GaveUp::OutOfTime(Some("down"))));
        assert!(start.elapsed() < Duration::from_secs(2));
    }

    #[tokio::test]
    async fn the_last_failure_is_remembered_through_attempts_that_end_without_one() {
        let mut attempts = 0;
        let hung = until::<(), _, _>(in_ms(100), &PACE, || {
            attempts += 1;
            let first = attempts == 1;
            async move { if first { Err(Refusal::Transient("down")) } else { std::future::pending().await } }
        });
        assert_eq!(hung.await, Err(GaveUp::OutOfTime(Some("down"))));
        assert!(attempts > 2, "the second attempt has timed out");
    }
}
