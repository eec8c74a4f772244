//! A dead-letter queue that several queues share: one source that cannot be used keeps its own messages, and no others.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use dlq_replayer::{report::exit::Exit, run::settings::CanarySetting};
use pipeline_tests::{
    scripted_http::Call,
    sqs_model::{Consumer, Fault, NewMessage, Stored, arn, operation, queue_name},
};
use serde_json::{Value, json};

use super::{DLQ, SOURCE, Scene, body, old};
use crate::bench_replay::{ReplayBench, Run, To};

/// The source that cannot be used.
const REFUNDS: &str = "refunds";

/// Lookups that a run makes of one source before it gives that source up.
const LOOKUPS: usize = 3;

/// Requests that the SDK makes of one call.
const REQUESTS: usize = 3;

fn scene() -> Scene {
    let scene = Scene::new();
    scene.model.with(REFUNDS, |queue| queue.dead_letters = Some(DLQ.to_owned()));
    scene
}

/// Puts messages into the dead-letter queue whose numbers say which of them came from the source that cannot be used.
fn fill(scene: &Scene, count: usize, is_refund: impl Fn(usize) -> bool) {
    for at in 0..count {
        let source = arn(if is_refund(at) { REFUNDS } else { SOURCE });
        scene.model.put(DLQ, old(NewMessage::new(body(at), &[]).redriven_from(&source)));
    }
}

fn is_odd(at: usize) -> bool {
    at % 2 == 1
}

fn bodies(count: usize, belongs: impl Fn(usize) -> bool) -> Vec<String> {
    (0..count).filter(|at| belongs(*at)).map(body).collect()
}

/// Whether a call is about the source that cannot be used.
fn is_about_refunds(call: &Call, asked: &str) -> bool {
    operation(call) == asked && queue_name(call) == REFUNDS
}

fn json(scene: &Scene, more: &[&str]) -> (i32, Value, String) {
    let said = scene.run(&[&["replay", DLQ, "--execute", "--yes", "--json"], more].concat());
    let report = serde_json::from_str(said.out.trim()).unwrap_or_default();
    (said.code, report, said.text())
}

#[test]
fn a_source_that_refuses_keeps_its_messages_and_the_others_go() {
    for code in ["AccessDenied", "AWS.SimpleQueueService.NonExistentQueue", "KmsDisabled"] {
        let scene = scene();
        fill(&scene, 60, is_odd);
        scene.model.set_faults(move |call, _| {
            if is_about_refunds(call, "SendMessageBatch") { Fault::Refused(403, code) } else { Fault::None }
        });
        let (exit, report, said) = json(&scene, &[]);
        assert_eq!(exit, 4, "{code}: {said}");
        assert_eq!((scene.bodies(SOURCE), scene.bodies(DLQ)), (bodies(60, |at| !is_odd(at)), bodies(60, is_odd)));
        let refunds = &report["counts"]["unusable"][arn(REFUNDS)];
        assert_eq!(
            (&refunds["messages"], &report["counts"]["refused"]),
            (&30.into(), &json!({ "source_unusable": 30 }))
        );
        assert!(refunds["why"].as_str().unwrap().contains(code), "{refunds}");
        assert!(scene.model.messages(DLQ).iter().all(Stored::is_visible), "{code}: what stays is released");
        assert!(said.contains("hint: ") || code != "AccessDenied", "{said}");
    }
}

#[test]
fn a_source_that_refuses_is_named_with_the_number_of_its_messages() {
    let scene = scene();
    fill(&scene, 14, is_odd);
    scene.model.set_faults(|call, _| {
        if is_about_refunds(call, "SendMessageBatch") { Fault::Refused(403, "AccessDenied") } else { Fault::None }
    });
    let said = scene.run(&["replay", DLQ, "--execute"]);
    let line = said.out.lines().find(|line| line.starts_with("note:") && line.contains(&arn(REFUNDS)));
    assert!(line.is_some_and(|line| super::says(line, 7) && line.contains("AccessDenied")), "{}", said.text());
}

#[test]
fn a_source_that_refuses_a_second_try_leaves_the_first_one_in_doubt() {
    let scene = scene();
    fill(&scene, 20, is_odd);
    let sends = AtomicUsize::new(0);
    scene.model.set_faults(move |call, _| {
        if !is_about_refunds(call, "SendMessageBatch") {
            return Fault::None;
        }
        match sends.fetch_add(1, Ordering::SeqCst) {
            0 => Fault::AnswerLost,
            _ => Fault::Refused(403, "AccessDenied"),
        }
    });
    let (exit, report, said) = json(&scene, &["--concurrency", "1"]);
    let arrived = scene.model.count(REFUNDS);
    let counts = &report["counts"];
    assert_eq!((exit, &counts["unconfirmed"]["count"]), (4, &arrived.into()), "{said}");
    assert_eq!((&counts["unusable"][arn(REFUNDS)]["messages"], scene.bodies(DLQ)), (&10.into(), bodies(20, is_odd)));
    scene.allow_everything();
    let (exit, report, said) = json(&scene, &[]);
    assert_eq!((exit, scene.model.count(DLQ)), (0, 0), "{said}");
    assert_eq!(report["counts"]["possible_duplicates"]["count"], arrived, "{said}");
}

#[test]
fn the_only_source_that_refuses_ends_a_run_at_once() {
    let scene = Scene::new();
    scene.fill(60);
    scene.model.set_faults(|call, _| match operation(call) {
        "SendMessageBatch" => Fault::Refused(403, "AccessDenied"),
        _ => Fault::None,
    });
    let (exit, report, said) = json(&scene, &["--concurrency", "1"]);
    assert_eq!((exit, scene.model.count(DLQ), &report["counts"]["unusable"]), (1, 60, &json!({})), "{said}");
    assert!(report["counts"]["scanned"].as_u64().unwrap() < 60, "it does not go through the queue: {said}");
}

#[test]
fn sources_that_all_refuse_end_a_run_at_once() {
    let scene = scene();
    fill(&scene, 600, is_odd);
    scene.model.set_faults(|call, _| match operation(call) {
        "SendMessageBatch" => Fault::Refused(403, "AccessDenied"),
        _ => Fault::None,
    });
    let (exit, report, said) = json(&scene, &["--concurrency", "1"]);
    assert_eq!((exit, scene.model.count(DLQ)), (1, 600), "{said}");
    assert!(report["counts"]["scanned"].as_u64().unwrap() < 600, "it does not go through the queue: {said}");
}

#[test]
fn messages_of_a_source_that_refuses_do_not_use_up_the_limit() {
    let scene = scene();
    // More than can be received before the refusal is there: what was received beyond the limit until then is not looked at again.
    fill(&scene, 2_000, |at| at < 20);
    scene.model.set_faults(|call, _| {
        if is_about_refunds(call, "SendMessageBatch") { Fault::Refused(403, "AccessDenied") } else { Fault::None }
    });
    let (exit, report, said) = json(&scene, &["-n", "8", "--concurrency", "1"]);
    assert_eq!((exit, &report["counts"]["sent"], scene.model.count(SOURCE)), (4, &8.into(), 8), "{said}");
}

#[test]
fn a_quarantine_that_refuses_keeps_its_messages_and_the_others_go() {
    let scene = Scene::new();
    scene.model.create("quarantine");
    for at in 0..40 {
        let count = if is_odd(at) { "9" } else { "1" };
        scene.model.put(DLQ, old(NewMessage::new(body(at), &[("replay_count", count)])));
    }
    scene.model.set_faults(|call, _| match (operation(call), queue_name(call)) {
        ("SendMessageBatch", "quarantine") => Fault::Refused(403, "AccessDenied"),
        _ => Fault::None,
    });
    let (exit, report, said) = json(&scene, &["--quarantine", "quarantine"]);
    assert_eq!((scene.bodies(SOURCE), scene.bodies(DLQ)), (bodies(40, |at| !is_odd(at)), bodies(40, is_odd)), "{said}");
    assert_eq!((exit, &report["counts"]["refused"]), (4, &json!({ "quarantine_unusable": 20 })), "{said}");
}

#[tokio::test]
async fn a_source_that_refuses_keeps_no_canary_from_settling() {
    let bench = ReplayBench::new();
    bench.model.create(REFUNDS);
    for at in 0..60 {
        let source = arn(if at < 30 { REFUNDS } else { SOURCE });
        bench.model.put(DLQ, NewMessage::new(body(at), &[]).redriven_from(&source));
    }
    bench.model.with(SOURCE, |queue| queue.consumer = Consumer::Takes { after: Duration::ZERO });
    // What it holds grows, and none of it is of this run.
    let (model, looks) = (bench.model.clone(), AtomicUsize::new(0));
    bench.model.set_faults(move |call, _| {
        if is_about_refunds(call, "GetQueueAttributes") {
            let at = looks.fetch_add(1, Ordering::SeqCst);
            model.put(REFUNDS, NewMessage::new(format!("new {at}"), &[]));
        }
        if is_about_refunds(call, "SendMessageBatch") { Fault::Refused(403, "AccessDenied") } else { Fault::None }
    });
    let (look_every, late_counts) = (Duration::from_millis(10), Duration::from_millis(50));
    let timeout = Some(Duration::from_secs(1));
    let canary = Some(CanarySetting { messages: 5, timeout, look_every, late_counts });
    let ended = bench.run(Run { to: To::ItsOwnSource, canary, calls: 1, ..Run::default() }).await;
    assert_eq!((ended.exit, ended.counts.sent), (Exit::Partly, 30), "{:?}", ended.counts);
    assert_eq!(bench.bodies(DLQ), bodies(60, |at| at < 30));
}

#[test]
fn a_fifo_source_that_refuses_keeps_the_order_of_the_others() {
    const DLQ: &str = "orders-dlq.fifo";
    let scene = Scene::between("orders.fifo", DLQ);
    scene.model.with("refunds.fifo", |queue| queue.dead_letters = Some(DLQ.to_owned()));
    // One group of each source alone, and one whose name both sources use.
    let cases = [("o", "orders.fifo"), ("r", "refunds.fifo"), ("both", "orders.fifo"), ("both", "refunds.fifo")];
    for at in 0..40 {
        let (group, source) = cases[at % cases.len()];
        let message = NewMessage::new(body(at), &[]).in_group(group, &format!("d{at}")).redriven_from(&arn(source));
        scene.model.put(DLQ, old(message));
    }
    scene.model.set_faults(|call, _| match (operation(call), queue_name(call)) {
        ("SendMessageBatch", "refunds.fifo") => Fault::Refused(403, "AccessDenied"),
        _ => Fault::None,
    });
    let said = scene.run(&["replay", DLQ, "--execute", "--yes"]);
    let arrived: Vec<_> = scene.model.messages("orders.fifo").into_iter().map(|message| message.body).collect();
    let number = |text: &String| text.trim_start_matches("body ").parse::<usize>().unwrap();
    let of = |group: usize| arrived.iter().map(number).filter(|at| at % 4 == group).collect::<Vec<_>>();
    assert_eq!(of(0), (0..40).step_by(4).collect::<Vec<_>>(), "{}", said.text());
    assert_eq!(of(2), (2..40).step_by(4).collect::<Vec<_>>(), "{}", said.text());
    scene.assert_each_once((0..40).map(body), &["orders.fifo", DLQ], &said.text());
    assert_eq!(said.code, 4, "{}", said.text());
}

#[test]
fn lookups_that_go_on_failing_are_given_up_and_do_not_keep_the_others() {
    let scene = scene();
    fill(&scene, 120, is_odd);
    let lookups = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&lookups);
    scene.model.set_faults(move |call, _| {
        if !is_about_refunds(call, "GetQueueUrl") {
            return Fault::None;
        }
        asked.fetch_add(1, Ordering::SeqCst);
        Fault::Refused(503, "ServiceUnavailable")
    });
    let (exit, report, said) = json(&scene, &["--concurrency", "1"]);
    assert_eq!((exit, scene.bodies(SOURCE)), (4, bodies(120, |at| !is_odd(at))), "{said}");
    assert_eq!(report["counts"]["unusable"][arn(REFUNDS)]["messages"], 60, "{said}");
    assert!(lookups.load(Ordering::SeqCst) <= LOOKUPS * REQUESTS, "{said}");
    assert!(scene.model.messages(DLQ).iter().all(Stored::is_visible), "what stays is released");
}

#[test]
fn a_source_that_may_not_be_looked_up_is_asked_for_once() {
    let scene = scene();
    fill(&scene, 60, is_odd);
    let lookups = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&lookups);
    scene.model.set_faults(move |call, _| {
        if !is_about_refunds(call, "GetQueueUrl") {
            return Fault::None;
        }
        asked.fetch_add(1, Ordering::SeqCst);
        Fault::Refused(403, "AccessDenied")
    });
    let (exit, report, said) = json(&scene, &["--concurrency", "1"]);
    assert_eq!((exit, lookups.load(Ordering::SeqCst)), (4, 1), "{said}");
    assert_eq!(report["counts"]["unusable"][arn(REFUNDS)]["messages"], 30, "{said}");
}

#[test]
fn expired_credentials_at_a_lookup_end_the_run() {
    for execute in [&["--execute", "--yes"][..], &[]] {
        let scene = scene();
        fill(&scene, 60, is_odd);
        scene.model.set_faults(|call, _| {
            if is_about_refunds(call, "GetQueueUrl") { Fault::Refused(403, "ExpiredToken") } else { Fault::None }
        });
        let said = scene.run(&[&["replay", DLQ], execute].concat());
        assert!(said.code == 1 && said.err.contains("sign in again"), "exit {}: {}", said.code, said.text());
        scene.assert_each_once((0..60).map(body), &[SOURCE, DLQ], &said.text());
    }
}
