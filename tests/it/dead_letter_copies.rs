//! The copy of a poison message on the dead-letter queue: what it keeps, and what it can do without.

use std::collections::BTreeMap;

use aws_lambda_events::sqs::SqsMessageAttribute;
use pipeline_tests::scripted_http::{Answer, Call};
use serde_json::{Value, json};

use crate::bench_consumer::{Bench, SEND, batch, database, obliging};

/// The largest message that SQS takes, with its attributes.
/// Source: "Amazon SQS message quotas" in the Amazon SQS developer guide.
const LARGEST_MESSAGE: usize = 1_048_576;

/// SQS as it is about sizes: a batch that is too large is refused as a whole.
fn keeps_to_the_limit(call: &Call, before: usize) -> Answer {
    let entries = call.body["Entries"].as_array().cloned().unwrap_or_default();
    if call.operation == SEND && entries.iter().map(size).sum::<usize>() > LARGEST_MESSAGE {
        let code = "com.amazonaws.sqs#BatchRequestTooLong";
        return Answer::Reply(400, json!({ "__type": code, "message": "too long" }));
    }
    obliging(call, before)
}

/// Bytes as SQS counts them: the body, and each attribute's name, type and value.
fn size(entry: &Value) -> usize {
    let text = |value: &Value| value.as_str().map_or(0, str::len);
    let attributes = entry["MessageAttributes"].as_object().into_iter().flatten();
    let attributes =
        attributes.map(|(name, value)| name.len() + text(&value["DataType"]) + text(&value["StringValue"]));
    text(&entry["MessageBody"]) + attributes.sum::<usize>()
}

#[tokio::test]
async fn the_copy_keeps_the_trace_header_and_the_attributes_of_the_message() {
    let bench = Bench::new().await;
    let mut event = batch(["not json".to_owned()]);
    let record = &mut event.records[0];
    record.attributes.insert("AWSTraceHeader".to_owned(), "Root=1-67891233-abcdef012345678912345678".to_owned());
    let mut tenant = SqsMessageAttribute::default();
    tenant.data_type = Some("String".to_owned());
    tenant.string_value = Some("acme".to_owned());
    record.message_attributes.insert("tenant".to_owned(), tenant);
    assert!(bench.failed(event).await.is_empty());
    let copy = &bench.buried()[0];
    assert_eq!(
        copy["MessageSystemAttributes"]["AWSTraceHeader"],
        json!({ "DataType": "String", "StringValue": "Root=1-67891233-abcdef012345678912345678" })
    );
    assert_eq!(copy["MessageAttributes"]["tenant"], json!({ "DataType": "String", "StringValue": "acme" }));
}

#[tokio::test]
async fn poison_that_leaves_no_room_for_our_attributes_is_buried_without_them() {
    let url = database().await;
    for (room, ours) in [(0, 0), (5, 0), (60, 1), (100, 3), (1_000, 6)] {
        let bench = Bench::with(&url, keeps_to_the_limit);
        let failed = bench.failed(batch(["x".repeat(LARGEST_MESSAGE - room)])).await;
        assert!(failed.is_empty(), "{room} bytes of room");
        let buried = bench.buried();
        let attributes: BTreeMap<String, Value> =
            serde_json::from_value(buried[0]["MessageAttributes"].clone()).unwrap_or_default();
        assert_eq!(attributes.len(), ours, "{room} bytes of room: {attributes:?}");
        assert_eq!(attributes.contains_key("failure_reason"), ours > 0, "the most telling one comes first");
    }
}

#[tokio::test]
async fn the_count_of_replays_is_a_number_whatever_the_message_brings_and_takes_no_room_from_the_reason() {
    let url = database().await;
    let zeros = format!("{}7", "0".repeat(2_000));
    for (kind, brought, kept) in [
        ("Number", "3", "3"),
        ("String", "3", "3"),
        ("Number", "007", "7"),
        ("Number", "+4", "4"),
        ("Number", &zeros, "7"),
        ("String", "", "0"),
        ("String", "many", "0"),
        ("Number", "-1", "0"),
        ("Number", "1.5", "0"),
        ("Number", "99999999999999999999", "0"),
        ("Number.int", "5", "5"),
    ] {
        let bench = Bench::with(&url, keeps_to_the_limit);
        let mut count = SqsMessageAttribute::default();
        count.data_type = Some(kind.to_owned());
        count.string_value = Some(brought.to_owned());
        let size = "replay_count".len() + kind.len() + brought.len();
        // As large as a message can be: ours have only the room that the count of replays leaves.
        let mut event = batch(["x".repeat(LARGEST_MESSAGE - size - 100)]);
        event.records[0].message_attributes.insert("replay_count".to_owned(), count);
        assert!(bench.failed(event).await.is_empty(), "{kind} {brought:.9}");
        let copy = &bench.buried()[0]["MessageAttributes"];
        assert_eq!(copy["failure_reason"]["StringValue"], "malformed_envelope", "{kind} {brought:.9}: {copy}");
        assert_eq!(copy["replay_count"], json!({ "DataType": "Number", "StringValue": kept }), "{kind} {brought:.9}");
    }
}
