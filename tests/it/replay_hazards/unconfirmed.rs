//! A6: sends without an answer go unnamed when a fault or Ctrl-C ends the run.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use pipeline_tests::{
    scripted_http::Call,
    sqs_model::{Fault, operation},
};

use super::{DLQ, Scene, text, until};

/// More than one batch, and more than the ten names that a summary shows.
const MESSAGES: usize = 15;

/// The bodies that any send has carried.
type Seen = Arc<Mutex<HashSet<String>>>;

/// Notes the bodies of a send, and says whether all of them had been seen before, and whether each message was sent.
fn note(seen: &Seen, call: &Call) -> (bool, bool) {
    let mut seen = seen.lock().unwrap();
    let entries = call.body["Entries"].as_array().cloned().unwrap_or_default();
    let fresh = entries.iter().filter(|entry| seen.insert(entry["MessageBody"].as_str().unwrap().to_owned())).count();
    (fresh == 0, seen.len() == MESSAGES)
}

fn assert_all_are_named(scene: &Scene, ids: &[String]) {
    let run = scene.last_run();
    for more in [&[][..], &["--json"]] {
        let said = scene.run(&[&["history", &run], more].concat());
        let unnamed = ids.iter().filter(|id| !said.out.contains(id.as_str())).count();
        assert_eq!((said.code, unnamed), (0, 0), "{}", said.text());
    }
}

#[test]
fn a6_history_names_each_unconfirmed_send_of_a_run_that_a_fault_ended() {
    let scene = Scene::new();
    let ids = scene.fill(MESSAGES);
    let seen = Seen::default();
    scene.model.set_faults(move |call, _| match operation(call) {
        "SendMessageBatch" => match note(&seen, call) {
            (true, true) => Fault::Refused(403, "AccessDenied"),
            _ => Fault::AnswerLost,
        },
        _ => Fault::None,
    });
    let said = scene.run(&["replay", DLQ, "--execute"]);
    assert_ne!(said.code, 0, "{}", said.text());
    assert_all_are_named(&scene, &ids);
}

#[test]
fn a6_history_names_each_unconfirmed_send_of_a_run_that_ctrl_c_ended() {
    let scene = Scene::new();
    let ids = scene.fill(MESSAGES);
    let seen = Seen::default();
    let noted = Arc::clone(&seen);
    scene.model.set_faults(move |call, _| {
        if operation(call) == "SendMessageBatch" {
            note(&noted, call);
            return Fault::AnswerHangs;
        }
        Fault::None
    });
    let run = scene.start(&["replay", DLQ, "--execute"]);
    until(|| seen.lock().unwrap().len() == MESSAGES);
    let output = run.interrupt_until_it_ends();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output));
    scene.allow_everything();
    assert_all_are_named(&scene, &ids);
}
