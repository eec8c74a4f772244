//! A10: messages that arrive while a run goes on are not part of what was confirmed.

use std::sync::atomic::{AtomicBool, Ordering};

use pipeline_tests::sqs_model::{Fault, NewMessage, operation};

use super::{DLQ, SOURCE, Scene, body, old};

const CONFIRMED: usize = 30;
const ARRIVED: usize = 5;

/// Five more messages arrive at the first send or delete.
fn scene() -> Scene {
    let scene = Scene::new();
    scene.fill(CONFIRMED);
    let (model, arrived) = (scene.model.clone(), AtomicBool::new(false));
    scene.model.set_faults(move |call, _| {
        if matches!(operation(call), "SendMessageBatch" | "DeleteMessageBatch") && !arrived.swap(true, Ordering::SeqCst)
        {
            for at in CONFIRMED..CONFIRMED + ARRIVED {
                model.put(DLQ, old(NewMessage::new(body(at), &[])));
            }
        }
        Fault::None
    });
    scene
}

fn all() -> Vec<String> {
    (0..CONFIRMED + ARRIVED).map(body).collect()
}

#[test]
fn a10_a_replay_sends_no_more_than_was_there_when_it_was_confirmed() {
    let scene = scene();
    let said = scene.run(&["replay", DLQ, "--execute", "--yes"]);
    scene.assert_each_once(all(), &[DLQ, SOURCE], &said.text());
    assert_eq!((scene.model.count(SOURCE), scene.model.count(DLQ)), (CONFIRMED, ARRIVED), "{}", said.text());
}

#[test]
fn a10_a_purge_deletes_no_more_than_was_there_when_it_was_confirmed() {
    let scene = scene();
    let archive = scene.file("archive.ndjson");
    let said = scene.run(&["purge", DLQ, "--archive", &archive, "--execute", "--yes"]);
    assert_eq!(scene.model.count(DLQ), ARRIVED, "{}", said.text());
    let archived = std::fs::read_to_string(&archive).unwrap();
    let queued = scene.bodies(DLQ);
    assert!(all().iter().all(|body| archived.contains(body) != queued.contains(body)), "{}", said.text());
}
