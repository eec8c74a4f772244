//! The reason of an earlier failure is removed by every replay, so that triage never tells yesterday's.

use pipeline_tests::sqs_model::Rule;
use serde_json::json;

use super::{DLQ, SOURCE, Scene, dead_letter, event};

const GIVEN_UP: [(&str, &str); 6] = [
    ("failure_reason", "invalid_field"),
    ("source_message_id", "x"),
    ("failure_detail", "d"),
    ("failed_at", "t"),
    ("receive_count", "3"),
    ("own", "kept"),
];

const BY_RULE: [(&str, &str); 7] = [
    ("RULE_ARN", "arn:aws:events:eu-west-1:123456789012:rule/r"),
    ("TARGET_ARN", "arn:aws:sqs:eu-west-1:123456789012:orders"),
    ("ERROR_CODE", "NO_PERMISSIONS"),
    ("ERROR_MESSAGE", "m"),
    ("EXHAUSTED_RETRY_CONDITION", "MaximumRetryAttempts"),
    ("RETRY_ATTEMPTS", "185"),
    ("own", "kept"),
];

const BY_LAMBDA: [(&str, &str); 4] =
    [("RequestID", "r"), ("ErrorCode", "200"), ("ErrorMessage", "no"), ("own", "kept")];

#[test]
fn every_replay_removes_the_reasons_of_earlier_failures_also_with_to() {
    // Without `--to`, a function's dead letter stays: no queue is where it was to go.
    for (to, queue, code, sent) in [(&[][..], SOURCE, 4, 2), (&["--to", "quarantine"], "quarantine", 0, 3)] {
        let scene = Scene::empty();
        for (at, attributes) in [&GIVEN_UP[..], &BY_RULE, &BY_LAMBDA].into_iter().enumerate() {
            scene.model.put(DLQ, dead_letter(at, &event("Ada", 1), attributes));
        }
        assert_eq!(scene.run(&[&["replay", DLQ, "--execute"], to].concat()).code, code);
        let arrived = scene.model.messages(queue);
        assert_eq!(arrived.len(), sent);
        for message in arrived {
            assert_eq!(message.attributes.keys().collect::<Vec<_>>(), ["own", "replay_count"], "{message:?}");
        }
    }
}

#[test]
fn a_bus_gets_an_event_whose_only_attributes_were_a_services() {
    let scene = Scene::empty();
    scene
        .model
        .here()
        .add_rule("main", Rule::new("all", json!({ "source": ["shop"] })).to("arn:aws:sqs:eu-west-1:1:q"));
    let order = json!({ "source": "shop", "detail-type": "Order", "detail": {}, "id": "i", "account": "1",
        "time": "2026-11-22T21:00:00Z", "region": "eu-west-1", "resources": [] });
    let attributes = &BY_RULE[..6];
    scene.model.put(DLQ, dead_letter(0, &order.to_string(), attributes));
    assert_eq!(scene.run(&["replay", DLQ, "--to-bus", "main", "--execute"]).code, 0);
    assert_eq!((scene.model.delivered().len(), scene.model.count(DLQ)), (1, 0));
}

#[test]
fn triage_after_a_replay_does_not_tell_the_earlier_reason() {
    let scene = Scene::empty();
    scene.model.put(DLQ, dead_letter(0, &event("Ada", 1), &GIVEN_UP));
    assert_eq!(scene.run(&["replay", DLQ, "--execute"]).code, 0);
    let (_, triage) = scene.json(&["triage", SOURCE]);
    assert_eq!(triage["groups"][0]["reason"], "unknown");
}
