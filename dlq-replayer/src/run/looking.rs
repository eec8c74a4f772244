//! Looks at destinations: whether they keep up, and what becomes of a canary.

use std::{collections::HashMap, rc::Rc};

use futures_util::future::join_all;
use tokio::time::Instant;

use super::{
    canary::{Canary, Phase, Sight},
    engine::Engine,
    event::Event,
    lag::{LOOK_EVERY, Lag},
    lanes::Item,
    rate::Trouble,
    state::{Stop, Work},
    transfer::Transfer,
};
use crate::sqs::{
    call_error::CallError,
    destination::Destination,
    queue::{Facts, Queue},
};

/// Whether each destination keeps up; none for one that may not be looked at.
pub(super) type Lags = HashMap<usize, Option<Lag>>;

impl Engine<'_> {
    /// Looks at destinations from time to time, to slow down for one that falls behind, and at what becomes of a canary.
    pub(super) fn start_looks(&mut self, now: Instant) {
        if let Some(Phase::Settling { next, .. }) = self.canary.as_ref().map(Canary::phase)
            && next <= now
            && self.under_way.looks == 0
        {
            return self.look_at_canary();
        }
        if now < self.look_at {
            return;
        }
        self.look_at = now + LOOK_EVERY;
        let Work::Move(transfer) = &mut self.work else { return };
        let queues = queues_of(transfer);
        for (to, queue) in queues {
            if matches!(self.lags.get(&to), Some(None)) {
                continue;
            }
            self.calls.push(Box::pin(async move { Event::Looked { to, facts: queue.facts().await } }));
        }
    }

    pub(super) fn looked(&mut self, to: usize, facts: Result<Facts, CallError>) {
        let depth = match facts {
            Ok(facts) => facts.depth.total(),
            Err(error) => {
                // A sender may lack the right to look; anything else may be different the next time.
                if error.is_denied() {
                    self.lags.insert(to, None);
                }
                return;
            }
        };
        let Work::Move(transfer) = &mut self.work else { return };
        let name = transfer.routes().name(to);
        let sent = transfer.counts.sent_to.get(&name).copied().unwrap_or(0);
        let lag = self.lags.entry(to).or_insert_with(|| Some(Lag::default()));
        if lag.as_mut().is_some_and(|lag| lag.falls_behind(depth, sent)) {
            self.trouble(Trouble::Lag);
        }
    }

    pub(super) fn needs_baseline(&self, to: usize) -> bool {
        self.canary.as_ref().is_some_and(|canary| !canary.knows(to) && matches!(canary.phase(), Phase::Sending(_)))
    }

    /// Looks at a destination before the canary is sent to it; its messages wait meanwhile.
    pub(super) fn take_baseline(&mut self, to: usize, items: Vec<Item>, now: Instant) {
        let Some(transfer) = self.transfer_mut() else { return };
        let queue = queues_of(transfer).remove(&to);
        items.into_iter().rev().for_each(|item| transfer.lanes.retry(item, now));
        if self.under_way.looks > 0 {
            return;
        }
        self.under_way.looks += 1;
        self.calls.push(Box::pin(async move {
            let facts = match queue {
                Some(queue) => Some(queue.facts().await),
                None => None,
            };
            Event::Baseline { to, facts }
        }));
    }

    pub(super) fn baseline(&mut self, to: usize, facts: Option<Result<Facts, CallError>>) {
        self.under_way.looks -= 1;
        let Some(canary) = &mut self.canary else { return };
        match facts {
            Some(Ok(facts)) => {
                let returns_within = facts.visibility.map(|visibility| visibility * facts.max_receives.unwrap_or(1));
                canary.destination(to, Some(facts.depth.total()), returns_within);
            }
            None | Some(Err(_)) => canary.destination(to, None, None),
        }
    }

    /// The wait begins when everything of the canary was confirmed and deleted: a delete that comes later would look like a message that
    /// has returned.
    pub(super) fn settle_canary(&mut self, now: Instant) {
        let way = &self.under_way;
        let calls = way.sends + way.confirmations + way.deletes;
        if calls > 0 || self.transfer_mut().is_some_and(|transfer| !transfer.to_delete.is_empty()) {
            return;
        }
        if let Some(canary) = &mut self.canary {
            canary.settle(now);
        }
    }

    fn look_at_canary(&mut self) {
        let Some(dlq) = self.queue() else { return };
        let Some(transfer) = self.transfer_mut() else { return };
        let queues = queues_of(transfer);
        self.under_way.looks += 1;
        self.calls.push(Box::pin(async move {
            let depth = |facts: Result<Facts, CallError>| facts.ok().map(|facts| facts.depth.total());
            let looks = queues.into_iter().map(async |(to, queue)| (to, depth(queue.facts().await)));
            let looked = join_all(looks).await.into_iter().filter_map(|(to, depth)| Some((to, depth?)));
            Event::CanaryLook { depths: looked.collect(), dlq: depth(dlq.facts().await) }
        }));
    }

    pub(super) fn canary_look(&mut self, depths: &HashMap<usize, u64>, dlq: Option<u64>) {
        self.under_way.looks -= 1;
        let expected = self.settings.expected.unwrap_or(0);
        let Work::Move(transfer) = &mut self.work else { return };
        let Some(canary) = &mut self.canary else { return };
        let gone = transfer.counts.deleted + transfer.counts.finished_for_earlier_run;
        let more = dlq.map(|dlq| (dlq + gone).saturating_sub(expected));
        match canary.look(Instant::now(), depths, more) {
            Sight::NotYet => {}
            Sight::Unsettled => self.halt(Stop::Unsettled),
            Sight::Settled(returned) => {
                let sent = canary.messages();
                transfer.canary_returned(returned);
                if returned > 0 && transfer.breaker().reaches(returned, sent) {
                    self.halt(Stop::Canary);
                }
            }
        }
    }
}

/// The destinations that are queues.
fn queues_of(transfer: &mut Transfer) -> HashMap<usize, Queue> {
    let queue = |(to, destination): (usize, &Rc<Destination>)| match destination.as_ref() {
        Destination::Queue(queue) => Some((to, queue.clone())),
        _ => None,
    };
    transfer.routes().all().filter_map(queue).collect()
}
