//! A1: a deduplication id that was used before swallows a message, which is then deleted.

use pipeline_tests::sqs_model::{Fault, NewMessage};
use serde_json::json;

use super::{Scene, body, old};

const FIFO_DLQ: &str = "orders-dlq.fifo";
const FIFO_SOURCE: &str = "orders.fifo";
const PARKED: &str = "parked.fifo";

/// Eight dead letters; `same` says what two of them have in common.
fn scene(same: &dyn Fn(usize) -> NewMessage) -> Scene {
    let scene = Scene::between(FIFO_SOURCE, FIFO_DLQ);
    scene.model.create(PARKED);
    (0..8).for_each(|at| drop(scene.model.put(FIFO_DLQ, old(same(at)))));
    assert_eq!(scene.model.count(FIFO_DLQ), 8);
    scene
}

/// Four deduplication ids, each used twice, long apart.
fn same_id(at: usize) -> NewMessage {
    NewMessage::new(super::body(at), &[]).in_group(&format!("g{}", at % 2), &format!("d{}", at % 4))
}

/// Four bodies, each sent twice, to queues that deduplicate by content.
fn same_body(at: usize) -> NewMessage {
    let mut message = NewMessage::new(super::body(at % 4), &[]);
    message.system.insert("MessageGroupId".into(), format!("g{}", at % 2));
    message
}

fn by_content(scene: &Scene) {
    for queue in [FIFO_DLQ, FIFO_SOURCE, PARKED] {
        scene.model.with(queue, |queue| queue.content_based_deduplication = true);
    }
}

fn assert_nothing_is_swallowed(scene: &Scene, arguments: &[&str], bodies: &[String]) {
    let said = scene.run(arguments);
    scene.assert_each_once(bodies.to_vec(), &[FIFO_DLQ, FIFO_SOURCE, PARKED], &said.text());
    let left = scene.model.count(FIFO_DLQ);
    assert_eq!(said.code == 0, left == 0, "{left} left: {}", said.text());
}

fn eight() -> Vec<String> {
    (0..8).map(super::body).collect()
}

fn four_twice() -> Vec<String> {
    (0..8).map(|at| super::body(at % 4)).collect()
}

#[test]
fn a1_replay_delivers_messages_whose_deduplication_ids_occur_twice() {
    assert_nothing_is_swallowed(&scene(&same_id), &["replay", FIFO_DLQ, "--execute"], &eight());
}

#[test]
fn a1_move_delivers_messages_whose_deduplication_ids_occur_twice() {
    assert_nothing_is_swallowed(&scene(&same_id), &["move", FIFO_DLQ, "--to", PARKED, "--execute"], &eight());
}

#[test]
fn a1_quarantine_takes_messages_whose_deduplication_ids_occur_twice() {
    let scene = scene(&|at| {
        let mut message = same_id(at);
        message.attributes = NewMessage::new("", &[("replay_count", "9")]).attributes;
        message
    });
    assert_nothing_is_swallowed(&scene, &["replay", FIFO_DLQ, "--quarantine", PARKED, "--execute"], &eight());
}

#[test]
fn a1_replay_delivers_equal_bodies_to_a_queue_that_deduplicates_by_content() {
    let scene = scene(&same_body);
    by_content(&scene);
    assert_nothing_is_swallowed(&scene, &["replay", FIFO_DLQ, "--execute"], &four_twice());
}

#[test]
fn a1_move_delivers_equal_bodies_to_a_queue_that_deduplicates_by_content() {
    let scene = scene(&same_body);
    by_content(&scene);
    assert_nothing_is_swallowed(&scene, &["move", FIFO_DLQ, "--to", PARKED, "--execute"], &four_twice());
}

#[test]
fn a1_import_delivers_messages_whose_deduplication_ids_occur_twice() {
    // Each message in its own group, so that the export sees all of them.
    let scene = scene(&|at| same_id(at).in_group(&format!("g{at}"), &format!("d{}", at % 4)));
    let file = scene.file("export.ndjson");
    assert_eq!(scene.run(&["export", FIFO_DLQ, &file]).code, 0);
    let said = scene.run(&["import", PARKED, &file, "--execute"]);
    assert_eq!((said.code, scene.bodies(PARKED)), (0, eight()), "{}", said.text());
}

#[test]
fn a1_a_second_replay_within_five_minutes_is_delivered_too() {
    let scene = scene(&same_id);
    assert_nothing_is_swallowed(&scene, &["replay", FIFO_DLQ, "--execute"], &eight());
    // The consumer fails again, and the redrive policy moves every message back under its own id.
    for message in scene.model.messages(FIFO_SOURCE) {
        let mut again =
            NewMessage { id: message.id, attributes: message.attributes, ..NewMessage::new(message.body, &[]) };
        again.system = message.system;
        scene.model.put(FIFO_DLQ, again.redriven_from(&scene.model.here().arn(FIFO_SOURCE)));
    }
    let said = scene.run(&["replay", FIFO_DLQ, "--execute"]);
    assert_eq!(scene.model.count(FIFO_SOURCE) + scene.model.count(FIFO_DLQ), 16, "{}", said.text());
}

#[test]
fn a1_an_answer_with_an_id_that_was_given_before_proves_nothing() {
    let scene = scene(&same_id);
    scene.model.set_faults(|_, _| Fault::Swallowed);
    let said = scene.run(&["replay", FIFO_DLQ, "--execute"]);
    scene.assert_each_once(eight(), &[FIFO_DLQ, FIFO_SOURCE], &said.text());
    assert_eq!((scene.model.count(FIFO_SOURCE), said.code), (1, 4), "{}", said.text());
}

/// Whatever its journal is: that of a copy of the file, or of the queue that the messages were moved from.
#[test]
fn an_import_does_not_claim_what_another_run_has_just_sent_to_the_same_queue() {
    let scene = scene(&|at| same_id(at).in_group(&format!("g{at}"), &format!("d{at}")));
    let (file, copy) = (scene.file("export.ndjson"), scene.file("copy.ndjson"));
    assert_eq!(scene.run(&["export", FIFO_DLQ, &file]).code, 0);
    std::fs::copy(&file, &copy).unwrap();
    assert_eq!(scene.run(&["import", FIFO_SOURCE, &file, "--execute"]).code, 0);
    assert_eq!(scene.run(&["move", FIFO_DLQ, "--to", PARKED, "--execute"]).code, 0);
    for to in [FIFO_SOURCE, PARKED] {
        let said = scene.run(&["import", to, &copy, "--execute"]);
        assert_eq!((said.code, scene.model.count(to)), (4, 8), "{}", said.text());
        assert!(said.out.contains("deduplicated"), "{}", said.text());
    }
}

#[test]
fn a1_a_second_import_within_five_minutes_does_not_claim_what_was_swallowed() {
    let scene = Scene::between("orders.fifo", "orders-dlq.fifo");
    let file = scene.file("import.ndjson");
    let line = |at: usize| {
        json!({ "id": format!("id-{at}"), "body": body(at), "system": { "MessageGroupId": "g" } }).to_string() + "\n"
    };
    std::fs::write(&file, (0..4).map(line).collect::<String>()).unwrap();
    assert_eq!(scene.run(&["import", "orders.fifo", &file, "--execute"]).code, 0);
    let second = scene.run(&["import", "orders.fifo", &file, "--execute", "--again"]);
    assert_eq!((second.code, scene.model.count("orders.fifo")), (4, 4), "{}", second.text());
    assert!(second.out.contains("deduplicated"), "{}", second.text());
}
