//! Fail-closed accounting: a message counts as failed until there is proof that it is done.
//!
//! Lambda deletes every message that the answer does not list, so the answer starts with all of them (promise P3).
//! Source: "Implementing partial batch responses" in the AWS Lambda developer guide.

use std::collections::BTreeSet;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsMessage};
use lambda_runtime::Diagnostic;

/// A record without a message id.
///
/// It can be neither acknowledged nor reported: an empty `itemIdentifier` would fail the whole batch, and leaving it out would delete it.
/// So the whole invocation fails, and every message comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record of the batch has no message id; the whole batch is given back")]
pub struct MissingMessageId;

impl From<MissingMessageId> for Diagnostic {
    fn from(error: MissingMessageId) -> Self {
        Self { error_type: "MissingMessageId".to_owned(), error_message: error.to_string() }
    }
}

/// The messages of one batch that are not proven to be done.
#[derive(Debug)]
pub struct Accounting {
    unproven: BTreeSet<String>,
}

impl Accounting {
    /// Starts with every message unproven.
    ///
    /// # Errors
    ///
    /// [`MissingMessageId`] when a record has none.
    pub fn open(records: &[SqsMessage]) -> Result<Self, MissingMessageId> {
        let ids = records.iter().map(|record| message_id(record).map(str::to_owned));
        Ok(Self { unproven: ids.collect::<Result<_, _>>()? })
    }

    /// Takes a message off: its row is committed.
    pub fn acknowledge(&mut self, message_id: &str) {
        self.unproven.remove(message_id);
    }

    /// How many messages are still unproven.
    pub fn unproven(&self) -> usize {
        self.unproven.len()
    }

    /// The answer to Lambda: what is still unproven comes back.
    pub fn close(self) -> SqsBatchResponse {
        let mut response = SqsBatchResponse::default();
        response.batch_item_failures = self.unproven.into_iter().map(failure).collect();
        response
    }
}

/// The id of a record.
///
/// # Errors
///
/// [`MissingMessageId`] when it is absent or empty.
pub fn message_id(record: &SqsMessage) -> Result<&str, MissingMessageId> {
    record.message_id.as_deref().filter(|id| !id.is_empty()).ok_or(MissingMessageId)
}

fn failure(id: String) -> BatchItemFailure {
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = id;
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: Option<&str>) -> SqsMessage {
        let mut record = SqsMessage::default();
        record.message_id = id.map(str::to_owned);
        record
    }

    fn listed(accounting: Accounting) -> Vec<String> {
        accounting.close().batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
    }

    #[test]
    fn every_message_is_failed_until_it_is_acknowledged() {
        let mut accounting = Accounting::open(&[record(Some("a")), record(Some("b"))]).unwrap();
        accounting.acknowledge("a");
        accounting.acknowledge("unknown");
        assert_eq!(accounting.unproven(), 1);
        assert_eq!(listed(accounting), ["b"]);
    }

    #[test]
    fn a_record_without_an_id_fails_the_whole_batch() {
        for id in [None, Some("")] {
            assert_eq!(Accounting::open(&[record(Some("a")), record(id)]).unwrap_err(), MissingMessageId);
        }
    }

    #[test]
    fn the_answer_has_the_very_keys_that_lambda_reads() {
        let accounting = Accounting::open(&[record(Some("a"))]).unwrap();
        let json = serde_json::to_string(&accounting.close()).unwrap();
        assert_eq!(json, r#"{"batchItemFailures":[{"itemIdentifier":"a"}]}"#);
    }
}
