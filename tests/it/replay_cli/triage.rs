//! `triage` and `show` of a queue.

use serde_json::json;

use super::{DLQ, MARKER, Scene, dead_letter, given_up, id};

#[test]
fn triage_shows_what_is_there_and_what_to_do() {
    let scene = Scene::new();
    insta::assert_snapshot!("triage", scene.said(&["triage", DLQ, "--contract", "rollcall"]));
    scene.assert_released();
}

#[test]
fn triage_validates_what_says_that_it_is_ours_and_nothing_else() {
    let scene = Scene::new();
    scene.model.put(DLQ, dead_letter(7, r#"{"order":1}"#, &[]));
    for (contract, validated) in [("auto", 6), ("rollcall", 7), ("none", 0)] {
        let (_, triage) = scene.json(&["triage", DLQ, "--contract", contract]);
        let groups = triage["groups"].as_array().unwrap();
        assert_eq!(groups.iter().filter_map(|group| group["validated"].as_u64()).sum::<u64>(), validated, "{contract}");
    }
}

#[test]
fn triage_groups_by_any_expression_and_masks_its_values() {
    let scene = Scene::empty();
    for (at, tenant) in ["acme", "acme", MARKER].into_iter().enumerate() {
        scene.model.put(DLQ, given_up(at, &json!({ "tenant": tenant }).to_string(), "panic", "x"));
    }
    scene.model.put(DLQ, given_up(3, "not JSON", "panic", "x"));
    insta::assert_snapshot!("group_by", scene.said(&["triage", DLQ, "--group-by", ".body.tenant"]));
    let said = scene.run(&["triage", DLQ, "--group-by", ".body.tenant", "--reveal"]);
    assert!(said.code == 0 && said.out.contains("acme") && said.out.contains(MARKER), "{}", said.out);
    let (_, triage) = scene.json(&["triage", DLQ, "--group-by", ".body.tenant", "--reveal"]);
    let next = triage["groups"][0]["next"].as_str().unwrap();
    assert_eq!(next, "dlq-replayer replay orders-dlq --where '(.body.tenant) == \"acme\"'");
    let (_, dry_run) = scene.json(&["replay", DLQ, "--where", "(.body.tenant) == \"acme\""]);
    assert_eq!(dry_run["would_send"], 2);
    let said = scene.run(&["triage", DLQ, "--group-by", ".body |"]);
    assert!(said.code == 2 && said.err.starts_with("error: "), "{}", said.err);
}

#[test]
fn the_next_command_of_a_group_selects_this_group_or_is_not_told() {
    let scene = Scene::empty();
    for (at, tenant) in ["acme", "acme", "o'hara"].into_iter().enumerate() {
        scene.model.put(DLQ, given_up(at, &json!({ "tenant": tenant }).to_string(), "panic", "x"));
    }
    let group_by = ["triage", DLQ, "--group-by", ".body.tenant"];
    let (_, triage) = scene.json(&[&group_by[..], &["--reveal"]].concat());
    let next = |at: usize| triage["groups"][at]["next"].as_str().unwrap();
    assert_eq!(next(0), r#"dlq-replayer replay orders-dlq --where '(.body.tenant) == "acme"'"#);
    assert_eq!(next(1), r#"dlq-replayer replay orders-dlq --where '(.body.tenant) == "o'\''hara"'"#);
    assert_eq!(
        scene.json(&["list", DLQ, "--where", r#"(.body.tenant) == "acme""#]).1["messages"].as_array().unwrap().len(),
        2
    );
    let (_, masked) = scene.json(&group_by);
    let by_id = |group: &serde_json::Value| {
        let next = group["next"].as_str().unwrap();
        next.contains(" --id ") && !next.contains("--where")
    };
    assert!(masked["groups"].as_array().unwrap().iter().all(by_id), "{masked:#}");
    let (_, plain) = scene.json(&["triage", DLQ, "--group-by", ".body.tenant == \"acme\""]);
    assert_eq!(
        plain["groups"][0]["next"],
        r#"dlq-replayer replay orders-dlq --where '(.body.tenant == "acme") == true'"#
    );
}

#[test]
fn the_next_command_repeats_what_was_typed() {
    let scene = Scene::empty();
    for at in 0..3 {
        scene.model.put(DLQ, given_up(at, &json!({ "n": at }).to_string(), "panic", "x"));
    }
    let next = |arguments: &[&str]| {
        let (_, triage) = scene.json(&[&["triage", DLQ][..], arguments].concat());
        triage["groups"][0]["next"].as_str().map(str::to_owned)
    };
    let endpoint = scene.model.serve().unwrap().url();
    assert_eq!(
        next(&["--id", &id(1), "--older-than", "2h", "--region", "eu-west-1", "--endpoint-url", &endpoint]).unwrap(),
        format!(
            "dlq-replayer replay orders-dlq --reason panic --older-than 2h --id {} --region eu-west-1 --endpoint-url {endpoint}",
            id(1)
        )
    );
    let both = next(&["--where", ".body.n > 0", "--group-by", ".body.n > 1"]).unwrap();
    assert_eq!(both, "dlq-replayer replay orders-dlq --where '(.body.n > 0) and ((.body.n > 1) == false)'");
    let (_, list) = scene.json(&["list", DLQ, "--where", "(.body.n > 0) and ((.body.n > 1) == false)"]);
    assert_eq!(list["messages"].as_array().unwrap().len(), 1);
}

#[test]
fn no_import_of_a_whole_file_is_proposed_for_a_part_of_it() {
    let scene = Scene::empty();
    let file = scene.file("messages.ndjson");
    let line = |at: usize| {
        let attributes = json!({ "failure_reason": { "type": "String", "string": "panic" }, "source_message_id": { "type": "String", "string": "x" } });
        json!({ "id": id(at), "body": format!("{{\"n\":{at}}}"), "attributes": attributes }).to_string() + "\n"
    };
    std::fs::write(&file, (0..3).map(line).collect::<String>()).unwrap();
    let next =
        |arguments: &[&str]| scene.json(&[&["triage", &file][..], arguments].concat()).1["groups"][0]["next"].clone();
    assert_eq!(next(&[]), format!("dlq-replayer import <queue> {file}"));
    for part in [&["--where", ".body.n == 1"][..], &["-n", "2"], &["--group-by", ".body.n > 0"], &["--id", &id(1)]] {
        assert!(next(part).is_null(), "{part:?}: {}", next(part));
    }
}

#[test]
fn a_message_that_does_not_say_why_it_is_here_is_to_be_looked_at() {
    let scene = Scene::with_letters(2);
    let (_, triage) = scene.json(&["triage", DLQ, "--concurrency", "1"]);
    let group = &triage["groups"][0];
    assert_eq!((&group["reason"], &group["verdict"]), (&json!("unknown"), &json!("look_first")));
    assert_eq!(group["next"], format!("dlq-replayer show orders-dlq {} --concurrency 1", id(0)));
}

#[test]
fn the_verdict_of_a_mixed_group_is_that_of_its_worst_message() {
    let scene = Scene::new();
    let (_, triage) = scene.json(&["triage", DLQ, "--group-by", "true", "--contract", "none"]);
    assert_eq!((&triage["groups"][0]["count"], &triage["groups"][0]["verdict"]), (&json!(6), &json!("do_not_replay")));
}

#[test]
fn limit_means_messages_that_match() {
    let scene = Scene::new();
    let (code, triage) = scene.json(&["triage", DLQ, "--reason", "invalid_field", "-n", "1"]);
    assert_eq!((code, &triage["matched"]), (0, &json!(1)));
}

#[test]
fn show_prints_one_message_with_everything() {
    let scene = Scene::new();
    insta::assert_snapshot!("show", hide_times(&scene.said(&["show", DLQ, &id(6)])));
    assert!(scene.run(&["show", DLQ, &id(6), "--reveal"]).out.contains(MARKER));
    let said = scene.run(&["show", DLQ, &id(99)]);
    assert_eq!((said.code, said.out.as_str()), (3, ""));
    assert_eq!(
        said.err,
        format!("message `{}` not found in `orders-dlq` in eu-west-1 (account 123456789012)\n", id(99))
    );
}

/// Without what SQS says about the time.
fn hide_times(text: &str) -> String {
    let hide = |line: &str| match line.split_once("SentTimestamp: ") {
        Some((before, _)) => format!("{before}SentTimestamp: <milliseconds>\n"),
        None => format!("{line}\n"),
    };
    text.lines().map(hide).collect()
}
