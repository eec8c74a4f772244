//! `--json` of each command is one JSON document that matches its schema.

use super::{DLQ, SOURCE, Scene, id, json_schema::validate};

#[test]
fn json_of_every_command_matches_its_schema() {
    let scene = Scene::new();
    let (letters, archive) = (scene.file("letters.ndjson"), scene.file("archive.ndjson"));
    for (schema, command) in [
        ("triage", vec!["triage", DLQ]),
        ("triage", vec!["triage", DLQ, "--group-by", ".id"]),
        ("list", vec!["list", DLQ]),
        ("list", vec!["list", DLQ, "--reason", "panic"]),
        ("show", vec!["show", DLQ, &id(6)]),
        ("watch", vec!["watch", DLQ, "--count", "1"]),
        ("preflight", vec!["preflight", DLQ]),
        ("export", vec!["pull", DLQ, &letters]),
        ("triage", vec!["triage", &letters]),
        ("dry-run", vec!["replay", DLQ]),
        ("dry-run", vec!["replay", DLQ, "--edit", ".a = 1", "--to", "quarantine"]),
        ("dry-run", vec!["purge", DLQ, "--archive", &archive]),
        ("dry-run", vec!["import", "quarantine", &letters]),
        ("run", vec!["replay", DLQ, "--execute"]),
        ("run", vec!["move", DLQ, "--to", "quarantine", "--id", &id(1), "--execute"]),
        ("run", vec!["purge", DLQ, "--archive", &archive, "--id", &id(2), "--execute"]),
        ("run", vec!["import", SOURCE, &letters, "--execute"]),
        ("history", vec!["history"]),
    ] {
        let (_, document) = scene.json(&command);
        assert_eq!(validate(schema, &document), Vec::<String>::new(), "{command:?}: {document:#}");
    }
    let run = scene.json(&["history"]).1["runs"][0]["run"].as_str().unwrap().to_owned();
    let (_, document) = scene.json(&["history", &run]);
    assert_eq!(validate("run-history", &document), Vec::<String>::new(), "{document:#}");
    for line in
        std::fs::read_to_string(&letters).unwrap().lines().skip(1).filter(|line| !line.contains("snapshot_ended"))
    {
        assert_eq!(validate("message", &serde_json::from_str(line).unwrap()), Vec::<String>::new());
    }
}

#[test]
fn an_error_leaves_standard_output_empty() {
    let scene = Scene::empty();
    let said = scene.run(&["triage", "nowhere", "--json"]);
    assert!(said.code == 1 && said.out.is_empty() && said.err.starts_with("error: "), "{}", said.text());
}
