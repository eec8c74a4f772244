//! Fail-closed accounting: a message counts as failed until there is proof that it is done.
//!
//! Lambda deletes every message that the answer does not list, so the answer starts with all of them (promise P3).
//! Source: "Implementing partial batch responses" in the AWS Lambda developer guide.

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse};

use crate::batch::Batch;

/// The messages of one batch, and which of them are proven to be done.
pub(crate) struct Accounting<'a, 'e> {
    batch: &'a Batch<'e>,
    proven: Vec<bool>,
}

impl<'a, 'e> Accounting<'a, 'e> {
    /// Starts with every message unproven.
    pub(crate) fn open(batch: &'a Batch<'e>) -> Self {
        Self { batch, proven: vec![false; batch.at_most()] }
    }

    /// Takes a message off, by its place in the batch: its row is committed, or its copy is a dead letter.
    pub(crate) fn acknowledge(&mut self, at: usize) {
        if let Some(proven) = self.proven.get_mut(at) {
            *proven = true;
        }
    }

    /// How many messages are still unproven.
    pub(crate) fn unproven(&self) -> usize {
        self.listed().count()
    }

    /// The answer to Lambda: what is still unproven comes back.
    pub(crate) fn close(self) -> SqsBatchResponse {
        let mut ids: Vec<&str> = self.listed().collect();
        // SQS may deliver a message twice in one batch.
        ids.sort_unstable();
        ids.dedup();
        let mut response = SqsBatchResponse::default();
        response.batch_item_failures = ids.into_iter().map(failure).collect();
        response
    }

    /// The ids of the messages that are still unproven.
    fn listed(&self) -> impl Iterator<Item = &str> {
        let unproven = self.batch.messages().zip(&self.proven).filter(|(_, proven)| !**proven);
        unproven.map(|(message, _)| message.id.as_ref())
    }
}

fn failure(id: &str) -> BatchItemFailure {
    let mut failure = BatchItemFailure::default();
    id.clone_into(&mut failure.item_identifier);
    failure
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::sqs::SqsMessage;

    use super::*;
    use crate::batch::batch;

    fn messages(ids: &[&str]) -> Batch<'static> {
        batch(ids.iter().map(|id| {
            let mut record = SqsMessage::default();
            record.message_id = Some((*id).to_owned());
            record
        }))
    }

    fn listed(accounting: Accounting<'_, '_>) -> Vec<String> {
        accounting.close().batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
    }

    #[test]
    fn every_message_is_failed_until_it_is_acknowledged() {
        let batch = messages(&["a", "b"]);
        let mut accounting = Accounting::open(&batch);
        accounting.acknowledge(0);
        accounting.acknowledge(7);
        assert_eq!(accounting.unproven(), 1);
        assert_eq!(listed(accounting), ["b"]);
    }

    #[test]
    fn a_message_that_came_twice_is_listed_once_unless_both_are_proven() {
        let batch = messages(&["a", "a", "a"]);
        let mut accounting = Accounting::open(&batch);
        accounting.acknowledge(0);
        assert_eq!(listed(accounting), ["a"]);
    }

    #[test]
    fn the_answer_has_the_very_keys_that_lambda_reads() {
        let batch = messages(&["a"]);
        let json = serde_json::to_string(&Accounting::open(&batch).close()).unwrap();
        assert_eq!(json, r#"{"batchItemFailures":[{"itemIdentifier":"a"}]}"#);
    }
}
