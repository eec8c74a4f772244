//! Messages to a function: one of them does not speak for the others.

use pipeline_tests::sqs_model::NewMessage;
use serde_json::json;

use super::{DLQ, Scene, old, text};

#[test]
fn one_body_that_a_function_refuses_does_not_stop_the_others() {
    let scene = Scene::new();
    scene.model.here().create_function("fn");
    scene.model.put(DLQ, old(NewMessage::new("not JSON", &[])));
    for at in 0..15 {
        scene.model.put(DLQ, old(NewMessage::new(json!({ "at": at, "long": "x".repeat(260_000) }).to_string(), &[])));
    }
    let said = scene.run(&["replay", DLQ, "--to-lambda", "fn", "--execute", "--concurrency", "1"]);
    assert_eq!((said.code, scene.model.count(DLQ)), (4, 1), "{}", said.text());
}

#[test]
fn an_accepted_invocation_without_a_request_id_is_not_called_refused() {
    let scene = Scene::new();
    scene.model.here().create_function("fn");
    scene.model.put(DLQ, old(NewMessage::new("{}", &[])));
    let said = scene.run(&["replay", DLQ, "--to-lambda", "fn", "--execute"]);
    assert_eq!((said.code, scene.model.here().invocations("fn").len()), (0, 1), "{}", said.text());
}

#[test]
fn one_body_alone_that_a_function_refuses_does_not_stop_the_others() {
    let scene = Scene::new();
    scene.model.here().create_function("fn");
    // It is too large to share a batch.
    scene.model.put(DLQ, old(NewMessage::new("not JSON".repeat(40_000), &[])));
    (0..15).for_each(|at| drop(scene.model.put(DLQ, old(NewMessage::new(json!({ "at": at }).to_string(), &[])))));
    let said = scene.run(&["replay", DLQ, "--to-lambda", "fn", "--execute", "--concurrency", "1"]);
    assert_eq!(scene.model.here().invocations("fn").len(), 15, "exit {}: {}", said.code, said.text());
}

#[test]
fn another_region_of_the_same_account_has_another_function_of_that_name() {
    use pipeline_tests::sqs_model::{ACCOUNT, OTHER_REGION};
    let scene = Scene::new();
    scene.model.here().create_function("fn");
    scene.model.at(OTHER_REGION, ACCOUNT).create_function("fn");
    scene.model.put(DLQ, old(NewMessage::new("{}", &[])));
    let arn = scene.model.here().arn(DLQ);
    scene.deny_deletes();
    let command = ["replay", arn.as_str(), "--to-lambda", "fn", "--execute"];
    let first = scene.run(&command);
    println!("{}", first.text());
    scene.allow_everything();
    scene.let_visibility_run_out();
    let second = scene.replayer.command(&command).unwrap().env("AWS_REGION", OTHER_REGION).output().unwrap();
    let there = scene.model.at(OTHER_REGION, ACCOUNT).invocations("fn").len();
    assert!(there == 1 || scene.model.count(DLQ) == 1, "{}", text(&second));
}
