//! A batch as it came: read message by message, so that the first ones are inserted while the last ones are read.

use std::{
    borrow::Cow,
    sync::{Mutex, OnceLock, PoisonError},
};

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use lambda_runtime::Diagnostic;
use serde_json::value::RawValue;

use crate::payload::{Payload, PayloadRecord};

/// Why a batch cannot be answered for: the whole invocation fails, and every message comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A record without a message id can be neither acknowledged nor reported: an empty `itemIdentifier` would fail the whole batch, and leaving it out would delete it.
    #[error("a record of the batch has no message id; the whole batch comes back")]
    MissingMessageId,
    /// This is not what Lambda sends for a queue.
    #[error("the event is not a batch of SQS messages; the whole batch comes back")]
    NotABatch,
}

impl From<Unreadable> for Diagnostic {
    fn from(error: Unreadable) -> Self {
        Self { error_type: format!("{error:?}"), error_message: error.to_string() }
    }
}

/// A batch of messages, each with an id.
pub struct Batch<'a> {
    /// A place for every message, and perhaps more of them; filled from the first one on.
    places: Vec<OnceLock<Message<'a>>>,
    unread: Mutex<Payload<'a>>,
}

/// A message.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    /// Never empty.
    pub(crate) id: Cow<'a, str>,
    pub(crate) body: String,
    rest: Rest<'a>,
}

/// Everything but id and body, which only a message that is buried or hidden needs.
#[derive(Debug)]
enum Rest<'a> {
    Read(Box<SqsMessage>),
    Unread {
        receipt_handle: Option<Cow<'a, str>>,
        attributes: Option<&'a RawValue>,
        message_attributes: Option<&'a RawValue>,
    },
}

impl<'a> Message<'a> {
    fn new(id: Option<Cow<'a, str>>, body: Option<String>, rest: Rest<'a>) -> Result<Self, Unreadable> {
        let id = id.filter(|id| !id.is_empty()).ok_or(Unreadable::MissingMessageId)?;
        Ok(Self { id, body: body.unwrap_or_default(), rest })
    }

    fn of(record: PayloadRecord<'a>) -> Result<Self, Unreadable> {
        let PayloadRecord { message_id, body, receipt_handle, attributes, message_attributes } = record;
        Self::new(
            message_id,
            body.map(Cow::into_owned),
            Rest::Unread { receipt_handle, attributes, message_attributes },
        )
    }

    /// Attributes and receipt; None if they are not what SQS sends.
    pub(crate) fn record(&self) -> Option<Cow<'_, SqsMessage>> {
        match &self.rest {
            Rest::Read(record) => Some(Cow::Borrowed(record)),
            Rest::Unread { receipt_handle, attributes, message_attributes } => {
                let mut record = SqsMessage::default();
                record.receipt_handle = receipt_handle.as_deref().map(str::to_owned);
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

impl<'a> Batch<'a> {
    /// The batch of an event, none of which is read yet.
    ///
    /// # Errors
    ///
    /// [`Unreadable::NotABatch`].
    pub fn of(event: &'a [u8]) -> Result<Self, Unreadable> {
        let payload = Payload::of(event).ok_or(Unreadable::NotABatch)?;
        Ok(Self {
            places: std::iter::repeat_with(OnceLock::new).take(payload.at_most()).collect(),
            unread: Mutex::new(payload),
        })
    }

    /// As many messages as there can be.
    pub(crate) fn at_most(&self) -> usize {
        self.places.len()
    }

    /// The message at a place, if it has been read.
    pub(crate) fn get(&self, at: usize) -> Option<&Message<'a>> {
        self.places.get(at)?.get()
    }

    /// The messages that have been read, in the order in which they came.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &Message<'a>> {
        self.places.iter().map_while(OnceLock::get)
    }

    /// Reads the message at a place if those before it have been read; None at the end of the batch.
    pub(crate) fn read(&self, at: usize) -> Result<Option<&Message<'a>>, Unreadable> {
        if let Some(message) = self.get(at) {
            return Ok(Some(message));
        }
        let record = self.unread.lock().unwrap_or_else(PoisonError::into_inner).next();
        match record {
            None => Ok(None),
            Some(record) => {
                let message = Message::of(record.map_err(|_| Unreadable::NotABatch)?)?;
                let place = self.places.get(at).ok_or(Unreadable::NotABatch)?;
                Ok(Some(place.get_or_init(|| message)))
            }
        }
    }
}

impl TryFrom<SqsEvent> for Batch<'_> {
    type Error = Unreadable;

    fn try_from(event: SqsEvent) -> Result<Self, Unreadable> {
        let message = |mut record: SqsMessage| {
            let (id, body) = (record.message_id.take().map(Cow::Owned), record.body.take());
            Message::new(id, body, Rest::Read(Box::new(record))).map(OnceLock::from)
        };
        let places = event.records.into_iter().map(message).collect::<Result<_, _>>()?;
        Ok(Self { places, unread: Mutex::default() })
    }
}

#[cfg(test)]
pub(crate) fn batch(records: impl IntoIterator<Item = SqsMessage>) -> Batch<'static> {
    let mut event = SqsEvent::default();
    event.records = records.into_iter().collect();
    Batch::try_from(event).unwrap()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Everything of it read.
    fn delivered(event: &[u8]) -> Result<Batch<'_>, Unreadable> {
        let batch = Batch::of(event)?;
        let mut at = 0;
        while batch.read(at)?.is_some() {
            at += 1;
        }
        Ok(batch)
    }

    fn event(record: &serde_json::Value) -> Vec<u8> {
        json!({ "Records": [record] }).to_string().into_bytes()
    }

    #[test]
    fn a_record_without_an_id_fails_the_whole_batch() {
        for record in [json!({ "body": "b" }), json!({ "messageId": "", "body": "b" }), json!({ "messageId": null })] {
            assert_eq!(delivered(&event(&record)).err(), Some(Unreadable::MissingMessageId), "{record}");
        }
    }

    #[test]
    fn what_is_no_batch_fails_as_a_whole() {
        for other in [
            "",
            "{}x",
            "[]",
            "7",
            "{\"Records\":7}",
            "{\"Records\":[7]}",
            "{\"Records\":[{\"messageId\":\"a\"}",
            "\u{fe}",
            "{}",
            "{\"eventSource\":\"aws:kafka\",\"records\":{}}",
            "{\"Records\":[",
            "{\"Records\":[]",
            "{\"Records\":[]]}",
            "{\"Records\":[]}]",
            "{\"Records\":[],\"Records\":[]}",
            "\u{a0}{\"Records\":[]}",
            "{\"Records\":[{\"messageId\":\"a\"}]",
            "{\"Records\":[{\"messageId\":\"a\"}]]}",
            "{\"Records\":[{\"messageId\":\"a\"}],\"Records\":[{\"messageId\":\"b\"}]}",
            "{\"Records\":[{\"messageId\":\"a\",\"messageId\":\"b\"}]}",
            "{\"Records\":[{\"messageId\":\"a\",\"body\":\"b\",\"body\":\"c\"}]}",
        ] {
            assert_eq!(delivered(other.as_bytes()).err(), Some(Unreadable::NotABatch), "{other}");
        }
        assert_eq!(delivered(b"\xff").err(), Some(Unreadable::NotABatch));
        for none in ["{\"Records\":[]}", " { \"Records\" : [ ] } ", "{\"Records\":[],\"x\":1}"] {
            assert_eq!(delivered(none.as_bytes()).unwrap().messages().count(), 0, "{none}");
        }
    }

    #[test]
    fn messages_are_read_one_by_one_wherever_the_records_stand() {
        let records =
            (0..3).map(|at| format!(r#" {{ "body": "\"messageId\"", "messageId" : "m{at}" }} "#)).collect::<Vec<_>>();
        for around in
            [("{\"Records\":[", "]}"), (" { \"x\" : [1, {\"messageId\": 2}], \"Records\" :\n[", "] , \"y\": null }\n")]
        {
            let text = format!("{}{}{}", around.0, records.join(","), around.1);
            let batch = Batch::of(text.as_bytes()).unwrap();
            assert!(batch.at_most() >= 3);
            assert_eq!(batch.messages().count(), 0, "nothing is read before it is asked for");
            assert_eq!(batch.read(0).unwrap().unwrap().id, "m0");
            assert_eq!((batch.messages().count(), batch.get(1).is_none()), (1, true));
            let batch = delivered(text.as_bytes()).unwrap();
            let ids: Vec<_> = batch.messages().map(|message| message.id.as_ref()).collect();
            assert_eq!(ids, ["m0", "m1", "m2"], "{text}");
            assert_eq!(batch.get(2).unwrap().body, "\"messageId\"");
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
        let event = event(&record);
        let batch = delivered(&event).unwrap();
        let message = batch.get(0).unwrap();
        assert_eq!((message.id.as_ref(), message.body.as_str()), ("m", "\"b\""));
        let rest = message.record().unwrap();
        assert_eq!(rest.receipt_handle.as_deref(), Some("r"));
        assert_eq!((rest.attributes["ApproximateReceiveCount"].as_str(), rest.attributes.len()), ("3", 2));
        assert_eq!(rest.message_attributes["picture"].binary_value.as_ref().unwrap().0, [0, 1, 255]);
    }

    #[test]
    fn attributes_that_are_not_what_sqs_sends_cost_nobody_else_anything() {
        let event = event(&json!({ "messageId": "m", "body": "b", "attributes": [] }));
        assert!(delivered(&event).unwrap().get(0).unwrap().record().is_none());
    }
}
