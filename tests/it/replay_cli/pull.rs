//! `pull`, and `triage`, `list` and `show` of its file.

use serde_json::json;

use pipeline_tests::sqs_model::{Counts, Fault};

use super::{DLQ, Scene, id, mode, until};

#[test]
fn a_snapshot_is_private_and_lossless_and_the_messages_stay() {
    let scene = Scene::new();
    let file = scene.file("messages.ndjson");
    insta::assert_snapshot!("pull", scene.said(&["pull", DLQ, &file]));
    assert_eq!((scene.model.count(DLQ), mode(&file)), (6, 0o600));
    scene.assert_released();
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), 8, "a line at either end, and six messages");
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
    let file = scene.file("messages.ndjson");
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
    let file = scene.file("messages.ndjson");
    assert_eq!(scene.run(&["pull", DLQ, &file, "--reason", "invalid_field"]).code, 0);
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 4);
    let none = scene.file("none.ndjson");
    assert_eq!(scene.run(&["pull", DLQ, &none, "--reason", "panic"]).code, 3);
}

#[test]
fn a_pull_that_was_killed_leaves_a_file_that_says_so() {
    let scene = Scene::with_letters(40);
    let file = scene.file("messages.ndjson");
    let receives = std::sync::atomic::AtomicUsize::new(0);
    scene.model.set_faults(move |call, _| match pipeline_tests::sqs_model::operation(call) {
        "ReceiveMessage" if receives.fetch_add(1, std::sync::atomic::Ordering::SeqCst) > 0 => Fault::RequestHangs,
        _ => Fault::None,
    });
    let mut pull = scene.spawn(&["pull", DLQ, &file, "--concurrency", "1"]);
    until(|| std::fs::read_to_string(&file).is_ok_and(|text| text.lines().count() == 11));
    pull.kill().unwrap();
    pull.wait().unwrap();
    scene.model.set_faults(|_, _| Fault::None);
    let note = format!("note: {file} is incomplete: its `pull` did not reach the end of the queue\n");
    for command in
        [&["triage", &file][..], &["list", &file], &["show", &file, "nowhere"], &["replay", DLQ, "--from", &file]]
    {
        let said = scene.run(command);
        assert!(said.text().contains(&note), "{command:?}: {}", said.text());
    }
    for command in [&["triage", &file][..], &["list", &file], &["show", &file, "nowhere"]] {
        assert_eq!(scene.run(command).code, 4, "{command:?}: there may be more");
    }
    assert_eq!(scene.run(&["edit", &file, "--reason", "nope"]).err, note);
    assert_eq!(scene.run(&["edit", &file, "--reason", "nope", "--quiet"]).err, "");
    let (_, triage) = scene.json(&["triage", &file]);
    assert!(triage["warnings"][0].as_str().unwrap().contains("is incomplete"), "{triage:#}");
}

#[test]
fn a_pull_that_has_not_seen_everything_says_so_and_a_complete_one_does_not() {
    let scene = Scene::with_letters(3);
    // Another receiver has a message.
    scene.model.with(DLQ, |queue| queue.misreport(2, Counts { visible: 3, in_flight: 1 }));
    scene.model.with(DLQ, |queue| queue.misreport(60, Counts { visible: 0, in_flight: 4 }));
    let hidden = scene.file("hidden.ndjson");
    let said = scene.run(&["pull", DLQ, &hidden]);
    assert!(said.code == 4 && said.err.contains("is incomplete"), "{}", said.text());
    let few = scene.file("few.ndjson");
    let said = scene.run(&["pull", DLQ, &few, "-n", "1"]);
    assert!(said.code == 0 && said.err.is_empty(), "as many as were asked for: {}", said.text());
    assert_eq!(scene.run(&["triage", &few]).text().matches("incomplete").count(), 0);
    // Earlier versions wrote no last line, and their first one does not promise it.
    let text = std::fs::read_to_string(&hidden).unwrap().replace(",\"has_end\":true", "");
    std::fs::write(&hidden, text).unwrap();
    assert!(!scene.run(&["triage", &hidden]).text().contains("incomplete"));
}
