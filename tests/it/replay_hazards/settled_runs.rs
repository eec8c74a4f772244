//! What a run has confirmed is known to the next one, whatever comes between them.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use std::time::{Duration, Instant};

use pipeline_tests::sqs_model::{Fault, NewMessage, operation};

use super::{DLQ, SOURCE, Scene, body, old, text};

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
