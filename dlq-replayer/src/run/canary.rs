//! A run that begins with a few messages, and waits to see what becomes of them before it sends the rest.
//!
//! Counts are some seconds late, so neither an empty destination nor a full dead-letter queue is believed at once:
//! see `docs/decisions/0013-the-end-of-a-queue.md`. A look without an answer shows nothing.
//! Messages that arrive from elsewhere look like returned ones, which errs on the safe side.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use super::settings::CanarySetting;
use crate::report::canary::CanaryOutcome;

/// Looks in a row that must show the destination empty: counts are approximate.
const LOOKS: u32 = 2;

/// How long a bus or a function is given, whose queue cannot be looked at: Lambda gives an event up after three minutes and three
/// attempts. Source: "How Lambda handles errors and retries with asynchronous invocation" in the AWS Lambda developer guide.
const UNSEEN_SETTLE: Duration = Duration::from_mins(5);

/// The longest that a run waits unless it is told to: an operator watches it.
const LONGEST_SETTLE: Duration = Duration::from_hours(1);

/// What is known of the canary.
pub struct Canary {
    setting: CanarySetting,
    /// What each destination held before; none where it may not be looked at.
    before: HashMap<usize, Option<u64>>,
    default_settle: Duration,
    phase: Phase,
    /// Looks in a row that have shown every destination empty, and when the first of them was.
    empty: Option<(Instant, u32)>,
    /// When the canary had left its destinations.
    gone: Option<Instant>,
    /// Whether the dead-letter queue's count has shown that the canary was deleted: what it counts more since then has arrived.
    caught_up: bool,
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
    /// The time is over, and the counts do not show that they are gone.
    Unsettled,
}

impl Canary {
    /// A canary that has not begun.
    pub fn new(setting: CanarySetting) -> Self {
        Self {
            before: HashMap::new(),
            default_settle: Duration::ZERO,
            phase: Phase::Sending(setting.messages),
            empty: None,
            gone: None,
            caught_up: false,
            outcome: None,
            setting,
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

    /// When the next look is due.
    pub fn next_look(&self) -> Option<Instant> {
        match self.phase {
            Phase::Settling { next, .. } => Some(next),
            Phase::Sending(_) | Phase::Passed => None,
        }
    }

    /// Whether the rest waits for what becomes of it.
    pub fn is_settling(&self) -> bool {
        matches!(self.phase, Phase::Settling { .. })
    }

    /// How many messages it has.
    pub fn messages(&self) -> u64 {
        self.setting.messages
    }

    /// Whether a destination was looked at before something is sent to it.
    pub fn knows(&self, to: usize) -> bool {
        self.before.contains_key(&to)
    }

    /// A destination that has got nothing of the canary and gets nothing more.
    pub fn forget(&mut self, to: usize) {
        self.before.remove(&to);
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
        self.phase = Phase::Settling { since: now, next: now + self.setting.look_every };
    }

    /// How long its destinations have time to process it; what the counts then show is given its time beyond that.
    pub fn longest(&self) -> Duration {
        self.setting.timeout.unwrap_or(self.default_settle)
    }

    /// A look: what each destination holds now, and how many messages the dead-letter queue has more than it should;
    /// what had no answer is missing.
    pub fn look(&mut self, now: Instant, depths: &HashMap<usize, u64>, more: Option<u64>) -> Sight {
        let Phase::Settling { since, .. } = self.phase else { return Sight::NotYet };
        self.phase = Phase::Settling { since, next: now + self.setting.look_every };
        let waited = now.saturating_duration_since(since);
        self.see_destinations(now, waited, depths);
        let watched = self.is_watched();
        let sent = self.setting.messages;
        let outcome = |returned| CanaryOutcome { sent, returned, watched, waited_seconds: waited.as_secs() };
        if let Some(returned) = more.and_then(|more| self.settled(now, waited, more)) {
            self.phase = Phase::Passed;
            self.outcome = Some(outcome(returned));
            return Sight::Settled(returned);
        }
        let late = self.setting.late_counts;
        let nothing_shows = watched && self.gone.is_none() && self.empty.is_none();
        let over = waited >= self.longest();
        if over && (nothing_shows || waited >= self.longest() + 2 * late) {
            self.outcome = Some(outcome(0));
            return Sight::Unsettled;
        }
        Sight::NotYet
    }

    /// Whether all destinations can be looked at.
    fn is_watched(&self) -> bool {
        !self.before.is_empty() && self.before.values().all(Option::is_some)
    }

    /// Whether the canary has left its destinations. A count of zero may be older than the canary: it is believed when it still stands
    /// after all the time by which counts are late.
    fn see_destinations(&mut self, now: Instant, waited: Duration, depths: &HashMap<usize, u64>) {
        if self.gone.is_some() {
            return;
        }
        let over = waited >= self.longest();
        // A backlog that shrinks says nothing about the messages at its end.
        let is_empty = |(to, before): (&usize, &Option<u64>)| {
            let now = depths.get(to).zip(*before);
            now.is_some_and(|(depth, before)| *depth == 0 || (over && *depth <= before))
        };
        if !self.is_watched() || !self.before.iter().all(is_empty) {
            self.empty = None;
            return;
        }
        let (since, looks) = self.empty.map_or((now, 1), |(since, looks)| (since, looks + 1));
        self.empty = Some((since, looks));
        self.gone = Some(since).filter(|_| looks >= LOOKS && waited >= self.setting.late_counts);
    }

    /// How many messages have returned, when that is certain by what the dead-letter queue has more than it should.
    fn settled(&mut self, now: Instant, waited: Duration, more: u64) -> Option<u64> {
        let late = self.setting.late_counts;
        self.caught_up |= more == 0;
        // Until then it may still count what was deleted.
        let returned = more.min(self.setting.messages);
        let certain = self.caught_up || waited >= late;
        if certain && returned == self.setting.messages {
            return Some(returned);
        }
        // What has just left a destination may not be counted here yet.
        let gone = self.gone.is_some_and(|gone| now.saturating_duration_since(gone) >= late);
        let unseen = !self.is_watched() && waited >= self.longest().max(late);
        (gone || unseen).then_some(returned)
    }
}

#[cfg(test)]
mod tests;
