//! Messages that can never become a row: their copy goes to the dead-letter queue at once, with the reason on it.

use std::{borrow::Cow, collections::HashMap};

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
use tokio::sync::mpsc::UnboundedReceiver;

use crate::{
    batch::{Batch, Message},
    calls::{ENTRIES, arriving, side_by_side},
    classify::Reason,
};

/// Attributes that a message may have, SQS's own limit.
/// Source: "Amazon SQS message quotas" in the Amazon SQS developer guide.
const ATTRIBUTES: usize = 10;

/// Bytes of the largest message with its attributes, SQS's own limit.
const MESSAGE_BYTES: usize = 1_048_576;

/// Bytes of one SendMessageBatch with attributes: 256 KiB, the limit before it was raised to 1 MiB, because emulators and some Regions keep it.
const BATCH_BYTES: usize = 256 * 1024;

/// Why a message is poison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    /// A word of the closed vocabulary in `docs/event-contract.md`, with what it is about behind a colon.
    pub(crate) reason: String,
    /// A sentence for whoever fixes it, without personal data.
    pub(crate) detail: String,
}

impl Cause {
    /// For a row that the table rejects.
    pub(crate) fn refused(reason: &Reason) -> Self {
        let detail = match reason.word {
            "raised_exception" => format!("a trigger of the table rejects it (SQLSTATE {})", reason.code),
            _ => format!("the table rejects it (SQLSTATE {})", reason.code),
        };
        Self { reason: reason.to_string(), detail }
    }

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
pub(crate) struct Poison {
    /// Its place in the batch.
    pub(crate) at: usize,
    pub(crate) cause: Cause,
}

/// A poison message with everything that its copy keeps.
struct Letter<'a> {
    at: usize,
    message: &'a Message<'a>,
    record: Cow<'a, SqsMessage>,
    cause: Cause,
}

/// Sends copies to the dead-letter queue as the poison arrives, and returns the places of those that are proven to be there.
///
/// The body and the message's own attributes are unchanged.
pub(crate) async fn bury(
    sqs: &aws_sdk_sqs::Client,
    dlq_url: &str,
    batch: &Batch<'_>,
    poison: UnboundedReceiver<Vec<Poison>>,
    over: impl Future<Output = ()>,
) -> Vec<usize> {
    let now = Timestamp::now();
    let calls = arriving(poison).flat_map(|poison| {
        let letters = poison.into_iter().filter_map(|poison| letter(batch, poison)).collect();
        stream::iter(in_batches(letters)).map(|letters| send(sqs, dlq_url, letters, now))
    });
    side_by_side(calls, over).await.concat()
}

fn letter<'a>(batch: &'a Batch<'_>, Poison { at, cause }: Poison) -> Option<Letter<'a>> {
    let message = batch.get(at)?;
    let record = message.record();
    if record.is_none() {
        tracing::error!(
            message.id = message.id.as_ref(),
            "the attributes of a message cannot be read, so it cannot be copied"
        );
    }
    Some(Letter { at, message, record: record?, cause })
}

async fn send(sqs: &aws_sdk_sqs::Client, dlq_url: &str, letters: Vec<Letter<'_>>, now: Timestamp) -> Vec<usize> {
    let entries = letters.iter().enumerate().filter_map(|(id, letter)| entry(id, letter, now)).collect();
    match sqs.send_message_batch().queue_url(dlq_url).set_entries(Some(entries)).send().await {
        Ok(answer) => {
            for failed in answer.failed() {
                tracing::error!(code = failed.code(), "the dead-letter queue refused a message");
            }
            let at = |id: &str| id.parse::<usize>().ok().and_then(|id| letters.get(id)).map(|letter| letter.at);
            answer.successful().iter().filter_map(|sent| at(sent.id())).collect()
        }
        Err(error) => {
            let code = aws_sdk_sqs::error::ProvideErrorMetadata::code(&error).unwrap_or("no answer");
            tracing::error!(code, "the dead-letter queue cannot be reached");
            Vec::new()
        }
    }
}

/// As few batches as the limits allow, in order.
fn in_batches(letters: Vec<Letter<'_>>) -> Vec<Vec<Letter<'_>>> {
    let (mut batches, mut batch, mut bytes) = (Vec::new(), Vec::new(), 0);
    for letter in letters {
        let size = (own_size(&letter) + OUR_BYTES).min(MESSAGE_BYTES);
        if batch.len() == ENTRIES || (!batch.is_empty() && bytes + size > BATCH_BYTES) {
            batches.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        bytes += size;
        batch.push(letter);
    }
    batches.extend(Some(batch).filter(|rest| !rest.is_empty()));
    batches
}

/// More than our own attributes take: names, types and values.
const OUR_BYTES: usize = 1_024;

/// Bytes as SQS counts them: the body, and each attribute's name, type and value.
fn own_size(letter: &Letter<'_>) -> usize {
    let own = letter.record.message_attributes.iter().map(|(name, attribute)| name.len() + attribute_size(attribute));
    letter.message.body.len() + own.sum::<usize>()
}

fn attribute_size(attribute: &SqsMessageAttribute) -> usize {
    let text = attribute.string_value.as_ref().map_or(0, String::len);
    let binary = attribute.binary_value.as_ref().map_or(0, |value| value.0.len());
    attribute.data_type.as_ref().map_or(0, String::len) + text + binary
}

fn entry(id: usize, letter: &Letter<'_>, now: Timestamp) -> Option<SendMessageBatchRequestEntry> {
    let trace = letter.record.attributes.get("AWSTraceHeader").and_then(|header| {
        let value = MessageSystemAttributeValue::builder().data_type("String").string_value(header).build().ok()?;
        Some(HashMap::from([(MessageSystemAttributeNameForSends::AwsTraceHeader, value)]))
    });
    SendMessageBatchRequestEntry::builder()
        .id(id.to_string())
        .message_body(&letter.message.body)
        .set_message_attributes(Some(attributes(letter, now)))
        .set_message_system_attributes(trace)
        .build()
        .ok()
}

/// The message's own attributes, all of them, and as many of ours as there is room for, the most telling first.
///
/// A message may have ten attributes and a size; one whose own leave no room gets none of ours, and its reason stands in the log only.
/// An attribute of ours that an earlier failure left is replaced.
fn attributes(letter: &Letter<'_>, now: Timestamp) -> HashMap<String, MessageAttributeValue> {
    let own = &letter.record.message_attributes;
    let number = |name: &str| letter.record.attributes.get(name).map_or("0", String::as_str).to_owned();
    // SQS rejects a number that is none, and with it the whole copy.
    let replays = own.get("replay_count").and_then(|count| count.string_value.as_ref()?.parse::<u32>().ok());
    let ours = [
        ("failure_reason", "String", letter.cause.reason.clone()),
        ("source_message_id", "String", letter.message.id.to_string()),
        ("replay_count", "Number", replays.unwrap_or_default().to_string()),
        ("failed_at", "String", format!("{now:.3}")),
        ("receive_count", "Number", number("ApproximateReceiveCount")),
        ("failure_detail", "String", letter.cause.detail.clone()),
    ];
    let mut all: HashMap<_, _> = own.iter().filter_map(|(name, value)| Some((name.clone(), copy(value)?))).collect();
    let mut room = MESSAGE_BYTES.saturating_sub(own_size(letter));
    for (name, kind, text) in ours {
        let replaced = own.get(name).map_or(0, |attribute| name.len() + attribute_size(attribute));
        let size = name.len() + kind.len() + text.len();
        if size > room + replaced {
            break;
        }
        if all.len() < ATTRIBUTES || all.contains_key(name) {
            let value = MessageAttributeValue::builder().data_type(kind).string_value(text).build();
            all.extend(value.ok().map(|value| (name.to_owned(), value)));
            room = room + replaced - size;
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
    use crate::batch::batch;

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

    fn letters(records: &[SqsMessage]) -> Batch<'static> {
        batch(records.iter().cloned().map(|mut record| {
            record.message_id = Some("m".to_owned());
            record
        }))
    }

    fn poison<'a>(batch: &'a Batch<'_>, at: usize) -> Letter<'a> {
        let cause = Cause { reason: "malformed_envelope".to_owned(), detail: "not JSON".to_owned() };
        letter(batch, Poison { at, cause }).unwrap()
    }

    fn attributes_of(record: SqsMessage) -> HashMap<String, MessageAttributeValue> {
        attributes(&poison(&letters(&[record]), 0), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_message_keeps_all_of_its_own_attributes_and_gets_ours_while_there_is_room() {
        for (own, ours) in [(0, 6), (4, 6), (6, 4), (9, 1), (10, 0)] {
            let all = attributes_of(record(own, 1));
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
        let all = attributes_of(record);
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
        let all = attributes_of(record);
        assert_eq!(all["picture"].binary_value().unwrap().as_ref(), [0, 1, 255]);
        assert_eq!(all["picture"].data_type(), "Binary.png");
    }

    #[test]
    fn batches_keep_to_both_limits_and_lose_nothing() {
        let sizes = |bodies: &[usize]| -> Vec<usize> {
            let batch = letters(&bodies.iter().map(|body| record(0, *body)).collect::<Vec<_>>());
            let poison = (0..bodies.len()).map(|at| poison(&batch, at)).collect();
            in_batches(poison).iter().map(Vec::len).collect()
        };
        assert_eq!(sizes(&[]), [0_usize; 0]);
        assert_eq!(sizes(&[1; 25]), [10, 10, 5]);
        assert_eq!(sizes(&[100_000; 5]), [2, 2, 1]);
        assert_eq!(sizes(&[300_000, 1, 300_000]), [1, 1, 1], "one that is too big alone is SQS's to refuse");
    }
}
