//! A batch as it came: what every message is read by, and the rest of it for those that need it.

use std::borrow::Cow;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use lambda_runtime::Diagnostic;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A record without a message id.
///
/// It can be neither acknowledged nor reported: an empty `itemIdentifier` would fail the whole batch, and leaving it out would delete it.
/// So the whole invocation fails, and every message comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record of the batch has no message id; the whole batch comes back")]
pub struct MissingMessageId;

impl From<MissingMessageId> for Diagnostic {
    fn from(error: MissingMessageId) -> Self {
        Self { error_type: "MissingMessageId".to_owned(), error_message: error.to_string() }
    }
}

/// What Lambda gives the function, read only as far as every message needs it.
#[derive(Deserialize)]
pub struct Payload {
    #[serde(rename = "Records", default)]
    records: Vec<PayloadRecord>,
}

/// The members of a record that anybody may ask for; the others are skipped.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PayloadRecord {
    message_id: Option<String>,
    body: Option<String>,
    receipt_handle: Option<String>,
    attributes: Option<Box<RawValue>>,
    message_attributes: Option<Box<RawValue>>,
}

/// A batch of messages, each with an id.
pub struct Batch {
    messages: Vec<Message>,
}

/// A message.
pub(crate) struct Message {
    /// Never empty.
    pub(crate) id: String,
    pub(crate) body: String,
    rest: Rest,
}

/// Everything but id and body, which only a message that is buried or hidden needs.
enum Rest {
    Read(Box<SqsMessage>),
    Unread {
        receipt_handle: Option<String>,
        attributes: Option<Box<RawValue>>,
        message_attributes: Option<Box<RawValue>>,
    },
}

impl Message {
    fn new(id: Option<String>, body: Option<String>, rest: Rest) -> Result<Self, MissingMessageId> {
        let id = id.filter(|id| !id.is_empty()).ok_or(MissingMessageId)?;
        Ok(Self { id, body: body.unwrap_or_default(), rest })
    }

    /// Attributes and receipt; None if they are not what SQS sends.
    pub(crate) fn record(&self) -> Option<Cow<'_, SqsMessage>> {
        match &self.rest {
            Rest::Read(record) => Some(Cow::Borrowed(record)),
            Rest::Unread { receipt_handle, attributes, message_attributes } => {
                let mut record = SqsMessage::default();
                record.receipt_handle.clone_from(receipt_handle);
                if let Some(attributes) = attributes {
                    record.attributes = serde_json::from_str(attributes.get()).ok()?;
                }
                if let Some(attributes) = message_attributes {
                    record.message_attributes = serde_json::from_str(attributes.get()).ok()?;
                }
                Some(Cow::Owned(record))
            }
        }
    }
}

impl Batch {
    /// The messages, in the order in which they came.
    pub(crate) fn messages(&self) -> &[Message] {
        &self.messages
    }
}

impl TryFrom<Payload> for Batch {
    type Error = MissingMessageId;

    fn try_from(payload: Payload) -> Result<Self, MissingMessageId> {
        let message = |record: PayloadRecord| {
            let PayloadRecord { message_id, body, receipt_handle, attributes, message_attributes } = record;
            Message::new(message_id, body, Rest::Unread { receipt_handle, attributes, message_attributes })
        };
        Ok(Self { messages: payload.records.into_iter().map(message).collect::<Result<_, _>>()? })
    }
}

impl TryFrom<SqsEvent> for Batch {
    type Error = MissingMessageId;

    fn try_from(event: SqsEvent) -> Result<Self, MissingMessageId> {
        let message = |mut record: SqsMessage| {
            Message::new(record.message_id.take(), record.body.take(), Rest::Read(Box::new(record)))
        };
        Ok(Self { messages: event.records.into_iter().map(message).collect::<Result<_, _>>()? })
    }
}

#[cfg(test)]
pub(crate) fn batch(records: impl IntoIterator<Item = SqsMessage>) -> Batch {
    let mut event = SqsEvent::default();
    event.records = records.into_iter().collect();
    Batch::try_from(event).unwrap()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn delivered(record: &serde_json::Value) -> Result<Batch, MissingMessageId> {
        Batch::try_from(serde_json::from_value::<Payload>(json!({ "Records": [record] })).unwrap())
    }

    #[test]
    fn a_record_without_an_id_fails_the_whole_batch() {
        for record in [json!({ "body": "b" }), json!({ "messageId": "", "body": "b" }), json!({ "messageId": null })] {
            assert_eq!(delivered(&record).err(), Some(MissingMessageId));
        }
    }

    #[test]
    fn what_lambda_delivers_is_read_in_two_steps_and_nothing_of_it_is_lost() {
        let record = json!({
            "messageId": "m", "receiptHandle": "r", "body": "\"b\"", "md5OfBody": "x", "awsRegion": "eu-west-1",
            "attributes": { "ApproximateReceiveCount": "3", "AWSTraceHeader": "Root=1" },
            "messageAttributes": {
                "picture": { "binaryValue": "AAH/", "dataType": "Binary.png", "stringListValues": [], "binaryListValues": [] }
            },
        });
        let batch = delivered(&record).unwrap();
        let message = &batch.messages()[0];
        assert_eq!((message.id.as_str(), message.body.as_str()), ("m", "\"b\""));
        let rest = message.record().unwrap();
        assert_eq!(rest.receipt_handle.as_deref(), Some("r"));
        assert_eq!((rest.attributes["ApproximateReceiveCount"].as_str(), rest.attributes.len()), ("3", 2));
        assert_eq!(rest.message_attributes["picture"].binary_value.as_ref().unwrap().0, [0, 1, 255]);
    }

    #[test]
    fn attributes_that_are_not_what_sqs_sends_cost_nobody_else_anything() {
        let batch = delivered(&json!({ "messageId": "m", "body": "b", "attributes": [] })).unwrap();
        assert!(batch.messages()[0].record().is_none());
    }
}
