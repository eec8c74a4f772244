//! A message with everything SQS says about it: nothing is lost between receiving it and sending it on.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use aws_sdk_sqs::{
    primitives::Blob,
    types::{Message as Received, MessageAttributeValue},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The system attribute that names the X-Ray trace; the only one that a sender may set.
pub const TRACE_HEADER: &str = "AWSTraceHeader";

/// The system attribute that names the queue from which SQS moved a message to its dead-letter queue.
pub const SOURCE_ARN: &str = "DeadLetterQueueSourceArn";

/// The attribute that counts replays. It is ours, and it is the loop guard's memory.
pub const REPLAY_COUNT: &str = "replay_count";

/// A message's identity in 16 bytes, so that a run can remember every message that it has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageKey([u8; 16]);

impl MessageKey {
    /// The key of a message id. SQS's ids are UUIDs; another text gets a UUID of its own.
    pub fn of(id: &str) -> Self {
        Self(Uuid::try_parse(id).unwrap_or_else(|_| Uuid::new_v5(&Uuid::NAMESPACE_OID, id.as_bytes())).into_bytes())
    }
}

impl MessageKey {
    /// Half of it, for a set in which a false match does no harm.
    pub fn fingerprint(self) -> u64 {
        // The last eight bytes of a UUID are random but for two bits.
        u64::from_be_bytes(self.0.last_chunk().copied().unwrap_or_default())
    }
}

impl fmt::Display for MessageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Uuid::from_bytes(self.0).fmt(f)
    }
}

/// Ids as they are written, by key. SQS's own say the same as their key and are not kept.
#[derive(Debug, Default)]
pub struct WrittenIds(HashMap<MessageKey, String>);

impl WrittenIds {
    /// Keeps an id.
    pub fn add(&mut self, id: String) {
        let key = MessageKey::of(&id);
        if key.to_string() != id {
            self.0.insert(key, id);
        }
    }

    /// The id of a key.
    pub fn of(&self, key: MessageKey) -> String {
        self.0.get(&key).cloned().unwrap_or_else(|| key.to_string())
    }
}

/// A message as SQS has it. One line of an exported file is one of these as JSON.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// The id that SQS gave it.
    pub id: String,
    /// What deletes or hides it; each receive gives a new one, and only the newest works. Not exported.
    #[serde(skip)]
    pub receipt: String,
    /// The body, unchanged.
    pub body: String,
    /// The sender's attributes, at most ten.
    #[serde(default)]
    pub attributes: BTreeMap<String, Attribute>,
    /// What SQS says about it: `SentTimestamp`, `ApproximateReceiveCount`, `MessageGroupId`, `AWSTraceHeader` and so on.
    #[serde(default)]
    pub system: BTreeMap<String, String>,
}

/// One attribute of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attribute {
    /// `String`, `Number`, `Binary`, or one of these with a label behind a dot, such as `Number.int`.
    #[serde(rename = "type")]
    pub data_type: String,
    /// Its value.
    #[serde(flatten)]
    pub value: AttributeValue,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttributeValue {
    /// Of the types String and Number.
    String(String),
    /// Of the type Binary; base64 in JSON.
    #[schemars(with = "String")]
    Binary(#[serde(with = "base64_text")] Vec<u8>),
}

impl Attribute {
    /// An attribute of the type String.
    pub fn text(value: impl Into<String>) -> Self {
        Self { data_type: "String".to_owned(), value: AttributeValue::String(value.into()) }
    }

    /// An attribute of the type Number.
    pub fn number(value: u32) -> Self {
        Self { data_type: "Number".to_owned(), value: AttributeValue::String(value.to_string()) }
    }

    /// Its text, unless it is binary.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            AttributeValue::String(text) => Some(text),
            AttributeValue::Binary(_) => None,
        }
    }

    /// Bytes as SQS counts them, without the name.
    pub fn size(&self) -> usize {
        let value = match &self.value {
            AttributeValue::String(text) => text.len(),
            AttributeValue::Binary(bytes) => bytes.len(),
        };
        self.data_type.len() + value
    }

    pub(crate) fn to_sdk(&self) -> Option<MessageAttributeValue> {
        let builder = MessageAttributeValue::builder().data_type(&self.data_type);
        let builder = match &self.value {
            AttributeValue::String(text) => builder.string_value(text),
            AttributeValue::Binary(bytes) => builder.binary_value(Blob::new(bytes.clone())),
        };
        builder.build().ok()
    }
}

impl Message {
    /// The message as the SDK gives it; none without an id or a receipt, which SQS always gives.
    pub fn received(received: Received) -> Option<Self> {
        let attributes = received.message_attributes.unwrap_or_default().into_iter().map(|(name, value)| {
            let data_type = value.data_type;
            let value = match (value.binary_value, value.string_value) {
                (Some(bytes), _) => AttributeValue::Binary(bytes.into_inner()),
                (None, text) => AttributeValue::String(text.unwrap_or_default()),
            };
            (name, Attribute { data_type, value })
        });
        let system = received.attributes.unwrap_or_default().into_iter();
        Some(Self {
            id: received.message_id?,
            receipt: received.receipt_handle?,
            body: received.body.unwrap_or_default(),
            attributes: attributes.collect(),
            system: system.map(|(name, value)| (name.as_str().to_owned(), value)).collect(),
        })
    }

    /// Its identity.
    pub fn key(&self) -> MessageKey {
        MessageKey::of(&self.id)
    }

    /// The text of one of the sender's attributes.
    pub fn text(&self, attribute: &str) -> Option<&str> {
        self.attributes.get(attribute)?.as_text()
    }

    /// When it was sent. A message that SQS moved keeps the time of its first queue.
    pub fn sent_at(&self) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.system.get("SentTimestamp")?.parse().ok()?).ok()
    }

    /// How often it has been received, this time included.
    pub fn receive_count(&self) -> Option<u32> {
        self.system.get("ApproximateReceiveCount")?.parse().ok()
    }

    /// Whether a FIFO queue has held it: no other queue gives a message a deduplication id.
    pub fn is_of_fifo_queue(&self) -> bool {
        self.system.contains_key("MessageDeduplicationId")
    }

    /// The group of a message of a FIFO queue.
    pub fn group(&self) -> Option<&str> {
        self.system.get("MessageGroupId").map(String::as_str)
    }

    /// How often it has been replayed, as its attribute or, after a replay over a bus, its body says; 0 without either.
    /// None when the attribute is not a count.
    pub fn replays(&self) -> Option<u32> {
        let attribute = match self.attributes.get(REPLAY_COUNT) {
            None => 0,
            Some(attribute) => attribute.as_text()?.parse().ok()?,
        };
        Some(attribute.max(replays_in_body(&self.body)))
    }
}

/// The count that a replay over a bus leaves in one of our events, because a bus takes no attributes along.
fn replays_in_body(body: &str) -> u32 {
    #[derive(Deserialize)]
    struct Event {
        #[serde(rename = "detail-type")]
        detail_type: String,
        detail: Detail,
    }
    #[derive(Deserialize)]
    struct Detail {
        metadata: Metadata,
    }
    #[derive(Deserialize)]
    struct Metadata {
        replay_count: u32,
    }
    match serde_json::from_str::<Event>(body) {
        Ok(event) if event.detail_type == rollcall_events::DETAIL_TYPE => event.detail.metadata.replay_count,
        _ => 0,
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({}, redacted)", self.id)
    }
}

mod base64_text {
    use super::{BASE64_STANDARD, Deserialize, Engine};

    pub(super) fn serialize<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64_STANDARD.decode(text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_attribute_survives_a_line_of_json() {
        let custom = Attribute { data_type: "Number.int".into(), value: AttributeValue::String("7".into()) };
        let picture = Attribute { data_type: "Binary.png".into(), value: AttributeValue::Binary(vec![0, 1, 255]) };
        let message = Message {
            id: "7d4a1f0e-2c5b-4a8e-9d61-0b3f6a9c1e22".into(),
            receipt: String::new(),
            body: "not json \u{0} \"\\ 👩‍💻".into(),
            attributes: BTreeMap::from([
                ("text".into(), Attribute::text("x")),
                ("count".into(), custom),
                ("picture".into(), picture),
            ]),
            system: BTreeMap::from([("MessageGroupId".into(), "g".into())]),
        };
        let line = serde_json::to_string(&message).unwrap();
        assert!(line.contains(r#""picture":{"type":"Binary.png","binary":"AAH/"}"#), "{line}");
        assert_eq!(serde_json::from_str::<Message>(&line).unwrap(), message);
    }

    #[test]
    fn a_replay_count_that_is_no_count_is_not_taken_for_zero() {
        let mut message: Message = serde_json::from_str(r#"{"id":"a","body":"b"}"#).unwrap();
        assert_eq!(message.replays(), Some(0));
        message.attributes.insert(REPLAY_COUNT.into(), Attribute::number(2));
        assert_eq!(message.replays(), Some(2));
        message.attributes.insert(REPLAY_COUNT.into(), Attribute::text("many"));
        assert_eq!(message.replays(), None);
    }
}
