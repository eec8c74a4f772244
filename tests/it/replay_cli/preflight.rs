//! `preflight`: every permission is checked by asking, and nothing is changed.

use pipeline_tests::sqs_model::{self, Fault, Rule};
use serde_json::json;

use super::{DLQ, SOURCE, Scene, body};

/// Asserts that no message was received, hidden, sent, put on a bus or given to a function.
fn assert_unchanged(scene: &Scene, messages: usize) {
    let left = scene.model.messages(DLQ);
    assert_eq!(left.len(), messages);
    assert!(left.iter().all(|message| message.receives == 0 && message.is_visible()), "{left:?}");
    assert_eq!((scene.model.count(SOURCE), scene.model.count("quarantine"), scene.model.events().len()), (0, 0, 0));
}

#[test]
fn allowed_permissions_of_a_replay() {
    let scene = Scene::with_letters(3);
    insta::assert_snapshot!("preflight", scene.said(&["preflight", DLQ, "--quarantine", "quarantine"]));
    assert_unchanged(&scene, 3);
    assert!(!scene.replayer.journals().exists(), "no journal is written");
}

#[test]
fn denied_permissions_are_named_and_the_exit_code_says_so() {
    let scene = Scene::with_letters(3);
    scene.model.set_faults(|call, _| match (sqs_model::operation(call), sqs_model::queue_name(call)) {
        ("DeleteMessage" | "DeleteMessageBatch" | "ReceiveMessage", DLQ) => Fault::Refused(403, "AccessDenied"),
        ("SendMessageBatch", SOURCE) => Fault::Refused(403, "AccessDeniedException"),
        _ => Fault::None,
    });
    insta::assert_snapshot!("preflight_denied", scene.said(&["preflight", DLQ]));
    let (code, report) = scene.json(&["preflight", DLQ]);
    let denied: Vec<_> =
        report["checks"].as_array().unwrap().iter().filter(|check| check["verdict"] == "denied").collect();
    let actions: Vec<_> = denied.iter().map(|check| check["action"].as_str().unwrap()).collect();
    assert_eq!((code, actions), (4, vec!["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:SendMessage"]));
    assert_unchanged(&scene, 3);
}

#[test]
fn a_missing_optional_permission_does_not_fail() {
    let scene = Scene::with_letters(3);
    scene.fault("ListDeadLetterSourceQueues", DLQ, |_| Fault::Refused(403, "AccessDenied"));
    let said = scene.run(&["preflight", DLQ, "--to", SOURCE]);
    assert_eq!(said.code, 0, "the command works without it: {}", said.text());
    assert!(said.out.contains("sqs:ListDeadLetterSourceQueues") && said.out.contains("denied"), "{}", said.out);
}

#[test]
fn each_planned_command_has_its_own_permissions() {
    let scene = Scene::with_letters(3);
    let actions = |arguments: &[&str]| -> Vec<String> {
        let (code, report) = scene.json(&[&["preflight", DLQ], arguments].concat());
        assert_eq!(code, 0, "{report:#}");
        report["checks"].as_array().unwrap().iter().map(|check| check["action"].as_str().unwrap().to_owned()).collect()
    };
    assert!(!actions(&["--for", "triage"]).iter().any(|action| action.contains("Delete") && !action.contains("List")));
    assert!(!actions(&["--for", "purge"]).contains(&"sqs:SendMessage".to_owned()));
    assert!(actions(&["--for", "move", "--to", "quarantine"]).contains(&"sqs:SendMessage".to_owned()));
    scene.model.here().create_function("f");
    assert!(actions(&["--to-lambda", "f"]).contains(&"lambda:InvokeFunction".to_owned()));
    assert_eq!(scene.model.here().invocations("f"), Vec::<String>::new());
    scene.model.here().add_rule("main", Rule::new("all", json!({ "source": ["x"] })).to("arn:aws:sqs:eu-west-1:1:q"));
    let bus = actions(&["--to-bus", "main"]);
    for action in ["events:DescribeEventBus", "events:ListRules", "events:ListTargetsByRule", "events:PutEvents"] {
        assert!(bus.contains(&action.to_owned()), "{bus:?}");
    }
    assert_unchanged(&scene, 3);
}

#[test]
fn a_function_or_bus_that_does_not_exist_is_not_called_allowed() {
    let scene = Scene::with_letters(1);
    for to in [["--to-lambda", "nowhere"], ["--to-bus", "nowhere"]] {
        let said = scene.run(&[&["preflight", DLQ], &to[..]].concat());
        assert!([1, 4].contains(&said.code), "{to:?}: {}", said.text());
        assert!(said.text().contains("nowhere"), "{}", said.text());
    }
    scene.assert_each_once([body(0)], &[DLQ]);
}

#[test]
fn a_key_cannot_be_checked_and_is_named() {
    let scene = Scene::with_letters(1);
    scene.model.with(DLQ, |queue| queue.kms_key = Some("alias/orders".to_owned()));
    let said = scene.run(&["preflight", DLQ]);
    assert_eq!(said.code, 4, "whether the command works is not known: {}", said.text());
    assert!(said.out.contains("kms:Decrypt") && said.out.contains("not checked"), "{}", said.out);
    scene.model.with(DLQ, |queue| queue.kms_key = Some("alias/aws/sqs".to_owned()));
    let said = scene.run(&["preflight", DLQ]);
    assert_eq!(said.code, 0, "AWS's own key asks for no permission: {}", said.text());
}

#[test]
fn what_could_not_be_checked_is_said_and_is_not_called_allowed() {
    for (status, code) in [(503, "ServiceUnavailable"), (400, "RequestThrottled"), (302, "")] {
        let scene = Scene::with_letters(1);
        scene.fault("SendMessageBatch", SOURCE, move |_| Fault::Refused(status, code));
        let (exit, report) = scene.json(&["preflight", DLQ]);
        let checks = report["checks"].as_array().unwrap();
        let send = checks.iter().find(|check| check["action"] == "sqs:SendMessage").unwrap();
        assert_eq!((exit, &send["verdict"]), (4, &json!("not_checked")), "{status} {code}: {send:#}");
    }
    // Nothing redrives to `quarantine`, so a replay of it has no destination that could be asked.
    let scene = Scene::with_letters(1);
    let said = scene.run(&["preflight", "quarantine"]);
    assert_eq!(said.code, 4, "{}", said.text());
    assert!(said.out.contains("note: 3 checks are missing, so it is not known whether replay works"), "{}", said.out);
}

#[test]
fn a_missing_quarantine_is_said_before_anything_else() {
    let scene = Scene::with_letters(1);
    let said = scene.run(&["preflight", DLQ, "--to", "nowhere", "--quarantine", "qarantine"]);
    assert_eq!(said.code, 1, "{}", said.text());
    assert!(said.err.starts_with("error: queue `qarantine` not found"), "{}", said.err);
    assert!(said.err.contains("did you mean `quarantine`?"), "{}", said.err);
    let config = "[defaults]\nquarantine = \"nowhere\"\n";
    let said = Scene::run_command(&mut super::config::with_config(&scene, config, &["preflight", DLQ]));
    assert!(
        said.err.starts_with("note: the quarantine `nowhere` of dlq-replayer.toml is not used: "),
        "{}",
        said.text()
    );
    let config = "[defaults]\nquarantine = \"quarantine\"\n";
    let said = Scene::run_command(&mut super::config::with_config(&scene, config, &["preflight", DLQ]));
    assert!(said.out.contains("quarantine  allowed"), "a replay uses it: {}", said.text());
}

#[test]
fn a_function_that_may_be_invoked_and_not_read_is_told_so() {
    let scene = Scene::with_letters(3);
    scene.model.here().create_function("f");
    scene.model.set_faults(|call, _| match sqs_model::operation(call) {
        "GetFunctionConfiguration" => Fault::Refused(403, "AccessDeniedException"),
        _ => Fault::None,
    });
    let (code, report) = scene.json(&["preflight", DLQ, "--to-lambda", "f"]);
    let verdict = |action: &str| {
        let checks = report["checks"].as_array().unwrap();
        checks.iter().find(|check| check["action"] == action).unwrap()["verdict"].clone()
    };
    assert_eq!((code, verdict("lambda:InvokeFunction")), (0, json!("allowed")), "{report:#}");
    assert_eq!(verdict("lambda:GetFunctionConfiguration"), json!("denied"), "{report:#}");
}
