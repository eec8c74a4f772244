//! A7: a rerun without `--resume` sends twice, and a run of another command or destination is taken for this one's.

use std::{fs, os::unix::fs::symlink, path::PathBuf};

use pipeline_tests::sqs_model::{Fault, NewMessage, operation};

use super::{DLQ, SOURCE, Scene, body, old, until};

const MESSAGES: usize = 60;

fn all() -> Vec<String> {
    (0..MESSAGES).map(body).collect()
}

/// A scene whose first run has sent messages that it could not delete.
fn denied(first: &[&str]) -> Scene {
    let scene = Scene::new();
    scene.model.create("parked");
    scene.fill(MESSAGES);
    scene.deny_deletes();
    let said = scene.run(first);
    assert_eq!((said.code, scene.model.count(DLQ)), (1, MESSAGES), "{}", said.text());
    scene.allow_everything();
    scene.let_visibility_run_out();
    scene
}

#[test]
fn a7_the_same_command_again_sends_nothing_twice() {
    let replay = ["replay", DLQ, "--execute"];
    let scene = denied(&replay);
    assert!(scene.model.count(SOURCE) > 0);
    let said = scene.run(&replay);
    assert_eq!((scene.bodies(SOURCE), scene.bodies(DLQ), said.code), (all(), vec![], 0), "{}", said.text());
}

#[test]
fn a7_the_same_command_after_a_killed_run_sends_nothing_twice() {
    let scene = Scene::new();
    scene.fill(MESSAGES);
    scene.model.set_faults(|call, _| match operation(call) {
        "DeleteMessageBatch" => Fault::RequestHangs,
        _ => Fault::None,
    });
    let run = scene.start(&["replay", DLQ, "--execute"]);
    until(|| scene.model.calls().iter().any(|call| call == "DeleteMessageBatch"));
    // Dropping it kills it.
    drop(run);
    // What it has sent without writing down that it arrived may be sent again: only confirmed sends are counted.
    let confirmed = confirmed(&scene);
    assert!(!confirmed.is_empty(), "a delete comes after a confirmed send");
    scene.allow_everything();
    // A receive of the killed run may still take messages, as on AWS: they come back when their time is up.
    for _ in 0..5 {
        scene.let_visibility_run_out();
        if scene.model.count(DLQ) > 0 {
            scene.run(&["replay", DLQ, "--execute"]);
        }
    }
    assert_eq!(scene.bodies(DLQ), Vec::<String>::new());
    let sent = scene.bodies(SOURCE);
    let twice: Vec<_> = confirmed.iter().filter(|body| sent.iter().filter(|sent| sent == body).count() > 1).collect();
    assert!(twice.is_empty(), "sent again although a journal says that they arrived: {twice:?}");
    assert!(all().iter().all(|body| sent.contains(body)), "{sent:?}");
}

/// The bodies whose message ids at the destination stand in a journal.
fn confirmed(scene: &Scene) -> Vec<String> {
    let files = super::journals(&scene.replayer.journals());
    let journals: String = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let sent = scene.model.messages(SOURCE).into_iter();
    sent.filter(|message| journals.contains(&message.id)).map(|message| message.body).collect()
}

#[test]
fn a7_without_the_right_to_delete_nothing_is_sent() {
    let scene = Scene::new();
    scene.fill(MESSAGES);
    scene.model.set_faults(|call, _| match operation(call) {
        "DeleteMessageBatch" | "DeleteMessage" => Fault::Refused(403, "AccessDenied"),
        _ => Fault::None,
    });
    let said = scene.run(&["replay", DLQ, "--execute"]);
    assert_eq!((said.code, scene.model.count(SOURCE), scene.model.count(DLQ)), (1, 0, MESSAGES), "{}", said.text());
    assert!(said.err.contains("allow `sqs:DeleteMessage`"), "{}", said.err);
}

#[test]
fn a7_a_run_to_another_destination_proves_nothing_here() {
    let scene = denied(&["replay", DLQ, "--execute"]);
    let said = scene.run(&["move", DLQ, "--to", "parked", "--execute"]);
    scene.assert_each_once(all(), &["parked", DLQ], &said.text());
}

#[test]
fn a7_last_means_the_last_run_of_this_command() {
    let scene = Scene::new();
    scene.fill(MESSAGES);
    scene.deny_deletes();
    let archive = scene.file("archive.ndjson");
    assert_eq!(scene.run(&["purge", DLQ, "--archive", &archive, "--execute"]).code, 1);
    scene.allow_everything();
    scene.let_visibility_run_out();
    let said = scene.run(&["replay", DLQ, "--resume", "last", "--execute"]);
    scene.assert_each_once(all(), &[SOURCE, DLQ], &said.text());
}

#[test]
fn what_an_earlier_run_has_put_in_quarantine_is_deleted_and_does_not_count_as_left() {
    let scene = Scene::new();
    scene.model.create("quarantine");
    for at in 0..5 {
        scene.model.put(DLQ, old(NewMessage::new(body(at), &[("replay_count", "9")])));
    }
    let replay = ["replay", DLQ, "--quarantine", "quarantine", "--execute", "--json"];
    scene.deny_deletes();
    assert_eq!(scene.run(&replay).code, 1);
    scene.allow_everything();
    scene.let_visibility_run_out();
    let said = scene.run(&replay);
    let report: serde_json::Value = serde_json::from_str(said.out.trim()).unwrap();
    let counts = &report["counts"];
    assert_eq!((said.code, scene.model.count(DLQ), scene.model.count("quarantine")), (0, 0, 5), "{}", said.text());
    assert_eq!((&counts["matched"], &counts["finished_for_earlier_run"]), (&0.into(), &5.into()), "{}", said.text());
}

/// A FIFO queue with a message, and where another queue's journal would be.
fn beside_another_queue() -> (Scene, PathBuf) {
    let scene = Scene::between("orders.fifo", "orders-dlq.fifo");
    scene.model.put("orders-dlq.fifo", old(NewMessage::new(body(0), &[]).in_group("g", "d")));
    let journal = scene.replayer.journals().join("aws_eu-west-1_1_other/20261129T000000Z-aaaa.ndjson");
    fs::create_dir_all(journal.parent().unwrap()).unwrap();
    (scene, journal)
}

#[test]
fn a_journal_of_another_queue_that_goes_while_it_is_read_keeps_no_run_from_its_work() {
    let (scene, journal) = beside_another_queue();
    // It is listed and cannot be opened, as one that another run has just pruned.
    symlink("/nonexistent", journal).unwrap();
    let said = scene.run(&["replay", "orders-dlq.fifo", "--execute"]);
    assert_eq!((said.code, scene.model.count("orders.fifo")), (0, 1), "{}", said.text());
}

#[test]
fn a_journal_of_another_queue_that_cannot_be_read_is_named_before_a_run_begins() {
    let (scene, journal) = beside_another_queue();
    fs::create_dir(&journal).unwrap();
    let said = scene.run(&["replay", "orders-dlq.fifo", "--execute"]);
    assert_eq!((said.code, scene.model.count("orders-dlq.fifo")), (1, 1), "{}", said.text());
    let names = said.err.contains(&journal.display().to_string());
    assert!(names && said.err.contains("hint: make it readable, or move it to another folder"), "{}", said.err);
    assert_eq!(super::journals(&scene.replayer.journals()), Vec::<PathBuf>::new(), "no run has begun");
    fs::remove_dir(&journal).unwrap();
    let said = scene.run(&["replay", "orders-dlq.fifo", "--execute"]);
    assert_eq!((said.code, scene.model.count("orders.fifo")), (0, 1), "{}", said.text());
}
