//! The permissions table says exactly which calls each command makes.

use std::collections::BTreeSet;

use dlq_replayer::cli::permissions::{self, Need, On, Permission, TABLE};
use pipeline_tests::{
    scripted_http::Call,
    sqs_model::{Rule, operation, queue_name},
};
use serde_json::json;

use super::{DLQ, SOURCE, Scene, body, dead_letter, id};

/// An operation and what it was called on.
type Called = (String, On);

/// What a call is about.
fn called(call: &Call) -> Called {
    let operation = operation(call);
    let on = match (operation, queue_name(call)) {
        ("DescribeEventBus" | "PutEvents", _) => On::Bus,
        ("ListRules" | "ListTargetsByRule", _) => On::Rules,
        ("Invoke" | "GetFunctionConfiguration", _) => On::Function,
        ("ListQueues" | "TestEventPattern", _) => On::Everything,
        (_, DLQ | "missing") => On::DeadLetterQueue,
        (_, "quarantine") => On::Quarantine,
        _ => On::Destination,
    };
    (operation.to_owned(), on)
}

/// Runs commands, each on queues as they were, and records every call.
fn calls(commands: &[&[&str]]) -> BTreeSet<Called> {
    let mut all = BTreeSet::new();
    for command in commands {
        let scene = scene();
        let file = scene.file("letters.ndjson");
        if command.contains(&"FILE") && command[0] != "pull" && command[0] != "export" && command[0] != "purge" {
            assert_eq!(scene.run(&["export", DLQ, &file, "--id", &id(0)]).code, 0);
        }
        let calls = scene.record(|call| Some(called(call)));
        let command: Vec<_> = command.iter().map(|word| if *word == "FILE" { file.as_str() } else { word }).collect();
        let said = scene.run(&command);
        assert!(command.contains(&"missing") || said.code != 1, "{}", said.text());
        all.extend(calls.lock().unwrap().drain(..));
    }
    all
}

/// Dead letters of each kind that a command may meet, a bus with a rule that only AWS can decide about, and a function.
fn scene() -> Scene {
    let scene = Scene::empty();
    scene.model.with(SOURCE, |queue| {
        queue.consumer = pipeline_tests::sqs_model::Consumer::Takes { after: std::time::Duration::ZERO }
    });
    let event = json!({ "source": "shop", "detail-type": "Order", "detail": {}, "id": "i", "account": "1",
        "time": "2026-11-22T21:00:00Z", "region": "eu-west-1", "resources": [] });
    scene.model.put(DLQ, dead_letter(0, &event.to_string(), &[]));
    let often = [("replay_count", "3")];
    scene.model.put(DLQ, dead_letter(1, &body(1), &often).redriven_from(&pipeline_tests::sqs_model::arn(SOURCE)));
    scene.model.put(DLQ, dead_letter(2, &body(2), &[]).redriven_from(&pipeline_tests::sqs_model::arn("refunds")));
    scene.model.create("refunds");
    let odd = json!({ "source": [{ "wildcard": "*x*" }] });
    scene.model.here().add_rule("main", Rule::new("odd", odd).to("arn:aws:sqs:eu-west-1:1:q"));
    scene.model.here().create_function("function");
    scene
}

/// The commands of one row of the table.
fn scenarios(row: &str) -> Vec<&'static [&'static str]> {
    match row {
        "`triage`, `list`, `show`, `export`, `pull`, every dry run" => vec![
            &["triage", DLQ],
            &["list", DLQ],
            &["show", DLQ, "x"],
            &["export", DLQ, "FILE"],
            &["pull", DLQ, "FILE"],
            &["purge", DLQ, "--archive", "FILE"],
            &["triage", "missing"],
        ],
        "`replay` to the source, `replay --to`" => vec![
            &["replay", DLQ, "--execute"],
            &["replay", DLQ],
            &["replay", DLQ, "--to", SOURCE, "--execute"],
            &["replay", DLQ, "--from", "FILE", "--execute"],
            &["replay", DLQ, "--to", SOURCE, "--execute", "--canary", "1", "--canary-timeout", "5s"],
        ],
        "`replay --to-bus`" => vec![
            &["replay", DLQ, "--to-bus", "main", "--execute", "--drop-attributes"],
            &["replay", DLQ, "--to-bus", "main", "--execute", "--allow-unmatched", "--drop-attributes"],
        ],
        "`replay --to-lambda`" => vec![&[
            "replay",
            DLQ,
            "--to-lambda",
            "function",
            "--execute",
            "--id",
            "00000000-0000-4000-8000-000000000000",
        ]],
        "`--quarantine`" => vec![
            &["replay", DLQ, "--quarantine", "quarantine"],
            &["replay", DLQ, "--quarantine", "quarantine", "--execute"],
        ],
        "`move`" => vec![&["move", DLQ, "--to", SOURCE], &["move", DLQ, "--to", SOURCE, "--execute"]],
        "`purge`" => vec![&["purge", DLQ, "--archive", "FILE"], &["purge", DLQ, "--archive", "FILE", "--execute"]],
        "`import`" => vec![&["import", SOURCE, "FILE", "--execute"], &["import", SOURCE, "FILE"]],
        "`watch`" => vec![&["watch", DLQ, "--count", "1"]],
        other => panic!("no scenario for {other}"),
    }
}

/// The permissions of a row; a quarantine is used by a replay, which needs its own.
fn permissions_of(row: &str, groups: &[&[Permission]]) -> Vec<Permission> {
    let own = groups.iter().copied().flatten().copied();
    let replay = TABLE.iter().filter(|(name, _)| row == "`--quarantine`" && name.starts_with("`replay` to the source"));
    own.chain(replay.flat_map(|(_, groups)| groups.iter().copied().flatten().copied())).collect()
}

#[test]
fn the_table_says_exactly_which_calls_each_command_makes() {
    for (row, groups) in TABLE {
        let permissions = permissions_of(row, groups);
        let calls = calls(&scenarios(row));
        let covers = |permission: &Permission, (operation, on): &Called| {
            permission.on == *on && permission.operations.contains(&operation.as_str())
        };
        for call in &calls {
            assert!(
                permissions.iter().any(|permission| covers(permission, call)),
                "{row}: {call:?} is not in the table"
            );
        }
        for permission in groups.iter().copied().flatten().filter(|permission| permission.need == Need::Required) {
            for operation in permission.operations {
                let called = calls.contains(&((*operation).to_owned(), permission.on));
                assert!(called, "{row}: {operation} on {:?} was never called", permission.on);
            }
        }
    }
}

#[test]
fn the_runbook_has_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/runbook.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once("<!-- permissions -->\n").unwrap();
    let (table, after) = rest.split_once("<!-- /permissions -->").unwrap();
    let wanted = permissions::markdown();
    if std::env::var_os("UPDATE_RUNBOOK").is_some() {
        std::fs::write(path, format!("{before}<!-- permissions -->\n{wanted}<!-- /permissions -->{after}")).unwrap();
        return;
    }
    assert_eq!(table, wanted, "the table has drifted; run this test with UPDATE_RUNBOOK=1 and read the diff");
}
