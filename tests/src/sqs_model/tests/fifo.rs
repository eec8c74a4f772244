//! FIFO queues: deduplication, group locks, receipts.

use std::time::{Duration, Instant};

use serde_json::json;

use super::*;
use crate::sqs_model::{Fault, ModelQueue, url};

/// Sends one message and returns its id, or the code of its failure.
fn send(model: &SqsModel, queue: &str, entry: &Value) -> String {
    let mut entry = entry.clone();
    entry["Id"] = "0".into();
    let (_, answer) = ask(model, "SendMessageBatch", &url(queue), &json!({ "Entries": [entry] }));
    let answer = [&answer["Successful"][0]["MessageId"], &answer["Failed"][0]["Code"]];
    answer.iter().find_map(|text| text.as_str()).unwrap_or_default().to_owned()
}

#[test]
fn a_repeated_deduplication_id_is_answered_with_the_first_id_and_stored_once() {
    let model = SqsModel::new();
    model.create("q.fifo");
    let entry = |body: &str| json!({ "MessageBody": body, "MessageGroupId": "g", "MessageDeduplicationId": "d" });
    let first = send(&model, "q.fifo", &entry("one"));
    assert_eq!(send(&model, "q.fifo", &entry("two")), first);
    assert_eq!(model.messages("q.fifo").iter().map(|message| &*message.body).collect::<Vec<_>>(), ["one"]);
    // Deleting the first one changes nothing.
    let received = receive(&model, "q.fifo", 1);
    ask(&model, "DeleteMessage", &url("q.fifo"), &json!({ "ReceiptHandle": received[0]["ReceiptHandle"] }));
    assert_eq!((send(&model, "q.fifo", &entry("three")), model.count("q.fifo")), (first, 0));
}

#[test]
fn deduplication_by_content_takes_equal_bodies_for_one_message() {
    let model = SqsModel::new();
    model.with("q.fifo", |queue| queue.content_based_deduplication = true);
    let entry = |body: &str| json!({ "MessageBody": body, "MessageGroupId": "g" });
    let first = send(&model, "q.fifo", &entry("one"));
    assert_eq!(send(&model, "q.fifo", &entry("one")), first);
    assert_ne!(send(&model, "q.fifo", &entry("two")), first);
    let explicit = json!({ "MessageBody": "one", "MessageGroupId": "g", "MessageDeduplicationId": "d" });
    assert_ne!(send(&model, "q.fifo", &explicit), first, "an explicit id wins");
}

#[test]
fn a_send_without_what_its_queue_needs_fails() {
    let model = SqsModel::new();
    for queue in ["q.fifo", "q"] {
        model.create(queue);
    }
    assert_eq!(send(&model, "q.fifo", &json!({ "MessageBody": "b", "MessageGroupId": "g" })), "InvalidParameterValue");
    assert_eq!(
        send(&model, "q.fifo", &json!({ "MessageBody": "b", "MessageDeduplicationId": "d" })),
        "MissingParameter"
    );
    assert_eq!(
        send(&model, "q", &json!({ "MessageBody": "b", "MessageDeduplicationId": "d" })),
        "InvalidParameterValue"
    );
}

#[test]
fn what_was_sent_long_ago_or_redriven_is_not_compared() {
    let model = SqsModel::new();
    let message = || plain("b").in_group("g", "d");
    for age in [0, 300, 300] {
        model.put("dlq.fifo", NewMessage { age: Duration::from_secs(age), ..message() });
    }
    (0..2).for_each(|_| drop(model.put("dlq.fifo", message().redriven_from("arn"))));
    assert_eq!(model.count("dlq.fifo"), 5);
}

#[test]
fn while_a_message_of_a_group_is_in_flight_no_other_one_is_received() {
    let model = SqsModel::new();
    for (group, at) in [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2)] {
        model.put("q.fifo", plain(&format!("{group}{at}")).in_group(group, &format!("{group}{at}")));
    }
    let first = receive(&model, "q.fifo", 2);
    assert_eq!(bodies(&first), ["a0", "a1"], "several of one group");
    assert_eq!(bodies(&receive(&model, "q.fifo", 10)), ["b0", "b1"]);
    assert!(receive(&model, "q.fifo", 10).is_empty(), "a2 waits");
    let entries: Vec<_> = first
        .iter()
        .enumerate()
        .map(|(at, message)| json!({ "Id": at.to_string(), "ReceiptHandle": message["ReceiptHandle"] }))
        .collect();
    ask(&model, "DeleteMessageBatch", &url("q.fifo"), &json!({ "Entries": entries }));
    assert_eq!(bodies(&receive(&model, "q.fifo", 10)), ["a2"]);
    model.with("q.fifo", ModelQueue::let_visibility_run_out);
    assert_eq!(bodies(&receive(&model, "q.fifo", 10)), ["b0", "b1", "a2"], "in order again");
}

#[test]
fn an_expired_receipt_deletes_nothing_and_fails() {
    let model = SqsModel::new();
    model.put("q.fifo", plain("b").in_group("g", "d"));
    let received = receive(&model, "q.fifo", 1);
    model.with("q.fifo", ModelQueue::let_visibility_run_out);
    let entries = json!({ "Entries": [{ "Id": "0", "ReceiptHandle": received[0]["ReceiptHandle"] }] });
    let (_, answer) = ask(&model, "DeleteMessageBatch", &url("q.fifo"), &entries);
    assert_eq!((&answer["Failed"][0]["Code"], model.count("q.fifo")), (&json!("ReceiptHandleIsInvalid"), 1));
}

#[test]
fn a_thousand_groups_are_received_in_order_and_quickly() {
    const GROUPS: usize = 1_000;
    const MESSAGES: usize = 20_000;
    let model = SqsModel::new();
    for at in 0..MESSAGES {
        model.put("q.fifo", plain(&at.to_string()).in_group(&(at % GROUPS).to_string(), &at.to_string()));
    }
    let began = Instant::now();
    let mut last = vec![None; GROUPS];
    let mut seen = 0;
    while seen < MESSAGES {
        let received = receive(&model, "q.fifo", 10);
        for message in &received {
            let at: usize = message["Body"].as_str().unwrap().parse().unwrap();
            assert!(last[at % GROUPS] < Some(at));
            last[at % GROUPS] = Some(at);
        }
        seen += received.len();
        let entries: Vec<_> = received
            .iter()
            .enumerate()
            .map(|(at, message)| json!({ "Id": at.to_string(), "ReceiptHandle": message["ReceiptHandle"] }))
            .collect();
        ask(&model, "DeleteMessageBatch", &url("q.fifo"), &json!({ "Entries": entries }));
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn a_fault_can_swallow_what_deduplication_would_not() {
    let model = SqsModel::new();
    model.create("q.fifo");
    model.set_faults(|_, _| Fault::Swallowed);
    let entry = |id: &str| json!({ "MessageBody": id, "MessageGroupId": "g", "MessageDeduplicationId": id });
    let first = send(&model, "q.fifo", &entry("one"));
    assert_eq!((send(&model, "q.fifo", &entry("two")), model.count("q.fifo")), (first, 1));
}
