//! `--canary N`: a few messages first, and the rest only when they do not return.

use std::time::{Duration, Instant};

use pipeline_tests::sqs_model::Consumer;
use serde_json::json;

use super::{DLQ, SOURCE, Scene, body};

const MESSAGES: usize = 40;
const CANARY: usize = 5;

/// A consumer so slow lets the first look see that the deletes are counted: what is counted more from then on has returned, and need not
/// be waited for until counts cannot be late any more.
const BEHIND_THE_FIRST_LOOK: Duration = Duration::from_millis(1_500);

/// Forty dead letters, and a source that is drained in some way.
fn scene(consumer: Consumer) -> Scene {
    let scene = Scene::with_letters(MESSAGES);
    scene.model.with(SOURCE, |queue| queue.consumer = consumer);
    scene
}

fn replay(scene: &Scene, settle: &str) -> (i32, serde_json::Value) {
    scene.json(&["replay", DLQ, "--execute", "--canary", "5", "--canary-timeout", settle])
}

/// Entries of all sends so far.
fn sent(scene: &Scene, settle: &str) -> (i32, serde_json::Value, usize) {
    let sent = scene.record(|call| {
        let send = pipeline_tests::sqs_model::operation(call) == "SendMessageBatch";
        send.then(|| call.body["Entries"].as_array().map_or(0, Vec::len))
    });
    let (code, run) = replay(scene, settle);
    let sent = sent.lock().unwrap().iter().sum();
    (code, run, sent)
}

/// Whatever was there before.
#[test]
fn when_the_canary_is_consumed_the_rest_follows() {
    let scene = scene(Consumer::None);
    (0..3).for_each(|at| drop(scene.model.put(SOURCE, super::dead_letter(900 + at, "before", &[]))));
    scene.model.with(SOURCE, |queue| queue.consumer = Consumer::Takes { after: Duration::from_millis(200) });
    let began = Instant::now();
    let (code, run, sent) = sent(&scene, "1m");
    assert_eq!((code, sent, &run["counts"]["deleted"]), (0, MESSAGES, &json!(MESSAGES)), "{run:#}");
    assert_eq!(scene.model.count(DLQ), 0);
    assert!(began.elapsed() >= Duration::from_secs(10), "counts may be so late");
}

/// All of the canary return: nothing else is sent.
fn returns(consumer: Consumer) {
    let scene = scene(consumer);
    let (code, run, sent) = sent(&scene, "1m");
    assert_eq!((code, sent), (5, CANARY), "{run:#}");
    assert_eq!(run["counts"]["returned"], json!(CANARY), "{run:#}");
    assert_eq!(scene.model.count(SOURCE), 0);
    scene.assert_each_once((0..MESSAGES).map(body), &[DLQ]);
    scene.assert_released();
}

#[test]
fn a_canary_that_the_consumer_gives_up_stops_the_run() {
    returns(Consumer::GivesUp { dlq: DLQ.to_owned(), after: BEHIND_THE_FIRST_LOOK });
}

#[test]
fn a_canary_that_sqs_redrives_stops_the_run() {
    returns(Consumer::Redrives { dlq: DLQ.to_owned(), after: BEHIND_THE_FIRST_LOOK });
}

#[test]
fn a_canary_that_nothing_consumes_in_time_stops_the_run() {
    let scene = scene(Consumer::None);
    let (code, run, sent) = sent(&scene, "2s");
    assert_eq!((code, sent), (4, CANARY), "{run:#}");
    assert!(run["outcome"].as_str().unwrap().contains("did not settle"), "{run:#}");
    assert_eq!((scene.model.count(SOURCE), scene.model.count(DLQ)), (CANARY, MESSAGES - CANARY));
    scene.assert_each_once((0..MESSAGES).map(body), &[SOURCE, DLQ]);
    scene.assert_released();
}

#[test]
fn the_closing_lines_say_what_the_canary_has_shown_and_a_run_without_one_says_nothing_of_it() {
    let takes = || Consumer::Takes { after: Duration::from_millis(50) };
    let said = scene(takes()).run(&["replay", DLQ, "--execute", "--canary", "5"]);
    let out = &said.out;
    assert!(out.contains("note: canary: 5 messages sent first, none returned within "), "{out}");
    assert!(said.code == 0 && out.contains("; the run went on\n"), "{out}");
    let said = scene(takes()).run(&["replay", DLQ, "--execute"]);
    assert!(said.code == 0 && !said.out.contains("canary"), "{}", said.text());
}

#[test]
fn a_canary_that_is_larger_than_the_queue_is_the_whole_run() {
    let scene = Scene::with_letters(3);
    scene.model.with(SOURCE, |queue| queue.consumer = Consumer::Takes { after: Duration::ZERO });
    assert_eq!(replay(&scene, "1m").0, 0);
    assert_eq!(scene.model.count(DLQ), 0);
}

/// How long a run waited depends on the machine.
fn without_wait(said: &str) -> String {
    let Some((before, rest)) = said.split_once(" within ") else { return said.to_owned() };
    let end = rest.find([',', ';']).unwrap();
    format!("{before} within <time>{}", &rest[end..])
}

#[test]
fn what_a_run_with_a_canary_says() {
    // As many as one receive gives, so that the numbers are always the same.
    let scene = |consumer| {
        let scene = Scene::with_letters(10);
        scene.model.with(SOURCE, |queue| queue.consumer = consumer);
        scene
    };
    let returning = scene(Consumer::GivesUp { dlq: DLQ.to_owned(), after: BEHIND_THE_FIRST_LOOK });
    let said = without_wait(&returning.said(&["replay", DLQ, "--execute", "--canary", "5"]));
    insta::assert_snapshot!("canary_returned", said);
    let idle = scene(Consumer::None);
    let settle = ["replay", DLQ, "--execute", "--canary", "5", "--canary-timeout", "1s"];
    insta::assert_snapshot!("canary_unsettled", without_wait(&idle.said(&settle)));
}
