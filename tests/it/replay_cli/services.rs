//! The dead letters of other services: `triage` names the cause and the way back from each.

use serde_json::json;

use super::{DLQ, Scene, dead_letter};

const QUEUE: &str = "arn:aws:sqs:eu-west-1:123456789012:orders";
const FUNCTION: &str = "arn:aws:lambda:eu-west-1:123456789012:function:orders-function";

/// One dead letter of each service.
fn scene() -> Scene {
    let scene = Scene::empty();
    let order = r#"{"order":1}"#;
    let record = json!({
        "version": "1.0", "timestamp": "2026-11-22T21:00:00.000Z",
        "requestContext": { "requestId": "r", "functionArn": format!("{FUNCTION}:$LATEST"), "condition": "RetriesExhausted", "approximateInvokeCount": 3 },
        "requestPayload": { "order": 1 },
        "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
        "responsePayload": { "errorMessage": "no" },
    });
    let notification = json!({
        "Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:eu-west-1:123456789012:orders", "Message": "order 1",
        "Timestamp": "2026-11-22T21:00:00.000Z", "SignatureVersion": "1", "Signature": "s",
        "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/c.pem",
        "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
    });
    let sns = [("RequestID", "r"), ("ErrorCode", "AWS.SimpleQueueService.NonExistentQueue"), ("ErrorMessage", "gone")];
    let schedule = [
        ("SCHEDULE_ARN", "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/nightly"),
        ("TARGET_ARN", QUEUE),
        ("ERROR_CODE", "AWS.SimpleQueueService.NonExistentQueue"),
        ("EXECUTION_ID", "e"),
        ("IS_PAYLOAD_TRUNCATED", "false"),
        ("RETRY_ATTEMPTS", "3"),
    ];
    let rule = [
        ("RULE_ARN", "arn:aws:events:eu-west-1:123456789012:rule/orders"),
        ("TARGET_ARN", QUEUE),
        ("ERROR_CODE", "SDK_CLIENT_ERROR"),
        ("EXHAUSTED_RETRY_CONDITION", "MaximumRetryAttempts"),
        ("RETRY_ATTEMPTS", "185"),
    ];
    let asynchronous = [("RequestID", "r"), ("ErrorCode", "200"), ("ErrorMessage", "Ada is missing")];
    for (at, (body, attributes)) in [
        (order.to_owned(), &asynchronous[..]),
        (record.to_string(), &[]),
        (notification.to_string(), &sns),
        (order.to_owned(), &schedule),
        (order.to_owned(), &rule),
    ]
    .into_iter()
    .enumerate()
    {
        scene.model.put(DLQ, dead_letter(at, &body, attributes));
    }
    scene
}

#[test]
fn triage_names_the_cause_and_the_way_back_of_each_services_dead_letters() {
    let scene = scene();
    insta::assert_snapshot!("services", scene.said(&["triage", DLQ]));
    let (_, triage) = scene.json(&["triage", DLQ]);
    let reasons: Vec<_> =
        triage["groups"].as_array().unwrap().iter().map(|group| group["reason"].as_str().unwrap()).collect();
    assert_eq!(
        super::sorted(reasons.into_iter().map(str::to_owned)),
        [
            "eventbridge:SDK_CLIENT_ERROR",
            "lambda:200",
            "lambda:RetriesExhausted",
            "scheduler:AWS.SimpleQueueService.NonExistentQueue",
            "sns:AWS.SimpleQueueService.NonExistentQueue",
        ]
    );
}

#[test]
fn a_services_own_error_message_is_never_shown_unless_it_is_asked_for() {
    let scene = scene();
    assert!(!scene.run(&["triage", DLQ]).text().contains("Ada"));
    assert!(!scene.run(&["list", DLQ]).text().contains("Ada"));
}

#[test]
fn the_command_that_triage_proposes_works() {
    let scene = scene();
    scene.model.here().create_function("orders-function");
    let (_, triage) = scene.json(&["triage", DLQ]);
    for group in triage["groups"].as_array().unwrap() {
        let next = group["next"].as_str().unwrap();
        if next.contains('<') {
            continue;
        }
        let words: Vec<_> = next.split_whitespace().skip(1).collect();
        let said = scene.run(&[&words[..], &["--execute"]].concat());
        assert_eq!(said.code, 0, "{next}: {}", said.text());
    }
}
