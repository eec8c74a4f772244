//! When a destination gives no answers: how long a run goes on trying it. Whatever it tries, the next run would have to doubt.
//!
//! Each destination is tried by itself, because one that gives no answers says nothing about the others.

use std::time::Duration;

use tokio::time::Instant;

use super::transfer::FIRST_WAIT;

/// Sends in a row without an answer after which a destination is given up, or as many as it may have under way, which can all fail at the same moment.
const UNANSWERED: usize = 10;

/// How long a run goes on while every connection is refused. Nothing is in doubt then, and a proxy or an endpoint that restarts
/// is back within seconds.
const REFUSED_FOR: Duration = Duration::from_secs(5);

/// Longest wait between two tries meanwhile.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// What a run knows about the sends to one destination that had no answer since the last one that had.
#[derive(Debug, Default)]
pub struct Silence {
    unanswered: usize,
    refused: Option<Refused>,
    /// Sends that are under way.
    under_way: usize,
}

/// Connections are refused.
#[derive(Clone, Copy, Debug)]
struct Refused {
    since: Instant,
    /// When the next one is tried.
    until: Instant,
}

impl Silence {
    /// A send begins.
    pub fn begins(&mut self) {
        self.under_way += 1;
    }

    /// A send is over, however it ended.
    pub fn ends(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// A send was answered, with whatever.
    pub fn broken(&mut self) {
        (self.unanswered, self.refused) = (0, None);
    }

    /// A send had no answer. Gives back whether the destination is given up, of a run that may have `most` calls under way.
    pub fn lost(&mut self, most: usize) -> bool {
        self.unanswered += 1;
        self.unanswered > most.max(UNANSWERED)
    }

    /// A connection was refused. Gives back whether the destination is given up.
    pub fn refused(&mut self, now: Instant) -> bool {
        let since = self.refused.map_or(now, |refused| refused.since);
        let lasts = now - since;
        // As long again as it has lasted, so that the waits double.
        self.refused = Some(Refused { since, until: now + lasts.clamp(FIRST_WAIT, LONGEST_WAIT) });
        lasts > REFUSED_FOR
    }

    /// When the next send may be tried, alone, while connections are refused.
    pub fn next_try(&self) -> Option<Instant> {
        self.refused.map(|refused| refused.until)
    }

    /// Whether the next send must wait: until then, or for the one that is being tried.
    pub fn must_wait(&self, now: Instant) -> bool {
        self.next_try().is_some_and(|next| self.under_way > 0 || next > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_sends_are_counted_until_one_is_answered() {
        let mut silence = Silence::default();
        assert!((0..UNANSWERED).all(|_| !silence.lost(4)));
        silence.broken();
        assert!((0..64).all(|_| !silence.lost(64)) && silence.lost(64));
    }

    #[test]
    fn refused_connections_are_tried_more_and_more_slowly_for_some_seconds() {
        let (mut silence, began) = (Silence::default(), Instant::now());
        assert!((0..1_000).all(|_| !silence.refused(began)), "all that were under way");
        let (mut now, mut tries) = (began, 0);
        while !silence.refused(now) {
            now = silence.next_try().unwrap();
            tries += 1;
        }
        assert!(now - began > REFUSED_FOR && now - began < REFUSED_FOR * 2 && tries < 12, "{tries} tries");
        silence.broken();
        assert_eq!(silence.next_try(), None);
    }

    #[test]
    fn while_connections_are_refused_one_send_at_a_time_is_tried() {
        let (mut silence, now) = (Silence::default(), Instant::now());
        silence.begins();
        assert!(!silence.must_wait(now), "nothing was refused");
        silence.ends();
        silence.refused(now);
        assert!(silence.must_wait(now) && !silence.must_wait(now + LONGEST_WAIT));
        silence.begins();
        assert!(silence.must_wait(now + LONGEST_WAIT), "one is being tried");
        silence.broken();
        assert!(!silence.must_wait(now));
    }
}
