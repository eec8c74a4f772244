//! Sources that are given up because they give no answers, and the last source of all: the others go on, and nothing goes on without one.

use std::net::TcpListener;

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use dlq_replayer::{
    report::exit::Exit,
    run::{interrupt::Interrupt, routes::Routes},
    sqs::{address::QueueAddress, clients::Clients, queue::Queue},
};
use pipeline_tests::sqs_model::{Fault, NewMessage, Stored, arn, operation, queue_name};
use rollcall_aws_runtime::{
    cli_sdk::{CliOptions, sdk_config},
    environment::Environment,
};
use serde_json::Value;

use super::{DLQ, SOURCE, Scene, body, old, sorted};
use crate::bench_replay::{ReplayBench, Run, To};

/// The source that cannot be used.
const REFUNDS: &str = "refunds";

/// A dead-letter queue of two sources with so many messages; one of ten came from the source that can be used.
fn scene(messages: usize) -> Scene {
    let scene = Scene::new();
    scene.model.with(REFUNDS, |queue| queue.dead_letters = Some(DLQ.to_owned()));
    for at in 0..messages {
        let source = arn(if is_order(at) { SOURCE } else { REFUNDS });
        scene.model.put(DLQ, old(NewMessage::new(body(at), &[]).redriven_from(&source)));
    }
    scene
}

fn is_order(at: usize) -> bool {
    at.is_multiple_of(10)
}

fn bodies(messages: usize, belongs: impl Fn(usize) -> bool) -> Vec<String> {
    sorted((0..messages).filter(|at| belongs(*at)).map(body))
}

fn replay(scene: &Scene) -> (i32, Value, String) {
    let said = scene.run(&["replay", DLQ, "--execute", "--yes", "--json", "--concurrency", "4"]);
    (said.code, serde_json::from_str(said.out.trim()).unwrap_or_default(), said.text())
}

#[test]
fn a_source_that_gives_no_answers_keeps_its_messages_and_the_others_go() {
    let scene = scene(300);
    scene.model.set_faults(|call, _| match (operation(call), queue_name(call)) {
        ("SendMessageBatch", REFUNDS) => Fault::RequestLost,
        _ => Fault::None,
    });
    let (exit, report, said) = replay(&scene);
    assert_eq!((exit, scene.bodies(SOURCE)), (4, bodies(300, is_order)), "{said}");
    assert_eq!(scene.bodies(DLQ), bodies(300, |at| !is_order(at)), "{said}");
    let counts = &report["counts"];
    assert!(counts["unusable"][arn(REFUNDS)]["why"].as_str().is_some_and(|why| why.contains("no answer")), "{said}");
    let doubted = &counts["unconfirmed"]["count"];
    assert!(doubted.as_u64().is_some_and(|doubted| doubted <= 150), "not every message is tried: {said}");
    scene.allow_everything();
    let (exit, report, said) = replay(&scene);
    assert_eq!((exit, scene.model.count(DLQ), scene.model.count(REFUNDS)), (0, 0, 270), "{said}");
    assert_eq!(&report["counts"]["possible_duplicates"]["count"], doubted, "{said}");
}

/// Clients each of whose connections is refused.
async fn clients_of_a_closed_port() -> Clients {
    // Nothing listens on a port whose listener is gone.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let endpoint_url = Some(format!("http://127.0.0.1:{port}"));
    let options = CliOptions { endpoint_url, region: Some("eu-west-1".to_owned()), profile: None };
    let sdk = sdk_config(options, &Environment::from_iter([("UNUSED", "")])).await.unwrap();
    let credentials = SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "test"));
    Clients::new(sdk.into_builder().credentials_provider(credentials).build())
}

#[tokio::test]
async fn a_source_that_cannot_be_reached_keeps_its_messages_and_the_others_go() {
    let bench = ReplayBench::new();
    for at in 0..400 {
        let source = arn(if is_order(at) { SOURCE } else { REFUNDS });
        bench.model.put(DLQ, NewMessage::new(body(at), &[]).redriven_from(&source));
    }
    let address = QueueAddress {
        url: format!("https://sqs.eu-west-1.amazonaws.com/123456789012/{REFUNDS}"),
        arn: arn(REFUNDS),
        name: REFUNDS.to_owned(),
        region: "eu-west-1".to_owned(),
        account: "123456789012".to_owned(),
    };
    let refunds = Queue::new(clients_of_a_closed_port().await.sqs(None), address);
    let mut job = bench.job(Run { to: To::ItsOwnSource, ..Run::default() }).await;
    let mut routes = Routes::back_to_source(Some(bench.queue(DLQ).await.address), None);
    assert_eq!(routes.looked_up(arn(REFUNDS), Ok(refunds)), Ok(None));
    job.plan.routes = routes;
    let ended = bench.run_job(job, &Interrupt::by_hand().1).await;
    let counts = &ended.counts;
    assert_eq!(
        (ended.exit, bench.bodies(SOURCE)),
        (Exit::Partly, bodies(400, is_order)),
        "{:?} {counts:?}",
        ended.fault
    );
    assert_eq!(bench.bodies(DLQ), bodies(400, |at| !is_order(at)));
    assert!(counts.unusable[&arn(REFUNDS)].why.contains("no answer"), "{counts:?}");
    assert_eq!(counts.unconfirmed.count, 0, "nothing was sent: {counts:?}");
}

#[test]
fn a_quarantine_that_gives_no_answers_keeps_its_messages_and_the_others_go() {
    let scene = Scene::new();
    scene.model.create("quarantine");
    for at in 0..300 {
        let count = if is_order(at) { "1" } else { "9" };
        scene.model.put(DLQ, old(NewMessage::new(body(at), &[("replay_count", count)])));
    }
    scene.model.set_faults(|call, _| match (operation(call), queue_name(call)) {
        ("SendMessageBatch", "quarantine") => Fault::RequestLost,
        _ => Fault::None,
    });
    let command = ["replay", DLQ, "--quarantine", "quarantine", "--execute", "--yes", "--concurrency", "4"];
    let said = scene.run(&command);
    assert_eq!((said.code, scene.bodies(SOURCE)), (4, bodies(300, is_order)), "{}", said.text());
    assert_eq!(scene.bodies(DLQ), bodies(300, |at| !is_order(at)), "{}", said.text());
}

#[test]
fn sources_that_may_all_not_be_looked_up_end_a_run_at_once() {
    let scene = scene(600);
    scene.model.set_faults(|call, _| match (operation(call), queue_name(call)) {
        ("GetQueueUrl", SOURCE | REFUNDS) => Fault::Refused(403, "AccessDenied"),
        _ => Fault::None,
    });
    assert_ends_at_once(&scene, 600, "GetQueueUrl");
}

#[test]
fn a_run_ends_when_its_last_source_may_not_be_looked_up() {
    let scene = Scene::new();
    scene.model.with(REFUNDS, |queue| queue.dead_letters = Some(DLQ.to_owned()));
    for at in 0..600 {
        let source = arn(if at < 200 { SOURCE } else { REFUNDS });
        scene.model.put(DLQ, old(NewMessage::new(body(at), &[]).redriven_from(&source)));
    }
    scene.model.set_faults(|call, _| match (operation(call), queue_name(call)) {
        ("SendMessageBatch", SOURCE) | ("GetQueueUrl", REFUNDS) => Fault::Refused(403, "AccessDenied"),
        _ => Fault::None,
    });
    assert_ends_at_once(&scene, 600, "AccessDenied");
}

fn assert_ends_at_once(scene: &Scene, messages: usize, why: &str) {
    let (exit, report, said) = replay(scene);
    assert_eq!((exit, scene.model.count(DLQ)), (1, messages), "{said}");
    assert!(said.contains("error: ") && said.contains(why), "{said}");
    let scanned = report["counts"]["scanned"].as_u64().unwrap();
    assert!(scanned < messages as u64, "it does not go through the queue: {said}");
    let stays = scene.model.messages(DLQ);
    assert!(stays.iter().all(Stored::is_visible), "what stays is released: {said}");
}

#[test]
fn a_dry_run_with_a_limit_leaves_out_the_messages_of_a_source_that_cannot_be_used_as_the_run_does() {
    let scene = Scene::new();
    scene.model.with(REFUNDS, |queue| queue.dead_letters = Some(DLQ.to_owned()));
    for at in 0..40 {
        let source = arn(if at < 20 { REFUNDS } else { SOURCE });
        scene.model.put(DLQ, old(NewMessage::new(body(at), &[]).redriven_from(&source)));
    }
    scene.model.set_faults(|call, _| match (operation(call), queue_name(call)) {
        ("GetQueueUrl", REFUNDS) => Fault::Refused(403, "AccessDenied"),
        _ => Fault::None,
    });
    let report = |execute: &[&str]| {
        let said = scene.run(&[&["replay", DLQ, "-n", "5", "--json", "--concurrency", "1"], execute].concat());
        serde_json::from_str::<Value>(said.out.trim()).unwrap()
    };
    let dry = report(&[]);
    assert!(scene.model.messages(DLQ).iter().all(Stored::is_visible), "a dry run changes nothing");
    let run = report(&["--execute"]);
    assert_eq!((&dry["would_send"], &run["counts"]["sent"]), (&5.into(), &5.into()), "{dry:#}{run:#}");
}

#[test]
fn a_message_that_was_replayed_too_often_goes_to_quarantine_although_its_source_is_gone() {
    let scene = Scene::new();
    scene.model.create("quarantine");
    for at in 0..20 {
        let count = if at < 10 { "9" } else { "1" };
        let message = NewMessage::new(body(at), &[("replay_count", count)]).redriven_from(&arn("gone"));
        scene.model.put(DLQ, old(message));
    }
    let dry = scene.run(&["replay", DLQ, "--quarantine", "quarantine", "--json"]);
    let dry: Value = serde_json::from_str(dry.out.trim()).unwrap();
    assert_eq!(
        (&dry["would_quarantine"], &dry["would_refuse"]["source_unusable"]),
        (&10.into(), &10.into()),
        "{dry:#}"
    );
    let said = scene.run(&["replay", DLQ, "--quarantine", "quarantine", "--execute"]);
    assert_eq!((said.code, scene.bodies("quarantine")), (4, bodies(20, |at| at < 10)), "{}", said.text());
    assert_eq!(scene.bodies(DLQ), bodies(20, |at| at >= 10), "{}", said.text());
}

#[test]
fn what_an_earlier_run_has_sent_is_deleted_although_its_source_may_no_longer_be_looked_up() {
    let scene = scene(20);
    scene.deny_deletes();
    let (first, ..) = replay(&scene);
    assert_eq!((first, scene.model.count(DLQ)), (1, 20));
    let sent = scene.model.count(SOURCE) + scene.model.count(REFUNDS);
    scene.let_visibility_run_out();
    scene.model.set_faults(|call, _| match (operation(call), queue_name(call)) {
        ("GetQueueUrl", REFUNDS) => Fault::Refused(403, "AccessDenied"),
        _ => Fault::None,
    });
    let (_, report, said) = replay(&scene);
    assert_eq!(report["counts"]["finished_for_earlier_run"], sent, "{said}");
}
