//! The messages of the model.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::{Map, Value, json};

/// A message to put into a queue.
#[derive(Clone, Debug, Default)]
pub struct NewMessage {
    /// The body.
    pub body: String,
    /// `MessageAttributes` as the wire has them.
    pub attributes: Map<String, Value>,
    /// System attributes that SQS would have set.
    pub system: BTreeMap<String, String>,
    /// How long ago it was sent.
    pub age: Duration,
    /// Its id; a new one when empty.
    pub id: String,
}

impl NewMessage {
    /// A message with a body and attributes of the type String.
    pub fn new(body: impl Into<String>, attributes: &[(&str, &str)]) -> Self {
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), string(value)));
        Self { body: body.into(), attributes: attributes.collect(), ..Self::default() }
    }

    /// In a group of a FIFO queue.
    #[must_use]
    pub fn in_group(mut self, group: &str, deduplication: &str) -> Self {
        self.system.insert("MessageGroupId".to_owned(), group.to_owned());
        self.system.insert("MessageDeduplicationId".to_owned(), deduplication.to_owned());
        self
    }

    /// As the redrive policy of the queue with this ARN moved it.
    #[must_use]
    pub fn redriven_from(mut self, arn: &str) -> Self {
        self.system.insert("DeadLetterQueueSourceArn".to_owned(), arn.to_owned());
        self
    }

    /// Whether a redrive policy moved it.
    pub(super) fn is_redriven(&self) -> bool {
        self.system.contains_key("DeadLetterQueueSourceArn")
    }
}

/// An attribute of the type String.
pub(super) fn string(value: &str) -> Value {
    json!({ "DataType": "String", "StringValue": value })
}

/// A message in a queue.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its id.
    pub id: String,
    /// The body.
    pub body: String,
    /// `MessageAttributes` as the wire has them.
    pub attributes: Map<String, Value>,
    /// System attributes.
    pub system: BTreeMap<String, String>,
    /// How often it has been received.
    pub receives: u64,
    pub(super) seq: u64,
    pub(super) arrived: Instant,
    pub(super) hidden_until: Option<Instant>,
}

impl Stored {
    /// The text of an attribute.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name)?.get("StringValue")?.as_str()
    }

    /// Whether it can be received, a lock on its group aside.
    pub fn is_visible(&self) -> bool {
        self.hidden_until.is_none_or(|until| until <= Instant::now())
    }

    pub(super) fn group(&self) -> &str {
        self.system.get("MessageGroupId").map_or("", String::as_str)
    }

    /// The same message as it would be sent to another queue.
    pub(super) fn into_new(self) -> NewMessage {
        let Self { id, body, attributes, system, .. } = self;
        NewMessage { body, attributes, system, age: Duration::ZERO, id }
    }
}
