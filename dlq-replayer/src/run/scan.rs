//! Looking at messages without taking them: each is hidden while the look lasts, and given back at its end.

use std::{cell::Cell, cell::RefCell};

use futures_util::future::join_all;

use crate::{
    run::intake::{Intake, Taking},
    run::interrupt::Interrupt,
    sqs::call_error::CallError,
    sqs::message::Message,
    sqs::queue::Queue,
};

/// Whether a look goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// At the next message.
    On,
    /// No further.
    Enough,
}

/// How a look at a queue is taken.
pub struct Scan<'a> {
    /// The queue.
    pub queue: &'a Queue,
    /// How messages are taken out of sight.
    pub taking: Taking,
    /// Receives at the same time.
    pub workers: usize,
    /// Whether somebody wants it to end.
    pub interrupt: &'a Interrupt,
}

impl Scan<'_> {
    /// Shows every message once to `visit`, until it has seen enough or the queue has no more, and gives all of them back.
    ///
    /// # Errors
    ///
    /// [`CallError`]; what was taken is given back before.
    pub async fn visit(&self, visit: impl FnMut(&Message) -> Look) -> Result<(), CallError> {
        let intake = Intake::new(self.queue, self.taking, []);
        let (visit, enough) = (RefCell::new(visit), Cell::new(false));
        let work = || async {
            while !enough.get() && !self.interrupt.is_asked() {
                let Some(taken) = intake.next().await? else { break };
                for message in taken.fresh {
                    if !enough.get() && (visit.borrow_mut())(&message) == Look::Enough {
                        enough.set(true);
                    }
                    intake.hold([message.receipt]);
                }
            }
            Ok(())
        };
        let done = join_all((0..self.workers).map(|_| work())).await;
        intake.give_back().await;
        done.into_iter().collect()
    }
}
