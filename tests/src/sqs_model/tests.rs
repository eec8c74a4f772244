//! What the model promises to tests, each behaviour by the calls that show it.

mod beside;
mod fifo;
mod standard;

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{LongPolls, NewMessage, REGION, SqsModel};
use crate::scripted_http::{Answer, Call};

/// A call signed for a Region.
fn call(region: &str, operation: &str, body: &Value) -> Call {
    let credential = format!("AWS4-HMAC-SHA256 Credential=AKID/20261124/{region}/any/aws4_request, Signature=0");
    let headers = [("x-amz-target", operation), ("authorization", &credential)];
    let headers: BTreeMap<_, _> = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Call::new("POST", "/", headers, body.to_string().as_bytes())
}

/// The status and body of an answer.
fn reply(model: &SqsModel, call: &Call) -> (u16, Value) {
    match model.answer(call, LongPolls::AnswerAtOnce) {
        Answer::Reply(status, body) => (status, body),
        other => panic!("{other:?}"),
    }
}

/// The answer to a call of SQS about the queue of a URL.
fn ask(model: &SqsModel, operation: &str, url: &str, more: &Value) -> (u16, Value) {
    let mut body = more.clone();
    body["QueueUrl"] = url.into();
    reply(model, &call(REGION, &format!("AmazonSQS.{operation}"), &body))
}

/// The answer's code.
fn code(answer: &Value) -> &str {
    answer["__type"].as_str().and_then(|code| code.rsplit('#').next()).unwrap_or_default()
}

/// Receives up to `most` messages of a queue here, with everything that is known of them.
fn receive(model: &SqsModel, queue: &str, most: usize) -> Vec<Value> {
    let all = json!({
        "MaxNumberOfMessages": most,
        "MessageAttributeNames": ["All"],
        "MessageSystemAttributeNames": ["All"],
    });
    ask(model, "ReceiveMessage", &super::url(queue), &all).1["Messages"].as_array().cloned().unwrap_or_default()
}

fn bodies(messages: &[Value]) -> Vec<&str> {
    messages.iter().filter_map(|message| message["Body"].as_str()).collect()
}

/// The figures of a queue here: visible, in flight.
fn counts(model: &SqsModel, queue: &str) -> (String, String) {
    let (_, answer) = ask(model, "GetQueueAttributes", &super::url(queue), &json!({ "AttributeNames": ["All"] }));
    let number = |name: &str| answer["Attributes"][name].as_str().unwrap_or_default().to_owned();
    (number("ApproximateNumberOfMessages"), number("ApproximateNumberOfMessagesNotVisible"))
}

/// Waits until something holds.
fn until(holds: impl Fn() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(std::time::Instant::now() < deadline, "not within 10 s");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn plain(body: &str) -> NewMessage {
    NewMessage::new(body, &[])
}
