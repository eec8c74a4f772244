//! A5: a purge deletes only what is in its archive, and an archive is made only for the purge that writes it.

use pipeline_tests::sqs_model::{Fault, ModelQueue, NewMessage, operation};
use serde_json::Value;

use super::{DLQ, Scene, body, old, until};

#[test]
fn a5_a_purge_that_is_resumed_deletes_nothing_that_is_not_in_an_archive() {
    const MESSAGES: usize = 30;
    let scene = Scene::new();
    scene.fill(MESSAGES);
    let archive = scene.file("archive.ndjson");
    scene.deny_deletes();
    let first = scene.run(&["purge", DLQ, "--archive", &archive, "--execute"]);
    assert_eq!((first.code, scene.model.count(DLQ)), (1, MESSAGES), "{}", first.text());
    std::fs::remove_file(&archive).unwrap();
    scene.allow_everything();
    scene.let_visibility_run_out();
    let run = scene.last_run();
    let said = scene.run(&["purge", DLQ, "--archive", &archive, "--resume", &run, "--execute"]);
    let (archived, queued) = (std::fs::read_to_string(&archive).unwrap_or_default(), scene.bodies(DLQ));
    let lost: Vec<_> =
        (0..MESSAGES).map(body).filter(|body| !archived.contains(body) && !queued.contains(body)).collect();
    assert!(lost.is_empty(), "deleted and in no archive: {lost:?}\n{}", said.text());
}

#[test]
fn a_purge_that_was_not_confirmed_leaves_no_archive_behind() {
    let scene = Scene::new();
    scene.fill(150);
    let archive = scene.file("archive.ndjson");
    let first = scene.run(&["purge", DLQ, "--archive", &archive, "--execute"]);
    assert_eq!(first.code, 1);
    let second = scene.run(&["purge", DLQ, "--archive", &archive, "--execute", "--yes"]);
    assert_eq!(second.code, 0, "{}", second.text());
}

/// How many messages the journals say have arrived.
fn confirmed(scene: &Scene) -> usize {
    let journals = super::journals(&scene.replayer.journals());
    let lines = journals.iter().flat_map(|path| {
        let text = std::fs::read_to_string(path).unwrap();
        // The last line may be half written.
        text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).collect::<Vec<_>>()
    });
    lines.filter(|line| line["step"] == "sent").map(|line| line["ids"].as_array().map_or(0, Vec::len)).sum()
}

#[test]
fn a_purge_that_is_refused_does_not_touch_the_archive_of_the_live_one() {
    let scene = Scene::new();
    scene.fill(20);
    let archive = scene.file("archive.ndjson");
    scene.model.set_faults(|call, _| match operation(call) {
        "DeleteMessageBatch" => Fault::RequestHangs,
        _ => Fault::None,
    });
    let _first = scene.start(&["purge", DLQ, "--archive", &archive, "--execute"]);
    until(|| scene.model.calls().iter().any(|call| call == "DeleteMessageBatch"));
    // Nothing more is written by itself, nor read back: all lines of the archive are confirmed.
    until(|| confirmed(&scene) == 20);
    // The live run is in the middle of a write.
    let whole = std::fs::read_to_string(&archive).unwrap();
    std::fs::write(&archive, whole + "{\"id\":\"half").unwrap();
    let before = std::fs::read_to_string(&archive).unwrap();
    let run = scene.last_run();
    let second = scene.run(&["purge", DLQ, "--resume", &run, "--execute"]);
    assert_eq!(second.code, 1, "{}", second.text());
    assert_eq!(std::fs::read_to_string(&archive).unwrap().len(), before.len(), "{}", second.text());
}

#[test]
fn a_purge_of_a_fifo_queue_can_be_repeated_into_another_archive() {
    const DLQ: &str = "orders-dlq.fifo";
    let scene = Scene::between("orders.fifo", DLQ);
    for at in 0..3 {
        scene.model.put(DLQ, old(NewMessage::new(body(at), &[]).in_group(&format!("g{at}"), &format!("d{at}"))));
    }
    scene.model.set_faults(|call, _| match operation(call) {
        "DeleteMessageBatch" => Fault::Refused(500, "InternalError"),
        _ => Fault::None,
    });
    let (one, two) = (scene.file("one.ndjson"), scene.file("two.ndjson"));
    let first = scene.run(&["purge", DLQ, "--archive", &one, "--execute"]);
    assert_eq!((first.code, scene.model.count(DLQ)), (1, 3), "{}", first.text());
    scene.allow_everything();
    scene.model.with(DLQ, ModelQueue::let_visibility_run_out);
    let second = scene.run(&["purge", DLQ, "--archive", &two, "--execute"]);
    let archived = std::fs::read_to_string(&two).unwrap_or_default();
    assert_eq!((second.code, scene.model.count(DLQ)), (0, 0), "{}", second.text());
    assert!((0..3).map(body).all(|body| archived.contains(&body)), "{archived}");
}
