//! What a run has done so far, and how it ended.

use jiff::Timestamp;

use super::{
    canary::Phase,
    engine::Engine,
    source::Source,
    state::{Stop, Work},
    transfer::Transfer,
};
use crate::{
    journal::record::End,
    report::{
        canary::{CanaryEnd, CanaryOutcome},
        counts::{Counts, Named, Stopped},
        exit::Exit,
        summary::outcome,
    },
};

impl Engine<'_> {
    /// The numbers at this moment.
    pub fn numbers(&self) -> Counts {
        let counts = match &self.work {
            Work::Move(transfer) => transfer.counts(),
            Work::Look(_) => Counts::default(),
        };
        let not_in_queue = match &self.work {
            Work::Move(transfer) if self.proof.is_given() => transfer.not_met(),
            _ => Named::default(),
        };
        Counts { scanned: self.scanned, not_in_queue, not_seen: self.not_seen, arrived_later: self.beyond, ..counts }
    }

    /// Why it stopped before its end, if it did.
    pub fn stopped(&self) -> Option<Stop> {
        self.stop
    }

    /// What failed, if something did.
    pub fn take_fault(&mut self) -> Option<anyhow::Error> {
        self.fault.take()
    }

    /// What was moved.
    pub fn transfer(&self) -> Option<&Transfer> {
        match &self.work {
            Work::Move(transfer) => Some(transfer),
            Work::Look(_) => None,
        }
    }

    /// How many messages of the canary were sent, when there were too few for a whole one.
    pub fn canary_sent(&self) -> Option<u64> {
        let canary = self.canary.as_ref()?;
        let Phase::Sending(left) = canary.phase() else { return None };
        let sent = canary.messages() - left;
        (self.stop.is_none() && left > 0 && sent > 0).then_some(sent)
    }

    /// What became of the canary, when the run has waited for it.
    pub fn canary_outcome(&self) -> Option<CanaryOutcome> {
        self.canary.as_ref()?.outcome()
    }

    /// Whether the whole source was seen.
    pub fn saw_everything(&self) -> bool {
        self.proof.is_given()
    }
}

pub(super) fn end(engine: &Engine<'_>, counts: &Counts, exit: Exit) -> End {
    End {
        at: Timestamp::now(),
        outcome: outcome(exit, canary(engine)).to_owned(),
        sent: counts.sent + counts.quarantined,
        not_sent: counts.not_sent(),
        returned: counts.returned,
        unfinished: engine.transfer().map_or(0, Transfer::unfinished),
        saw_everything: engine.saw_everything() && counts.arrived_later == 0 && !is_to_be_repeated(engine, counts),
    }
}

/// Whether the same command sends the rest: nothing is deleted from a file, so only the journal tells what is not to be sent again.
fn is_to_be_repeated(engine: &Engine<'_>, counts: &Counts) -> bool {
    engine.transfer().is_some_and(|transfer| !transfer.deletes()) && !counts.is_complete()
}

/// How the canary ended the run, if it did.
pub(super) fn canary(engine: &Engine<'_>) -> Option<CanaryEnd> {
    match engine.stopped()? {
        Stop::Canary => Some(CanaryEnd::Returned),
        Stop::Unsettled => Some(CanaryEnd::Unsettled),
        Stop::Interrupted | Stop::Fault | Stop::Breaker => None,
    }
}

pub(super) fn exit(engine: &Engine<'_>) -> Exit {
    let counts = engine.numbers();
    match engine.stopped() {
        Some(Stop::Fault) => Exit::Error,
        Some(Stop::Breaker | Stop::Canary) => Exit::Breaker,
        Some(Stop::Interrupted) => Exit::Interrupted,
        Some(Stop::Unsettled) => Exit::Partly,
        None if !counts.is_complete() => Exit::Partly,
        None if counts.matched == 0 && counts.finished_for_earlier_run == 0 => Exit::NothingMatched,
        None => Exit::Done,
    }
}

/// Messages that were counted and not scanned, because the command stopped before its end.
pub(super) fn not_scanned(engine: &Engine<'_>) -> u64 {
    let counted = match &engine.source {
        Source::Queue(_) => engine.settings.expected,
        Source::File(file) => file.count(),
    };
    counted.filter(|_| engine.stopped().is_some()).unwrap_or(0).saturating_sub(engine.fresh)
}

pub(super) fn stopped(engine: &Engine<'_>) -> Stopped {
    Stopped { interrupted: engine.stopped() == Some(Stop::Interrupted), not_scanned: not_scanned(engine) }
}
