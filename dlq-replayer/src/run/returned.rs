//! Which messages of this run have returned: the ids that destinations gave, and what a returned message says about itself.

use std::collections::HashSet;

use serde::Deserialize;

use crate::sqs::message::{Message, MessageKey};

/// The ids that runs were answered with, each in eight bytes.
///
/// Two ids that share them are one in 10^9 for a run of 200,000 messages, and then a message stays where it is.
#[derive(Debug, Default)]
pub struct SentIds {
    this_run: HashSet<u64>,
    /// Those that earlier runs were given: a message that has one of them has not come back to this run.
    earlier_runs: HashSet<u64>,
}

impl SentIds {
    /// Ids that earlier runs were given, which prove nothing either.
    pub fn of_earlier_runs(ids: impl IntoIterator<Item = String>) -> Self {
        let earlier_runs = ids.into_iter().map(|id| MessageKey::of(&id).fingerprint()).collect();
        Self { this_run: HashSet::new(), earlier_runs }
    }

    /// Adds the id of a confirmed send. False when this run or an earlier one has been given the id before: then it proves nothing.
    ///
    /// A FIFO queue answers a deduplication id that it has seen within five minutes with the first message's id, and stores nothing.
    /// Source: "Exactly-once processing in Amazon SQS" in the Amazon SQS developer guide.
    pub fn insert(&mut self, id: &str) -> bool {
        let id_of = MessageKey::of(id).fingerprint();
        !id.is_empty() && !self.earlier_runs.contains(&id_of) && self.this_run.insert(id_of)
    }

    /// Whether a message is one that this run has sent.
    ///
    /// SQS keeps the id of what it moves; rollcall's consumer and Lambda name it in an attribute; EventBridge and Lambda put it into the body.
    pub fn has_returned(&self, message: &Message) -> bool {
        if self.this_run.is_empty() {
            return false;
        }
        let named = ["source_message_id", "RequestID"].into_iter().filter_map(|name| message.text(name));
        let named = named.map(str::to_owned).chain(id_in_body(&message.body));
        let mut keys = std::iter::once(message.key()).chain(named.map(|id| MessageKey::of(&id)));
        keys.any(|key| self.this_run.contains(&key.fingerprint()))
    }
}

/// The id that a service has put into a body: EventBridge into an event, Lambda into the record of a failed invocation.
fn id_in_body(body: &str) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Named {
        Event {
            id: String,
            #[serde(rename = "detail-type")]
            _detail_type: String,
        },
        Record {
            #[serde(rename = "requestContext")]
            context: Context,
        },
    }
    #[derive(Deserialize)]
    struct Context {
        #[serde(rename = "requestId")]
        request: String,
    }
    match serde_json::from_str(body).ok()? {
        Named::Event { id, .. } => Some(id),
        Named::Record { context } => Some(context.request),
    }
}
