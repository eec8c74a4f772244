//! A6: sends without an answer go unnamed when a fault or Ctrl-C ends the run.

use std::{
    collections::HashSet,
    fs,
    process::Command,
    sync::{Arc, Mutex},
};

use pipeline_tests::{
    scripted_http::Call,
    sqs_model::{Fault, operation},
};

use super::{DLQ, Scene, journals, text, until};

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

/// A replay whose sends have no answer, with so many bytes in its selection and room for so many blocks of 512 bytes in each file.
fn without_answers(scene: &Scene, padding: usize, blocks: Option<usize>) -> std::process::Output {
    let padded = format!("true or \"{}\" == \"\"", "x".repeat(padding));
    let replay =
        scene.replayer.command(&["replay", DLQ, "--where", &padded, "--execute", "--concurrency", "1", "--json"]);
    let replay = replay.unwrap();
    let mut limited = Command::new("/bin/sh");
    let limit = blocks.map_or_else(|| "unlimited".to_owned(), |blocks| blocks.to_string());
    limited.args(["-c", &format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" \"$@\"")]).arg(replay.get_program());
    limited.args(replay.get_args()).env_clear();
    limited.envs(replay.get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited.output().unwrap()
}

#[test]
fn a_disk_that_is_full_at_a_second_try_does_not_hide_that_the_first_one_is_in_doubt() {
    const BLOCK: usize = 512;
    // More than a time is shorter without its last zeros, and less than the line of ten ids.
    const SLACK: usize = 40;
    let lost = || {
        let scene = Scene::new();
        scene.fill(10);
        scene.model.set_faults(|call, _| match operation(call) {
            "SendMessageBatch" => Fault::AnswerLost,
            _ => Fault::None,
        });
        scene
    };
    let scene = lost();
    without_answers(&scene, 0, None);
    let journal = fs::read_to_string(&journals(&scene.replayer.journals())[0]).unwrap();
    let two: usize = journal.split_inclusive('\n').take(2).map(str::len).sum();
    let blocks = (two + SLACK).div_ceil(BLOCK);
    let scene = lost();
    let output = without_answers(&scene, blocks * BLOCK - two - SLACK, Some(blocks));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let said = text(&output);
    assert!(output.status.code() == Some(1) && said.contains("cannot write the journal"), "{said}");
    assert_eq!(report["counts"]["unconfirmed"]["count"], 10, "{said}");
}
