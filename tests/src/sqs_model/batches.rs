//! The batch operations of the model: each answers for every entry.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value, json};

use super::{Fault, ModelQueue, NewMessage, QueueKey, State, line::is_fifo, place::operation, queue::Failed, refused};
use crate::scripted_http::{Answer, Call};

/// Attributes that a message may have.
const ATTRIBUTES: usize = 10;

/// Entries that a batch may have.
const ENTRIES: usize = 10;

/// What the answer says of an entry beside its id.
type Done = Map<String, Value>;

impl State {
    pub(super) fn batch(&mut self, operation: &str, key: &QueueKey, call: &Call, fault: &Fault) -> Answer {
        let entries = call.body.get("Entries").and_then(Value::as_array).cloned().unwrap_or_default();
        let ids: HashSet<_> = entries.iter().map(|entry| text(entry, "Id")).collect();
        if entries.is_empty() || entries.len() > ENTRIES || ids.len() != entries.len() {
            return refused(400, "InvalidBatch");
        }
        let size: usize = entries.iter().map(size).sum();
        if operation == "SendMessageBatch" && size > self.queues.get(key).map_or(0, |queue| queue.most_bytes) {
            return refused(400, "BatchRequestTooLong");
        }
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for (at, entry) in entries.iter().enumerate() {
            let id = text(entry, "Id");
            match self.entry_unless(fault, at, operation, key, entry) {
                Ok(mut more) => {
                    more.insert("Id".to_owned(), id.into());
                    successful.push(Value::Object(more));
                }
                Err((code, sender)) => failed.push(json!({ "Id": id, "Code": code, "SenderFault": sender })),
            }
        }
        Answer::Reply(200, json!({ "Successful": successful, "Failed": failed }))
    }

    /// An operation on one message: a batch of one whose failure is the call's.
    pub(super) fn single(&mut self, key: &QueueKey, call: &Call, fault: &Fault) -> Answer {
        let batch = format!("{}Batch", operation(call));
        match self.entry_unless(fault, 0, &batch, key, &call.body) {
            Ok(done) => Answer::Reply(200, Value::Object(done)),
            Err((code, _)) => refused(400, code),
        }
    }

    /// What a fault does to an entry, or else what the entry asks.
    fn entry_unless(
        &mut self,
        fault: &Fault,
        at: usize,
        operation: &str,
        key: &QueueKey,
        entry: &Value,
    ) -> Result<Done, Failed> {
        if let Some(failed) = fault.of_entry(at) {
            return Err(failed);
        }
        let first = self.queues.get(key).and_then(ModelQueue::first_id);
        match first.filter(|_| *fault == Fault::Swallowed && operation == "SendMessageBatch") {
            Some(first) => Ok(sent(first)),
            None => self.entry(operation, key, entry),
        }
    }

    fn entry(&mut self, operation: &str, key: &QueueKey, entry: &Value) -> Result<Done, Failed> {
        let receipt = text(entry, "ReceiptHandle");
        if operation == "SendMessageBatch" {
            return self.send(key, entry);
        }
        let queue = self.queues.get_mut(key).ok_or(("QueueDoesNotExist", true))?;
        match operation {
            "DeleteMessageBatch" => queue.delete(&receipt)?,
            "ChangeMessageVisibilityBatch" => {
                queue.hide(&receipt, entry.get("VisibilityTimeout").and_then(Value::as_u64).unwrap_or(0))?;
            }
            _ => return Err(("InvalidAction", true)),
        }
        Ok(Map::new())
    }

    fn send(&mut self, key: &QueueKey, entry: &Value) -> Result<Done, Failed> {
        let attributes = entry.get("MessageAttributes").and_then(Value::as_object).cloned().unwrap_or_default();
        if attributes.len() > ATTRIBUTES || text(entry, "MessageBody").is_empty() {
            return Err(("InvalidParameterValue", true));
        }
        let values = attributes.values().filter_map(|value| value.get("StringValue")?.as_str());
        if !values.chain(entry.get("MessageBody").and_then(Value::as_str)).flat_map(str::chars).all(is_allowed) {
            return Err(("InvalidMessageContents", true));
        }
        let seq = self.next_seq();
        let queue = self.queues.get_mut(key).ok_or(("QueueDoesNotExist", true))?;
        check_order(&key.1, queue.content_based_deduplication, entry)?;
        let mut system: BTreeMap<_, _> = ["MessageGroupId", "MessageDeduplicationId"]
            .into_iter()
            .filter_map(|key| Some((key.to_owned(), entry.get(key)?.as_str()?.to_owned())))
            .collect();
        if let Some(trace) = entry.pointer("/MessageSystemAttributes/AWSTraceHeader/StringValue") {
            system.insert("AWSTraceHeader".to_owned(), trace.as_str().unwrap_or_default().to_owned());
        }
        let message = NewMessage { body: text(entry, "MessageBody"), attributes, system, ..NewMessage::default() };
        Ok(sent(queue.put(seq, message)))
    }
}

/// The answer to a send.
fn sent(id: String) -> Done {
    Map::from_iter([
        ("MessageId".to_owned(), id.into()),
        // The SDK for Rust asks for one and does not compare it.
        ("MD5OfMessageBody".to_owned(), "d41d8cd98f00b204e9800998ecf8427e".into()),
    ])
}

/// Whether a message may contain a character.
///
/// Source: `SendMessage` (Amazon SQS API Reference): "If a message contains characters outside the allowed set, Amazon SQS
/// rejects the message and returns an `InvalidMessageContents` error"; for attributes: "Message attribute components" (Amazon
/// SQS Developer Guide).
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Checks the group and the deduplication id of a send.
///
/// Source: `SendMessage` (Amazon SQS API Reference). A standard queue takes a group (fair queues) and no deduplication id.
fn check_order(queue: &str, content_based: bool, entry: &Value) -> Result<(), Failed> {
    let (group, deduplication) = (text(entry, "MessageGroupId"), text(entry, "MessageDeduplicationId"));
    match is_fifo(queue) {
        true if group.is_empty() => Err(("MissingParameter", true)),
        true if deduplication.is_empty() && !content_based => Err(("InvalidParameterValue", true)),
        false if !deduplication.is_empty() => Err(("InvalidParameterValue", true)),
        _ => Ok(()),
    }
}

fn text(entry: &Value, key: &str) -> String {
    entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Bytes of an entry as SQS counts them: the body, and each attribute's name, type and value.
fn size(entry: &Value) -> usize {
    let attributes = entry.get("MessageAttributes").and_then(Value::as_object);
    let attribute = |(name, value): (&String, &Value)| {
        name.len() + ["DataType", "StringValue"].iter().map(|key| text(value, key).len()).sum::<usize>()
    };
    text(entry, "MessageBody").len() + attributes.map_or(0, |all| all.iter().map(attribute).sum())
}
