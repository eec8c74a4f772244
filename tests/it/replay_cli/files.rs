//! `replay QUEUE --from FILE`: the file's bodies are sent, and exactly its messages are removed from the queue.

use std::fs;

use serde_json::{Value, json};

use super::{DLQ, SOURCE, Scene, body, id};

/// Ten dead letters, four of which are in a file with repaired bodies.
fn scene() -> (Scene, String) {
    let scene = Scene::with_letters(10);
    let file = scene.file("messages.ndjson");
    assert_eq!(scene.run(&["pull", DLQ, &file, "--where", r#".body < "body 004""#]).code, 0);
    let repaired = fs::read_to_string(&file).unwrap().replace("\"body\":\"body", "\"body\":\"repaired");
    fs::write(&file, repaired).unwrap();
    (scene, file)
}

fn repaired(at: usize) -> String {
    format!("repaired {at:03}")
}

fn kept(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(body).collect()
}

#[test]
fn the_files_bodies_are_sent_and_exactly_its_messages_are_removed() {
    let (scene, file) = scene();
    insta::assert_snapshot!("from_dry_run", scene.said(&["replay", DLQ, "--from", &file, "--id", &id(2)]));
    insta::assert_snapshot!("from", scene.said(&["replay", DLQ, "--from", &file, "--execute"]));
    assert_eq!((scene.bodies(SOURCE), scene.bodies(DLQ)), ((0..4).map(repaired).collect(), kept(4..10)));
    scene.assert_released();
    let sent = scene.model.messages(SOURCE);
    assert!(sent.iter().all(|message| message.text("replay_count") == Some("1")), "{sent:?}");
}

#[test]
fn filters_narrow_the_file_down() {
    let (scene, file) = scene();
    assert_eq!(scene.run(&["replay", DLQ, "--from", &file, "--execute", "--id", &id(2)]).code, 0);
    assert_eq!(scene.bodies(SOURCE), [repaired(2)]);
    assert_eq!(scene.model.count(DLQ), 9);
    let said = scene.run(&["replay", DLQ, "--from", &file, "--execute", "--id", &id(8)]);
    assert_eq!(said.code, 3, "message 8 is not in the file: {}", said.text());
}

#[test]
fn messages_of_the_file_that_are_no_longer_in_the_queue_are_reported() {
    let (scene, file) = scene();
    assert_eq!(scene.run(&["move", DLQ, "--to", "quarantine", "--id", &id(1), "--execute"]).code, 0);
    let (code, dry) = scene.json(&["replay", DLQ, "--from", &file]);
    assert_eq!((code, &dry["not_in_queue"]["count"]), (4, &json!(1)), "{dry:#}");
    let said = scene.said(&["replay", DLQ, "--from", &file, "--execute"]);
    insta::assert_snapshot!("from_incomplete", said);
    assert_eq!(scene.bodies(SOURCE), [repaired(0), repaired(2), repaired(3)]);
    assert_eq!(scene.bodies(DLQ), kept(4..10));
    let (code, run) = scene.json(&["replay", DLQ, "--from", &file, "--execute"]);
    assert_eq!((code, &run["counts"]["not_in_queue"]["count"]), (4, &json!(4)), "{run:#}");
    assert_eq!(run["counts"]["not_in_queue"]["ids"].as_array().unwrap().len(), 4);
    assert_eq!(scene.bodies(SOURCE), [repaired(0), repaired(2), repaired(3)], "nothing is sent twice");
}

#[test]
fn a_snapshot_of_another_queue_is_an_error() {
    let (scene, file) = scene();
    insta::assert_snapshot!("from_other_queue", scene.said(&["replay", "quarantine", "--from", &file, "--execute"]));
    assert!(!scene.model.calls().iter().any(|call| call.starts_with("Send")));
}

#[test]
fn a_file_that_names_no_queue_is_said_to_and_its_ids_are_shown_as_they_are_written() {
    let scene = Scene::with_letters(2);
    let file = scene.file("other.ndjson");
    let lines = [json!({ "id": "a", "body": "x" }), json!({ "id": id(0), "body": "y" })];
    fs::write(&file, lines.map(|line| line.to_string() + "\n").concat()).unwrap();
    let note = format!("note: {file} does not name its queue, as a file of `pull` does; its ids are looked for in");
    for execute in [&[][..], &["--execute"]] {
        let said = scene.run(&[&["replay", DLQ, "--from", &file], execute].concat());
        assert!(said.code == 4 && said.err.contains(&note), "{}", said.text());
        assert!(said.out.contains("1 message of the file not found in the queue\n  a\n"), "{}", said.out);
    }
    let history = scene.run(&["history"]).out;
    let run = history.lines().nth(1).and_then(|line| line.split_whitespace().next()).unwrap();
    assert!(scene.run(&["history", run]).out.contains("of the file not found in the queue\n  a\n"));
}

#[test]
fn a_file_that_is_empty_or_repeats_an_id_is_an_error_before_anything_is_sent() {
    let (scene, file) = scene();
    let text = fs::read_to_string(&file).unwrap();
    let message = text.lines().nth(1).unwrap();
    let repeated = scene.file("repeated.ndjson");
    fs::write(&repeated, format!("{text}{message}\n")).unwrap();
    let said = scene.run(&["replay", DLQ, "--from", &repeated, "--execute"]);
    assert!(said.code == 1 && said.err.contains("repeats the id"), "{}", said.text());
    let empty = scene.file("empty.ndjson");
    fs::write(&empty, "").unwrap();
    let said = scene.run(&["replay", DLQ, "--from", &empty, "--execute"]);
    assert!([1, 3].contains(&said.code), "{}", said.text());
    scene.assert_each_once((0..10).map(body), &[DLQ]);
}

#[test]
fn the_whole_workflow_of_a_body_that_is_not_json() {
    let scene = Scene::empty();
    scene.model.put(DLQ, super::given_up(1, "not JSON", "malformed_envelope", "not JSON at line 1"));
    scene.model.put(DLQ, super::given_up(2, &super::event("Ada", 1), "panic", "x"));
    let (_, triage) = scene.json(&["triage", DLQ, "--reason", "malformed_envelope"]);
    let next = triage["groups"][0]["next"].as_str().unwrap();
    assert_eq!(next, "dlq-replayer pull orders-dlq messages.ndjson --reason malformed_envelope");
    let file = scene.file("messages.ndjson");
    assert_eq!(scene.run(&["pull", DLQ, &file, "--reason", "malformed_envelope"]).code, 0);
    let mut lines: Vec<Value> =
        fs::read_to_string(&file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines[1]["body"] = json!(super::event("Eve", 1));
    let lines: Vec<_> = lines.iter().map(Value::to_string).collect();
    fs::write(&file, lines.join("\n") + "\n").unwrap();
    assert_eq!(scene.run(&["replay", DLQ, "--from", &file, "--execute"]).code, 0);
    assert_eq!(scene.bodies(SOURCE), [super::event("Eve", 1)]);
    assert_eq!(scene.bodies(DLQ), [super::event("Ada", 1)]);
}

#[test]
fn a_run_from_a_file_can_be_resumed() {
    let (scene, file) = scene();
    assert_eq!(scene.run(&["replay", DLQ, "--from", &file, "--execute", "-n", "2"]).code, 0);
    let said = scene.run(&["replay", DLQ, "--resume", "last", "--execute"]);
    assert!([0, 4].contains(&said.code), "{}", said.text());
    assert_eq!((scene.bodies(SOURCE), scene.bodies(DLQ)), ((0..4).map(repaired).collect(), kept(4..10)));
}
