//! `pull`, and `triage`, `list` and `show` of its file.

use serde_json::json;

use super::{DLQ, Scene, id, mode};

#[test]
fn a_snapshot_is_private_and_lossless_and_the_messages_stay() {
    let scene = Scene::new();
    let file = scene.file("letters.ndjson");
    insta::assert_snapshot!("pull", scene.said(&["pull", DLQ, &file]));
    assert_eq!((scene.model.count(DLQ), mode(&file)), (6, 0o600));
    scene.assert_released();
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), 7);
    assert!(text.lines().next().unwrap().contains("arn:aws:sqs:eu-west-1:123456789012:orders-dlq"), "{text}");
    for message in scene.model.messages(DLQ) {
        let line = text.lines().find(|line| line.contains(&message.id)).unwrap();
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["body"], message.body);
        assert_eq!(line["attributes"].as_object().unwrap().len(), message.attributes.len());
    }
}

#[test]
fn a_file_is_looked_at_like_a_queue_and_without_a_call_to_aws() {
    let scene = Scene::new();
    let file = scene.file("letters.ndjson");
    assert_eq!(scene.run(&["pull", DLQ, &file, "--concurrency", "1"]).code, 0);
    let (_, mut of_queue) = scene.json(&["triage", DLQ, "--concurrency", "1"]);
    scene.model.set_faults(|call, _| panic!("a file needs no {}", call.operation));
    insta::assert_snapshot!("triage_file", scene.said(&["triage", &file]));
    let (code, mut of_file) = scene.json(&["triage", &file]);
    assert_eq!(code, 0);
    // The next command names the file where it named the queue, and a queue has no order; everything else is the same.
    let comparable = |triage: &mut serde_json::Value| {
        for group in triage["groups"].as_array_mut().unwrap() {
            assert!(group["next"].as_str().unwrap().starts_with("dlq-replayer "), "{group}");
            for key in ["next", "sample", "sample_id"] {
                group[key] = json!("");
            }
        }
    };
    comparable(&mut of_queue);
    comparable(&mut of_file);
    assert_eq!(of_file["groups"], of_queue["groups"]);
    let (code, list) = scene.json(&["list", &file, "--reason", "invalid_field"]);
    assert_eq!((code, list["messages"].as_array().unwrap().len()), (0, 2));
    let said = scene.run(&["show", &file, &id(6)]);
    assert!(said.code == 0 && said.out.contains("customer (String): ‹18 characters›"), "{}", said.text());
    assert_eq!(scene.run(&["list", &file, "--reason", "panic"]).code, 3);
    assert_eq!(scene.run(&["show", &file, "nowhere"]).code, 3);
}

#[test]
fn a_pull_can_be_narrowed_down() {
    let scene = Scene::new();
    let file = scene.file("letters.ndjson");
    assert_eq!(scene.run(&["pull", DLQ, &file, "--reason", "invalid_field"]).code, 0);
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 3);
    let none = scene.file("none.ndjson");
    assert_eq!(scene.run(&["pull", DLQ, &none, "--reason", "panic"]).code, 3);
}
