//! Whether the end of a queue was seen. It is proven or it is not claimed.
//!
//! An empty receive proves little: SQS answers it while too much is in flight, and while groups of a FIFO queue are locked.
//! A count proves little: it is approximate. Both together, and nothing that is counted and was not seen, are proof.
//! Source: ReceiveMessage in the Amazon SQS API reference; "Amazon SQS message quotas" in the developer guide.

use std::time::Duration;

/// Receives of one round that must all bring nothing new.
pub const POLLS: usize = 3;

/// How late counts are believed to be at most: so long a run waits for them to agree when it has deleted messages.
pub const LATE_COUNTS: Duration = Duration::from_secs(10);

/// How long a run waits for messages that other receivers hold, when it has no reason to expect them back.
const OTHERS: Duration = Duration::from_secs(2);

/// The pause between two rounds.
pub const PAUSE: Duration = Duration::from_millis(500);

/// What one round of receives and counts has shown.
#[derive(Clone, Copy, Debug)]
pub struct Evidence {
    /// Messages that the queue counts, hidden and delayed ones included.
    pub counted: u64,
    /// Messages that were seen and are not deleted.
    pub live: u64,
    /// Messages that are put aside and could be released.
    pub aside: usize,
    /// Whether something new came since the last time that messages were released.
    pub progress: bool,
    /// Whether everything that was counted at the beginning was seen.
    pub all_seen: bool,
    /// Whether the run has deleted anything.
    pub deleted: bool,
    /// How long the rounds have gone on.
    pub waited: Duration,
    /// How long messages may still be held by an earlier run that was killed; zero without one.
    pub held_by_earlier_run: Duration,
}

/// What follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// The end is proven.
    Proven,
    /// What is put aside stands in the way of the rest: it is released, and the run goes on.
    Release,
    /// Another round may show more.
    Again,
    /// So many messages are counted and were not seen.
    NotSeen(u64),
}

/// Concludes from one round that brought nothing new.
pub fn conclude(evidence: &Evidence) -> Conclusion {
    let not_seen = evidence.counted.saturating_sub(evidence.live);
    if not_seen == 0 {
        return Conclusion::Proven;
    }
    if evidence.aside > 0 && evidence.progress && !evidence.all_seen {
        return Conclusion::Release;
    }
    let late = if evidence.deleted { LATE_COUNTS } else { OTHERS };
    if evidence.waited < late || !evidence.held_by_earlier_run.is_zero() {
        Conclusion::Again
    } else {
        Conclusion::NotSeen(not_seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Evidence = Evidence {
        counted: 0,
        live: 0,
        aside: 0,
        progress: false,
        all_seen: false,
        deleted: false,
        waited: Duration::ZERO,
        held_by_earlier_run: Duration::ZERO,
    };

    #[test]
    fn the_end_is_proven_when_everything_that_is_counted_was_seen() {
        assert_eq!(conclude(&NOTHING), Conclusion::Proven);
        assert_eq!(conclude(&Evidence { counted: 7, live: 7, ..NOTHING }), Conclusion::Proven);
    }

    #[test]
    fn what_is_put_aside_is_released_when_that_may_bring_the_rest_and_only_as_long_as_it_does() {
        let full = Evidence { counted: 400, live: 100, aside: 100, progress: true, ..NOTHING };
        assert_eq!(conclude(&full), Conclusion::Release);
        assert_eq!(conclude(&Evidence { progress: false, ..full }), Conclusion::Again);
        let late = Evidence { progress: false, waited: OTHERS, ..full };
        assert_eq!(conclude(&late), Conclusion::NotSeen(300));
    }

    #[test]
    fn counts_are_given_time_and_so_is_a_killed_run() {
        let counted = Evidence { counted: 5, waited: OTHERS, ..NOTHING };
        assert_eq!(conclude(&counted), Conclusion::NotSeen(5));
        assert_eq!(conclude(&Evidence { deleted: true, ..counted }), Conclusion::Again);
        let killed = Evidence { held_by_earlier_run: Duration::from_mins(2), ..counted };
        assert_eq!(conclude(&killed), Conclusion::Again);
        assert_eq!(conclude(&Evidence { held_by_earlier_run: Duration::ZERO, ..killed }), Conclusion::NotSeen(5));
    }
}
