//! Repaired bodies: a file that names nothing moves nothing, and an edit is not lost.

use pipeline_tests::sqs_model::{Fault, NewMessage, operation};
use serde_json::json;

use super::{DLQ, SOURCE, Scene, old};

#[test]
fn from_a_file_without_messages_sends_nothing() {
    let scene = Scene::new();
    scene.fill(5);
    let file = scene.file("none.ndjson");
    std::fs::write(&file, "").unwrap();
    let said = scene.run(&["replay", DLQ, "--from", &file, "--execute"]);
    assert_eq!((scene.model.count(SOURCE), scene.model.count(DLQ)), (0, 5), "{}", said.text());
}

#[test]
fn an_id_that_the_file_does_not_have_sends_nothing() {
    let scene = Scene::new();
    let ids = scene.fill(5);
    let file = scene.file("one.ndjson");
    std::fs::write(&file, json!({ "id": ids[0], "body": "repaired" }).to_string() + "\n").unwrap();
    let said = scene.run(&["replay", DLQ, "--from", &file, "--id", &ids[3], "--execute"]);
    assert_eq!((scene.model.count(SOURCE), scene.model.count(DLQ)), (0, 5), "{}", said.text());
}

#[test]
fn an_edit_after_an_unconfirmed_send_to_a_fifo_queue_arrives_or_the_message_stays() {
    let scene = Scene::between("orders.fifo", "orders-dlq.fifo");
    let message = NewMessage::new(json!({ "name": "" }).to_string(), &[]).in_group("g", "d");
    scene.model.put("orders-dlq.fifo", old(message));
    scene.model.set_faults(|call, _| match operation(call) {
        "SendMessageBatch" => Fault::AnswerLost,
        _ => Fault::None,
    });
    scene.run(&["replay", "orders-dlq.fifo", "--execute"]);
    scene.allow_everything();
    scene.model.with("orders-dlq.fifo", pipeline_tests::sqs_model::ModelQueue::let_visibility_run_out);
    let said = scene.run(&["replay", "orders-dlq.fifo", "--edit", ".name = \"Ada\"", "--execute"]);
    let there = scene.bodies("orders.fifo");
    let left = scene.model.count("orders-dlq.fifo");
    assert!(left == 1 || there.iter().any(|body| body.contains("Ada")), "exit {}, at the source: {there:?}", said.code);
}
