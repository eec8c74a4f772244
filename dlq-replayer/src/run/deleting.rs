//! The deleting end: a message leaves its queue only after its destination has confirmed it.

use tokio::time::Instant;

use super::{
    engine::Engine,
    event::Event,
    plan::Doomed,
    transfer::{THROTTLED_TRIES, Transfer},
};
use crate::{
    journal::record::{Note, Record},
    sqs::{
        call_error::{CallError, Effect, is_throttled},
        message::{Message, MessageKey},
        queue::{ENTRIES, Queue},
    },
};

/// Deletes of one message that fail in passing.
const DELETES: u32 = 3;

impl Engine<'_> {
    /// A message that has arrived: it goes, or stays where nothing is deleted.
    pub(super) fn doom(&mut self, key: MessageKey, id: String) {
        self.intake.delivered(key);
        match self.transfer_mut() {
            Some(transfer) if transfer.deletes() => transfer.to_delete.push_back(Doomed { key, id, tries: 0 }),
            _ => self.put_aside(key),
        }
    }

    /// A message that has arrived was received again: the receipt that it was deleted with was not the newest one.
    pub(super) fn delete_again(&mut self, message: Message, was_deleted: bool) {
        let key = message.key();
        if was_deleted && let Some(transfer) = self.transfer_mut() {
            transfer.not_deleted_after_all(key);
        }
        self.doom(key, message.id);
    }

    pub(super) fn start_deletes(&mut self, now: Instant) {
        while self.free_calls() > 0 && !self.is_throttled(now) {
            let few_and_more_to_come = self.under_way.sends > 0 && self.under_way.deletes > 0;
            let denied = self.deletes_denied;
            let Some(queue) = self.queue() else { return };
            let Some(transfer) = self.transfer_mut() else { return };
            if transfer.to_delete.is_empty() || (transfer.to_delete.len() < ENTRIES && few_and_more_to_come) {
                return;
            }
            let ten = transfer.to_delete.len().min(ENTRIES);
            let doomed: Vec<_> = transfer.to_delete.drain(..ten).collect();
            if denied {
                for doomed in doomed {
                    transfer.not_deleted(&doomed.id);
                }
                continue;
            }
            self.delete(&queue, doomed);
        }
    }

    fn delete(&mut self, queue: &Queue, doomed: Vec<Doomed>) {
        let with_receipt = |doomed: Doomed| self.intake.receipt(doomed.key).map(|receipt| (doomed, receipt));
        let (doomed, receipts): (Vec<_>, Vec<_>) = doomed.into_iter().filter_map(with_receipt).unzip();
        if doomed.is_empty() {
            return;
        }
        self.under_way.deletes += 1;
        let queue = queue.clone();
        self.calls.push(Box::pin(async move {
            let result = queue.delete(&receipts).await;
            Event::Deleted { doomed, receipts, result }
        }));
    }

    pub(super) fn deleted(
        &mut self,
        doomed: Vec<Doomed>,
        receipts: &[String],
        result: Result<Vec<Option<String>>, CallError>,
    ) {
        self.under_way.deletes -= 1;
        let left = match result {
            Ok(left) => left,
            Err(error) if error.effect == Effect::Throttled => vec![Some(error.code); doomed.len()],
            Err(error) => {
                // Sending on without being able to delete would only make duplicates.
                self.deletes_denied = true;
                let text = vec![Some("denied".to_owned()); doomed.len()];
                self.fail(error.into());
                text
            }
        };
        if left.iter().flatten().any(|code| is_throttled(code)) {
            self.throttle();
        } else {
            self.throttled = None;
        }
        let (mut gone, denied) = (Vec::new(), self.deletes_denied);
        for ((doomed, receipt), left) in doomed.into_iter().zip(receipts).zip(left) {
            let Some(code) = left else {
                let newest = self.intake.receipt(doomed.key);
                if newest.is_some_and(|newest| newest != *receipt) {
                    // It was received again meanwhile, and is deleted once more with that receipt.
                    continue;
                }
                let first = !self.intake.is_deleted(doomed.key);
                self.intake.deleted(doomed.key);
                gone.extend(Some(doomed).filter(|_| first));
                continue;
            };
            if self.intake.is_deleted(doomed.key) {
                // Another delete of it has succeeded since, with a receipt that was not older.
                continue;
            }
            let most = if is_throttled(&code) { THROTTLED_TRIES } else { DELETES };
            let Some(transfer) = self.transfer_mut() else { return };
            if denied || doomed.tries + 1 >= most {
                transfer.not_deleted(&doomed.id);
            } else {
                transfer.to_delete.push_back(Doomed { tries: doomed.tries + 1, ..doomed });
            }
        }
        if !gone.is_empty() && self.queue().is_some_and(|queue| queue.address.is_fifo()) {
            // The next messages of their groups can be received now.
            self.barren = 0;
        }
        if let Some(transfer) = self.transfer_mut() {
            transfer.deleted(&gone);
        }
    }
}

impl Transfer {
    /// Messages were deleted for the first time.
    pub(super) fn deleted(&mut self, doomed: &[Doomed]) {
        for Doomed { key, id, .. } in doomed {
            self.not_deleted.remove(id);
            if self.finishing.remove(key) {
                self.finished.insert(*key);
                self.counts.finished_for_earlier_run += 1;
            } else {
                self.counts.deleted += 1;
            }
        }
        if let Some(journal) = &self.journal
            && !doomed.is_empty()
        {
            journal.note(&Record::Deleted { ids: doomed.iter().map(|doomed| doomed.id.clone()).collect() });
        }
    }

    /// A message was counted as deleted and is still there.
    pub(super) fn not_deleted_after_all(&mut self, key: MessageKey) {
        if self.finished.remove(&key) {
            self.finishing.insert(key);
            self.counts.finished_for_earlier_run -= 1;
        } else {
            self.counts.deleted = self.counts.deleted.saturating_sub(1);
        }
    }

    /// A message was confirmed and could not be deleted.
    pub(super) fn not_deleted(&mut self, id: &str) {
        self.not_deleted.insert(id.to_owned());
        self.note(Note::NotDeleted, "", id);
    }
}
