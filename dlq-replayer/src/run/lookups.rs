//! Looks up the queues that messages came from.

use std::rc::Rc;

use super::{engine::Engine, event::Event, state::Work};
use crate::{
    rules::refusal::Refusal,
    sqs::{
        address::{self, AddressError},
        message::Message,
        queue::Queue,
    },
};

impl Engine<'_> {
    /// Looks up the queue that a message came from; other messages from there wait for the same answer,
    /// and later messages of its group wait behind it.
    pub(super) fn look_up(&mut self, arn: String, message: Message) {
        if !self.pending.wait(&arn, message) {
            return;
        }
        self.under_way.lookups += 1;
        let clients = Rc::clone(&self.clients);
        self.calls.push(Box::pin(async move {
            let found = Box::new(address::find(&clients, &arn).await);
            Event::LookedUp { arn, found }
        }));
    }

    /// What has waited for a lookup that fails is put aside at once; the next message of that queue asks again, if that may help.
    pub(super) fn looked_up(&mut self, arn: &str, found: Result<Queue, AddressError>) {
        self.under_way.lookups -= 1;
        let waiting = self.pending.take(arn);
        let is_last = self.pending.is_empty();
        let fault = found.as_ref().err().cloned();
        let refusal = match &mut self.work {
            Work::Look(visit) => visit.looked_up(arn.to_owned(), found),
            Work::Move(transfer) => transfer.routes().looked_up(arn.to_owned(), found),
        };
        let refusal = refusal.unwrap_or_else(|error| {
            self.fail(error.into());
            None
        });
        if is_last && let Some(refusal) = &refusal {
            self.end_without_a_source(arn, refusal, fault);
        }
        for message in waiting {
            let behind = self.pending.take_behind(&message);
            match &refusal {
                Some(refusal) if self.stop.is_none() => self.decide(message, Some(refusal.clone())),
                _ => self.take_unless_stopped(message),
            }
            for message in behind {
                self.take_unless_stopped(message);
            }
        }
    }

    /// Ends the run when the last source has been given up: nothing could be sent any more.
    fn end_without_a_source(&mut self, arn: &str, refusal: &Refusal, fault: Option<AddressError>) {
        if self.transfer_mut().is_some_and(|transfer| transfer.routes().has_given_up_the_last(arn)) {
            let fault = fault.map_or_else(|| anyhow::anyhow!("{refusal}"), anyhow::Error::from);
            self.fail(fault);
        }
    }

    fn take_unless_stopped(&mut self, message: Message) {
        if self.stop.is_some() {
            self.leave(message.key());
        } else {
            self.take(message);
        }
    }
}
