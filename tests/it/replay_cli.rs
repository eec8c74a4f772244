//! What the replayer says: the real binary against a model of SQS, its whole output by snapshot, its exit codes, its masks.

use std::{path::PathBuf, time::Duration};

use pipeline_tests::{
    replayer::{Replayer, Said},
    sqs_model::{self, Fault, ModelQueue, NewMessage, SqsModel, Stored},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// Somebody's data, which must never be seen unless it is asked for.
const MARKER: &str = "marker@example.com";

/// A model with dead letters of five kinds, and a person who looks at them.
struct Scene {
    model: SqsModel,
    replayer: Replayer,
    folder: PathBuf,
}

fn event(first_name: &str, version: u32) -> String {
    let sub = "7d4a1f0e-2c5b-4a8e-9d61-0b3f6a9c1e22";
    json!({
        "detail-type": "UserConfirmed",
        "detail": {
            "metadata": { "version": version, "event_id": sub, "occurred_at": "2026-11-22T21:00:00.000Z", "origin": "sign_up" },
            "data": { "cognito_sub": sub, "username": "u", "user_pool_id": "p_1", "email": MARKER, "first_name": first_name },
        },
    })
    .to_string()
}

fn dead_letter(at: u32, body: &str, attributes: &[(&str, &str)]) -> NewMessage {
    let id = format!("00000000-0000-4000-8000-{at:012}");
    NewMessage { id, age: Duration::from_hours(3), ..NewMessage::new(body, attributes) }
}

fn ours(at: u32, body: &str, reason: &str, detail: &str) -> NewMessage {
    dead_letter(at, body, &[("failure_reason", reason), ("source_message_id", "x"), ("failure_detail", detail)])
}

impl Scene {
    fn empty() -> Self {
        let model = SqsModel::new();
        for queue in ["orders", "orders-dlq", "quarantine", "elsewhere.fifo"] {
            model.create(queue);
        }
        model.with("orders", |queue| queue.dead_letters = Some("orders-dlq".to_owned()));
        let replayer = Replayer::new(&model.serve().unwrap().url(), sqs_model::REGION);
        let folder = std::env::temp_dir().join(format!("rollcall-files-{}", Uuid::new_v4().simple()));
        std::fs::create_dir(&folder).unwrap();
        Self { model, replayer, folder }
    }

    fn new() -> Self {
        let scene = Self::empty();
        let empty_name = "the event's `first_name` must not be empty (an unknown value is null)";
        for message in [
            ours(1, &event("", 1), "invalid_field", empty_name),
            ours(2, &event("", 1), "invalid_field", empty_name),
            ours(
                3,
                &event("Ada", 9),
                "unsupported_version",
                "the event has version 9, and only version 1 is known here",
            ),
            ours(4, MARKER, "malformed_envelope", "the body is not an EventBridge event: not JSON at line 1, column 1"),
            dead_letter(
                5,
                &event("Ada", 1),
                &[("ERROR_CODE", "NO_PERMISSIONS"), ("TARGET_ARN", "arn:aws:sqs:eu-west-1:123456789012:orders")],
            ),
        ] {
            scene.model.put("orders-dlq", message);
        }
        let mut moved = dead_letter(6, &event("Ada", 1), &[("customer", MARKER), ("replay_count", "3")]);
        moved.system.insert("DeadLetterQueueSourceArn".into(), sqs_model::arn("orders"));
        scene.model.put("orders-dlq", moved);
        scene
    }

    fn run(&self, arguments: &[&str]) -> Said {
        let one = ["--concurrency", "1"];
        let all: Vec<_> = arguments.iter().chain(&one).copied().collect();
        self.replayer.run(&all).unwrap()
    }

    /// Everything it said, without what differs from run to run.
    fn said(&self, arguments: &[&str]) -> String {
        let Said { code, out, err } = self.run(arguments);
        let journals = self.replayer.journals().display().to_string();
        let text = format!("$ dlq-replayer {}\nexit {code}\n── out\n{out}── err\n{err}", arguments.join(" "));
        let text = text.replace(&journals, "<journals>").replace(&self.folder.display().to_string(), "<folder>");
        text.split_inclusive(char::is_whitespace).map(without_run).collect()
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}

/// A run's name in its place, such as `20261123T230856Z-goce`.
fn without_run(word: &str) -> String {
    match word.find("Z-").filter(|at| *at >= 15) {
        Some(at) if word[at - 15..at].starts_with("20") && word[..at].contains('T') => {
            format!("{}<run>{}", &word[..at - 15], &word[at + 6..])
        }
        _ => word.to_owned(),
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn triage_tells_what_is_there_and_what_to_do() {
    let scene = Scene::new();
    insta::assert_snapshot!("triage", scene.said(&["triage", "orders-dlq", "--parse"]));
    assert!(scene.model.messages("orders-dlq").iter().all(Stored::is_visible), "everything was given back");
}

#[test]
fn list_and_show_mask_what_is_personal() {
    let scene = Scene::new();
    insta::assert_snapshot!("list", scene.said(&["list", "orders-dlq", "--where", ".attributes.failure_reason"]));
    let show = ["show", "orders-dlq", "00000000-0000-4000-8000-000000000006"];
    let said = scene.run(&show);
    assert!(!said.out.contains(MARKER) && said.out.contains("customer (String): ‹18 characters›"), "{}", said.out);
    assert!(scene.run(&[&show[..], &["--reveal"]].concat()).out.contains(MARKER));
}

#[test]
fn no_command_shows_personal_data_unless_it_is_asked_for() {
    let scene = Scene::new();
    let edit = ["--edit", ".detail.data.first_name = \"Eve\""];
    for command in [
        vec!["triage", "orders-dlq", "--parse"],
        vec!["list", "orders-dlq"],
        vec!["show", "orders-dlq", "00000000-0000-4000-8000-000000000001"],
        [&["replay", "orders-dlq"], &edit[..]].concat(),
        vec!["replay", "orders-dlq", "--where", ".body.detail.data.email | explode | error"],
        [&["replay", "orders-dlq", "--execute"], &edit[..]].concat(),
        vec!["move", "orders-dlq", "--to", "quarantine"],
        vec!["history"],
    ] {
        for json in [&["--json"][..], &[]] {
            let said = scene.run(&[&command[..], json].concat());
            assert!(!said.out.contains(MARKER) && !said.err.contains(MARKER), "{command:?}: {said:?}");
        }
    }
    let journals: Vec<_> = std::fs::read_dir(scene.replayer.journals()).unwrap().collect();
    assert!(!journals.is_empty());
    for journal in journals {
        let text = std::fs::read_to_string(journal.unwrap().path()).unwrap();
        assert!(!text.contains(MARKER), "no bodies in a journal");
    }
}

#[test]
fn a_fix_is_shown_as_a_diff_and_then_done() {
    let scene = Scene::new();
    let fix = ["replay", "orders-dlq", "--reason", "invalid_field", "--edit", ".detail.data.first_name = null"];
    insta::assert_snapshot!("replay_dry_run", scene.said(&fix));
    assert_eq!(scene.model.messages("orders-dlq").len(), 6, "a dry run changes nothing");
    insta::assert_snapshot!("replay_execute", scene.said(&[&fix[..], &["--execute"]].concat()));
    let sent = scene.model.messages("orders");
    assert_eq!((sent.len(), scene.model.messages("orders-dlq").len()), (2, 4));
    assert!(sent.iter().all(|message| message.body.contains(r#""first_name":null"#)));
    insta::assert_snapshot!("history", scene.said(&["history"]));
}

#[test]
fn a_run_says_what_it_left_and_why() {
    let scene = Scene::new();
    insta::assert_snapshot!("replay_partly", scene.said(&["replay", "orders-dlq", "--execute"]));
    insta::assert_snapshot!(
        "quarantine",
        scene.said(&[
            "replay",
            "orders-dlq",
            "--quarantine",
            "quarantine",
            "--reason",
            "exhausted_retries",
            "--execute"
        ])
    );
    assert_eq!(scene.model.messages("quarantine").len(), 1);
}

#[test]
fn each_exit_code_means_what_the_help_says() {
    let scene = Scene::new();
    let code = |arguments: &[&str]| scene.run(arguments).code;
    assert_eq!(code(&["triage", "orders-dlq"]), 0);
    assert_eq!(code(&["triage", "nowhere"]), 1);
    assert_eq!(code(&["triage"]), 2);
    assert_eq!(code(&["replay", "orders-dlq", "--to", "a", "--to-bus", "b"]), 2);
    assert_eq!(code(&["list", "orders-dlq", "--reason", "panic"]), 3);
    assert_eq!(code(&["replay", "orders-dlq", "--reason", "panic", "--execute"]), 3);
    assert_eq!(code(&["replay", "orders-dlq", "--reason", "invalid_field", "--execute"]), 4);

    let bouncing = Scene::empty();
    bouncing.model.with("orders", |queue: &mut ModelQueue| queue.bounces_to = Some("orders-dlq".to_owned()));
    (0..90).for_each(|at| drop(bouncing.model.put("orders-dlq", dead_letter(at, "b", &[]))));
    assert_eq!(bouncing.run(&["replay", "orders-dlq", "--execute"]).code, 5);
}

#[test]
fn ctrl_c_ends_a_run_well_and_a_second_one_at_once() {
    let scene = Scene::empty();
    (0..90).for_each(|at| drop(scene.model.put("orders-dlq", dead_letter(at, "b", &[]))));
    let start = || {
        let arguments = ["replay", "orders-dlq", "--execute", "--rate", "2/s", "--concurrency", "1"];
        let mut command = scene.replayer.command(&arguments).unwrap();
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap()
    };
    let interrupt = |child: &std::process::Child| {
        let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    };
    let until = |what: &dyn Fn() -> bool| {
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        while !what() {
            assert!(std::time::Instant::now() < deadline, "not within 30 s");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    let child = start();
    until(&|| scene.model.count("orders") >= 10);
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(130), "{out}");
    assert!(out.contains("replay: interrupted"), "{out}");
    let left = scene.model.messages("orders-dlq");
    assert_eq!(left.len() + scene.model.count("orders"), 90);
    assert!(left.iter().all(Stored::is_visible), "the rest was given back");

    // The second one comes while a send hangs, which the first one waits for.
    scene.model.set_faults(|call, _| match call.operation.as_str() {
        "AmazonSQS.SendMessageBatch" => Fault::RequestHangs,
        _ => Fault::None,
    });
    let mut child = start();
    let sends = || scene.model.calls().iter().any(|call| call == "SendMessageBatch");
    until(&sends);
    interrupt(&child);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        interrupt(&child);
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(status.code(), Some(130));
}

#[test]
fn errors_say_what_to_do() {
    let scene = Scene::new();
    insta::assert_snapshot!("no_such_queue", scene.said(&["triage", "order-dlq"]));
    insta::assert_snapshot!("no_source", scene.said(&["replay", "quarantine"]));
    insta::assert_snapshot!("itself", scene.said(&["move", "orders-dlq", "--to", "orders-dlq", "--execute"]));
    insta::assert_snapshot!("not_jq", scene.said(&["replay", "orders-dlq", "--edit", ".a ="]));
    scene.model.set_faults(|call, _| match call.operation.as_str() {
        "AmazonSQS.SendMessageBatch" => Fault::Refused(403, "AccessDenied"),
        _ => Fault::None,
    });
    insta::assert_snapshot!("access_denied", scene.said(&["move", "orders-dlq", "--to", "quarantine", "--execute"]));
    assert_eq!(scene.model.messages("orders-dlq").len(), 6);
}

#[test]
fn more_than_a_hundred_messages_are_not_touched_without_a_yes() {
    let scene = Scene::empty();
    (0..101).for_each(|at| drop(scene.model.put("orders-dlq", dead_letter(at, "b", &[]))));
    insta::assert_snapshot!("guard", scene.said(&["replay", "orders-dlq", "--execute"]));
    assert_eq!(scene.model.messages("orders-dlq").len(), 101);
    assert_eq!(scene.run(&["replay", "orders-dlq", "--execute", "--limit", "1"]).code, 0, "one may go");
    assert_eq!(scene.run(&["replay", "orders-dlq", "--execute", "--yes", "--rate", "1000/s"]).code, 0);
    assert_eq!(scene.model.messages("orders").len(), 101);
}

#[test]
fn an_export_is_lossless_and_a_purge_deletes_only_what_it_has_written() {
    let scene = Scene::new();
    let mut message = dead_letter(7, "binary", &[]);
    message.attributes.insert("picture".into(), json!({ "DataType": "Binary.png", "BinaryValue": "AAH/" }));
    message.attributes.insert("count".into(), json!({ "DataType": "Number.int", "StringValue": "7" }));
    message.system.insert("AWSTraceHeader".into(), "Root=1".into());
    scene.model.put("orders-dlq", message.in_group("g", "d"));
    let (export, archive) = (scene.file("export.ndjson"), scene.file("archive.ndjson"));
    insta::assert_snapshot!("export", scene.said(&["export", "orders-dlq", &export]));
    insta::assert_snapshot!(
        "purge_dry_run",
        scene.said(&["purge", "orders-dlq", "--archive", &archive, "--id", "00000000-0000-4000-8000-000000000007"])
    );
    let purge = ["purge", "orders-dlq", "--archive", &archive, "--execute"];
    assert_eq!(scene.run(&purge).code, 0);
    assert!(scene.model.messages("orders-dlq").is_empty());
    let lines = |file: &str| {
        let mut lines: Vec<_> = std::fs::read_to_string(file).unwrap().lines().map(without_receives).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&export), lines(&archive));
    assert_eq!(scene.run(&purge).code, 1, "an archive is never overwritten");

    insta::assert_snapshot!("import", scene.said(&["import", "elsewhere.fifo", &export, "--execute"]));
    let imported = scene.model.messages("elsewhere.fifo");
    assert_eq!(imported.len(), 1, "a FIFO queue takes only messages with a group");
    assert_eq!(imported[0].attributes["picture"], json!({ "DataType": "Binary.png", "BinaryValue": "AAH/" }));
    assert_eq!(imported[0].attributes["count"], json!({ "DataType": "Number.int", "StringValue": "7" }));
    let system = &imported[0].system;
    assert_eq!(
        (&*system["AWSTraceHeader"], &*system["MessageGroupId"], &*system["MessageDeduplicationId"]),
        ("Root=1", "g", "d")
    );
}

/// A line of an export without the count that rises with each look.
fn without_receives(line: &str) -> String {
    let mut message: Value = serde_json::from_str(line).unwrap();
    message["system"]["ApproximateReceiveCount"].take();
    message.to_string()
}

#[test]
fn a_bus_gets_the_event_and_what_it_refuses_stays() {
    let scene = Scene::empty();
    (0..3).for_each(|at| {
        let mut body: Value = serde_json::from_str(&event("Ada", 1)).unwrap();
        body["source"] = json!("rollcall");
        scene.model.put("orders-dlq", dead_letter(at, &body.to_string(), &[]));
    });
    scene.model.put("orders-dlq", dead_letter(3, &event("Ada", 1), &[("own", "x")]));
    scene.model.set_faults(|call, _| match call.operation.as_str() {
        "AWSEvents.PutEvents" => Fault::Entries(vec![1], "MalformedDetail", false),
        _ => Fault::None,
    });
    insta::assert_snapshot!("bus", scene.said(&["replay", "orders-dlq", "--to-bus", "main", "--execute"]));
    let events = scene.model.events();
    assert_eq!((events.len(), scene.model.messages("orders-dlq").len()), (2, 2));
    let detail: Value = serde_json::from_str(events[0]["Detail"].as_str().unwrap()).unwrap();
    assert_eq!((&events[0]["DetailType"], &detail["metadata"]["replay_count"]), (&json!("UserConfirmed"), &json!(1)));
}

#[test]
fn json_is_one_document_and_nothing_else_is_on_standard_output() {
    let scene = Scene::new();
    for command in [
        vec!["triage", "orders-dlq"],
        vec!["list", "orders-dlq"],
        vec!["replay", "orders-dlq"],
        vec!["replay", "orders-dlq", "--execute"],
        vec!["history"],
        vec!["watch", "orders-dlq", "--looks", "1"],
    ] {
        let said = scene.run(&[&command[..], &["--json"]].concat());
        assert!(serde_json::from_str::<Value>(&said.out).is_ok(), "{command:?}: {}", said.out);
    }
}

#[test]
fn output_that_is_no_terminal_has_no_colours() {
    let scene = Scene::new();
    for command in [&["triage", "orders-dlq"][..], &["replay", "orders-dlq"]] {
        assert!(!scene.run(command).out.contains('\u{1b}'));
    }
}

#[test]
fn there_are_completions_for_three_shells_and_a_manual_page() {
    let scene = Scene::empty();
    for shell in ["bash", "zsh", "fish"] {
        let said = scene.replayer.run(&["completions", shell]).unwrap();
        assert!(said.code == 0 && said.out.contains("quarantine"), "{shell}: {}", said.out);
    }
    let man = scene.replayer.run(&["man"]).unwrap().out;
    assert!(man.contains(".TH dlq\\-replayer") || man.contains(".TH dlq-replayer"), "{}", &man[..200]);
    assert!(man.contains("stopped by the circuit breaker") && man.contains("max\\-replays"));
}

#[test]
fn the_help_teaches() {
    let scene = Scene::empty();
    insta::assert_snapshot!("help", scene.said(&["--help"]));
    insta::assert_snapshot!("help_replay", scene.said(&["replay", "--help"]));
}

#[test]
fn a_disk_that_fills_in_mid_run_stops_it_and_it_tells_what_was_done_and_loses_nothing() {
    const MESSAGES: usize = 500;
    let scene = Scene::empty();
    for at in 0..MESSAGES {
        scene.model.put("orders-dlq", dead_letter(u32::try_from(at).unwrap(), "{}", &[]));
    }
    let replay = scene.replayer.command(&["replay", "orders-dlq", "--execute", "--yes", "--rate", "100000/s"]).unwrap();
    // No file may grow beyond some kilobytes, and the signal that says so is not heard: writing fails, as on a full disk.
    let mut limited = std::process::Command::new("/bin/sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\""]).arg(replay.get_program());
    limited.args(replay.get_args()).env_clear();
    limited.envs(replay.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = limited.output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(1), "{out}{err}");
    assert!(err.contains("cannot write the journal"), "{err}");
    let sent = scene.model.count("orders");
    assert!(0 < sent && sent < MESSAGES, "it stopped in the middle: {sent}");
    assert!(out.contains(&format!("{sent} messages sent")), "{sent} were sent: {out}");
    // Whatever was sent and not deleted is in both queues, and nothing is in neither.
    assert!(sent + scene.model.count("orders-dlq") >= MESSAGES);
}
