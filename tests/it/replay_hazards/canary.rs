//! A canary is what has arrived, and an earlier run's messages are none of it.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use dlq_replayer::{
    report::exit::Exit,
    rules::decide::{Replay, Treatment},
    run::settings::CanarySetting,
};
use pipeline_tests::sqs_model::{Consumer, Fault, NewMessage, operation, queue_name};

use super::{DLQ, SOURCE, Scene, body, old};
use crate::bench_replay::{ReplayBench, Run, replay};

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

#[tokio::test]
async fn a_canary_with_a_message_for_quarantine_settles() {
    let bench = ReplayBench::new();
    bench.model.create("quarantine");
    (0..6).for_each(|_| drop(bench.model.put(DLQ, NewMessage::new("often", &[("replay_count", "9")]))));
    bench.fill(6);
    bench.model.with(SOURCE, |queue| queue.consumer = Consumer::Takes { after: Duration::ZERO });
    let run = Run {
        treatment: Treatment::Replay(Box::new(Replay { quarantine: true, ..replay() })),
        quarantine: Some("quarantine"),
        canary: Some(CanarySetting { late_counts: Duration::from_millis(50), ..CanarySetting::of(5, None) }),
        calls: 1,
        ..Run::default()
    };
    let ended = bench.run(run).await;
    assert_eq!((ended.exit, ended.counts.sent, ended.counts.quarantined), (Exit::Done, 6, 6), "{:?}", ended.counts);
}

/// A consumer that is slower than the first look, which then shows that the dead-letter queue counts the deletes.
fn gives_up() -> Consumer {
    Consumer::GivesUp { dlq: DLQ.to_owned(), after: Duration::from_millis(1_500) }
}

#[test]
fn a_canary_that_returns_is_seen_although_an_earlier_run_is_finished() {
    let scene = Scene::new();
    scene.fill(20);
    scene.deny_deletes();
    assert_eq!(scene.run(&["replay", DLQ, "--execute", "--limit", "20"]).code, 1);
    scene.model.create(SOURCE);
    scene.allow_everything();
    scene.let_visibility_run_out();
    for at in 20..120 {
        scene.model.put(DLQ, old(NewMessage::new(body(at), &[])));
    }
    scene.model.with(SOURCE, |queue| {
        queue.dead_letters = Some(DLQ.to_owned());
        queue.consumer = gives_up();
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
    scene.model.with(SOURCE, |queue| queue.consumer = gives_up());
    let said = scene.run(&["replay", DLQ, "--execute", "--yes", "--canary", "8", "--canary-timeout", "5s"]);
    assert_eq!(said.code, 5, "{}", said.text());
    assert!(said.text().contains("\n8 messages sent"), "{}", said.text());
}

#[test]
fn a_canary_that_is_not_complete_says_so() {
    let scene = Scene::new();
    scene.fill(3);
    let said = scene.run(&["replay", DLQ, "--execute", "--canary", "10", "--canary-timeout", "3s"]);
    assert!(said.code == 0 && said.text().contains("fewer than the canary asks for"), "{}", said.text());
}
