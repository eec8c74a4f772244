//! `dlq-replayer.toml`: aliases and defaults.

use std::{fs, process::Command};

use super::{DLQ, SOURCE, Scene, body, dead_letter};

/// Writes the file, and prepares a command that reads it.
pub(super) fn with_config(scene: &Scene, text: &str, arguments: &[&str]) -> Command {
    let folder = scene.folder.join("config/dlq-replayer");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("dlq-replayer.toml"), text).unwrap();
    let mut command = scene.replayer.command(arguments).unwrap();
    command.env("XDG_CONFIG_HOME", scene.folder.join("config"));
    command
}

#[test]
fn an_alias_stands_for_a_queue_wherever_one_is_named() {
    let scene = Scene::with_letters(4);
    let config = "[aliases]\ndead = \"arn:aws:sqs:eu-west-1:123456789012:orders-dlq\"\nq = \"quarantine\"\n";
    let run = |arguments: &[&str]| Scene::run_command(&mut with_config(&scene, config, arguments));
    assert_eq!(run(&["triage", "dead"]).code, 0);
    let said = run(&["move", "dead", "--to", "q", "-n", "1", "--execute"]);
    assert_eq!(said.code, 0, "{}", said.text());
    assert_eq!(run(&["replay", "dead", "--execute"]).code, 0);
    assert_eq!((scene.model.count("quarantine"), scene.model.count(SOURCE)), (1, 3));
    scene.assert_each_once((0..4).map(body), &["quarantine", SOURCE]);
}

#[test]
fn defaults_apply_where_the_flag_is_missing() {
    let scene = Scene::empty();
    scene.model.put(DLQ, dead_letter(0, &body(0), &[("replay_count", "1")]));
    let config = "[defaults]\nquarantine = \"quarantine\"\nmax_replays = 1\nrate = \"20/s\"\n";
    let run = |arguments: &[&str]| Scene::run_command(&mut with_config(&scene, config, arguments));
    assert_eq!(run(&["replay", DLQ, "--execute"]).code, 0);
    assert_eq!(scene.model.count("quarantine"), 1);
    scene.model.put(DLQ, dead_letter(1, &body(1), &[("replay_count", "1")]));
    assert_eq!(run(&["replay", DLQ, "--execute", "--max-replays", "2"]).code, 0);
    assert_eq!(scene.model.count(SOURCE), 1, "the flag wins");
}

#[test]
fn a_region_in_the_file_is_where_plain_names_are_looked_up() {
    let scene = Scene::empty();
    scene.model.at(pipeline_tests::sqs_model::OTHER_REGION, pipeline_tests::sqs_model::ACCOUNT).create("far-dlq");
    let config = "[defaults]\nregion = \"us-east-1\"\n";
    let said = Scene::run_command(with_config(&scene, config, &["triage", "far-dlq"]).env_remove("AWS_REGION"));
    assert_eq!(said.code, 3, "{}", said.text());
    assert!(said.out.contains("us-east-1"), "{}", said.out);
    let said = Scene::run_command(&mut with_config(&scene, config, &["triage", "far-dlq"]));
    assert!(said.code == 1 && said.err.contains("eu-west-1"), "the variable wins: {}", said.text());
    let said = Scene::run_command(&mut with_config(&scene, config, &["triage", "far-dlq", "--region", "us-east-1"]));
    assert_eq!(said.code, 3, "the flag wins: {}", said.text());
}

#[test]
fn a_default_quarantine_that_cannot_be_used_is_ignored_with_a_note() {
    let scene = Scene::empty();
    for (at, replays) in ["0", "3"].into_iter().enumerate() {
        scene.model.put("quarantine", dead_letter(at, &body(at), &[("replay_count", replays)]));
    }
    let replay = ["replay", "quarantine", "--to", SOURCE];
    for (name, why) in [("quarantine", "it is this queue"), ("nowhere", "queue `nowhere` not found in eu-west-1")] {
        let config = format!("[defaults]\nquarantine = \"{name}\"\n");
        let said = Scene::run_command(&mut with_config(&scene, &config, &replay));
        assert_eq!(said.code, 4, "{}", said.text());
        assert_eq!(said.err, format!("note: the quarantine `{name}` of dlq-replayer.toml is not used: {why}\n"));
        assert!(said.out.contains("1 message would be refused: replayed_too_often"), "{}", said.out);
    }
    let said = scene.run(&[&replay[..], &["--quarantine", "quarantine"]].concat());
    assert!(said.code == 1 && said.err.contains("is also the destination"), "a flag is meant: {}", said.text());
}

#[test]
fn max_replays_of_the_file_count_for_triage() {
    let scene = Scene::empty();
    let panic = [("failure_reason", "panic"), ("source_message_id", "x"), ("replay_count", "4")];
    scene.model.put(DLQ, dead_letter(0, &body(0), &panic));
    let triage = |config: &str| Scene::run_command(&mut with_config(&scene, config, &["triage", DLQ])).out;
    assert!(triage("").contains("do not replay") && triage("").contains("replayed 3 times or more"));
    assert!(triage("[defaults]\nmax_replays = 5\n").contains("replay as is"));
}

#[test]
fn a_mistake_in_the_file_is_a_clear_error() {
    let scene = Scene::with_letters(1);
    let said = |text: &str| {
        let said = Scene::run_command(&mut with_config(&scene, text, &["triage", DLQ]));
        format!("exit {}\n{}", said.code, said.text()).replace(&scene.folder.display().to_string(), "<folder>")
    };
    insta::assert_snapshot!("config_typo", said("[defaults]\nreigon = \"eu-west-1\"\n"));
    insta::assert_snapshot!("config_rate", said("[defaults]\nrate = \"fast\"\n"));
    insta::assert_snapshot!("config_share", said("[defaults]\nmax_bounced = 50.0\n"));
    assert!(scene.model.calls().is_empty(), "nothing is asked with a configuration that is wrong");
}

#[test]
fn a_folder_that_is_not_absolute_is_ignored_and_named() {
    let scene = Scene::empty();
    let mut command = scene.replayer.command(&["history"]).unwrap();
    let said = Scene::run_command(command.env("XDG_STATE_HOME", "relative"));
    assert_eq!(said.err, "note: XDG_STATE_HOME is not an absolute path and is ignored\n");
}

#[test]
fn a_mistake_in_the_file_does_not_keep_history_and_help_from_working() {
    let scene = Scene::empty();
    assert_eq!(Scene::run_command(&mut with_config(&scene, "no", &["history"])).code, 3);
    assert_eq!(Scene::run_command(&mut with_config(&scene, "no", &["--help"])).code, 0);
}
