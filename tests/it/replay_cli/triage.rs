//! `triage` and `show` of a queue.

use serde_json::json;

use super::{DLQ, MARKER, Scene, dead_letter, id};

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
        scene.model.put(DLQ, dead_letter(at, &json!({ "tenant": tenant }).to_string(), &[]));
    }
    scene.model.put(DLQ, dead_letter(3, "not JSON", &[]));
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
        scene.model.put(DLQ, dead_letter(at, &json!({ "tenant": tenant }).to_string(), &[]));
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
    assert!(masked["groups"].as_array().unwrap().iter().all(|group| group["next"].is_null()), "{masked:#}");
    let (_, plain) = scene.json(&["triage", DLQ, "--group-by", ".body.tenant == \"acme\""]);
    assert_eq!(
        plain["groups"][0]["next"],
        r#"dlq-replayer replay orders-dlq --where '(.body.tenant == "acme") == true'"#
    );
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
