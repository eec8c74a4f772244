//! `replay --to-lambda`: the answer 202 is the proof, and nothing else is.

use pipeline_tests::sqs_model::Fault;
use serde_json::{Value, json};

use super::{DLQ, Scene, body, dead_letter, id};

const FUNCTION: &str = "orders-function";

/// A function and five dead letters with JSON bodies.
fn scene() -> Scene {
    let scene = Scene::empty();
    scene.model.here().create_function(FUNCTION);
    for at in 0..5 {
        scene.model.put(DLQ, dead_letter(at, &payload(at), &[]));
    }
    scene
}

fn payload(at: usize) -> String {
    json!({ "order": at }).to_string()
}

fn invoked(scene: &Scene) -> Vec<String> {
    super::sorted(scene.model.here().invocations(FUNCTION))
}

#[test]
fn each_body_becomes_the_payload_of_one_invocation() {
    let scene = scene();
    insta::assert_snapshot!("to_lambda_dry_run", scene.said(&["replay", DLQ, "--to-lambda", FUNCTION, "-n", "1"]));
    assert_eq!(invoked(&scene), Vec::<String>::new(), "a dry run invokes nothing");
    insta::assert_snapshot!("to_lambda", scene.said(&["replay", DLQ, "--to-lambda", FUNCTION, "--execute"]));
    assert_eq!(invoked(&scene), (0..5).map(payload).collect::<Vec<_>>());
    assert_eq!(scene.model.count(DLQ), 0);
}

#[test]
fn the_payload_of_an_on_failure_record_is_what_is_sent() {
    let scene = Scene::empty();
    scene.model.here().create_function(FUNCTION);
    let record = json!({
        "version": "1.0", "timestamp": "2026-11-22T21:00:00.000Z",
        "requestContext": {
            "requestId": "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
            "functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:orders-function:$LATEST",
            "condition": "RetriesExhausted", "approximateInvokeCount": 3,
        },
        "requestPayload": { "order": 1 },
        "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
        "responsePayload": { "errorMessage": "no" },
    });
    scene.model.put(DLQ, dead_letter(1, &record.to_string(), &[]));
    let arn = "arn:aws:lambda:eu-west-1:123456789012:function:orders-function";
    assert_eq!(scene.run(&["replay", DLQ, "--to-lambda", arn, "--execute"]).code, 0);
    let sent: Value = serde_json::from_str(&scene.model.here().invocations(FUNCTION)[0]).unwrap();
    assert_eq!(sent, json!({ "order": 1 }));
    assert_eq!(scene.model.count(DLQ), 0);
}

#[test]
fn lambdas_own_attributes_do_not_stand_in_the_way_and_others_do() {
    let scene = Scene::empty();
    scene.model.here().create_function(FUNCTION);
    let failed = [("RequestID", "r"), ("ErrorCode", "200"), ("ErrorMessage", "no")];
    scene.model.put(DLQ, dead_letter(0, &payload(0), &failed));
    scene.model.put(DLQ, dead_letter(1, &payload(1), &[("own", "x")]));
    let replay = ["replay", DLQ, "--to-lambda", FUNCTION, "--execute"];
    let (code, run) = scene.json(&replay);
    assert_eq!((code, &run["counts"]["refused"]), (4, &json!({ "attributes_would_be_lost": 1 })));
    assert_eq!((invoked(&scene), scene.bodies(DLQ)), (vec![payload(0)], vec![payload(1)]));
    assert_eq!(scene.run(&[&replay[..], &["--drop-attributes"]].concat()).code, 0);
    assert_eq!(invoked(&scene), [payload(0), payload(1)]);
}

#[test]
fn throttled_and_failing_invocations_keep_the_message() {
    for (status, code) in [(429, "TooManyRequestsException"), (500, "ServiceException")] {
        let scene = scene();
        // The question that is asked first is answered; each invocation is not.
        scene.model.set_faults(move |call, _| {
            let event = call.headers.get("x-amz-invocation-type").is_some_and(|kind| kind == "Event");
            if event { Fault::Refused(status, code) } else { Fault::None }
        });
        let said = scene.run(&["replay", DLQ, "--to-lambda", FUNCTION, "--execute", "-n", "1"]);
        assert_eq!(said.code, 4, "{}", said.text());
        assert_eq!(invoked(&scene), Vec::<String>::new());
        scene.assert_each_once((0..5).map(payload), &[DLQ]);
        scene.assert_released();
    }
}

#[test]
fn a_throttled_invocation_is_tried_again() {
    let scene = scene();
    scene.model.set_faults(|call, _| {
        static THROTTLED: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let event = call.headers.get("x-amz-invocation-type").is_some_and(|kind| kind == "Event");
        if event && THROTTLED.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 7 {
            Fault::Refused(429, "TooManyRequestsException")
        } else {
            Fault::None
        }
    });
    assert_eq!(scene.run(&["replay", DLQ, "--to-lambda", FUNCTION, "--execute"]).code, 0);
    assert_eq!(invoked(&scene), (0..5).map(payload).collect::<Vec<_>>());
}

#[test]
fn a_function_that_is_missing_or_may_not_be_invoked_is_an_error_before_anything_is_taken() {
    let scene = scene();
    insta::assert_snapshot!(
        "no_such_function",
        scene.said(&["replay", DLQ, "--to-lambda", "order-function", "--execute"])
    );
    scene.model.here().refuse_invocations(FUNCTION, Some((403, "AccessDeniedException")));
    insta::assert_snapshot!("function_denied", scene.said(&["replay", DLQ, "--to-lambda", FUNCTION, "--execute"]));
    assert!(!scene.model.calls().contains(&"ReceiveMessage".to_owned()));
    scene.assert_each_once((0..5).map(payload), &[DLQ]);
}

#[test]
fn a_body_that_is_not_json_stays_and_the_others_go() {
    let scene = scene();
    scene.model.put(DLQ, dead_letter(5, &body(5), &[]));
    let said = scene.run(&["replay", DLQ, "--to-lambda", FUNCTION, "--execute"]);
    assert_eq!(said.code, 4, "{}", said.text());
    assert_eq!(invoked(&scene), (0..5).map(payload).collect::<Vec<_>>());
    scene.assert_each_once([body(5)], &[DLQ]);
    let said = scene.run(&["replay", DLQ, "--to-lambda", FUNCTION, "--execute", "--id", &id(5)]);
    assert_ne!(said.code, 0, "{}", said.text());
    scene.assert_each_once([body(5)], &[DLQ]);
}

#[test]
fn a_functions_dead_letter_does_not_go_to_the_only_queue_that_has_this_dead_letter_queue() {
    let scene = Scene::empty();
    let failed = [("RequestID", "r"), ("ErrorCode", "200"), ("ErrorMessage", "no")];
    scene.model.put(DLQ, dead_letter(1, &payload(1), &failed));
    scene.model.put(DLQ, dead_letter(2, &payload(2), &[]));
    let (code, run) = scene.json(&["replay", DLQ, "--execute"]);
    assert_eq!((code, &run["counts"]["refused"]), (4, &json!({ "no_source": 1 })), "{run:#}");
    assert_eq!(scene.bodies(super::SOURCE), [payload(2)]);
    scene.assert_each_once([payload(1)], &[DLQ]);
}
