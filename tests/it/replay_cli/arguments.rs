//! Exit codes, short flags, and command lines that are not valid.

use pipeline_tests::sqs_model::Consumer;

use super::{DLQ, SOURCE, Scene, body};

#[test]
fn each_exit_code_means_what_the_help_says() {
    let scene = Scene::new();
    let code = |arguments: &[&str]| scene.run(arguments).code;
    assert_eq!(code(&["triage", DLQ]), 0);
    assert_eq!(code(&["triage", "nowhere"]), 1);
    assert_eq!(code(&["triage"]), 2);
    assert_eq!(code(&["replay", DLQ, "--to", "a", "--to-bus", "b"]), 2);
    assert_eq!(code(&["replay", DLQ, "--to-lambda", "a", "--to-bus", "b"]), 2);
    assert_eq!(code(&["list", DLQ, "--reason", "panic"]), 3);
    assert_eq!(code(&["replay", DLQ, "--reason", "panic", "--execute"]), 3);
    assert_eq!(code(&["replay", DLQ, "--reason", "invalid_field", "--execute"]), 4);

    let bouncing = Scene::with_letters(90);
    bouncing.model.with(SOURCE, |queue| {
        queue.consumer = Consumer::GivesUp { dlq: DLQ.to_owned(), after: std::time::Duration::ZERO };
    });
    assert_eq!(bouncing.run(&["replay", DLQ, "--execute", "--rate", "200/s"]).code, 5);
}

#[test]
fn what_cannot_be_a_share_a_rate_or_a_time_is_a_usage_error() {
    let scene = Scene::with_letters(1);
    for wrong in [
        &["--max-bounced", "50"][..],
        &["--max-bounced", "-0.1"],
        &["--max-bounced", "nan"],
        &["--rate", "fast"],
        &["--rate", "0"],
        &["--rate", "inf"],
        &["--canary", "0"],
        &["--canary", "1", "--canary-timeout", "soon"],
        &["--canary-timeout", "10m"],
        &["--limit", "0"],
        &["--contract", "strict"],
        &["--allow-unmatched"],
        &["--region", "us-east-1", "--to", "x", "extra"],
    ] {
        let said = scene.run(&[&["replay", DLQ, "--execute"], wrong].concat());
        assert_eq!(said.code, 2, "{wrong:?}: {}", said.text());
        assert!(said.out.is_empty() && said.err.starts_with("error: "), "{wrong:?}: {}", said.text());
    }
    assert!(!scene.model.calls().iter().any(|call| call.starts_with("Send")), "nothing was sent");
    scene.assert_each_once([body(0)], &[DLQ]);
}

#[test]
fn short_flags_and_an_unlimited_rate() {
    let scene = Scene::with_letters(120);
    let said = scene.run(&["replay", DLQ, "--execute", "-n", "110", "-y", "-q", "--rate", "unlimited"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.text());
    assert_eq!((scene.model.count(SOURCE), scene.model.count(DLQ)), (110, 10));
    scene.assert_each_once((0..120).map(body), &[SOURCE, DLQ]);
    scene.assert_released();
}

#[test]
fn quiet_prints_results_and_errors_only() {
    let scene = Scene::with_letters(10);
    let said = scene.run(&["replay", DLQ, "--execute", "--quiet", "--rate", "2/s"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert!(said.out.contains("10 messages sent"), "{}", said.out);
    let said = scene.run(&["triage", "nowhere", "--quiet"]);
    assert!(said.code == 1 && said.err.starts_with("error: "), "{}", said.err);
}

#[test]
fn more_than_a_hundred_messages_are_not_touched_without_a_yes() {
    let scene = Scene::with_letters(101);
    insta::assert_snapshot!("guard", scene.said(&["replay", DLQ, "--execute"]));
    assert_eq!(scene.model.count(DLQ), 101);
    assert_eq!(scene.run(&["replay", DLQ, "--execute", "--limit", "1"]).code, 0, "one may go");
    assert_eq!(scene.run(&["replay", DLQ, "--execute", "--yes", "--rate", "1000/s"]).code, 0);
    scene.assert_each_once((0..101).map(body), &[SOURCE]);
}
