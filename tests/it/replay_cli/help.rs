//! Help, completions, the manual page, and colours.

use super::{DLQ, Scene};

const COMMANDS: [&str; 14] = [
    "triage",
    "list",
    "show",
    "replay",
    "move",
    "pull",
    "edit",
    "export",
    "import",
    "purge",
    "preflight",
    "watch",
    "history",
    "completions",
];

#[test]
fn the_help_teaches() {
    let scene = Scene::empty();
    insta::assert_snapshot!("help", scene.said(&["--help"]));
    insta::assert_snapshot!("help_replay", scene.said(&["replay", "--help"]));
    for command in COMMANDS {
        let said = scene.run(&[command, "--help"]);
        assert!(said.code == 0 && said.out.contains("Example"), "{command}: {}", said.text());
    }
}

#[test]
fn every_line_of_help_fits_a_wide_terminal_and_keeps_to_the_glossary() {
    let scene = Scene::empty();
    for command in COMMANDS {
        let out = scene.run(&[command, "--help"]).out.to_lowercase();
        for word in ["nobody", "somebody", "whoever", "looked at", "give back", "given back", "gave back", "time-out"] {
            assert!(!out.contains(word), "{command} says {word:?}: {out}");
        }
    }
}

#[test]
fn there_are_completions_for_three_shells_and_a_manual_page() {
    let scene = Scene::empty();
    for shell in ["bash", "zsh", "fish"] {
        let said = scene.run(&["completions", shell]);
        assert!(said.code == 0 && said.out.contains("quarantine"), "{shell}: {}", said.out);
    }
    let man = scene.run(&["man"]).out;
    assert!(man.contains(".TH dlq\\-replayer") || man.contains(".TH dlq-replayer"), "{}", &man[..200]);
    assert!(man.contains("the circuit breaker opened") && man.contains("max\\-replays"));
}

#[test]
fn completions_and_the_manual_page_end_like_any_other_output() {
    let scene = Scene::empty();
    for command in [&["completions", "bash"][..], &["man"]] {
        let mut full = scene.replayer.command(command).unwrap();
        full.stdout(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
        let said = Scene::run_command(&mut full);
        assert!(said.code == 1 && said.err.starts_with("error: "), "{}", said.text());
        let mut child = scene.replayer.command(command).unwrap();
        child.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let mut child = child.spawn().unwrap();
        // The reader is gone before anything is written, or after what the pipe holds.
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr), (Some(141), Vec::new()));
    }
}

#[test]
fn output_that_is_not_a_terminal_has_no_colours() {
    let scene = Scene::new();
    for command in [&["triage", DLQ][..], &["replay", DLQ]] {
        assert!(!scene.run(command).text().contains('\u{1b}'));
    }
}

#[test]
fn the_help_of_a_command_without_aws_has_no_flags_of_aws() {
    let scene = Scene::empty();
    for (command, json) in [("edit", false), ("history", true)] {
        let out = scene.run(&[command, "--help"]).out;
        assert!(!out.contains("--region") && !out.contains("--concurrency"), "{command}: {out}");
        assert_eq!(out.contains("--json"), json, "{command}: {out}");
    }
    assert_eq!(scene.run(&["history", "--region", "eu-west-1"]).code, 3, "it is taken all the same");
}
