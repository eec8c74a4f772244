//! The rounds in which the end of a queue is looked for: some receives and the counts, all at the same time.

use tokio::time::Instant;

use super::{
    ending::{Conclusion, Evidence, PAUSE, POLLS, conclude},
    engine::{Engine, LONG_POLL},
    event::{Event, Poll},
    state::{Taking, Work},
};
use crate::{
    report::{output::say_over_a_bar, progress::Shown},
    sqs::{
        call_error::{CallError, Effect},
        queue::Facts,
    },
};

/// What a round has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Round {
    /// Nothing new.
    #[default]
    Quiet,
    /// Something new: the queue is not at its end.
    News,
    /// A call failed in passing: the round proves nothing, whatever else it found.
    Disturbed,
}

/// How far the proof is.
#[derive(Default)]
pub struct Proof {
    /// Calls of this round that have no answer yet.
    open: usize,
    /// What the queue counts.
    facts: Option<Facts>,
    /// When the rounds began without anything new since.
    since: Option<Instant>,
    /// When the next round is due.
    next: Option<Instant>,
    /// What this round has found.
    round: Round,
    /// Whether something new came since messages were last released.
    progress: bool,
    given: bool,
}

impl Proof {
    /// A receive of the round was answered.
    pub fn answered(&mut self) {
        self.open -= 1;
    }

    /// A call of the round failed in passing: it proves nothing.
    pub fn disturbed(&mut self) {
        self.round = Round::Disturbed;
    }

    /// Something new came.
    pub fn progressed(&mut self) {
        (self.progress, self.since) = (true, None);
        if self.round == Round::Quiet {
            self.round = Round::News;
        }
    }

    /// When the next round is due.
    pub fn next_at(&self) -> Option<Instant> {
        self.next
    }

    /// Whether the end was proven.
    pub fn is_given(&self) -> bool {
        self.given
    }
}

impl Engine<'_> {
    /// Whether nothing is in work: what is counted now is what is left.
    fn is_idle(&self) -> bool {
        let way = &self.under_way;
        let calls = usize::from(self.releasing)
            + way.receives
            + way.sends
            + way.confirmations
            + way.deletes
            + way.lookups
            + way.releases
            + way.looks;
        let waiting = match &self.work {
            Work::Move(transfer) => transfer.lanes.waiting() + transfer.to_delete.len(),
            Work::Look(_) => 0,
        };
        let settling = self.stop.is_none() && self.canary.as_ref().is_some_and(super::canary::Canary::is_settling);
        calls == 0 && waiting == 0 && self.pending.is_empty() && !settling
    }

    /// Ends the run when there is nothing left to do, or looks for the end of the queue when nothing more comes.
    pub(super) fn look_for_the_end(&mut self, now: Instant) {
        if self.ended || !self.is_idle() || self.proof.open > 0 {
            return;
        }
        if self.stop.is_some() || self.taking != Taking::On {
            self.proof.given |= self.taking == Taking::Exhausted && self.stop.is_none();
            self.ended = true;
            return;
        }
        let waits = self.proof.next.is_some_and(|next| next > now) || self.is_throttled(now);
        if self.is_taking() || waits {
            return;
        }
        if self.proof.facts.is_some() {
            return self.conclude(now);
        }
        self.start_round(now);
    }

    fn start_round(&mut self, now: Instant) {
        let Some(queue) = self.queue() else { return };
        // When everything that was counted was seen, a short poll is enough to see whether more has come.
        let wait = if self.all_seen() && self.fresh > 0 { std::time::Duration::ZERO } else { LONG_POLL };
        (0..POLLS).for_each(|_| self.receive(&queue, Poll::Proof, wait));
        self.calls.push(Box::pin(async move { Event::Counted(queue.facts().await) }));
        self.proof.open = POLLS + 1;
        (self.proof.round, self.proof.next) = (Round::Quiet, None);
        self.proof.since.get_or_insert(now);
    }

    /// A wait of minutes without a word looks like a program that hangs.
    fn say_what_is_held(&mut self, missing: u64, now: Instant) {
        let held = self.held.as_mut().filter(|held| !held.left(now).is_zero());
        let text = held.and_then(|held| held.told(missing, now));
        if let Some(text) = text.filter(|_| self.settings.shown == Shown::Yes) {
            say_over_a_bar(&text);
        }
    }

    fn all_seen(&self) -> bool {
        self.settings.expected.is_some_and(|expected| self.fresh >= expected)
    }

    pub(super) fn counted(&mut self, result: Result<Facts, CallError>) {
        self.proof.answered();
        match result {
            Ok(facts) => self.proof.facts = Some(facts),
            Err(error) if error.effect == Effect::Throttled => {
                self.proof.next = Some(Instant::now() + PAUSE);
                self.throttle();
            }
            Err(error) => self.fail(error.into()),
        }
    }

    /// A round is over.
    fn conclude(&mut self, now: Instant) {
        let Some(facts) = self.proof.facts.take() else { return };
        if self.proof.round == Round::Disturbed {
            self.proof.next = Some(now + PAUSE);
            return;
        }
        if self.proof.round == Round::News && !self.all_seen() {
            self.barren = 0;
            return;
        }
        let left = facts.depth.total().saturating_sub(self.intake.live());
        if self.all_seen() && self.beyond > 0 {
            // More has arrived than was counted at the beginning; waiting would only bring more.
            self.beyond += left;
            self.ended = true;
            return;
        }
        let evidence = Evidence {
            counted: facts.depth.total(),
            live: self.intake.live(),
            aside: self.intake.aside(),
            progress: self.proof.progress,
            all_seen: self.all_seen(),
            deleted: matches!(&self.work, Work::Move(transfer) if transfer.counts.deleted > 0),
            waited: self.proof.since.map(|since| now.saturating_duration_since(since)).unwrap_or_default(),
            held_by_earlier_run: self.held.as_ref().map(|held| held.left(now)).unwrap_or_default(),
        };
        match conclude(&evidence) {
            Conclusion::Proven => (self.proof.given, self.ended) = (true, true),
            Conclusion::Again => {
                self.proof.next = Some(now + PAUSE);
                self.say_what_is_held(left, now);
            }
            Conclusion::NotSeen(messages) => (self.not_seen, self.ended) = (messages, true),
            Conclusion::Release => {
                self.proof.progress = false;
                self.barren = 0;
                self.releasing = true;
            }
        }
    }
}
