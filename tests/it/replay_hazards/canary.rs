//! A canary is what has arrived, and it is judged by more than one late count.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use std::time::Duration;

use pipeline_tests::sqs_model::{Fault, NewMessage, operation, queue_name};

use super::{DLQ, SOURCE, Scene, body, old};

#[test]
fn a_canary_that_was_refused_does_not_let_the_rest_go() {
    let scene = Scene::new();
    scene.fill(60);
    let sends = AtomicUsize::new(0);
    scene.model.set_faults(move |call, _| match operation(call) {
        "SendMessageBatch" if queue_name(call) == SOURCE && sends.fetch_add(1, Ordering::SeqCst) == 0 => {
            Fault::Entries((0..10).collect(), "InvalidMessageContents", true)
        }
        _ => Fault::None,
    });
    let said = scene.run(&["replay", DLQ, "--execute", "--canary", "5", "--canary-timeout", "3s"]);
    // Others take the place of those that were refused.
    assert!(scene.model.count(SOURCE) <= 5, "more than the canary has arrived: {}", said.text());
}

#[test]
fn a_canary_with_a_message_for_quarantine_settles() {
    let scene = Scene::new();
    scene.model.create("quarantine");
    (0..6).for_each(|_| drop(scene.model.put(DLQ, old(NewMessage::new("often", &[("replay_count", "9")])))));
    scene.fill(6);
    let (model, done) = (scene.model.clone(), Arc::new(AtomicBool::new(false)));
    let ends = Arc::clone(&done);
    // A consumer that takes everything.
    let consumer = std::thread::spawn(move || {
        let mut taken = 0;
        while !ends.load(Ordering::SeqCst) {
            taken += drain(&model);
            std::thread::sleep(Duration::from_millis(20));
        }
        taken
    });
    let command = [
        "replay",
        DLQ,
        "--to",
        SOURCE,
        "--quarantine",
        "quarantine",
        "--execute",
        "--canary",
        "10",
        "--canary-timeout",
        "6s",
        "--concurrency",
        "1",
    ];
    let said = scene.run(&command);
    done.store(true, Ordering::SeqCst);
    consumer.join().unwrap();
    assert_eq!(said.code, 0, "{}", said.text());
}

fn drain(model: &pipeline_tests::sqs_model::SqsModel) -> usize {
    let there = model.count(SOURCE);
    model.with(SOURCE, |queue| {
        let fresh = pipeline_tests::sqs_model::SqsModel::new();
        fresh.create(SOURCE);
        fresh.with(SOURCE, |other| std::mem::swap(queue, other));
    });
    there
}

#[test]
fn a_canary_that_returns_is_seen_although_an_earlier_run_is_finished() {
    let scene = Scene::new();
    scene.fill(20);
    scene.deny_deletes();
    assert_eq!(scene.run(&["replay", DLQ, "--execute", "--limit", "20"]).code, 1);
    drain(&scene.model);
    scene.allow_everything();
    scene.let_visibility_run_out();
    for at in 20..120 {
        scene.model.put(DLQ, old(NewMessage::new(body(at), &[])));
    }
    scene.model.with(SOURCE, |queue| {
        queue.dead_letters = Some(DLQ.to_owned());
        queue.bounces_to = Some(DLQ.to_owned());
    });
    let said = scene.run(&["replay", DLQ, "--execute", "--yes", "--canary", "8", "--canary-timeout", "5s"]);
    assert_eq!(said.code, 5, "{}", said.text());
    assert!(said.text().contains("\n8 messages sent"), "{}", said.text());
}

/// The same without the earlier run: eight are sent, and the canary stops it.
#[test]
fn a_canary_that_returns_stops_the_run() {
    let scene = Scene::new();
    for at in 20..120 {
        scene.model.put(DLQ, old(NewMessage::new(body(at), &[])));
    }
    scene.model.with(SOURCE, |queue| queue.bounces_to = Some(DLQ.to_owned()));
    let said = scene.run(&["replay", DLQ, "--execute", "--yes", "--canary", "8", "--canary-timeout", "5s"]);
    assert_eq!(said.code, 5, "{}", said.text());
    assert!(said.text().contains("\n8 messages sent"), "{}", said.text());
}

#[test]
fn counts_that_are_some_seconds_late_are_not_taken_for_a_canary_that_returned() {
    let scene = Scene::new();
    scene.fill(60);
    let (model, frozen) = (scene.model.clone(), AtomicBool::new(false));
    let done = Arc::new(AtomicBool::new(false));
    scene.model.set_faults(move |call, _| {
        if operation(call) == "DeleteMessageBatch" && !frozen.swap(true, Ordering::SeqCst) {
            // The figures of three seconds.
            model.with(DLQ, |queue| queue.freeze_counts(3));
        }
        Fault::None
    });
    let (model, ends) = (scene.model.clone(), Arc::clone(&done));
    let consumer = std::thread::spawn(move || {
        while !ends.load(Ordering::SeqCst) {
            drain(&model);
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let command = ["replay", DLQ, "--to", SOURCE, "--execute", "--canary", "10", "--canary-timeout", "20s"];
    let said = scene.run(&command);
    done.store(true, Ordering::SeqCst);
    consumer.join().unwrap();
    assert_eq!((said.code, scene.model.count(DLQ)), (0, 0), "nothing returned: {}", said.text());
}

#[test]
fn a_canary_that_is_not_complete_says_so() {
    let scene = Scene::new();
    scene.fill(3);
    let said = scene.run(&["replay", DLQ, "--execute", "--canary", "10", "--canary-timeout", "3s"]);
    assert!(said.code == 0 && said.text().contains("fewer than the canary asks for"), "{}", said.text());
}
