//! The loop of a run: receive, decide, journal, send, delete, each with calls of its own under way, joined by queues that are bounded.
//!
//! All state is owned by the loop; calls own nothing of it and say what came of them as an [`Event`].

use std::{collections::HashMap, rc::Rc, time::Duration};

use futures_util::{StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};
use tokio::time::{Instant, sleep_until};

use super::{
    canary::Canary,
    event::Event,
    held::Held,
    intake::Intake,
    interrupt::Interrupt,
    pending::Pending,
    proof::Proof,
    rate::{Rate, Trouble},
    settings::Settings,
    silence::Silence,
    source::Source,
    state::{Stop, Taking, UnderWay, Work},
};
use crate::{
    report::counts::Counts,
    sqs::{clients::Clients, message::MessageKey, queue::Queue},
};

/// Longest wait of one receive for the first message: a long poll, which asks all of SQS's servers.
/// Source: "Amazon SQS short and long polling" in the Amazon SQS developer guide.
pub(super) const LONG_POLL: Duration = Duration::from_secs(1);

/// Messages that may wait between receiving and sending.
pub(super) const WAITING: usize = 400;

/// Bytes of messages that may be in memory: those that are received, wait, or are sent.
pub(super) const BYTES: usize = 16 * 1024 * 1024;

/// Receives in a row without anything new after which the end is looked for.
pub(super) const BARREN: u32 = 3;

/// The least time between two turns of the loop that no call asks for.
const SOON: Duration = Duration::from_millis(1);

/// Time between two receives that look for returned messages while the last ones that were received wait to be sent.
pub(super) const WATCH_EVERY: Duration = Duration::from_secs(1);

/// Time between two pictures of the progress.
const PICTURE: Duration = Duration::from_millis(200);

/// A run.
pub struct Engine<'w> {
    pub(super) source: Source,
    pub(super) work: Work<'w>,
    pub(super) settings: Settings,
    pub(super) clients: Rc<Clients>,
    pub(super) intake: Intake,
    pub(super) calls: FuturesUnordered<LocalBoxFuture<'static, Event>>,
    pub(super) under_way: UnderWay,
    pub(super) rate: Rate,
    pub(super) canary: Option<Canary>,
    pub(super) proof: Proof,
    pub(super) began: Instant,
    /// Messages that were seen for the first time and have not returned.
    pub(super) fresh: u64,
    /// Bytes of their bodies.
    pub(super) fresh_bytes: u64,
    /// Messages that were scanned.
    pub(super) scanned: u64,
    /// Messages beyond the number that was confirmed.
    pub(super) beyond: u64,
    pub(super) barren: u32,
    /// Whether everything that is put aside is being released.
    pub(super) releasing: bool,
    pub(super) taking: Taking,
    pub(super) stop: Option<Stop>,
    pub(super) fault: Option<anyhow::Error>,
    pub(super) deletes_denied: bool,
    /// Sends that had no answer, by destination.
    pub(super) silence: HashMap<usize, Silence>,
    /// When throttled calls may be made again, and how often in a row they were throttled.
    pub(super) throttled: Option<(Instant, u32)>,
    pub(super) send_at: Option<Instant>,
    pub(super) look_at: Instant,
    /// When the next look for returned messages is due.
    pub(super) watch_at: Instant,
    pub(super) lags: super::looking::Lags,
    pub(super) pending: Pending,
    pub(super) ended: bool,
    /// Messages that are counted and were not seen.
    pub(super) not_seen: u64,
    /// What earlier runs may still hold.
    pub(super) held: Option<Held>,
    interrupt: Interrupt,
}

impl<'w> Engine<'w> {
    /// A run that has not begun.
    pub fn new(source: Source, work: Work<'w>, settings: Settings, clients: Rc<Clients>, interrupt: Interrupt) -> Self {
        let now = Instant::now();
        Self {
            rate: Rate::new(settings.rate, settings.calls),
            canary: settings.canary.map(Canary::new),
            pending: Pending::of(source.is_fifo()),
            source,
            work,
            settings,
            clients,
            intake: Intake::default(),
            calls: FuturesUnordered::new(),
            under_way: UnderWay::default(),
            proof: Proof::default(),
            began: now,
            fresh: 0,
            fresh_bytes: 0,
            scanned: 0,
            beyond: 0,
            barren: 0,
            releasing: false,
            taking: Taking::On,
            stop: None,
            fault: None,
            deletes_denied: false,
            silence: HashMap::new(),
            throttled: None,
            send_at: None,
            look_at: now + super::lag::LOOK_EVERY,
            watch_at: now + WATCH_EVERY,
            lags: super::looking::Lags::default(),
            ended: false,
            not_seen: 0,
            held: None,
            interrupt,
        }
    }

    /// The same after runs that may still hold messages.
    #[must_use]
    pub fn after(self, held: Option<Held>) -> Self {
        Self { held, ..self }
    }

    /// Runs to the proven end of the source, or until something stops it, and releases what was not used.
    /// `picture` is shown the numbers from time to time.
    pub async fn run(&mut self, picture: &mut dyn FnMut(&Counts, Option<f64>)) {
        let mut next_picture = Instant::now() + PICTURE;
        loop {
            if !self.ended {
                self.start_calls();
            }
            if self.ended && self.calls.is_empty() {
                break;
            }
            let wake = self.wake().min(next_picture);
            tokio::select! {
                Some(event) = self.calls.next(), if !self.calls.is_empty() => self.handle(event),
                () = sleep_until(wake) => {}
                () = self.interrupt.asked(), if self.stop.is_none() => self.halt(Stop::Interrupted),
            }
            if Instant::now() >= next_picture {
                next_picture = Instant::now() + PICTURE;
                picture(&self.numbers(), self.rate.limit());
            }
        }
        self.release().await;
    }

    fn start_calls(&mut self) {
        let now = Instant::now();
        self.prolong(now);
        self.release_some();
        self.start_deletes(now);
        if self.stop.is_none() {
            self.start_sends(now);
            self.start_receives(now);
            self.start_looks(now);
        }
        self.look_for_the_end(now);
    }

    /// When something is due that no call announces. What is due already and cannot be done yet is looked at again soon, and not at once.
    fn wake(&self) -> Instant {
        let soon = Instant::now() + SOON;
        let lanes = match &self.work {
            Work::Move(transfer) => transfer.lanes.next_due(),
            Work::Look(_) => None,
        };
        let throttled = self.throttled.map(|(until, _)| until).filter(|until| *until > Instant::now());
        let canary = self.canary.as_ref().and_then(Canary::next_look);
        let far = Instant::now() + PICTURE;
        [lanes, throttled, canary, self.send_at, self.intake.next_beat(), self.proof.next_at()]
            .into_iter()
            .flatten()
            .fold(far, Instant::min)
            .max(soon)
    }

    pub(super) fn handle(&mut self, event: Event) {
        match event {
            Event::Read(result) => self.read(result),
            Event::Received { poll, result } => self.received(poll, result),
            Event::Counted(result) => self.counted(result),
            Event::Sent { items, answer } => self.sent(items, answer),
            Event::NotJournaled { items, error } => self.not_journaled(&items, error),
            Event::Confirmed { doomed, result } => self.confirmed(doomed, result),
            Event::Deleted { doomed, receipts, result } => self.deleted(doomed, &receipts, result),
            Event::Released => self.under_way.releases -= 1,
            Event::Prolonged => self.under_way.prolongs -= 1,
            Event::LookedUp { arn, found } => self.looked_up(&arn, *found),
            Event::Looked { to, facts } => self.looked(to, facts),
            Event::Baseline { to, facts } => self.baseline(to, facts),
            Event::CanaryLook { depths, dlq } => self.canary_look(&depths, dlq),
        }
    }

    /// Nothing more is sent and nothing more is taken; what is under way is finished.
    pub(super) fn halt(&mut self, stop: Stop) {
        if self.stop.is_some() {
            return;
        }
        self.stop = Some(stop);
        self.send_at = None;
        for message in self.pending.drain() {
            self.leave(message.key());
        }
        self.drain_lanes();
    }

    /// A message is put aside because the run stops. What an earlier run has left of it is still to be finished.
    pub(super) fn leave(&mut self, key: MessageKey) {
        if let Work::Move(transfer) = &mut self.work {
            transfer.stays(key);
        }
        self.put_aside(key);
    }

    /// What waits to be sent is put aside instead.
    pub(super) fn drain_lanes(&mut self) {
        let Work::Move(transfer) = &mut self.work else { return };
        for item in transfer.lanes.drain() {
            transfer.abandon(&item);
            self.intake.put_aside(item.key);
        }
    }

    /// The first fault is the cause, also of a run that was being stopped: what it was to finish has failed.
    pub(super) fn fail(&mut self, fault: anyhow::Error) {
        self.fault.get_or_insert(fault);
        self.halt(Stop::Fault);
        self.stop = Some(Stop::Fault);
    }

    pub(super) fn trouble(&mut self, trouble: Trouble) {
        self.rate.trouble(self.began.elapsed(), trouble);
    }

    /// Calls that may still be started.
    pub(super) fn free_calls(&self) -> usize {
        let UnderWay { receives, sends, deletes, .. } = self.under_way;
        self.settings.calls.saturating_sub(receives + sends + deletes)
    }

    pub(super) fn queue(&self) -> Option<Queue> {
        match &self.source {
            Source::Queue(queue) => Some(queue.clone()),
            Source::File(_) => None,
        }
    }

    /// A call was throttled: the next ones wait, longer each time in a row.
    pub(super) fn throttle(&mut self) {
        let tries = self.throttled.map_or(0, |(_, tries)| tries) + 1;
        let wait = super::transfer::FIRST_WAIT * 2_u32.saturating_pow(tries.min(super::transfer::THROTTLED_TRIES));
        self.throttled = Some((Instant::now() + wait, tries));
        self.trouble(Trouble::Throttled);
    }

    pub(super) fn is_throttled(&self, now: Instant) -> bool {
        self.throttled.is_some_and(|(until, _)| until > now)
    }
}

#[cfg(test)]
mod tests;
