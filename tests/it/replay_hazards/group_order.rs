//! The order of a FIFO group holds whatever a message of it waits for, is refused for, or is put aside for.

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
};

use pipeline_tests::sqs_model::{Fault, ModelQueue, NewMessage, arn, operation, queue_name};
use serde_json::{Value, json};

use super::{Scene, body, old};

const DLQ: &str = "orders-dlq.fifo";
const SOURCE: &str = "orders.fifo";

/// A dead-letter queue with two sources, so that each one is looked up when a message names it.
fn of_two_sources() -> Scene {
    let scene = Scene::between(SOURCE, DLQ);
    scene.model.with("other.fifo", |queue| queue.dead_letters = Some(DLQ.to_owned()));
    scene.model.create("park.fifo");
    scene
}

/// Puts a message into the dead-letter queue that was replayed so many times.
fn put(scene: &Scene, at: usize, source: &str, group: &str, replays: &str) {
    let message = NewMessage::new(body(at), &[("replay_count", replays)]).in_group(group, &format!("d{at}"));
    scene.model.put(DLQ, old(message.redriven_from(&arn(source))));
}

/// The bodies of a group in the order in which they have arrived.
fn arrived(scene: &Scene, queue: &str, group: &str) -> Vec<String> {
    let messages = scene.model.messages(queue).into_iter();
    messages.filter(|message| message.system["MessageGroupId"] == group).map(|message| message.body).collect()
}

#[test]
fn a_message_whose_source_cannot_be_looked_up_does_not_keep_those_in_front_of_it() {
    let scene = of_two_sources();
    scene.model.create("gone.fifo");
    (0..).zip([SOURCE, SOURCE, "gone.fifo"]).for_each(|(at, source)| put(&scene, at, source, "g", "1"));
    scene.model.set_faults(|call, _| match (operation(call), queue_name(call)) {
        ("GetQueueUrl", "gone.fifo") => Fault::Refused(403, "AccessDenied"),
        _ => Fault::None,
    });
    let said = scene.run(&["replay", DLQ, "--execute"]);
    assert_eq!(arrived(&scene, SOURCE, "g"), [body(0), body(1)], "{}", said.text());
    assert_eq!((said.code, scene.bodies(DLQ)), (4, vec![body(2)]), "{}", said.text());
}

#[test]
fn a_message_that_stays_keeps_only_those_of_its_group_that_go_to_the_same_queue() {
    let scene = of_two_sources();
    let sources = ["other.fifo", SOURCE, "other.fifo", SOURCE];
    (0..).zip(sources).for_each(|(at, source)| put(&scene, at, source, "g", "1"));
    scene.model.set_faults(|call, _| match (operation(call), queue_name(call)) {
        ("GetQueueUrl", "other.fifo") => Fault::Refused(403, "AccessDenied"),
        _ => Fault::None,
    });
    let dry = scene.run(&["replay", DLQ, "--json"]);
    let report: Value = serde_json::from_str(dry.out.trim()).unwrap();
    assert_eq!((&report["would_send"], &report["would_leave_for_order"]), (&2.into(), &1.into()), "{report:#}");
    let said = scene.run(&["replay", DLQ, "--execute"]);
    assert_eq!(arrived(&scene, SOURCE, "g"), [body(1), body(3)], "{}", said.text());
    assert_eq!((said.code, scene.bodies(DLQ)), (4, vec![body(0), body(2)]), "{}", said.text());
}

#[test]
fn a_message_does_not_overtake_one_of_its_group_that_waits_for_a_lookup() {
    let scene = of_two_sources();
    (0..10).for_each(|at| put(&scene, at, "other.fifo", &format!("x{at}"), "9"));
    put(&scene, 10, SOURCE, "g", "9");
    put(&scene, 11, "other.fifo", "g", "9");
    let asked = AtomicUsize::new(0);
    scene.model.set_faults(move |call, _| match (operation(call), queue_name(call)) {
        // The SDK asks again, and its other messages would be sent meanwhile.
        ("GetQueueUrl", SOURCE) if asked.fetch_add(1, Ordering::SeqCst) == 0 => {
            Fault::Refused(503, "ServiceUnavailable")
        }
        _ => Fault::None,
    });
    let said = scene.run(&["replay", DLQ, "--quarantine", "park.fifo", "--execute", "--concurrency", "1"]);
    assert_eq!(arrived(&scene, "park.fifo", "g"), [body(10), body(11)], "{}", said.text());
    assert_eq!((said.code, scene.model.count(DLQ)), (0, 0), "{}", said.text());
}

#[test]
fn messages_beyond_the_limit_keep_those_behind_them_when_the_limit_is_free_again() {
    let scene = of_two_sources();
    put(&scene, 0, SOURCE, "q", "9");
    (1..13).for_each(|at| put(&scene, at, SOURCE, "g", "1"));
    scene.model.set_faults(|call, _| match (operation(call), queue_name(call)) {
        ("SendMessageBatch", "park.fifo") => Fault::Refused(403, "AccessDenied"),
        // What is released first is not received first, as SQS is free to do.
        ("ChangeMessageVisibilityBatch", DLQ) => Fault::Entries(vec![9], "InternalError", false),
        _ => Fault::None,
    });
    let first = scene.run(&["replay", DLQ, "--quarantine", "park.fifo", "-n", "1", "--execute"]);
    scene.allow_everything();
    scene.model.with(DLQ, ModelQueue::let_visibility_run_out);
    let second = scene.run(&["replay", DLQ, "--execute"]);
    let order = arrived(&scene, SOURCE, "g");
    let whole: Vec<_> = (1..13).map(body).collect();
    assert_eq!(order, whole, "{}{}", first.text(), second.text());
}

#[test]
fn an_imported_message_that_is_refused_keeps_those_behind_it_whoever_refuses_it() {
    // One that is refused before the send, and one that SQS refuses.
    for refused in ["first \u{fffe}", ""] {
        let scene = Scene::between(SOURCE, DLQ);
        let line = |id: &str, body: &str, group: &str| {
            json!({ "id": id, "body": body, "system": { "MessageGroupId": group } }).to_string() + "\n"
        };
        let lines =
            [line("a", refused, "g"), line("b", "second", "g"), line("c", "third", "g"), line("d", "other", "h")];
        let file = scene.file("import.ndjson");
        fs::write(&file, lines.concat()).unwrap();
        let dry = scene.run(&["import", SOURCE, &file, "--json"]);
        let report: Value = serde_json::from_str(dry.out.trim()).unwrap();
        // What SQS refuses is not known before it is sent.
        let left = if refused.is_empty() { 0 } else { 2 };
        assert_eq!(report["would_leave_for_order"], left, "{}", dry.text());
        let said = scene.run(&["import", SOURCE, &file, "--execute"]);
        assert_eq!((said.code, scene.bodies(SOURCE)), (4, vec!["other".to_owned()]), "{refused:?}: {}", said.text());
    }
}
