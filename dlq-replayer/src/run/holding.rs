//! Messages that are held: prolonged while they are needed, released when they are not.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::Instant;

use super::{engine::Engine, event::Event};
use crate::sqs::{message::MessageKey, queue::ENTRIES};

/// Calls under way that release or prolong messages.
const RELEASES: usize = 16;

impl Engine<'_> {
    /// Keeps a message hidden until the end, and releases the oldest when there are too many.
    pub(super) fn put_aside(&mut self, key: MessageKey) {
        self.intake.put_aside(key);
        if self.intake.aside() > self.settings.most_aside {
            self.release_ten();
        }
    }

    /// Goes on with releasing everything that is put aside.
    pub(super) fn release_some(&mut self) {
        while self.releasing && self.under_way.releases < RELEASES {
            self.release_ten();
            self.releasing = self.intake.aside() > 0;
        }
    }

    pub(super) fn release_ten(&mut self) {
        let receipts = self.intake.release_aside();
        let Some(queue) = self.queue().filter(|_| !receipts.is_empty()) else { return };
        self.under_way.releases += 1;
        self.calls.push(Box::pin(async move {
            // What cannot be released becomes visible by itself.
            let _ = queue.hide(&receipts, Duration::ZERO).await;
            Event::Released
        }));
    }

    pub(super) fn heartbeat(&self) -> Duration {
        (self.settings.visibility / 3).max(Duration::from_millis(1))
    }

    /// Prolongs what is held, beside everything else.
    pub(super) fn prolong(&mut self, now: Instant) {
        let (every, hidden) = (self.heartbeat(), self.settings.visibility);
        let Some(queue) = self.queue() else { return };
        while self.under_way.prolongs < RELEASES {
            let receipts = self.intake.due(now, every);
            if receipts.is_empty() {
                return;
            }
            self.under_way.prolongs += 1;
            let queue = queue.clone();
            self.calls.push(Box::pin(async move {
                // A message that becomes visible all the same is recognized when it is received again.
                let _ = queue.hide(&receipts, hidden).await;
                Event::Prolonged
            }));
        }
    }

    pub(super) async fn release(&mut self) {
        let Some(queue) = self.queue() else { return };
        let receipts = self.intake.release_all();
        stream::iter(receipts.chunks(ENTRIES))
            .for_each_concurrent(RELEASES.min(self.settings.calls), |ten| async {
                // What cannot be released becomes visible by itself.
                let _ = queue.hide(ten, Duration::ZERO).await;
            })
            .await;
    }
}
