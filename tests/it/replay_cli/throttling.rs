//! A service that asks for a lower rate is obeyed, and nothing is given up for it too early.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use pipeline_tests::sqs_model::{Fault, operation};

use super::{DLQ, SOURCE, Scene, body};

/// Sends of one message before it is left.
const TRIES: usize = 8;

/// Runs a replay of one message whose first `throttled` sends are throttled; the exit code, and when each send was.
fn throttled_sends(throttled: usize) -> (Scene, i32, Vec<Instant>) {
    let scene = Scene::with_letters(1);
    let sends = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&sends);
    scene.fault("SendMessageBatch", SOURCE, move |at| {
        noted.lock().unwrap().push(Instant::now());
        if at < throttled { Fault::Entries(vec![0], "RequestThrottled", false) } else { Fault::None }
    });
    let code = scene.run(&["replay", DLQ, "--execute"]).code;
    let sends = sends.lock().unwrap().clone();
    (scene, code, sends)
}

#[test]
fn a_throttled_entry_is_tried_eight_times_more_slowly_each_time() {
    let (scene, code, sends) = throttled_sends(TRIES - 1);
    assert_eq!((code, sends.len()), (0, TRIES));
    scene.assert_each_once([body(0)], &[SOURCE]);
    let waits = waits(&sends);
    assert!(grow(&waits), "{waits:?}");
}

fn waits(calls: &[Instant]) -> Vec<Duration> {
    calls.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

fn grow(waits: &[Duration]) -> bool {
    waits.windows(2).all(|pair| pair[1] > pair[0].mul_f64(1.4))
}

#[test]
fn an_entry_that_is_throttled_eight_times_stays_and_the_exit_code_says_so() {
    let (scene, code, sends) = throttled_sends(usize::MAX);
    assert_eq!((code, sends.len()), (4, TRIES));
    scene.assert_each_once([body(0)], &[DLQ]);
    scene.assert_released();
}

#[test]
fn throttling_slows_the_whole_run_down() {
    const MESSAGES: usize = 400;
    let scene = Scene::with_letters(MESSAGES);
    scene.fault("SendMessageBatch", SOURCE, |at| match at {
        5..10 => Fault::Entries((0..10).collect(), "ThrottlingException", false),
        _ => Fault::None,
    });
    let began = Instant::now();
    assert_eq!(scene.run(&["replay", DLQ, "--execute", "--yes"]).code, 0);
    println!("{MESSAGES} messages took {:?}", began.elapsed());
    scene.assert_each_once((0..MESSAGES).map(body), &[SOURCE]);
}

/// Throttles the first calls of an operation on the dead-letter queue: more of them than the SDK tries by itself.
fn throttled_calls(called: &'static str) {
    const MESSAGES: usize = 40;
    const THROTTLED: usize = 12;
    let scene = Scene::with_letters(MESSAGES);
    scene.fault(called, DLQ, |at| if at < THROTTLED { Fault::Refused(403, "RequestThrottled") } else { Fault::None });
    let said = scene.run(&["replay", DLQ, "--execute"]);
    assert_eq!(said.code, 0, "{}", said.text());
    scene.assert_each_once((0..MESSAGES).map(body), &[SOURCE]);
}

#[test]
fn throttled_receives_wait_and_do_not_end_the_run() {
    throttled_calls("ReceiveMessage");
}

#[test]
fn throttled_deletes_wait_and_do_not_end_the_run() {
    throttled_calls("DeleteMessageBatch");
}

#[test]
fn throttled_entries_of_a_delete_wait_too() {
    // The fourth wait is more than a second.
    const THROTTLED: usize = 4;
    let scene = Scene::with_letters(10);
    let deletes = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&deletes);
    scene.fault("DeleteMessageBatch", DLQ, move |at| {
        noted.lock().unwrap().push(Instant::now());
        if at < THROTTLED { Fault::Entries((0..10).collect(), "RequestThrottled", false) } else { Fault::None }
    });
    assert_eq!(scene.run(&["replay", DLQ, "--execute"]).code, 0);
    scene.assert_each_once((0..10).map(body), &[SOURCE]);
    let waits = waits(&deletes.lock().unwrap());
    assert!(waits.len() == THROTTLED && grow(&waits), "{waits:?}");
}

#[test]
fn throttled_receives_of_a_scan_wait_too() {
    let scene = Scene::with_letters(10);
    scene.model.set_faults(|call, before| match operation(call) {
        "ReceiveMessage" if before < 15 => Fault::Refused(403, "RequestThrottled"),
        _ => Fault::None,
    });
    let (code, triage) = scene.json(&["triage", DLQ]);
    assert_eq!((code, &triage["scanned"]), (0, &10.into()));
}
