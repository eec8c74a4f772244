//! `replay`, `move` and the quarantine: dry run, execution, and what is left.

use super::{DLQ, FIX, SOURCE, SUB, Scene, body, dead_letter, id};

#[test]
fn a_fix_is_shown_as_a_diff_and_then_applied() {
    let scene = Scene::new();
    let fix = ["replay", DLQ, "--reason", "invalid_field", "--edit", FIX];
    insta::assert_snapshot!("replay_dry_run", scene.said(&fix));
    assert_eq!(scene.model.count(DLQ), 6, "a dry run changes nothing");
    scene.assert_released();
    insta::assert_snapshot!("replay_execute", scene.said(&[&fix[..], &["--execute"]].concat()));
    let sent = scene.model.messages(SOURCE);
    assert_eq!((sent.len(), scene.model.count(DLQ)), (2, 4));
    assert!(sent.iter().all(|message| message.body.contains(&format!(r#""cognito_sub":"{SUB}""#))));
    insta::assert_snapshot!("history", scene.said(&["history"]));
}

#[test]
fn an_edit_can_be_in_a_file() {
    let scene = Scene::new();
    let edit = scene.file("fix.jq");
    std::fs::write(&edit, format!("{FIX}\n")).unwrap();
    let replay = ["replay", DLQ, "--reason", "invalid_field", "--execute", "--edit-file", &edit];
    assert_eq!(scene.run(&replay).code, 0);
    assert!(scene.bodies(SOURCE).iter().all(|body| body.contains(&format!(r#""cognito_sub":"{SUB}""#))));
    let said = scene.run(&["replay", DLQ, "--edit-file", &scene.file("nowhere.jq")]);
    assert!(said.code == 1 && said.err.contains("nowhere.jq"), "{}", said.err);
}

#[test]
fn a_run_says_what_it_left_and_why() {
    let scene = Scene::new();
    insta::assert_snapshot!("replay_partly", scene.said(&["replay", DLQ, "--execute"]));
    let quarantine = ["replay", DLQ, "--quarantine", "quarantine", "--reason", "exhausted_retries", "--execute"];
    insta::assert_snapshot!("quarantine", scene.said(&quarantine));
    assert_eq!((scene.model.count("quarantine"), scene.model.count(SOURCE), scene.model.count(DLQ)), (1, 1, 4));
}

#[test]
fn a_body_that_the_contract_rejects_is_sent_only_with_contract_none() {
    let scene = Scene::new();
    let version = ["replay", DLQ, "--reason", "unsupported_version", "--execute"];
    let (code, run) = scene.json(&version);
    assert_eq!((code, &run["counts"]["refused"]["would_fail"]), (4, &1.into()));
    assert_eq!(scene.model.count(SOURCE), 0);
    assert_eq!(scene.run(&[&version[..], &["--contract", "none"]].concat()).code, 0);
    assert_eq!(scene.model.count(SOURCE), 1);
}

#[test]
fn refused_messages_that_are_not_named_are_counted() {
    let scene = Scene::empty();
    for at in 0..25 {
        scene.model.put(DLQ, dead_letter(at, &body(at), &[("replay_count", "9")]));
    }
    let said = scene.run(&["replay", DLQ, "--execute"]);
    assert_eq!(said.out.matches(": its replay count is 9").count(), 20, "{}", said.out);
    assert!(said.out.contains("\n  and 5 more: dlq-replayer history 2"), "{}", said.out);
}

#[test]
fn a_move_changes_nothing_in_the_message() {
    let scene = Scene::new();
    let before = scene.model.messages(DLQ).into_iter().find(|message| message.id == id(1)).unwrap();
    let (code, run) = scene.json(&["move", DLQ, "--to", "quarantine", "--execute", "--id", &id(1)]);
    assert_eq!((code, &run["counts"]["sent"], &run["counts"]["deleted"]), (0, &1.into(), &1.into()));
    let moved = &scene.model.messages("quarantine")[0];
    assert_eq!((&moved.body, &moved.attributes), (&before.body, &before.attributes));
    insta::assert_snapshot!("move", scene.said(&["move", DLQ, "--to", "quarantine", "--execute", "--id", &id(2)]));
}

#[test]
fn a_rate_is_kept() {
    let scene = Scene::with_letters(40);
    let began = std::time::Instant::now();
    assert_eq!(scene.run(&["replay", DLQ, "--execute", "--rate", "20/s"]).code, 0);
    let took = began.elapsed();
    assert!(took.as_secs_f64() >= 1.0, "40 messages at 20 a second, ten at once: {took:?}");
    scene.assert_each_once((0..40).map(body), &[SOURCE]);
}

#[test]
fn resume_repeats_the_selection_and_treatment_of_the_earlier_run_alone() {
    let scene = Scene::new();
    let fix = ["replay", DLQ, "--reason", "invalid_field", "--edit", FIX, "-n", "1"];
    assert_eq!(scene.run(&[&fix[..], &["--execute"]].concat()).code, 0);
    assert_eq!((scene.model.count(SOURCE), scene.model.count(DLQ)), (1, 5));
    assert_eq!(scene.run(&["replay", DLQ, "--resume", "last", "--execute"]).code, 0);
    assert_eq!((scene.model.count(SOURCE), scene.model.count(DLQ)), (2, 4));
    assert!(scene.bodies(SOURCE).iter().all(|body| body.contains(&format!(r#""cognito_sub":"{SUB}""#))));
    let said = scene.run(&["replay", DLQ, "--resume", "last", "-n", "5"]);
    assert_eq!(said.code, 2, "{}", said.text());
    let said = scene.run(&["move", DLQ, "--resume", "last"]);
    assert!(said.code == 1 && said.err.starts_with("error: "), "no `move` has run: {}", said.text());
}
