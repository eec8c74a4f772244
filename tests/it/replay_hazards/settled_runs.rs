//! What a run has confirmed is known to the next one, whatever comes between them.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use std::time::{Duration, Instant};

use pipeline_tests::sqs_model::{Fault, NewMessage, operation};
use serde_json::json;

use super::{DLQ, SOURCE, Scene, body, old, text};

fn count_of(bodies: &[String], body: &str) -> usize {
    bodies.iter().filter(|one| *one == body).count()
}

#[test]
fn an_import_that_stopped_does_not_send_again_what_was_confirmed() {
    let scene = Scene::new();
    let file = scene.file("import.ndjson");
    let lines: String =
        (0..30).map(|at| json!({ "id": format!("id-{at}"), "body": body(at) }).to_string() + "\n").collect();
    std::fs::write(&file, lines).unwrap();
    let sends = AtomicUsize::new(0);
    scene.model.set_faults(move |call, _| match operation(call) {
        "SendMessageBatch" if sends.fetch_add(1, Ordering::SeqCst) == 1 => Fault::Refused(403, "AccessDenied"),
        _ => Fault::None,
    });
    let first = scene.run(&["import", SOURCE, &file, "--execute", "--concurrency", "1"]);
    let confirmed = scene.bodies(SOURCE);
    assert_eq!((first.code, confirmed.len()), (1, 10));
    scene.allow_everything();
    let run = scene.last_run();
    let second = scene.run(&["import", SOURCE, &file, "--resume", &run, "--execute"]);
    let there = scene.bodies(SOURCE);
    let twice: Vec<_> = confirmed.iter().filter(|body| count_of(&there, body) > 1).collect();
    let named = second.text().contains("twice");
    assert!(twice.is_empty() || named, "{} sent twice and not named: {}", twice.len(), second.text());
}

#[test]
fn what_an_earlier_run_put_in_quarantine_is_not_put_there_again() {
    let scene = Scene::new();
    scene.model.create("quarantine");
    for at in 0..5 {
        scene.model.put(DLQ, old(NewMessage::new(body(at), &[("replay_count", "9")])));
    }
    scene.deny_deletes();
    let command = ["replay", DLQ, "--quarantine", "quarantine", "--execute"];
    assert_eq!(scene.run(&command).code, 1);
    assert_eq!(scene.model.count("quarantine"), 5);
    scene.allow_everything();
    scene.let_visibility_run_out();
    let second = scene.run(&command);
    assert_eq!((scene.model.count("quarantine"), scene.model.count(DLQ)), (5, 0), "{}", second.text());
}

#[test]
fn a_refusal_does_not_make_the_next_run_forget_an_unconfirmed_send() {
    let scene = Scene::new();
    let ids = scene.fill(3);
    scene.model.set_faults(|call, _| match operation(call) {
        "SendMessageBatch" => Fault::AnswerLost,
        _ => Fault::None,
    });
    let first = scene.run(&["replay", DLQ, "--execute"]);
    assert_eq!(first.code, 4, "{}", first.text());
    let sent = scene.model.count(SOURCE);
    assert!(sent >= 3);
    scene.allow_everything();
    scene.let_visibility_run_out();
    let second = scene.run(&["replay", DLQ, "--contract", "rollcall", "--execute"]);
    assert_eq!((second.code, scene.model.count(SOURCE)), (4, sent), "{}", second.text());
    scene.let_visibility_run_out();
    let third = scene.run(&["replay", DLQ, "--execute"]);
    assert_eq!(scene.model.count(SOURCE), sent + 3);
    assert!(third.text().contains(&ids[0]), "sent once more and not named: {}", third.text());
}

#[test]
fn a_source_that_cannot_be_used_for_once_does_not_make_the_next_run_forget_what_was_sent() {
    let scene = Scene::new();
    scene.model.create("other");
    scene.model.with("other", |queue| queue.dead_letters = Some(DLQ.to_owned()));
    for at in 0..4 {
        let name = if at % 2 == 0 { SOURCE } else { "other" };
        let arn = scene.model.here().arn(name);
        scene.model.put(DLQ, old(NewMessage::new(body(at), &[]).redriven_from(&arn)));
    }
    scene.deny_deletes();
    let first = scene.run(&["replay", DLQ, "--execute"]);
    assert_eq!((first.code, scene.model.count(SOURCE), scene.model.count("other")), (1, 2, 2), "{}", first.text());
    scene.let_visibility_run_out();
    // The names of runs of one second are in no order.
    std::thread::sleep(Duration::from_millis(1_100));
    // Now the source cannot be looked up.
    scene.model.set_faults(|call, _| match operation(call) {
        "GetQueueUrl" if call.body["QueueName"] != DLQ => Fault::Refused(403, "AccessDenied"),
        _ => Fault::None,
    });
    let second = scene.run(&["replay", DLQ, "--execute"]);
    scene.allow_everything();
    scene.let_visibility_run_out();
    std::thread::sleep(Duration::from_millis(1_100));
    let third = scene.run(&["replay", DLQ, "--execute"]);
    let counts = (scene.model.count(SOURCE), scene.model.count("other"), scene.model.count(DLQ));
    assert_eq!(counts, (2, 2, 0), "{}\n{}", second.text(), third.text());
}

#[test]
fn what_was_deleted_with_an_old_receipt_is_not_sent_again_by_the_next_run() {
    let scene = Scene::new();
    let ids = scene.fill(5);
    let (model, once) = (scene.model.clone(), AtomicBool::new(false));
    let other = std::sync::Mutex::new(scene.replayer.command(&["triage", DLQ]).unwrap());
    let child = Arc::new(std::sync::Mutex::new(None));
    let keeps = Arc::clone(&child);
    scene.model.set_faults(move |call, _| {
        match operation(call) {
            "DeleteMessageBatch" if !once.swap(true, Ordering::SeqCst) => {
                // The machine slept, and a colleague looks at the queue meanwhile.
                model.with(DLQ, pipeline_tests::sqs_model::ModelQueue::let_visibility_run_out);
                *keeps.lock().unwrap() = Some(other.lock().unwrap().spawn().unwrap());
                let deadline = Instant::now() + Duration::from_secs(10);
                while !model.messages(DLQ).iter().all(|message| message.receives > 1) && Instant::now() < deadline {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Fault::None
            }
            "ChangeMessageVisibilityBatch" => Fault::RequestHangs,
            _ => Fault::None,
        }
    });
    let first = scene.start(&["replay", DLQ, "--execute"]).end(Duration::from_mins(1));
    println!("{:?} {}", first.status, text(&first));
    let mut colleague = child.lock().unwrap().take().unwrap();
    colleague.kill().unwrap();
    colleague.wait().unwrap();
    scene.allow_everything();
    scene.let_visibility_run_out();
    assert_eq!((scene.model.count(DLQ), scene.model.count(SOURCE)), (5, 5));
    std::thread::sleep(Duration::from_millis(1_100));
    let second = scene.run(&["replay", DLQ, "--execute"]);
    let sent = scene.model.count(SOURCE);
    assert!(sent == 5 || second.text().contains(&ids[0]), "{sent} at the source, not named: {}", second.text());
}

#[test]
fn an_import_that_was_partly_refused_sends_only_the_rest_when_it_is_repeated() {
    let scene = Scene::new();
    let file = scene.file("import.ndjson");
    let lines: String =
        (0..12).map(|at| json!({ "id": format!("id-{at}"), "body": body(at) }).to_string() + "\n").collect();
    std::fs::write(&file, lines).unwrap();
    let refused = AtomicBool::new(false);
    scene.model.set_faults(move |call, _| match operation(call) {
        "SendMessageBatch" if !refused.swap(true, Ordering::SeqCst) => {
            Fault::Entries(vec![0, 1], "InvalidMessageContents", true)
        }
        _ => Fault::None,
    });
    assert_eq!(scene.run(&["import", SOURCE, &file, "--execute"]).code, 4);
    assert_eq!(scene.model.count(SOURCE), 10);
    let said = scene.run(&["import", SOURCE, &file, "--execute"]);
    assert_eq!((said.code, scene.bodies(SOURCE)), (0, (0..12).map(body).collect()), "{}", said.text());
}

#[test]
fn a_file_that_repeats_an_id_is_not_imported() {
    let scene = Scene::new();
    let file = scene.file("import.ndjson");
    std::fs::write(&file, "{\"id\":\"a\",\"body\":\"1\"}\n{\"id\":\"a\",\"body\":\"2\"}\n").unwrap();
    let said = scene.run(&["import", SOURCE, &file, "--execute"]);
    assert_eq!((said.code, scene.model.count(SOURCE)), (1, 0), "{}", said.text());
    assert!(said.err.contains("line 2 of") && said.err.contains("repeats the id a"), "{}", said.err);
}

#[test]
fn a_file_is_not_imported_a_second_time_unless_the_operator_says_so() {
    let scene = Scene::new();
    let file = super::unreachable::file_of(&scene, 12);
    assert_eq!(scene.run(&["import", SOURCE, &file, "--execute"]).code, 0);
    let dry = scene.run(&["import", SOURCE, &file]);
    assert!(dry.code == 0 && dry.text().contains("already: 12 messages"), "{}", dry.text());
    let second = scene.run(&["import", SOURCE, &file, "--execute"]);
    assert_eq!((second.code, scene.model.count(SOURCE)), (1, 12), "{}", second.text());
    assert!(second.text().contains("--again"), "{}", second.text());
    let again = scene.run(&["import", SOURCE, &file, "--execute", "--again"]);
    assert_eq!((again.code, scene.model.count(SOURCE)), (0, 24), "{}", again.text());
    scene.model.create("another");
    assert_eq!(scene.run(&["import", "another", &file, "--execute"]).code, 0);
}
