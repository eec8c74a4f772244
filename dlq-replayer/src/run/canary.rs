//! A run that begins with a few messages, and waits to see what becomes of them before it sends the rest.
//!
//! They are gone when the destination is empty, or holds no more than before when all the time in which they can return is over;
//! they have returned when the dead-letter queue holds more than it should. A look without an answer shows nothing.
//! Messages that arrive from elsewhere look like returned ones, which errs on the safe side.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use crate::report::canary::CanaryOutcome;

/// Time between two looks.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks in a row that must show the destination drained: counts are approximate.
const LOOKS: u32 = 2;

/// Looks in a row after which more messages than there should be are no late count, when the count has never shown the deletes.
const STEADY: u32 = 5;

/// How long a bus or a function is given, whose queue cannot be looked at: Lambda gives an event up after three minutes and three
/// attempts. Source: "How Lambda handles errors and retries with asynchronous invocation" in the AWS Lambda developer guide.
const UNSEEN_SETTLE: Duration = Duration::from_mins(5);

/// The longest that a run waits unless it is told to: an operator watches it.
const LONGEST_SETTLE: Duration = Duration::from_hours(1);

/// What is known of the canary.
pub struct Canary {
    messages: u64,
    settle: Option<Duration>,
    /// What each destination held before; none where it may not be looked at.
    before: HashMap<usize, Option<u64>>,
    default_settle: Duration,
    phase: Phase,
    drained: u32,
    /// Whether the dead-letter queue's count has shown that the canary was deleted.
    caught_up: bool,
    /// Looks in a row that showed more in it than there should be.
    steady: u32,
    outcome: Option<CanaryOutcome>,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// So many have still to arrive.
    Sending(u64),
    /// All have arrived; what becomes of them shows until then.
    Settling {
        /// When the wait began.
        since: Instant,
        /// When the next look is due.
        next: Instant,
    },
    /// The rest may go.
    Passed,
}

/// What one look has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Not yet.
    NotYet,
    /// They are gone, and so many have returned.
    Settled(u64),
    /// The time is over, and the destination still has some.
    Unsettled,
}

impl Canary {
    /// A canary of so many messages.
    pub fn new(messages: u64, settle: Option<Duration>) -> Self {
        Self {
            messages,
            settle,
            before: HashMap::new(),
            default_settle: Duration::ZERO,
            phase: Phase::Sending(messages),
            drained: 0,
            caught_up: false,
            steady: 0,
            outcome: None,
        }
    }

    /// What became of it, once that is clear or the time is over.
    pub fn outcome(&self) -> Option<CanaryOutcome> {
        self.outcome
    }

    /// How far it is.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether the rest waits for what becomes of it.
    pub fn is_settling(&self) -> bool {
        matches!(self.phase, Phase::Settling { .. })
    }

    /// How many messages it has.
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Whether a destination was looked at before something is sent to it.
    pub fn knows(&self, to: usize) -> bool {
        self.before.contains_key(&to)
    }

    /// A destination as it was before: what it held, and how long a message can take until it returns; neither where it may not be looked at.
    pub fn destination(&mut self, to: usize, depth: Option<u64>, returns_within: Option<Duration>) {
        self.before.insert(to, depth);
        let settle = returns_within.unwrap_or(UNSEEN_SETTLE).min(LONGEST_SETTLE);
        self.default_settle = self.default_settle.max(settle);
    }

    /// So many messages of it have arrived. A send that fails does not count, and another message takes its place.
    pub fn arrived(&mut self, messages: u64) {
        if let Phase::Sending(left) = self.phase {
            self.phase = Phase::Sending(left.saturating_sub(messages));
        }
    }

    /// Everything of it was confirmed and deleted: the wait begins.
    pub fn settle(&mut self, now: Instant) {
        self.phase = Phase::Settling { since: now, next: now + LOOK_EVERY };
    }

    /// The longest wait.
    pub fn longest(&self) -> Duration {
        self.settle.unwrap_or(self.default_settle)
    }

    /// A look: what each destination holds now, and how many messages the dead-letter queue has more than it should;
    /// what had no answer is missing.
    pub fn look(&mut self, now: Instant, depths: &HashMap<usize, u64>, more: Option<u64>) -> Sight {
        let Phase::Settling { since, .. } = self.phase else { return Sight::NotYet };
        self.phase = Phase::Settling { since, next: now + LOOK_EVERY };
        let over = now.saturating_duration_since(since) >= self.longest();
        let not_yet = if over { Sight::Unsettled } else { Sight::NotYet };
        let waited_seconds = now.saturating_duration_since(since).as_secs();
        let outcome = |returned, watched| CanaryOutcome { sent: self.messages, returned, watched, waited_seconds };
        let watched: Vec<_> =
            self.before.iter().filter_map(|(to, before)| Some((depths.get(to), (*before)?))).collect();
        let (Some(more), true) = (more, watched.iter().all(|(depth, _)| depth.is_some())) else {
            self.drained = 0;
            return not_yet;
        };
        // A backlog that shrinks says nothing about the messages at its end.
        let gone =
            |(depth, before): &(Option<&u64>, u64)| depth.is_some_and(|depth| *depth == 0 || (over && depth <= before));
        let drained = watched.iter().all(gone);
        let all_watched = !self.before.is_empty() && watched.len() == self.before.len();
        self.drained = if drained && all_watched { self.drained + 1 } else { 0 };
        self.caught_up |= more == 0;
        self.steady = if more > 0 { self.steady + 1 } else { 0 };
        let returned = more > 0 && (self.caught_up || self.steady >= STEADY);
        let settled = (self.drained >= LOOKS || (over && drained && all_watched)) && (more == 0 || returned);
        if settled || (returned && more >= self.messages) || (over && !all_watched) {
            self.phase = Phase::Passed;
            let returned = more.min(self.messages);
            self.outcome = Some(outcome(returned, all_watched));
            return Sight::Settled(returned);
        }
        self.outcome = over.then(|| outcome(0, all_watched));
        not_yet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settling(before: Option<u64>) -> (Canary, Instant) {
        let (mut canary, now) = (Canary::new(10, None), Instant::now());
        canary.destination(0, before, Some(Duration::from_secs(90)));
        canary.arrived(10);
        assert_eq!(canary.phase(), Phase::Sending(0));
        canary.settle(now);
        (canary, now)
    }

    #[tokio::test]
    async fn it_has_settled_when_the_destination_is_empty() {
        let (mut canary, now) = settling(Some(3));
        assert_eq!(canary.look(now, &HashMap::from([(0, 13)]), Some(0)), Sight::NotYet);
        assert_eq!(canary.look(now, &HashMap::from([(0, 0)]), Some(0)), Sight::NotYet, "one look is not enough");
        assert_eq!(canary.look(now, &HashMap::from([(0, 0)]), Some(2)), Sight::Settled(2));
        assert_eq!(canary.phase(), Phase::Passed);
    }

    #[tokio::test]
    async fn a_backlog_that_shrinks_is_not_taken_for_a_canary_that_is_gone() {
        let (mut canary, now) = settling(Some(5_000));
        for depth in [4_900, 4_000, 3_000, 2_000] {
            assert_eq!(canary.look(now, &HashMap::from([(0, depth)]), Some(0)), Sight::NotYet);
        }
        let over = now + Duration::from_secs(90);
        assert_eq!(canary.look(over, &HashMap::from([(0, 1_000)]), Some(0)), Sight::Settled(0));
    }

    #[tokio::test]
    async fn a_look_without_an_answer_shows_nothing() {
        let (mut canary, now) = settling(Some(0));
        for _ in 0..4 {
            assert_eq!(canary.look(now, &HashMap::new(), Some(0)), Sight::NotYet);
            assert_eq!(canary.look(now, &HashMap::from([(0, 0)]), None), Sight::NotYet);
        }
        assert_eq!(canary.look(now + Duration::from_secs(90), &HashMap::new(), None), Sight::Unsettled);
    }

    #[tokio::test]
    async fn a_late_count_is_not_taken_for_returned_messages() {
        let (mut canary, now) = settling(Some(0));
        let drained = HashMap::from([(0, 0)]);
        for _ in 0..4 {
            assert_eq!(canary.look(now, &drained, Some(10)), Sight::NotYet, "the deletes do not show yet");
        }
        assert_eq!(canary.look(now, &drained, Some(0)), Sight::Settled(0));
    }

    #[tokio::test]
    async fn it_has_settled_when_all_have_returned_and_not_when_the_destination_keeps_them() {
        let (mut canary, now) = settling(Some(0));
        assert_eq!(canary.look(now, &HashMap::from([(0, 10)]), Some(0)), Sight::NotYet);
        assert_eq!(canary.look(now, &HashMap::from([(0, 10)]), Some(10)), Sight::Settled(10));
        let (mut canary, now) = settling(Some(0));
        let late = now + Duration::from_secs(90);
        assert_eq!(canary.look(late, &HashMap::from([(0, 10)]), Some(0)), Sight::Unsettled);
    }

    #[tokio::test]
    async fn what_cannot_be_looked_at_is_given_its_time() {
        let (mut canary, now) = settling(None);
        assert_eq!(canary.look(now, &HashMap::new(), Some(0)), Sight::NotYet);
        assert_eq!(canary.look(now + Duration::from_secs(90), &HashMap::new(), Some(1)), Sight::Settled(1));
    }
}
