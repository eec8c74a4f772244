//! The messages of a batch by their receipts: hidden for longer while it is in work, and afterwards deleted or given back.

use aws_lambda_events::sqs::SqsMessage;
use aws_sdk_sqs::types::{ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry};
use futures_util::{StreamExt, stream};

use crate::{Consumer, Handled, batch::Unreadable, calls::ENTRIES};

/// Calls under way at the same time.
const CALLS: usize = 8;

/// What a message of the batch is known by.
pub(crate) struct Receipt {
    message_id: String,
    handle: String,
}

impl Receipt {
    pub(crate) fn of(record: &SqsMessage) -> Option<Self> {
        Some(Self { message_id: record.message_id.clone()?, handle: record.receipt_handle.clone()? })
    }
}

/// What is done and may be deleted, and what has to be given back at once.
///
/// What the handler held back itself keeps its own time, unless it was stopped: nothing more is known about the rest then.
pub(crate) fn split(held: Vec<Receipt>, handled: Result<Handled, Unreadable>) -> (Vec<Receipt>, Vec<Receipt>) {
    let Ok(Handled { answer, stopped }) = handled else { return (Vec::new(), held) };
    let failed = |receipt: &Receipt| {
        answer.batch_item_failures.iter().any(|failure| failure.item_identifier == receipt.message_id)
    };
    let (failed, done) = held.into_iter().partition(failed);
    (done, if stopped { failed } else { Vec::new() })
}

/// A message that is not hidden for longer comes again earlier, which costs a delivery and nothing else.
pub(crate) async fn hide(consumer: &Consumer, held: &[Receipt], seconds: i32) {
    let calls = held.chunks(ENTRIES).map(|chunk| {
        let entries = chunk.iter().enumerate().filter_map(|(at, receipt)| {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(at.to_string());
            entry.receipt_handle(&receipt.handle).visibility_timeout(seconds).build().ok()
        });
        let call = consumer.sqs.change_message_visibility_batch().queue_url(&consumer.queues.queue_url);
        call.set_entries(Some(entries.collect())).send()
    });
    stream::iter(calls).buffer_unordered(CALLS).for_each(async |_| ()).await;
}

/// A message that is not deleted comes again, and finds its row or its copy.
pub(crate) async fn delete(consumer: &Consumer, done: &[Receipt]) {
    let calls = done.chunks(ENTRIES).map(|chunk| async move {
        let entries = chunk.iter().enumerate().filter_map(|(at, receipt)| {
            DeleteMessageBatchRequestEntry::builder().id(at.to_string()).receipt_handle(&receipt.handle).build().ok()
        });
        let call = consumer.sqs.delete_message_batch().queue_url(&consumer.queues.queue_url);
        match call.set_entries(Some(entries.collect())).send().await {
            Ok(answer) => answer.failed().len(),
            Err(_) => chunk.len(),
        }
    });
    let not_deleted: usize =
        stream::iter(calls).buffer_unordered(CALLS).fold(0, async |sum, failed| sum + failed).await;
    if not_deleted > 0 {
        tracing::warn!(not_deleted, "messages not deleted; SQS will deliver them again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(ids: &[&str]) -> Vec<Receipt> {
        ids.iter().map(|id| Receipt { message_id: (*id).to_owned(), handle: format!("handle of {id}") }).collect()
    }

    fn ids(receipts: &[Receipt]) -> Vec<&str> {
        receipts.iter().map(|receipt| receipt.message_id.as_str()).collect()
    }

    fn handled(stopped: bool) -> Handled {
        let answer = serde_json::from_str(r#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#).unwrap();
        Handled { answer, stopped }
    }

    #[test]
    fn only_what_is_proven_is_deleted_and_what_is_unknown_is_given_back() {
        let (done, kept) = split(held(&["a", "b", "c"]), Ok(handled(false)));
        assert_eq!((ids(&done), ids(&kept)), (vec!["a", "c"], vec![]), "b is held back by the handler");
        let (done, kept) = split(held(&["a", "b", "c"]), Ok(handled(true)));
        assert_eq!((ids(&done), ids(&kept)), (vec!["a", "c"], vec!["b"]), "nobody can finish b any more");
        let (done, kept) = split(held(&["a", "b"]), Err(Unreadable::MissingMessageId));
        assert_eq!((ids(&done), ids(&kept)), (vec![], vec!["a", "b"]));
    }
}
