//! A file is read once and only as far as it is needed, so a pipe will do, and what is wrong further on does not matter.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
    thread,
};

use pipeline_tests::replayer::Said;
use serde_json::{Value, json};

use super::{Scene, id};

/// A line of a file.
fn line(at: usize) -> String {
    let attributes = json!({ "failure_reason": { "type": "String", "string": "panic" }, "source_message_id": { "type": "String", "string": "x" } });
    json!({ "id": id(at), "body": format!("{{\"n\":{at}}}"), "attributes": attributes }).to_string() + "\n"
}

fn lines(count: usize) -> String {
    (0..count).map(line).collect()
}

/// Runs a command with a text in a pipe that is its standard input.
fn piped(scene: &Scene, arguments: &[&str], text: &str) -> Said {
    let mut command = scene.replayer.command(arguments).unwrap();
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that has seen enough closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}

#[test]
fn a_pipe_is_looked_at_like_a_file() {
    let scene = Scene::empty();
    let said = piped(&scene, &["list", "/dev/stdin"], &lines(3));
    assert_eq!((said.code, said.out.lines().count()), (0, 4), "{}", said.text());
    let said = piped(&scene, &["show", "/dev/stdin", &id(2)], &lines(3));
    assert!(said.code == 0 && said.out.starts_with(&id(2)), "{}", said.text());
    let said = piped(&scene, &["triage", "/dev/stdin", "--json"], &lines(3));
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((said.code, &report["matched"], &report["groups"][0]["count"]), (0, &json!(3), &json!(3)));
    assert!(report["groups"][0]["next"].is_null(), "a pipe cannot be read again: {report:#}");
}

#[test]
fn a_named_pipe_is_opened_once() {
    let scene = Scene::empty();
    let pipe = scene.file("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let to = pipe.clone();
    let writer = thread::spawn(move || fs::write(to, lines(3)).unwrap());
    let said = scene.run(&["list", &pipe]);
    assert_eq!((said.code, said.out.lines().count()), (0, 4), "{}", said.text());
    writer.join().unwrap();
}

#[test]
fn what_is_enough_is_not_read_further() {
    let scene = Scene::empty();
    // Without an end.
    let mut endless = Command::new("yes").arg(line(7).trim_end()).stdout(Stdio::piped()).spawn().unwrap();
    let pipe = endless.stdout.take().unwrap();
    let mut list = scene.replayer.command(&["list", "/dev/stdin", "-n", "5"]).unwrap();
    let said = Scene::run_command(list.stdin(pipe));
    // It may have ended by itself, because its reader has gone.
    let _ = endless.kill();
    endless.wait().unwrap();
    assert_eq!((said.code, said.out.lines().count()), (0, 6), "{}", said.text());
}

#[test]
fn a_torn_last_line_is_told_after_what_was_found() {
    let scene = Scene::empty();
    let file = scene.file("old.ndjson");
    fs::write(&file, lines(13) + "{\"id\":\"torn").unwrap();
    let torn = format!("error: line 14 of {file} is not a message: its JSON is cut off");
    let said = scene.run(&["list", &file]);
    assert_eq!((said.code, said.out.lines().count()), (1, 14), "{}", said.text());
    assert!(said.err.starts_with(&torn), "{}", said.err);
    let said = scene.run(&["list", &file, "-n", "5"]);
    assert_eq!((said.code, said.out.lines().count(), said.err.contains("error")), (0, 6, false), "{}", said.text());
    assert_eq!(scene.run(&["show", &file, &id(12)]).code, 0);
    let said = scene.run(&["show", &file, "nowhere"]);
    assert!(said.code == 1 && said.err.contains(&torn) && !said.err.contains("not found"), "{}", said.text());
    let said = scene.run(&["triage", &file, "--json"]);
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((said.code, &report["matched"]), (1, &json!(13)), "{}", said.text());
    assert!(said.err.starts_with(&torn) && report["groups"][0]["next"].is_null(), "{}", said.text());
}

#[test]
fn a_line_that_a_killed_pull_has_torn_is_told_with_what_it_means() {
    let scene = Scene::empty();
    let file = scene.file("messages.ndjson");
    let begin =
        r#"{"snapshot_of":"arn:aws:sqs:eu-west-1:123456789012:orders-dlq","at":"2026-11-22T21:00:00Z","has_end":true}"#;
    fs::write(&file, format!("{begin}\n{}{{\"id\":\"torn", lines(2))).unwrap();
    for command in [&["list", &file][..], &["triage", &file], &["show", &file, "nowhere"]] {
        let said = scene.run(command);
        assert!(said.code == 1 && said.err.contains("line 4 of"), "{command:?}: {}", said.text());
        assert!(said.text().contains("is incomplete"), "{command:?}: {}", said.text());
    }
}
