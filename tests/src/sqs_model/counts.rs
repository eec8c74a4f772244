//! The approximate figures of a queue, and how late they are.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// The approximate figures of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages that can be received.
    pub visible: usize,
    /// Messages in flight.
    pub in_flight: usize,
}

/// What a queue tells of its figures.
#[derive(Default)]
pub(super) struct Told {
    /// What the next looks are told, whatever is true.
    next: VecDeque<Counts>,
    /// How late the figures are.
    ///
    /// Source: "the metrics may not achieve consistency until at least 1 minute after the producers stop sending messages"
    /// (`GetQueueAttributes`, Amazon SQS API Reference).
    late: Duration,
    /// The figures since then, oldest first.
    past: VecDeque<(Instant, Counts)>,
}

impl Told {
    pub(super) fn misreport(&mut self, looks: usize, counts: Counts) {
        self.next.extend(std::iter::repeat_n(counts, looks));
    }

    /// Tells from now on what was true so long ago; until then, what is true now.
    pub(super) fn be_late(&mut self, late: Duration, now: Counts) {
        (self.late, self.past) = (late, VecDeque::from([(Instant::now(), now)]));
    }

    pub(super) fn is_late(&self) -> bool {
        !self.late.is_zero()
    }

    /// Remembers what is true now.
    pub(super) fn note(&mut self, now: Counts) {
        if self.past.back().is_none_or(|(_, counts)| *counts != now) {
            self.past.push_back((Instant::now(), now));
        }
        while self.past.get(1).is_some_and(|(at, _)| at.elapsed() >= self.late) {
            self.past.pop_front();
        }
    }

    /// What a look is told.
    pub(super) fn tell(&mut self, now: Counts) -> Counts {
        if let Some(told) = self.next.pop_front() {
            return told;
        }
        if !self.is_late() {
            return now;
        }
        self.note(now);
        self.past.front().map_or(now, |(_, counts)| *counts)
    }
}
