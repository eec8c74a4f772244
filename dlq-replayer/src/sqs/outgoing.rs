//! What is sent in place of a dead letter: its body, its attributes and the ids it is sent with.

use std::collections::HashMap;

use aws_sdk_sqs::types::{
    MessageSystemAttributeNameForSends, MessageSystemAttributeValue, SendMessageBatchRequestEntry,
};
use uuid::Uuid;

use super::message::{Message, TRACE_HEADER};

/// Attributes that a message may have, SQS's own limit.
/// Source: "Amazon SQS message quotas" in the Amazon SQS developer guide.
pub const ATTRIBUTES: usize = 10;

/// Longest deduplication id, in characters.
/// Source: "Using the message deduplication ID" in the Amazon SQS developer guide.
const LONGEST_DEDUPLICATION_ID: usize = 128;

/// A message on its way to a destination.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The message to send; its id is still the one of the dead letter that it stands for.
    pub message: Message,
    /// The deduplication id, for a FIFO queue.
    pub deduplication: String,
    /// For a bus: what is put on it.
    pub event: Option<BusEvent>,
    /// For a bus: the rules that pass the event on, as they are shown.
    pub rules: Vec<String>,
    /// For a bus: what only AWS can tell.
    pub question: Option<Question>,
}

/// The parts of an event that a sender sets; EventBridge sets the others.
/// Source: `PutEventsRequestEntry` in the Amazon EventBridge API reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusEvent {
    /// Its source.
    pub source: String,
    /// Its detail-type.
    pub detail_type: String,
    /// Its detail, an object, as it stands in the body.
    pub detail: String,
    /// Its resources.
    pub resources: Vec<String>,
    /// Its time, in seconds since 1970; EventBridge uses the time of the call for an event without one.
    pub time: Option<i64>,
}

/// Whether one of these event patterns matches an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The event as rules will see it.
    pub event: String,
    /// The patterns.
    pub patterns: Vec<String>,
}

impl Outgoing {
    /// A message that is sent for the dead letter with its id, as replay number `replay` (0 when it is moved or imported).
    pub fn new(message: Message, replay: u32) -> Self {
        let deduplication = deduplication(&message, replay);
        Self { message, deduplication, event: None, rules: Vec::new(), question: None }
    }

    /// Bytes as SQS counts them: the body, and each attribute's name, type and value.
    pub fn size(&self) -> usize {
        let attributes = self.message.attributes.iter().map(|(name, attribute)| name.len() + attribute.size());
        self.message.body.len() + attributes.sum::<usize>()
    }

    /// The entry of a batch; `fifo` says whether the destination is a FIFO queue, which alone takes a deduplication id.
    pub(crate) fn to_entry(&self, at: usize, fifo: bool) -> Option<SendMessageBatchRequestEntry> {
        let message = &self.message;
        let attributes: Option<HashMap<_, _>> =
            message.attributes.iter().map(|(name, attribute)| Some((name.clone(), attribute.to_sdk()?))).collect();
        let trace = message.system.get(TRACE_HEADER).and_then(|header| {
            let value = MessageSystemAttributeValue::builder().data_type("String").string_value(header).build().ok()?;
            Some(HashMap::from([(MessageSystemAttributeNameForSends::AwsTraceHeader, value)]))
        });
        SendMessageBatchRequestEntry::builder()
            .id(at.to_string())
            .message_body(&message.body)
            .set_message_attributes(attributes.filter(|all| !all.is_empty()))
            .set_message_system_attributes(trace)
            .set_message_group_id(message.group().map(str::to_owned))
            .set_message_deduplication_id(fifo.then(|| self.deduplication.clone()))
            .build()
            .ok()
    }
}

/// The id that a FIFO queue recognizes a send by.
///
/// It follows from the dead letter's own message id, the number of its replay and the body that is sent, so it differs for any two messages,
/// any two replays and any two edits, and is the same for every try of one send. The id that the first sender chose would not do: a FIFO queue answers success to an id that
/// it has seen within five minutes and drops the message, which would then be deleted here.
/// Source: "Using the message deduplication ID" in the Amazon SQS developer guide.
fn deduplication(message: &Message, replay: u32) -> String {
    let body = Uuid::new_v5(&Uuid::NAMESPACE_OID, message.body.as_bytes()).simple();
    let id = format!("{}.{replay}.{body}", message.id);
    let plain = |c: char| c.is_ascii_graphic();
    if id.len() <= LONGEST_DEDUPLICATION_ID && id.chars().all(plain) {
        return id;
    }
    Uuid::new_v5(&Uuid::NAMESPACE_OID, id.as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str) -> Message {
        edited(id, "b")
    }

    fn edited(id: &str, body: &str) -> Message {
        serde_json::from_value(serde_json::json!({ "id": id, "body": body, "system": { TRACE_HEADER: "Root=1" } }))
            .unwrap()
    }

    #[test]
    fn a_deduplication_id_differs_for_each_message_and_each_replay_and_not_for_each_try() {
        let id = |message_id: &str, replay| Outgoing::new(message(message_id), replay).deduplication;
        assert_eq!(id("m", 1), id("m", 1));
        assert_ne!(id("m", 1), id("m", 2));
        assert_ne!(id("m", 1), id("n", 1));
        assert_ne!(id("m", 1), Outgoing::new(edited("m", "repaired"), 1).deduplication);
        assert_eq!(id(&"m".repeat(200), 1).len(), 36, "a long id becomes a short one");
    }

    #[test]
    fn an_entry_takes_the_trace_along_and_a_deduplication_id_for_a_fifo_queue_only() {
        let outgoing = Outgoing::new(message("m"), 1);
        let entry = outgoing.to_entry(0, true).unwrap();
        assert_eq!(entry.message_deduplication_id(), Some(&*outgoing.deduplication));
        assert_eq!(entry.message_system_attributes().unwrap().len(), 1);
        assert_eq!(outgoing.to_entry(0, false).unwrap().message_deduplication_id(), None);
    }
}
