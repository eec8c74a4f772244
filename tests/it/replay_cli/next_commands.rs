//! What `triage` says to type next acts on the messages of its group and on no others, or is not said.

use std::fs;

use pipeline_tests::sqs_model;
use serde_json::{Value, json};

use super::{DLQ, Scene, dead_letter, given_up, id};

/// The next command of each group, by its reason or value.
fn next(scene: &Scene, arguments: &[&str]) -> Vec<(String, Value)> {
    let (_, triage) = scene.json(&[&["triage"], arguments].concat());
    let groups = triage["groups"].as_array().unwrap().iter();
    groups.map(|group| (group["reason"].as_str().unwrap().to_owned(), group["next"].clone())).collect()
}

/// So many messages with the same reason.
fn with_reason(reason: &str, count: usize) -> Scene {
    let scene = Scene::empty();
    for at in 0..count {
        scene.model.put(DLQ, given_up(at, &json!({ "n": at }).to_string(), reason, "x"));
    }
    scene
}

/// The ids that a command names.
fn ids(command: &Value) -> Vec<String> {
    let words: Vec<_> = command.as_str().unwrap().split(' ').collect();
    let ids = words.windows(2).filter(|pair| pair[0] == "--id").map(|pair| pair[1].to_owned());
    super::sorted(ids)
}

#[test]
fn a_filter_over_the_bodies_of_a_file_is_not_asked_of_those_in_the_queue() {
    let scene = with_reason("panic", 3);
    let file = scene.file("messages.ndjson");
    assert_eq!(scene.run(&["pull", DLQ, &file]).code, 0);
    let fixed = fs::read_to_string(&file).unwrap().replace(r#"\"n\":1"#, r#"\"n\":1,\"fixed\":true"#);
    fs::write(&file, fixed).unwrap();
    for arguments in [&[&*file, "--group-by", ".body.fixed == true"][..], &[&*file, "--where", ".body.fixed == true"]] {
        let groups = next(&scene, arguments);
        let (_, command) = groups.iter().find(|(value, _)| value == "true" || value == "panic").unwrap();
        let expected = format!("dlq-replayer replay {} --from {file} --id {}", sqs_model::arn(DLQ), id(1));
        assert_eq!(*command, expected, "{arguments:?}");
    }
    // By what is not in a body, file and queue agree.
    let expected = format!("dlq-replayer replay {} --from {file} --reason panic", sqs_model::arn(DLQ));
    assert_eq!(next(&scene, &[&file])[0].1, expected);
}

#[test]
fn what_is_moved_is_what_was_pulled() {
    let scene = with_reason("unsupported_version", 4);
    let file = scene.file("messages.ndjson");
    assert_eq!(scene.run(&["pull", DLQ, &file, "-n", "2", "--concurrency", "1"]).code, 0);
    let command = &next(&scene, &[&file])[0].1;
    assert_eq!(ids(command), [id(0), id(1)], "{command}");
    assert!(command.as_str().unwrap().starts_with("dlq-replayer move arn:"), "{command}");
    let many = with_reason("unsupported_version", 40);
    let file = many.file("messages.ndjson");
    assert_eq!(many.run(&["pull", DLQ, &file]).code, 0);
    assert!(next(&many, &[&file])[0].1.is_null(), "too many to name");
}

#[test]
fn a_reason_that_others_begin_with_is_not_named() {
    let scene = with_reason("panic", 2);
    scene.model.put(DLQ, given_up(7, "{}", "panic:later", "x"));
    let groups = next(&scene, &[DLQ, "--concurrency", "1"]);
    assert_eq!((groups[0].0.as_str(), ids(&groups[0].1)), ("panic", vec![id(0), id(1)]));
    assert!(!groups[0].1.as_str().unwrap().contains("--reason"), "{groups:?}");
    assert!(groups[1].1.as_str().unwrap().contains("--reason panic:later"), "{groups:?}");
    assert_eq!(
        next(&scene, &[DLQ, "--where", ".body.n"])[0].1,
        "dlq-replayer replay orders-dlq --reason panic --where .body.n"
    );
}

#[test]
fn a_limited_triage_of_a_queue_names_what_it_has_seen() {
    let scene = with_reason("panic", 4);
    let command = &next(&scene, &[DLQ, "-n", "2", "--concurrency", "1"])[0].1;
    assert_eq!((ids(command), command.as_str().unwrap().contains(" -n ")), (vec![id(0), id(1)], false), "{command}");
    let many = with_reason("panic", 40);
    assert!(next(&many, &[DLQ, "-n", "30"])[0].1.is_null());
}

#[test]
fn a_group_of_several_destinations_has_no_next_replay() {
    let scene = Scene::empty();
    for (at, queue) in ["orders", "elsewhere"].into_iter().enumerate() {
        let arn = sqs_model::arn(queue);
        let failure =
            [("EXHAUSTED_RETRY_CONDITION", "MaximumRetryAttempts"), ("TARGET_ARN", &*arn), ("ERROR_CODE", "X")];
        scene.model.put(DLQ, dead_letter(at, "{}", &failure));
    }
    assert_eq!(next(&scene, &[DLQ]), [("eventbridge:X".to_owned(), Value::Null)]);
    assert_eq!(next(&scene, &[DLQ, "--group-by", "true"]), [("true".to_owned(), Value::Null)]);
}

#[test]
fn a_group_whose_value_no_filter_can_say_is_named_by_its_ids() {
    let scene = with_reason("panic", 2);
    for (value, command) in next(&scene, &[DLQ, "--group-by", ".body.n", "--concurrency", "1"]) {
        assert!(value.starts_with("‹value ") && ids(&command).len() == 1, "{value}: {command}");
    }
}
