//! Standard queues, places, counts, consumers and long polls.

use std::time::{Duration, Instant};

use serde_json::json;

use super::*;
use crate::sqs_model::{
    ACCOUNT, Consumer, Counts, Fault, ModelQueue, OTHER_ACCOUNT, OTHER_REGION, operation, queue_name, region, url,
};

#[test]
fn a_queue_is_found_by_the_region_of_the_signature_and_the_account_of_its_url() {
    let model = SqsModel::new();
    let (other_region, other_account) = (model.at(OTHER_REGION, ACCOUNT), model.at(REGION, OTHER_ACCOUNT));
    model.put("q", plain("here"));
    other_region.put("q", plain("other region"));
    other_account.put("q", plain("other account"));
    for (signed_for, queue, body) in [
        (REGION, url("q"), "here"),
        (OTHER_REGION, url("q"), "other region"),
        (REGION, other_account.url("q"), "other account"),
    ] {
        let (_, answer) = reply(&model, &call(signed_for, "AmazonSQS.ReceiveMessage", &json!({ "QueueUrl": queue })));
        assert_eq!(answer["Messages"][0]["Body"], body);
    }
    let (_, answer) =
        ask(&model, "GetQueueAttributes", &other_account.url("q"), &json!({ "AttributeNames": ["QueueArn"] }));
    assert_eq!(answer["Attributes"], json!({ "QueueArn": other_account.arn("q") }));
    let owned = json!({ "QueueName": "q", "QueueOwnerAWSAccountId": OTHER_ACCOUNT });
    let (_, answer) = reply(&model, &call(REGION, "AmazonSQS.GetQueueUrl", &owned));
    assert_eq!(answer["QueueUrl"], other_account.url("q"));
    let (status, answer) = ask(&model, "ReceiveMessage", &url("nowhere"), &json!({}));
    assert_eq!((status, code(&answer)), (400, "QueueDoesNotExist"));
}

#[test]
fn a_character_that_sqs_rejects_fails_its_entry_in_a_body_and_in_an_attribute() {
    let model = SqsModel::new();
    model.create("q");
    let attribute = |value: &str| json!({ "a": { "DataType": "String", "StringValue": value } });
    let entries = json!([
        { "Id": "0", "MessageBody": "\t\n\r \u{d7ff}\u{e000}\u{fffd}\u{10ffff}", "MessageAttributes": attribute("b") },
        { "Id": "1", "MessageBody": "\u{fffe}" },
        { "Id": "2", "MessageBody": "\u{1}" },
        { "Id": "3", "MessageBody": "b", "MessageAttributes": attribute("\u{ffff}") },
    ]);
    let (_, answer) = ask(&model, "SendMessageBatch", &url("q"), &json!({ "Entries": entries }));
    let failed = |id: &str| json!({ "Id": id, "Code": "InvalidMessageContents", "SenderFault": true });
    assert_eq!((&answer["Failed"], model.count("q")), (&json!([failed("1"), failed("2"), failed("3")]), 1));
}

#[test]
fn lists_are_of_one_place_and_come_in_pages() {
    let model = SqsModel::new();
    model.at(OTHER_REGION, ACCOUNT).create("b");
    for queue in ["a", "b", "c", "dlq"] {
        model.create(queue);
        model.with(queue, |queue| queue.dead_letters = Some("dlq".into()));
    }
    let page = |token: &str| {
        let body = json!({ "MaxResults": 2, "NextToken": token });
        reply(&model, &call(REGION, "AmazonSQS.ListQueues", &body)).1
    };
    assert_eq!(page("")["QueueUrls"], json!([url("a"), url("b")]));
    let rest = page(page("")["NextToken"].as_str().unwrap());
    assert_eq!((&rest["QueueUrls"], rest["NextToken"].is_null()), (&json!([url("c"), url("dlq")]), true));
    let (_, sources) = ask(&model, "ListDeadLetterSourceQueues", &url("dlq"), &json!({}));
    assert_eq!(sources["queueUrls"].as_array().unwrap().len(), 4);
    let elsewhere = model.at(REGION, OTHER_ACCOUNT);
    elsewhere.create("dlq");
    let (status, answer) = ask(&model, "ListDeadLetterSourceQueues", &elsewhere.url("dlq"), &json!({}));
    assert_eq!((status, code(&answer)), (403, "AccessDenied"));
}

#[test]
fn at_the_limit_of_messages_in_flight_a_receive_is_empty() {
    let model = SqsModel::new();
    model.with("q", |queue| queue.in_flight_limit = 3);
    (0..5).for_each(|at| drop(model.put("q", plain(&at.to_string()))));
    assert_eq!(receive(&model, "q", 10).len(), 3);
    assert!(receive(&model, "q", 10).is_empty());
    assert_eq!(counts(&model, "q"), ("2".into(), "3".into()));
    model.with("q", |queue| queue.short_polls_over_limit = true);
    assert_eq!(code(&ask(&model, "ReceiveMessage", &url("q"), &json!({})).1), "OverLimit");
    let long = json!({ "WaitTimeSeconds": 1 });
    assert_eq!(ask(&model, "ReceiveMessage", &url("q"), &long).1["Messages"], json!([]));
}

#[test]
fn an_old_receipt_deletes_nothing_and_is_answered_with_success() {
    let model = SqsModel::new();
    model.put("q", plain("b"));
    let old = receive(&model, "q", 1);
    model.with("q", ModelQueue::let_visibility_run_out);
    let new = receive(&model, "q", 1);
    let delete = |message: &Value| {
        let entries = json!({ "Entries": [{ "Id": "0", "ReceiptHandle": message["ReceiptHandle"] }] });
        ask(&model, "DeleteMessageBatch", &url("q"), &entries).1["Successful"].as_array().unwrap().len()
    };
    assert_eq!((delete(&old[0]), model.count("q")), (1, 1));
    assert_eq!((delete(&new[0]), model.count("q")), (1, 0));
}

#[test]
fn only_a_message_in_flight_can_be_hidden_for_longer() {
    let model = SqsModel::new();
    model.put("q", plain("b"));
    let received = receive(&model, "q", 1);
    let hide = |receipt: &Value| {
        let entries = json!({ "Entries": [{ "Id": "0", "ReceiptHandle": receipt, "VisibilityTimeout": 9 }] });
        ask(&model, "ChangeMessageVisibilityBatch", &url("q"), &entries).1["Failed"][0]["Code"].clone()
    };
    let receipt = &received[0]["ReceiptHandle"];
    assert!(hide(receipt).is_null());
    model.with("q", ModelQueue::let_visibility_run_out);
    assert_eq!(hide(receipt), "MessageNotInflight");
    assert_eq!(hide(&"nonsense".into()), "ReceiptHandleIsInvalid");
    ask(&model, "DeleteMessage", &url("q"), &json!({ "ReceiptHandle": receipt }));
    assert_eq!((hide(receipt), model.count("q")), ("InvalidParameterValue".into(), 0));
}

#[test]
fn a_queue_says_what_it_was_set_to_and_its_figures_may_lag() {
    let model = SqsModel::new();
    model.with("q", |queue| {
        queue.dead_letters = Some("dlq".into());
        queue.max_receive_count = 7;
        queue.visibility_timeout = 90;
        queue.kms_key = Some("alias/k".into());
        queue.misreport(1, Counts { visible: 9, in_flight: 0 });
    });
    model.put("q", plain("b"));
    assert_eq!(counts(&model, "q"), ("9".into(), "0".into()));
    assert_eq!(counts(&model, "q"), ("1".into(), "0".into()));
    let (_, answer) = ask(&model, "GetQueueAttributes", &url("q"), &json!({ "AttributeNames": ["All"] }));
    let attributes = &answer["Attributes"];
    assert_eq!((&attributes["VisibilityTimeout"], &attributes["KmsMasterKeyId"]), (&json!("90"), &json!("alias/k")));
    assert!(attributes["RedrivePolicy"].as_str().unwrap().contains(r#""maxReceiveCount":7"#));
}

#[test]
fn figures_that_are_late_are_those_of_a_while_ago() {
    let (model, late) = (SqsModel::new(), Duration::from_millis(100));
    model.with("q", |queue| queue.count_late(late));
    model.put("q", plain("a"));
    let put = Instant::now();
    let mut told = counts(&model, "q").0;
    assert!(told == "0" || put.elapsed() >= late);
    while told == "0" {
        assert!(put.elapsed() < Duration::from_secs(10), "it is never counted");
        told = counts(&model, "q").0;
    }
    assert!(put.elapsed() >= late && told == "1", "{told} after {:?}", put.elapsed());
}

#[test]
fn a_receive_shows_only_the_attributes_that_it_asks_for() {
    let model = SqsModel::new();
    model.put("q", NewMessage::new("b", &[("one", "1"), ("two", "2")]).redriven_from("arn"));
    let asked =
        json!({ "MessageAttributeNames": ["two"], "MessageSystemAttributeNames": ["DeadLetterQueueSourceArn"] });
    let (_, answer) = ask(&model, "ReceiveMessage", &url("q"), &asked);
    let message = &answer["Messages"][0];
    assert_eq!(message["Attributes"], json!({ "DeadLetterQueueSourceArn": "arn" }));
    assert_eq!(message["MessageAttributes"].as_object().unwrap().keys().collect::<Vec<_>>(), ["two"]);
}

#[test]
fn a_consumer_takes_gives_up_or_redrives_when_it_is_due() {
    let model = SqsModel::new();
    let (soon, never) = (Duration::from_millis(30), Duration::from_hours(1));
    model.create("dlq");
    for (queue, consumer) in [
        ("takes", Consumer::Takes { after: soon }),
        ("slow", Consumer::Takes { after: never }),
        ("gives up", Consumer::GivesUp { dlq: "dlq".into(), after: soon }),
        ("redrives", Consumer::Redrives { dlq: "dlq".into(), after: soon }),
    ] {
        model.with(queue, |queue| queue.consumer = consumer);
        model.put(queue, NewMessage { id: queue.into(), ..plain(queue) });
        assert_eq!(model.count(queue), 1, "not yet");
    }
    until(|| model.count("takes") + model.count("gives up") + model.count("redrives") == 0);
    assert_eq!(model.count("slow"), 1);
    let dead = model.messages("dlq");
    let copy = dead.iter().find(|message| message.body == "gives up").unwrap();
    assert_eq!((copy.text("source_message_id"), copy.id == "gives up"), (Some("gives up"), false));
    let moved = dead.iter().find(|message| message.body == "redrives").unwrap();
    assert_eq!(
        (moved.id.as_str(), &moved.system["DeadLetterQueueSourceArn"]),
        ("redrives", &super::super::arn("redrives"))
    );
}

#[test]
fn a_long_poll_waits_for_a_message_without_holding_the_others_up_and_a_short_one_does_not() {
    let model = SqsModel::new();
    model.set_long_poll_scale(1.0);
    model.create("q");
    let poll =
        |wait: u64| call(REGION, "AmazonSQS.ReceiveMessage", &json!({ "QueueUrl": url("q"), "WaitTimeSeconds": wait }));
    let began = Instant::now();
    model.answer(&poll(0), LongPolls::WaitWhile(&|| true));
    assert!(began.elapsed() < Duration::from_millis(500));
    let waiting = std::thread::spawn({
        let (model, poll) = (model.clone(), poll(20));
        move || format!("{:?}", model.answer(&poll, LongPolls::WaitWhile(&|| true)))
    });
    until(|| model.calls().len() == 2);
    model.put("q", plain("arrived"));
    assert!(waiting.join().unwrap().contains("arrived"));
    assert!(began.elapsed() < Duration::from_secs(10), "it returned early");
}

#[test]
fn a_fault_sees_the_place_and_the_queue_of_a_call_and_may_use_the_model() {
    let model = SqsModel::new();
    for queue in ["one", "two"] {
        model.create(queue);
    }
    let inside = model.clone();
    model.set_faults(move |call, _| {
        inside.put("two", plain("from the fault"));
        match (operation(call), region(call), queue_name(call)) {
            ("ReceiveMessage", REGION, "one") => Fault::Refused(403, "AccessDenied"),
            _ => Fault::None,
        }
    });
    assert_eq!(ask(&model, "ReceiveMessage", &url("one"), &json!({})).0, 403);
    assert_eq!(bodies(&receive(&model, "two", 10)), ["from the fault", "from the fault"]);
}

#[test]
fn each_call_of_another_process_takes_the_latency() {
    let model = SqsModel::new();
    model.set_latency(Duration::from_millis(60));
    let began = Instant::now();
    let answer = ureq::post(format!("{}/", model.serve().unwrap().url()))
        .header("x-amz-target", "AmazonSQS.ListQueues")
        .send("{}")
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert!(began.elapsed() >= Duration::from_millis(60));
}

#[test]
fn a_long_poll_of_a_client_that_is_gone_takes_nothing() {
    let model = SqsModel::new();
    model.set_long_poll_scale(1.0);
    model.create("q");
    let server = model.serve().unwrap();
    let mut client = std::net::TcpStream::connect(server.url().trim_start_matches("http://")).unwrap();
    let body = json!({ "QueueUrl": url("q"), "WaitTimeSeconds": 20 }).to_string();
    let request = format!(
        "POST / HTTP/1.1\r\nx-amz-target: AmazonSQS.ReceiveMessage\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    std::io::Write::write_all(&mut client, request.as_bytes()).unwrap();
    until(|| model.calls().len() == 1);
    drop(client);
    model.put("q", plain("b"));
    assert!(model.messages("q").iter().all(|message| message.receives == 0));
}

#[test]
fn a_receive_asks_for_one_to_ten_messages() {
    let model = SqsModel::new();
    model.put("q", plain("a"));
    for most in [0, 11] {
        let (status, answer) = ask(&model, "ReceiveMessage", &url("q"), &json!({ "MaxNumberOfMessages": most }));
        assert_eq!((status, code(&answer)), (400, "InvalidParameterValue"));
    }
    assert_eq!(bodies(&receive(&model, "q", 10)), ["a"]);
}
