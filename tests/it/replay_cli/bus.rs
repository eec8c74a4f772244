//! `replay --to-bus`: the output says what the rules do with each event.

use pipeline_tests::sqs_model::{Fault, Rule};
use serde_json::{Value, json};

use super::{DLQ, Scene, dead_letter, event};

fn scene() -> Scene {
    let scene = Scene::empty();
    for at in 0..3 {
        let mut body: Value = serde_json::from_str(&event("Ada", 1)).unwrap();
        body["source"] = json!("rollcall");
        scene.model.put(DLQ, dead_letter(at, &body.to_string(), &[]));
    }
    let targets = ["arn:aws:sqs:eu-west-1:123456789012:orders", "arn:aws:sqs:eu-west-1:123456789012:audit"];
    let rule = Rule::new("sign-ups", json!({ "source": ["rollcall"] })).to(targets[0]).to(targets[1]);
    scene.model.here().add_rule("main", rule);
    scene
}

#[test]
fn a_bus_gets_the_event_and_what_it_does_not_accept_stays() {
    let scene = scene();
    scene.model.put(DLQ, dead_letter(3, &event("Ada", 1), &[("own", "x")]));
    insta::assert_snapshot!("bus_dry_run", scene.said(&["replay", DLQ, "--to-bus", "main"]));
    scene.model.set_faults(|call, _| match call.operation.as_str() {
        "AWSEvents.PutEvents" => Fault::Entries(vec![1], "MalformedDetail", false),
        _ => Fault::None,
    });
    insta::assert_snapshot!("bus", scene.said(&["replay", DLQ, "--to-bus", "main", "--execute"]));
    let events = scene.model.events();
    assert_eq!((events.len(), scene.model.count(DLQ)), (2, 2));
    assert_eq!(scene.model.delivered().len(), 2);
    let detail: Value = serde_json::from_str(events[0]["Detail"].as_str().unwrap()).unwrap();
    assert_eq!((&events[0]["DetailType"], &detail["metadata"]["replay_count"]), (&json!("UserConfirmed"), &json!(1)));
}

#[test]
fn a_bus_that_does_not_exist_and_one_without_rules_are_errors() {
    let scene = scene();
    insta::assert_snapshot!("no_such_bus", scene.said(&["replay", DLQ, "--to-bus", "mian", "--execute"]));
    scene.model.here().create_bus("idle");
    insta::assert_snapshot!("no_rules", scene.said(&["replay", DLQ, "--to-bus", "idle", "--execute"]));
    assert_eq!((scene.model.count(DLQ), scene.model.events().len()), (3, 0));
}
