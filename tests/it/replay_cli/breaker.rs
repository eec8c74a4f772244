//! Messages that return: the circuit breaker judges the whole run, and one returned message is enough for exit code 4.

use std::time::Duration;

use pipeline_tests::sqs_model::{self, Consumer};
use serde_json::json;

use super::{DLQ, SOURCE, Scene, body, dead_letter};

#[test]
fn the_breaker_opens_when_more_than_the_share_returns() {
    const MESSAGES: usize = 1_500;
    let scene = Scene::with_letters(MESSAGES);
    scene.model.with(SOURCE, |queue| queue.consumer = Consumer::GivesUp { dlq: DLQ.to_owned(), after: Duration::ZERO });
    let (code, run) = scene.json(&["replay", DLQ, "--execute", "--yes", "--rate", "600/s"]);
    assert_eq!(code, 5, "{run:#}");
    let count = |name: &str| run["counts"][name].as_u64().unwrap();
    // What is under way when it opens is still confirmed.
    let under_way = 16 * 10;
    assert!(count("returned") * 2 + under_way > count("sent"), "{run:#}");
    scene.assert_each_once((0..MESSAGES).map(body), &[DLQ, SOURCE]);
    scene.assert_released();
}

#[test]
fn it_opens_in_the_middle_of_a_run_whose_messages_were_all_received_at_once() {
    const MESSAGES: usize = 300;
    let scene = Scene::with_letters(MESSAGES);
    scene.model.with(SOURCE, |queue| queue.consumer = Consumer::GivesUp { dlq: DLQ.to_owned(), after: Duration::ZERO });
    let (code, run) = scene.json(&["replay", DLQ, "--execute", "--yes", "--rate", "50/s"]);
    let sent = run["counts"]["sent"].as_u64().unwrap();
    assert_eq!(code, 5, "{run:#}");
    assert!(sent < MESSAGES as u64, "it stopped before the end: {run:#}");
    scene.assert_each_once((0..MESSAGES).map(body), &[DLQ, SOURCE]);
    scene.assert_released();
}

#[test]
fn messages_that_return_late_open_it_too() {
    const MESSAGES: usize = 1_500;
    let scene = Scene::with_letters(MESSAGES);
    // All of the first thousand are sent long before the first one returns.
    let after = Duration::from_millis(1_500);
    scene.model.with(SOURCE, |queue| queue.consumer = Consumer::Redrives { dlq: DLQ.to_owned(), after });
    let (code, run) = scene.json(&["replay", DLQ, "--execute", "--yes", "--rate", "700/s"]);
    assert_eq!(code, 5, "{run:#}");
    scene.assert_each_once((0..MESSAGES).map(body), &[DLQ, SOURCE]);
}

#[test]
fn one_message_that_returns_makes_the_exit_code_four() {
    let scene = Scene::empty();
    scene.model.with("refunds", |queue| {
        queue.dead_letters = Some(DLQ.to_owned());
        queue.consumer = Consumer::GivesUp { dlq: DLQ.to_owned(), after: Duration::ZERO };
    });
    scene.model.put(DLQ, dead_letter(0, &body(0), &[]).redriven_from(&sqs_model::arn("refunds")));
    for at in 1..60 {
        scene.model.put(DLQ, dead_letter(at, &body(at), &[]).redriven_from(&sqs_model::arn(SOURCE)));
    }
    let (code, run) = scene.json(&["replay", DLQ, "--execute", "--rate", "50/s"]);
    assert_eq!((code, &run["counts"]["returned"]), (4, &json!(1)), "{run:#}");
    scene.assert_each_once((0..60).map(body), &[DLQ, SOURCE]);
}

#[test]
fn max_bounced_one_lets_everything_return() {
    let scene = Scene::with_letters(60);
    scene.model.with(SOURCE, |queue| queue.consumer = Consumer::GivesUp { dlq: DLQ.to_owned(), after: Duration::ZERO });
    let (code, run) = scene.json(&["replay", DLQ, "--execute", "--rate", "100/s", "--max-bounced", "1"]);
    assert_eq!((code, &run["counts"]["sent"]), (4, &json!(60)), "{run:#}");
    scene.assert_each_once((0..60).map(body), &[DLQ]);
}
