//! Messages that can never become a row: their copy goes to the dead-letter queue at once, with the reason on it.

use std::collections::HashMap;

use aws_lambda_events::sqs::{SqsMessage, SqsMessageAttribute};
use aws_sdk_sqs::{
    primitives::Blob,
    types::{
        MessageAttributeValue, MessageSystemAttributeNameForSends, MessageSystemAttributeValue,
        SendMessageBatchRequestEntry,
    },
};
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

/// Attributes that a message may have, SQS's own limit.
/// Source: "Amazon SQS message quotas" in the Amazon SQS developer guide.
const ATTRIBUTES: usize = 10;

/// Entries of one SendMessageBatch, SQS's own limit.
const ENTRIES: usize = 10;

/// Bytes of one SendMessageBatch with attributes: 256 KiB, the limit before it was raised to 1 MiB, because emulators and some Regions keep it.
const BATCH_BYTES: usize = 256 * 1024;

/// Calls under way at the same time.
const CALLS: usize = 8;

/// Why a message is poison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// A word of the closed vocabulary in `docs/event-contract.md`, with what it is about behind a colon.
    pub reason: String,
    /// A sentence for whoever fixes it, without personal data.
    pub detail: String,
}

impl Cause {
    /// For a row that the table skips without an error.
    pub(crate) fn not_stored() -> Self {
        Self {
            reason: "row_not_stored".to_owned(),
            detail: "the insert succeeded, but there is no row: a trigger or a policy of the table skips it".to_owned(),
        }
    }
}

/// A poison message.
#[derive(Debug)]
pub struct Poison<'a> {
    /// Its id.
    pub message_id: &'a str,
    /// The message as it came.
    pub record: &'a SqsMessage,
    /// Why.
    pub cause: Cause,
}

/// Sends copies to the dead-letter queue and gives back the ids of those that are proven to be there.
///
/// The body and the message's own attributes are unchanged.
pub async fn bury<'a>(
    sqs: &aws_sdk_sqs::Client,
    dlq_url: &str,
    poison: &[Poison<'a>],
    deadline: Instant,
) -> Vec<&'a str> {
    let now = Timestamp::now();
    let calls = batches(poison).into_iter().map(|batch| async move {
        let entries = batch.iter().enumerate().filter_map(|(at, poison)| entry(at, poison, now)).collect();
        let call = sqs.send_message_batch().queue_url(dlq_url).set_entries(Some(entries)).send();
        let answer = match timeout_at(deadline, call).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                let code = aws_sdk_sqs::error::ProvideErrorMetadata::code(&error).unwrap_or("no answer");
                tracing::error!(code, "the dead-letter queue cannot be reached");
                return Vec::new();
            }
            Err(_) => return Vec::new(),
        };
        for failed in answer.failed() {
            tracing::error!(code = failed.code(), "the dead-letter queue refused a message");
        }
        let at = |id: &str| id.parse::<usize>().ok().and_then(|at| batch.get(at)).map(|poison| poison.message_id);
        answer.successful().iter().filter_map(|sent| at(sent.id())).collect()
    });
    stream::iter(calls).buffer_unordered(CALLS).collect::<Vec<_>>().await.concat()
}

/// As few batches as the limits allow, in order.
fn batches<'p, 'a>(poison: &'p [Poison<'a>]) -> Vec<&'p [Poison<'a>]> {
    let (mut batches, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (at, next) in poison.iter().enumerate() {
        let size = size(next);
        if at - start == ENTRIES || (at > start && bytes + size > BATCH_BYTES) {
            batches.extend(poison.get(start..at));
            (start, bytes) = (at, 0);
        }
        bytes += size;
    }
    batches.extend(poison.get(start..).filter(|rest| !rest.is_empty()));
    batches
}

/// Bytes as SQS counts them: the body, and each attribute's name, type and value.
fn size(poison: &Poison<'_>) -> usize {
    /// Our own attributes: names, types and values.
    const OURS: usize = 1_024;
    let own = poison.record.message_attributes.iter().map(|(name, attribute)| {
        let text = attribute.string_value.as_ref().map_or(0, String::len);
        let binary = attribute.binary_value.as_ref().map_or(0, |value| value.0.len());
        name.len() + attribute.data_type.as_ref().map_or(0, String::len) + text + binary
    });
    poison.record.body.as_ref().map_or(0, String::len) + own.sum::<usize>() + OURS
}

fn entry(at: usize, poison: &Poison<'_>, now: Timestamp) -> Option<SendMessageBatchRequestEntry> {
    let trace = poison.record.attributes.get("AWSTraceHeader").and_then(|header| {
        let value = MessageSystemAttributeValue::builder().data_type("String").string_value(header).build().ok()?;
        Some(HashMap::from([(MessageSystemAttributeNameForSends::AwsTraceHeader, value)]))
    });
    SendMessageBatchRequestEntry::builder()
        .id(at.to_string())
        .message_body(poison.record.body.as_deref().unwrap_or_default())
        .set_message_attributes(Some(attributes(poison, now)))
        .set_message_system_attributes(trace)
        .build()
        .ok()
}

/// The message's own attributes, all of them, and as many of ours as there is room for, the most telling first.
///
/// A message may have ten attributes; one that has ten of its own gets none of ours, and its reason stands in the log only.
/// An attribute of ours that an earlier failure left is replaced.
fn attributes(poison: &Poison<'_>, now: Timestamp) -> HashMap<String, MessageAttributeValue> {
    let number = |name: &str| poison.record.attributes.get(name).map_or("0", String::as_str).to_owned();
    let replays = poison.record.message_attributes.get("replay_count").and_then(|count| count.string_value.clone());
    let ours = [
        ("failure_reason", "String", poison.cause.reason.clone()),
        ("source_message_id", "String", poison.message_id.to_owned()),
        ("replay_count", "Number", replays.unwrap_or_else(|| "0".to_owned())),
        ("failed_at", "String", format!("{now:.3}")),
        ("receive_count", "Number", number("ApproximateReceiveCount")),
        ("failure_detail", "String", poison.cause.detail.clone()),
    ];
    let own = poison.record.message_attributes.iter();
    let mut all: HashMap<_, _> = own.filter_map(|(name, value)| Some((name.clone(), copy(value)?))).collect();
    for (name, kind, text) in ours {
        if all.len() < ATTRIBUTES || all.contains_key(name) {
            let value = MessageAttributeValue::builder().data_type(kind).string_value(text).build();
            all.extend(value.ok().map(|value| (name.to_owned(), value)));
        }
    }
    all
}

fn copy(attribute: &SqsMessageAttribute) -> Option<MessageAttributeValue> {
    MessageAttributeValue::builder()
        .data_type(attribute.data_type.as_deref().unwrap_or("String"))
        .set_string_value(attribute.string_value.clone())
        .set_binary_value(attribute.binary_value.as_ref().map(|value| Blob::new(value.0.clone())))
        .build()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(attributes: usize, body: usize) -> SqsMessage {
        let mut record = SqsMessage::default();
        record.body = Some("b".repeat(body));
        for at in 0..attributes {
            let mut attribute = SqsMessageAttribute::default();
            attribute.data_type = Some("String".to_owned());
            attribute.string_value = Some("v".to_owned());
            record.message_attributes.insert(format!("own_{at}"), attribute);
        }
        record
    }

    fn poison(record: &SqsMessage) -> Poison<'_> {
        let cause = Cause { reason: "malformed_envelope".to_owned(), detail: "not JSON".to_owned() };
        Poison { message_id: "m", record, cause }
    }

    #[test]
    fn a_message_keeps_all_of_its_own_attributes_and_gets_ours_while_there_is_room() {
        for (own, ours) in [(0, 6), (4, 6), (6, 4), (9, 1), (10, 0)] {
            let record = record(own, 1);
            let all = attributes(&poison(&record), Timestamp::UNIX_EPOCH);
            assert_eq!(all.len(), own + ours, "{own} of its own");
            assert_eq!(all.keys().filter(|name| name.starts_with("own_")).count(), own);
            assert_eq!(all.contains_key("failure_reason"), ours > 0, "the most telling one comes first");
        }
    }

    #[test]
    fn an_earlier_failures_attributes_are_replaced_and_its_replays_counted_on() {
        let mut record = record(8, 1);
        for (name, value) in [("failure_reason", "unique_violation:x"), ("replay_count", "2")] {
            let mut attribute = SqsMessageAttribute::default();
            attribute.data_type = Some("String".to_owned());
            attribute.string_value = Some(value.to_owned());
            record.message_attributes.insert(name.to_owned(), attribute);
        }
        let all = attributes(&poison(&record), Timestamp::UNIX_EPOCH);
        assert_eq!(all.len(), 10);
        assert_eq!(all["failure_reason"].string_value(), Some("malformed_envelope"));
        assert_eq!(all["replay_count"].string_value(), Some("2"));
    }

    #[test]
    fn binary_attributes_survive() {
        let mut record = record(0, 1);
        let mut attribute = SqsMessageAttribute::default();
        attribute.data_type = Some("Binary.png".to_owned());
        attribute.binary_value = Some(serde_json::from_str("\"AAH/\"").unwrap());
        record.message_attributes.insert("picture".to_owned(), attribute);
        let all = attributes(&poison(&record), Timestamp::UNIX_EPOCH);
        assert_eq!(all["picture"].binary_value().unwrap().as_ref(), [0, 1, 255]);
        assert_eq!(all["picture"].data_type(), "Binary.png");
    }

    #[test]
    fn batches_keep_to_both_limits_and_lose_nothing() {
        let sizes = |bodies: &[usize]| -> Vec<usize> {
            let records: Vec<_> = bodies.iter().map(|body| record(0, *body)).collect();
            let poison: Vec<_> = records.iter().map(poison).collect();
            batches(&poison).iter().map(|batch| batch.len()).collect()
        };
        assert_eq!(sizes(&[]), [0_usize; 0]);
        assert_eq!(sizes(&[1; 25]), [10, 10, 5]);
        assert_eq!(sizes(&[100_000; 5]), [2, 2, 1]);
        assert_eq!(sizes(&[300_000, 1, 300_000]), [1, 1, 1], "one that is too big alone is SQS's to refuse");
    }
}
