//! `history`, and one run with its messages.

use pipeline_tests::sqs_model::Fault;
use serde_json::json;

use super::{DLQ, SOURCE, Scene, id};

#[test]
fn history_without_runs_says_so() {
    let scene = Scene::empty();
    let said = scene.run(&["history"]);
    assert_eq!((said.code, said.out.as_str()), (3, "no runs yet\n"));
}

#[test]
fn history_shows_the_newest_run_first_and_no_dry_runs() {
    let scene = Scene::with_letters(4);
    assert_eq!(scene.run(&["replay", DLQ]).code, 0);
    assert_eq!(scene.run(&["move", DLQ, "--to", "quarantine", "-n", "1", "--execute"]).code, 0);
    assert_eq!(scene.run(&["replay", DLQ, "--execute"]).code, 0);
    let (code, history) = scene.json(&["history"]);
    let runs = history["runs"].as_array().unwrap();
    assert_eq!((code, runs.len()), (0, 2));
    assert_eq!((&runs[0]["command"], &runs[1]["command"]), (&json!("replay"), &json!("move")));
    assert_eq!((&runs[0]["sent"], &runs[0]["deleted"]), (&json!(3), &json!(3)));
    assert_eq!(scene.json(&["history", "-n", "1"]).1["runs"].as_array().unwrap().len(), 1);
}

#[test]
fn one_run_is_shown_with_each_message_that_needs_attention() {
    let scene = Scene::new();
    scene.fault("SendMessageBatch", SOURCE, |_| Fault::Entries(vec![0], "InternalError", false));
    let (code, run) = scene.json(&["replay", DLQ, "--execute", "--concurrency", "1"]);
    assert_eq!(code, 4);
    let run = run["run"].as_str().unwrap();
    insta::assert_snapshot!("history_run", scene.said(&["history", run]));
    let (_, details) = scene.json(&["history", run]);
    let noted = details["noted"].as_array().unwrap();
    let ids = noted.iter().flat_map(|noted| noted["ids"].as_array().unwrap()).filter_map(|id| id.as_str());
    assert_eq!(super::sorted(ids.map(str::to_owned)), (1..=6).map(id).collect::<Vec<_>>(), "{details:#}");
}

#[test]
fn a_journal_that_cannot_be_read_is_named_and_no_run_goes_on_without_it() {
    let scene = Scene::with_letters(3);
    assert_eq!(scene.run(&["replay", DLQ, "--execute", "--id", &id(0)]).code, 0);
    let folder = std::fs::read_dir(scene.replayer.journals()).unwrap().next().unwrap().unwrap().path();
    let garbage = folder.join("29991125T031816Z-aaaa.ndjson");
    std::fs::write(&garbage, "garbage\n").unwrap();
    let error = format!("the journal {} cannot be read", garbage.display());
    for command in [
        &["replay", DLQ, "--execute"][..],
        &["replay", DLQ],
        &["move", DLQ, "--to", "quarantine", "--execute"],
        &["purge", DLQ, "--archive", &scene.file("a.ndjson"), "--execute"],
    ] {
        let said = scene.run(command);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{command:?}: {}", said.text());
        assert!(
            said.err.contains(&format!("error: {error}")) && said.err.contains("hint: look into it"),
            "{}",
            said.err
        );
    }
    assert_eq!(scene.model.count(DLQ), 2, "nothing was sent");
    assert!(!std::path::Path::new(&scene.file("a.ndjson")).exists());
    let said = scene.run(&["history"]);
    assert!(said.code == 0 && said.err.starts_with(&format!("note: {error}")), "{}", said.text());
    assert_eq!(said.out.lines().count(), 2, "the header, and the one run: {}", said.out);
    std::fs::rename(&garbage, scene.file("garbage")).unwrap();
    assert_eq!(scene.run(&["replay", DLQ, "--execute"]).code, 0);
}
