//! A4: "done" without having seen the queue.

use pipeline_tests::sqs_model::{ModelQueue, NewMessage};
use serde_json::json;

use super::{DLQ, SOURCE, Scene, old, says};

/// Messages that never left the queue in a receive.
fn never_received(scene: &Scene, queue: &str) -> usize {
    scene.model.messages(queue).iter().filter(|message| message.receives == 0).count()
}

fn lines(file: &str) -> usize {
    std::fs::read_to_string(file).unwrap_or_default().lines().count()
}

#[test]
fn a4_a_filter_that_matches_only_beyond_the_limit_of_messages_in_flight_does_not_end_with_nothing_matched() {
    let scene = Scene::new();
    scene.model.with(DLQ, |queue: &mut ModelQueue| queue.in_flight_limit = 50);
    (0..200).for_each(|at| drop(scene.model.put(DLQ, old(NewMessage::new(json!({ "number": at }).to_string(), &[])))));
    let said = scene.run(&["replay", DLQ, "--where", ".body.number >= 150", "--execute", "--yes"]);
    let unseen = never_received(&scene, DLQ);
    let all: Vec<_> = (0..200).map(|at| json!({ "number": at }).to_string()).collect();
    scene.assert_each_once(all, &[DLQ, SOURCE], &said.text());
    match said.code {
        0 => assert_eq!((scene.model.count(SOURCE), unseen), (50, 0), "{}", said.text()),
        4 => assert!(unseen > 0 && says(&said.text(), unseen), "{unseen} were not seen: {}", said.text()),
        code => panic!("exit {code} with {unseen} not seen: {}", said.text()),
    }
}

#[test]
fn a4_an_export_that_reaches_the_limit_of_messages_in_flight_says_what_it_did_not_see() {
    let scene = Scene::new();
    scene.model.with(DLQ, |queue: &mut ModelQueue| queue.in_flight_limit = 120);
    scene.fill(400);
    let file = scene.file("export.ndjson");
    let said = scene.run(&["export", DLQ, &file]);
    let missing = 400 - lines(&file);
    assert_eq!(scene.model.count(DLQ), 400);
    match said.code {
        0 => assert_eq!(missing, 0, "{}", said.text()),
        4 => assert!(missing > 0 && says(&said.text(), missing), "{missing} are missing: {}", said.text()),
        code => panic!("exit {code} with {missing} missing: {}", said.text()),
    }
}

#[test]
fn a4_an_export_of_one_large_group_says_what_it_did_not_see() {
    let scene = Scene::between("orders.fifo", "orders-dlq.fifo");
    for at in 0..30 {
        let message = NewMessage::new(super::body(at), &[]).in_group("one", &at.to_string());
        scene.model.put("orders-dlq.fifo", old(message));
    }
    let file = scene.file("export.ndjson");
    let said = scene.run(&["export", "orders-dlq.fifo", &file]);
    // While the first ten are in flight, SQS gives no others of the group.
    assert_eq!((lines(&file), said.code), (10, 4), "{}", said.text());
    assert!(says(&said.text(), 20), "20 were not seen: {}", said.text());
}
