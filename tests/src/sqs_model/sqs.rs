//! The operations of SQS, the batches aside.

use serde_json::{Map, Value, json};

use super::{
    Fault, State,
    message::Stored,
    place::{ACCOUNT, Place, operation, queue_name, text},
    queue::{ModelQueue, receipt},
    refused,
};
use crate::scripted_http::{Answer, Call};

/// Queues that one page of a list holds when the caller does not say how many.
///
/// Source: `ListQueues` (Amazon SQS API Reference).
const PAGE: usize = 1_000;

impl State {
    pub(super) fn sqs(&mut self, call: &Call, fault: &Fault) -> Answer {
        let place = Place::of(call);
        if operation(call) == "ListQueues" {
            return self.list(call, "QueueUrls", &place, |_| true);
        }
        let key = (place.clone(), queue_name(call).to_owned());
        let endpoint = self.endpoint;
        let Some(queue) = self.queues.get_mut(&key) else { return refused(400, "QueueDoesNotExist") };
        match operation(call) {
            "GetQueueUrl" => Answer::Reply(200, json!({ "QueueUrl": place.url_at(endpoint, &queue.name) })),
            "GetQueueAttributes" => Answer::Reply(200, json!({ "Attributes": attributes(queue, call) })),
            "ReceiveMessage" => receive(queue, call, fault),
            // "Cross-account permissions don't apply to this action" (Amazon SQS API Reference).
            "ListDeadLetterSourceQueues" if place.account != ACCOUNT => refused(403, "AccessDenied"),
            "ListDeadLetterSourceQueues" => {
                let (name, arn) = (queue.name.clone(), place.arn(&queue.name));
                let sends_here =
                    |queue: &ModelQueue| queue.dead_letters.as_ref().is_some_and(|dlq| *dlq == name || *dlq == arn);
                self.list(call, "queueUrls", &place, sends_here)
            }
            "SendMessage" | "DeleteMessage" | "ChangeMessageVisibility" => self.single(&key, call, fault),
            _ => self.batch(operation(call), &key, call, fault),
        }
    }

    /// A page of queues; a page's token is the number of the first one that it left out.
    fn list(&self, call: &Call, key: &str, place: &Place, belongs: impl Fn(&ModelQueue) -> bool) -> Answer {
        let prefix = text(call, "QueueNamePrefix");
        let here = self.queues.values().filter(|queue| queue.place == *place && queue.name.starts_with(prefix));
        let urls: Vec<_> =
            here.filter(|queue| belongs(queue)).map(|queue| place.url_at(self.endpoint, &queue.name)).collect();
        let (page, token) = page(&urls, number(call, "MaxResults").unwrap_or(PAGE), text(call, "NextToken"));
        Answer::Reply(200, json!({ key: page, "NextToken": token }))
    }
}

/// The items after a token, and the token of what is left.
pub(super) fn page<'a, T>(items: &'a [T], most: usize, token: &str) -> (&'a [T], Option<String>) {
    let begin = token.parse().unwrap_or(0).min(items.len());
    let end = begin.saturating_add(most).min(items.len());
    (items.get(begin..end).unwrap_or_default(), (end < items.len()).then(|| end.to_string()))
}

fn number(call: &Call, key: &str) -> Option<usize> {
    call.body.get(key).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok())
}

/// Whether a call asks for something by its name, or for everything.
fn asks(call: &Call, lists: &[&str], name: &str) -> bool {
    let asked = lists.iter().filter_map(|list| call.body.get(*list)?.as_array()).flatten();
    asked.filter_map(Value::as_str).any(|asked| asked == name || matches!(asked, "All" | ".*"))
}

/// Messages that one receive may ask for.
///
/// Source: `ReceiveMessage` (Amazon SQS API Reference), `MaxNumberOfMessages`: "Valid values: 1 to 10".
const RECEIVED: std::ops::RangeInclusive<usize> = 1..=10;

fn receive(queue: &mut ModelQueue, call: &Call, fault: &Fault) -> Answer {
    let most = number(call, "MaxNumberOfMessages").unwrap_or(1);
    if !RECEIVED.contains(&most) {
        return refused(400, "InvalidParameterValue");
    }
    if *fault == Fault::Empty {
        return Answer::Reply(200, json!({}));
    }
    // "If you reach this quota while using short polling, Amazon SQS returns the OverLimit error" (Developer Guide).
    let long = number(call, "WaitTimeSeconds").unwrap_or(0) > 0;
    if !long && queue.short_polls_over_limit && queue.is_at_limit() {
        return refused(403, "OverLimit");
    }
    let hidden = call.body.get("VisibilityTimeout").and_then(Value::as_u64).unwrap_or(queue.visibility_timeout);
    let received = queue.receive(most, hidden);
    let messages: Vec<_> = received.iter().map(|message| on_the_wire(message, call)).collect();
    Answer::Reply(200, json!({ "Messages": messages }))
}

/// A message as a receive shows it: only the attributes that the call asks for.
fn on_the_wire(message: &Stored, call: &Call) -> Value {
    let mut system = message.system.clone();
    system.insert("ApproximateReceiveCount".to_owned(), message.receives.to_string());
    system.retain(|name, _| asks(call, &["MessageSystemAttributeNames", "AttributeNames"], name));
    let attributes = message.attributes.iter().filter(|(name, _)| asks(call, &["MessageAttributeNames"], name));
    let attributes: Map<_, _> = attributes.map(|(name, value)| (name.clone(), value.clone())).collect();
    json!({
        "MessageId": message.id,
        "ReceiptHandle": receipt(message),
        "Body": message.body,
        "MessageAttributes": attributes,
        "Attributes": system,
    })
}

fn attributes(queue: &mut ModelQueue, call: &Call) -> Value {
    let counted = asks(call, &["AttributeNames"], "ApproximateNumberOfMessages");
    let counts = if counted { queue.told_counts() } else { queue.counts() };
    let mut all = Map::new();
    let mut set = |name: &str, value: String| drop(all.insert(name.to_owned(), value.into()));
    set("QueueArn", queue.place.arn(&queue.name));
    set("ApproximateNumberOfMessages", counts.visible.to_string());
    set("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string());
    set("ApproximateNumberOfMessagesDelayed", "0".to_owned());
    set("MessageRetentionPeriod", "1209600".to_owned());
    set("VisibilityTimeout", queue.visibility_timeout.to_string());
    if queue.is_fifo() {
        set("FifoQueue", "true".to_owned());
        set("ContentBasedDeduplication", queue.content_based_deduplication.to_string());
    }
    if let Some(key) = &queue.kms_key {
        set("KmsMasterKeyId", key.clone());
    }
    if let Some(dlq) = &queue.dead_letters {
        let arn = if dlq.starts_with("arn:") { dlq.clone() } else { queue.place.arn(dlq) };
        let policy = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": queue.max_receive_count });
        set("RedrivePolicy", policy.to_string());
    }
    all.retain(|name, _| asks(call, &["AttributeNames"], name));
    Value::Object(all)
}
