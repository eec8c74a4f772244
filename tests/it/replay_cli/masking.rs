//! Personal data is never shown unless it is asked for.

use std::{fs, path::Path};

use serde_json::json;

use super::{DLQ, MARKER, Scene, dead_letter, id};

#[test]
fn no_command_shows_personal_data_unless_it_is_asked_for() {
    let scene = Scene::new();
    let edit = ["--edit", ".detail.data.first_name = \"Eve\""];
    for command in [
        vec!["triage", DLQ, "--contract", "rollcall"],
        vec!["triage", DLQ, "--group-by", ".body.detail.data.email"],
        vec!["list", DLQ],
        vec!["list", DLQ, "--csv"],
        vec!["show", DLQ, "00000000-0000-4000-8000-000000000001"],
        [&["replay", DLQ], &edit[..]].concat(),
        vec!["replay", DLQ, "--where", ".body.detail.data.email | explode | error"],
        [&["replay", DLQ, "--execute"], &edit[..]].concat(),
        vec!["move", DLQ, "--to", "quarantine"],
        vec!["history"],
    ] {
        for json in [&["--json"][..], &[]] {
            if command.contains(&"--csv") && !json.is_empty() {
                continue;
            }
            let said = scene.run(&[&command[..], json].concat());
            assert!(!said.out.contains(MARKER) && !said.err.contains(MARKER), "{command:?}: {said:?}");
        }
    }
    let journals = files(&scene.replayer.journals());
    assert!(!journals.is_empty());
    for journal in journals {
        assert!(!journal.contains(MARKER), "no bodies in a journal: {journal}");
    }
}

#[test]
fn a_reason_that_is_not_rollcalls_is_masked_like_any_attribute() {
    let scene = Scene::empty();
    let reason = format!("card of {MARKER} was declined \u{1b}[31mRED");
    scene.model.put(DLQ, dead_letter(1, "{}", &[("failure_reason", &reason), ("failure_detail", MARKER)]));
    scene.model.put(DLQ, dead_letter(2, "{}", &[("failure_reason", "card_declined")]));
    // Another system may have an attribute of the same name as our second one, too.
    let theirs = [("failure_reason", reason.as_str()), ("source_message_id", "x"), ("failure_detail", MARKER)];
    scene.model.put(DLQ, dead_letter(3, "{}", &theirs));
    scene.model.put(DLQ, dead_letter(4, "{}", &[("failure_reason", "4111111111111111"), ("source_message_id", "x")]));
    for command in [&["list", DLQ][..], &["list", DLQ, "--csv"], &["triage", DLQ], &["show", DLQ, &id(1)]] {
        let said = scene.run(command);
        assert!(said.code == 0 && !said.out.contains(MARKER) && !said.out.contains("RED"), "{}", said.text());
        assert!(!said.out.contains("4111111111111111"), "{}", said.text());
        assert!(said.out.contains("card_declined") || command[0] == "show", "one word is shown: {}", said.out);
    }
    let others = scene.json(&["list", DLQ, "--reason", "other"]).1;
    assert_eq!((&others["messages"][0]["id"], others["messages"].as_array().unwrap().len()), (&json!(id(1)), 3));
    let said = scene.run(&["show", DLQ, &id(1), "--reveal"]);
    assert!(said.out.contains(&format!("card of {MARKER} was declined [31mRED")), "{}", said.out);
}

#[test]
fn what_a_sender_chose_is_masked_among_the_system_attributes() {
    let scene = Scene::empty();
    scene.model.put("elsewhere.fifo", dead_letter(1, "{}", &[]).in_group(MARKER, "marker-1"));
    let said = scene.run(&["show", "elsewhere.fifo", &id(1)]);
    assert!(!said.out.contains(MARKER) && !said.out.contains("marker-1"), "{}", said.out);
    assert!(said.out.contains("ApproximateReceiveCount: 1"), "{}", said.out);
    let said = scene.run(&["show", "elsewhere.fifo", &id(1), "--reveal"]);
    assert!(said.out.contains(MARKER) && said.out.contains("marker-1"), "{}", said.out);
}

#[test]
fn no_control_character_of_a_message_reaches_the_terminal() {
    let scene = Scene::empty();
    let line = json!({ "id": id(1), "body": "a\u{1b}[31m\u{9b}2J\rb", "attributes": { "own": { "type": "String", "string": "\u{9b}2J" } } });
    let file = scene.file("messages.ndjson");
    fs::write(&file, format!("{line}\n")).unwrap();
    for command in [&["list", &file][..], &["list", &file, "--csv"], &["triage", &file], &["show", &file, &id(1)]] {
        for more in [&["--reveal"][..], &["--reveal", "--json"]] {
            let said = scene.run(&[command, more].concat());
            let control = |c: char| c.is_control() && c != '\n';
            assert!(!said.text().contains(control), "{command:?} {more:?}: {:?}", said.text());
        }
    }
    let (_, shown) = scene.json(&["show", &file, &id(1), "--reveal"]);
    assert_eq!(shown["body"], "a\u{1b}[31m\u{9b}2J\rb", "JSON has everything, escaped");
}

#[test]
fn history_leaves_out_what_was_typed() {
    let scene = Scene::new();
    let filter = format!(".body.detail.data.email == \"{MARKER}\"");
    assert_ne!(scene.run(&["replay", DLQ, "--where", &filter, "--execute"]).code, 1);
    let (_, history) = scene.json(&["history"]);
    let run = history["runs"][0]["run"].as_str().unwrap();
    for said in [scene.run(&["history", "--json"]), scene.run(&["history", run, "--json"])] {
        assert!(said.code == 0 && !said.out.contains(MARKER) && !said.out.contains("\"plan\""), "{}", said.out);
    }
    assert!(files(&scene.replayer.journals()).iter().any(|text| text.contains(MARKER)), "`--resume` needs it");
}

/// The texts of all files below a folder.
fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![fs::read_to_string(path).unwrap()] })
        .collect()
}

#[test]
fn keys_and_values_of_bodies_that_are_not_ours_are_masked() {
    let scene = Scene::empty();
    let body = json!({
        "account": "acc-4711", "id": "id-4711", "iban": "DE89370400440532013000",
        "Ada Lovelace": { "phone": "+44 4711", "age": 36 },
    });
    scene.model.put(DLQ, dead_letter(1, &body.to_string(), &[("customer", "cust-4711")]));
    let secrets = ["4711", "DE89", "Ada", "Lovelace", "iban", "phone"];
    for command in [
        vec!["triage", DLQ],
        vec!["list", DLQ],
        vec!["show", DLQ, &id(1)],
        vec!["replay", DLQ, "--edit", ".iban = \"DE89 new\""],
    ] {
        for json in [&["--json"][..], &[]] {
            let said = scene.run(&[&command[..], json].concat());
            assert_eq!(said.code, 0, "{}", said.text());
            for secret in secrets {
                assert!(!said.text().contains(secret), "{secret} in {command:?}: {}", said.text());
            }
        }
        let said = scene.run(&[&command[..], &["--reveal"]].concat());
        assert!(said.out.contains("DE89"), "{command:?}: {}", said.text());
    }
}
