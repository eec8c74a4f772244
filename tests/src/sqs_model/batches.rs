//! The batch operations of the model, and PutEvents: each answers for every entry.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Fault, NewMessage, State, refused};
use crate::scripted_http::{Answer, Call};

/// Attributes that a message may have.
const ATTRIBUTES: usize = 10;

impl State {
    pub(super) fn batch(&mut self, operation: &str, queue: &str, call: &Call, fault: &Fault) -> Answer {
        let entries = call.body.get("Entries").and_then(Value::as_array).cloned().unwrap_or_default();
        let ids: std::collections::HashSet<_> = entries.iter().map(|entry| text(entry, "Id")).collect();
        if entries.is_empty() || entries.len() > 10 || ids.len() != entries.len() {
            return refused(400, "InvalidBatch");
        }
        let size: usize = entries.iter().map(size).sum();
        if operation == "SendMessageBatch" && size > self.queue(queue).map_or(0, |queue| queue.most_bytes) {
            return refused(400, "BatchRequestTooLong");
        }
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for (at, entry) in entries.iter().enumerate() {
            let id = text(entry, "Id");
            let refused = match fault {
                Fault::Entries(places, code, sender) if places.contains(&at) => Some((*code, *sender)),
                _ => None,
            };
            let done = refused.map_or_else(|| self.entry(operation, queue, entry), |(code, fault)| Err((code, fault)));
            match done {
                Ok(mut more) => {
                    more.insert("Id".to_owned(), id.into());
                    successful.push(Value::Object(more));
                }
                Err((code, sender)) => failed.push(json!({ "Id": id, "Code": code, "SenderFault": sender })),
            }
        }
        Answer::Reply(200, json!({ "Successful": successful, "Failed": failed }))
    }

    fn entry(
        &mut self,
        operation: &str,
        queue: &str,
        entry: &Value,
    ) -> Result<Map<String, Value>, (&'static str, bool)> {
        let receipt = text(entry, "ReceiptHandle");
        match operation {
            "SendMessageBatch" => return self.send(queue, entry),
            "DeleteMessageBatch" => self.with_queue(queue, |queue| queue.delete(&receipt)),
            "ChangeMessageVisibilityBatch" => {
                let seconds = entry.get("VisibilityTimeout").and_then(Value::as_u64).unwrap_or(0);
                self.with_queue(queue, |queue| queue.hide(&receipt, seconds));
            }
            _ => return Err(("InvalidAction", true)),
        }
        Ok(Map::new())
    }

    fn with_queue(&mut self, name: &str, change: impl FnOnce(&mut super::ModelQueue)) {
        if let Some(queue) = self.queue(name) {
            change(queue);
        }
    }

    fn send(&mut self, name: &str, entry: &Value) -> Result<Map<String, Value>, (&'static str, bool)> {
        let attributes = entry.get("MessageAttributes").and_then(Value::as_object).cloned().unwrap_or_default();
        if attributes.len() > ATTRIBUTES || text(entry, "MessageBody").is_empty() {
            return Err(("InvalidParameterValue", true));
        }
        let fifo = name.rsplit('.').next() == Some("fifo");
        if fifo && text(entry, "MessageGroupId").is_empty() {
            return Err(("MissingParameter", true));
        }
        let mut system: BTreeMap<_, _> = ["MessageGroupId", "MessageDeduplicationId"]
            .into_iter()
            .filter_map(|key| Some((key.to_owned(), entry.get(key)?.as_str()?.to_owned())))
            .collect();
        if let Some(trace) = entry.pointer("/MessageSystemAttributes/AWSTraceHeader/StringValue") {
            system.insert("AWSTraceHeader".to_owned(), trace.as_str().unwrap_or_default().to_owned());
        }
        self.next += 1;
        let seq = self.next;
        let message = NewMessage { body: text(entry, "MessageBody"), attributes, system, ..NewMessage::default() };
        let bounces = self.queue(name).and_then(|queue| queue.bounces_to.clone());
        let id = match bounces {
            Some(dlq) => self.bounce(&dlq, seq, message),
            None => self.queue(name).map(|queue| queue.put(seq, message)).unwrap_or_default(),
        };
        Ok(Map::from_iter([
            ("MessageId".to_owned(), id.into()),
            // The SDK for Rust asks for one and does not compare it.
            ("MD5OfMessageBody".to_owned(), "d41d8cd98f00b204e9800998ecf8427e".into()),
        ]))
    }

    /// A consumer that gives the message up at once: its copy has another id, and says which it had.
    fn bounce(&mut self, dlq: &str, seq: u64, mut message: NewMessage) -> String {
        let id = Uuid::new_v4().to_string();
        for (name, value) in [("failure_reason", "check_violation:no"), ("source_message_id", id.as_str())] {
            message.attributes.insert(name.to_owned(), json!({ "DataType": "String", "StringValue": value }));
        }
        if let Some(queue) = self.queue(dlq) {
            queue.put(seq, message);
        }
        id
    }

    pub(super) fn put_events(&mut self, call: &Call, fault: &Fault) -> Answer {
        let entries = call.body.get("Entries").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut results = Vec::new();
        for (at, entry) in entries.into_iter().enumerate() {
            match fault {
                Fault::Entries(places, code, _) if places.contains(&at) => {
                    results.push(json!({ "ErrorCode": code, "ErrorMessage": "refused by the model" }));
                }
                _ => {
                    self.events.push(entry);
                    results.push(json!({ "EventId": Uuid::new_v4() }));
                }
            }
        }
        let failed = results.iter().filter(|result| result.get("ErrorCode").is_some()).count();
        Answer::Reply(200, json!({ "FailedEntryCount": failed, "Entries": results }))
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
