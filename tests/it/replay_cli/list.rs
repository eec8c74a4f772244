//! `list`: as text, as CSV, and into a pipe that closes early.

use std::{
    io::{BufRead, BufReader, Read},
    time::Instant,
};

use serde_json::json;

use super::{DLQ, PATIENCE, Scene, dead_letter, id};

#[test]
fn list_shows_one_message_a_line() {
    let scene = Scene::new();
    insta::assert_snapshot!("list", scene.said(&["list", DLQ, "--where", ".attributes.failure_reason"]));
    scene.assert_released();
    let said = scene.run(&["list", DLQ, "--reason", "panic"]);
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (3, "no message matched\n", ""));
}

#[test]
fn csv_can_be_read_by_other_programs() {
    let scene = Scene::empty();
    scene.model.put(DLQ, dead_letter(1, "a, \"quoted\"\nbody", &[]));
    scene.model.put(DLQ, dead_letter(2, r#"{"account":"DE89"}"#, &[]));
    let said = scene.run(&["list", DLQ, "--csv", "--reveal"]);
    let lines: Vec<_> = said.out.lines().collect();
    assert_eq!(lines[0], "id,reason,age_seconds,receives,replays,bytes,body");
    assert!(said.out.contains("\"a, \"\"quoted\"\"\nbody\""), "{}", said.out);
    let masked = scene.run(&["list", DLQ, "--csv"]).out;
    assert!(!masked.contains("quoted") && !masked.contains("DE89") && !masked.contains("account"), "{masked}");
    assert_eq!(scene.run(&["list", DLQ, "--csv", "--json"]).code, 2);
    assert_eq!(scene.run(&["list", "quarantine", "--csv"]).code, 3);
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    const MESSAGES: usize = 1_500;
    let scene = Scene::empty();
    for at in 0..MESSAGES {
        scene.model.put(DLQ, dead_letter(at, &"x".repeat(80), &[]));
    }
    let mut child = scene.spawn(&["list", DLQ, "-n", "2000", "--reveal"]);
    // More than a pipe holds is written, and only the first line is read.
    let mut out = BufReader::with_capacity(64, child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(line.contains("reason"), "{line}");
    drop(out);
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((status.code(), err.as_str()), (Some(141), ""));
    scene.assert_released();
}

#[test]
fn a_list_that_stops_at_its_limit_says_so() {
    let scene = Scene::with_letters(101);
    let note = "note: stopped at 100 messages, and there may be more; `-n` sets the limit\n";
    for format in [&[][..], &["--csv"]] {
        let said = scene.run(&[&["list", DLQ], format].concat());
        assert_eq!((said.code, said.err.as_str(), said.out.lines().count()), (0, note, 101), "{}", said.text());
    }
    assert_eq!(scene.run(&["list", DLQ, "--quiet"]).err, "");
    assert_eq!(scene.json(&["list", DLQ]).1["truncated"], true);
    assert_eq!(scene.json(&["list", DLQ, "-n", "102"]).1["truncated"], false);
    assert_eq!(scene.json(&["list", DLQ, "-n", "1", "--id", &id(1)]).1["truncated"], false, "there is no other");
}

#[test]
fn one_of_several_results_of_where_is_enough() {
    let scene = Scene::empty();
    for (at, tags) in [r#"["vip"]"#, r#"["vip","new"]"#, r#"["new"]"#, "7"].into_iter().enumerate() {
        scene.model.put(DLQ, dead_letter(at, &format!(r#"{{"tags":{tags}}}"#), &[]));
    }
    let (_, list) = scene.json(&["list", DLQ, "--where", r#".body.tags[] == "vip""#]);
    let ids = list["messages"].as_array().unwrap().iter().map(|line| line["id"].as_str().unwrap().to_owned());
    assert_eq!(super::sorted(ids), [id(0), id(1)]);
}

#[test]
fn an_expression_that_does_not_end_is_stopped_by_a_second_ctrl_c() {
    let scene = Scene::with_letters(1);
    let mut child = scene.spawn(&["list", DLQ, "--where", "first(repeat(1) | select(. == 2))"]);
    super::until(|| scene.model.calls().contains(&"ReceiveMessage".to_owned()));
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() && Instant::now() < deadline {
        let interrupt = ["-INT".to_owned(), child.id().to_string()];
        assert!(std::process::Command::new("kill").args(interrupt).status().is_ok());
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    // What hangs is not left behind.
    let _ = child.kill();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn a_file_that_is_written_like_a_queue_is_named_in_the_hint() {
    let scene = Scene::empty();
    std::fs::write(scene.file("letters"), "").unwrap();
    let mut command = scene.replayer.command(&["list", "letters"]).unwrap();
    let said = Scene::run_command(command.current_dir(&scene.folder));
    assert!(said.code == 1 && said.err.contains("hint: a file has this name: write it as `./letters`"), "{}", said.err);
}

#[test]
fn ids_narrow_a_list_down() {
    let scene = Scene::with_letters(30);
    let (code, list) = scene.json(&["list", DLQ, "--id", &id(7), "--id", &id(9)]);
    let ids: Vec<_> = list["messages"].as_array().unwrap().iter().map(|line| line["id"].as_str().unwrap()).collect();
    assert_eq!((code, ids.len()), (0, 2));
    assert!(ids.contains(&&*id(7)) && ids.contains(&&*id(9)));
}

#[test]
fn a_filter_that_cannot_decide_says_about_how_many_messages() {
    let scene = Scene::with_letters(3);
    let note = "note: the expression fails on 3 messages, which therefore do not match";
    let (letters, failing) = (scene.file("messages.ndjson"), ["--where", "error(\"x\")"]);
    for command in [
        &["list", DLQ][..],
        &["triage", DLQ],
        &["replay", DLQ],
        &["replay", DLQ, "--execute"],
        &["move", DLQ, "--to", "quarantine"],
        &["export", DLQ, &letters],
    ] {
        let said = scene.run(&[command, &failing].concat());
        assert_eq!((said.code, said.text().matches(note).count()), (3, 1), "{command:?}: {}", said.text());
    }
    let (_, list) = scene.json(&[&["list", DLQ][..], &failing].concat());
    assert_eq!((&list["expression_fails"], &list["without_time"]), (&json!(3), &json!(0)));
    let (_, run) = scene.json(&[&["replay", DLQ, "--execute"][..], &failing].concat());
    assert_eq!(run["counts"]["expression_fails"], 3);
    let said = scene.run(&["list", DLQ, "--where", ".body | tonumber? // true"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "an error that is caught is no failure");
    std::fs::write(scene.file("old.ndjson"), "{\"id\":\"a\",\"body\":\"b\"}\n").unwrap();
    let said = scene.run(&["list", &scene.file("old.ndjson"), "--older-than", "1h"]);
    let note = "note: 1 message without a time of sending, which no age filter matches\n";
    assert_eq!((said.code, said.err.as_str()), (3, note), "{}", said.text());
}
