//! A destination that gives no answers, and a caller whom it does not believe: a run stops, and does not try everything.

use pipeline_tests::sqs_model::{Fault, NewMessage, operation};
use serde_json::json;

use super::{DLQ, SOURCE, Scene, file_of, old};

#[test]
fn an_import_without_a_network_stops_and_does_not_doubt_every_message() {
    let scene = Scene::new();
    let file = file_of(&scene, 2_000);
    scene.model.set_faults(|call, _| match operation(call) {
        "SendMessageBatch" => Fault::RequestLost,
        _ => Fault::None,
    });
    let said = scene.run(&["import", SOURCE, &file, "--execute", "--yes", "--concurrency", "4", "--json"]);
    let report: serde_json::Value = serde_json::from_str(said.out.trim()).unwrap();
    let doubted = report["counts"]["unconfirmed"]["count"].as_u64().unwrap();
    assert!(said.code == 1 && doubted <= 150, "exit {}, {doubted} unconfirmed: {}", said.code, said.text());
}

#[test]
fn expired_credentials_of_a_function_stop_a_run_at_once() {
    let scene = Scene::new();
    scene.model.here().create_function("fn");
    (0..40).for_each(|at| drop(scene.model.put(DLQ, old(NewMessage::new(json!({ "at": at }).to_string(), &[])))));
    scene.model.here().refuse_invocations("fn", Some((403, "ExpiredTokenException")));
    let said = scene.run(&["replay", DLQ, "--to-lambda", "fn", "--execute", "--concurrency", "1"]);
    assert_eq!((said.code, scene.model.count(DLQ)), (1, 40), "{}", said.text());
    assert!(!said.text().contains("not accepted by the destination"), "{}", said.text());
}
