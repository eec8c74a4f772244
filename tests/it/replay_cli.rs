//! What an operator types and sees: the real binary against the model of SQS, EventBridge and Lambda, its output by snapshot, its exit codes, its masks.

mod arguments;
mod breaker;
mod bus;
mod canary;
mod config;
mod edit;
mod empty_queue;
mod errors;
mod export;
mod files;
mod help;
mod history;
mod json;
mod json_schema;
mod lambda;
mod list;
mod masking;
mod next_commands;
mod other_runs;
mod permissions;
mod preflight;
mod profiles;
mod pull;
mod replay;
mod services;
mod sources;
mod stale_reasons;
mod stopping;
mod streams;
mod terminal;
mod throttling;
mod triage;
mod watch;

use std::{
    ops::Deref,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use pipeline_tests::{
    replayer::Said,
    scripted_http::Call,
    sqs_model::{self, Fault, NewMessage, SqsModel, Stored},
};
use serde_json::{Value, json};

use crate::replay_operator::{DLQ, Operator, PATIENCE, SOURCE, body, sorted, until};

/// Personal data, which is never shown unless it is asked for.
const MARKER: &str = "marker@example.com";

/// A model with queues, an operator, and a folder for files.
struct Scene(Operator);

impl Deref for Scene {
    type Target = Operator;

    fn deref(&self) -> &Operator {
        &self.0
    }
}

const SUB: &str = "7d4a1f0e-2c5b-4a8e-9d61-0b3f6a9c1e22";

/// The edit that mends the `sub` in braces of two of the messages.
const FIX: &str = ".detail.data.cognito_sub |= .[1:-1]";

/// rollcall's event with a first name and a version.
fn event(first_name: &str, version: u32) -> String {
    event_of(SUB, first_name, version)
}

fn event_of(sub: &str, first_name: &str, version: u32) -> String {
    json!({
        "detail-type": "UserConfirmed",
        "detail": {
            "metadata": { "version": version, "event_id": SUB, "occurred_at": "2026-11-22T21:00:00.000Z", "origin": "sign_up" },
            "data": { "cognito_sub": sub, "username": "u", "user_pool_id": "p_1", "email": MARKER, "first_name": first_name },
        },
    })
    .to_string()
}

/// The id of a message that [`dead_letter`] makes.
fn id(at: usize) -> String {
    format!("00000000-0000-4000-8000-{at:012}")
}

/// A message that was sent three hours ago.
fn dead_letter(at: usize, body: &str, attributes: &[(&str, &str)]) -> NewMessage {
    NewMessage { id: id(at), age: Duration::from_hours(3), ..NewMessage::new(body, attributes) }
}

/// A message that rollcall's consumer gave up.
fn given_up(at: usize, body: &str, reason: &str, detail: &str) -> NewMessage {
    dead_letter(at, body, &[("failure_reason", reason), ("source_message_id", "x"), ("failure_detail", detail)])
}

impl Scene {
    /// Queues without messages: `orders` with the dead-letter queue `orders-dlq`, and two others.
    fn empty() -> Self {
        let model = SqsModel::new();
        for queue in [SOURCE, DLQ, "quarantine", "elsewhere.fifo"] {
            model.create(queue);
        }
        model.with(SOURCE, |queue| queue.dead_letters = Some(DLQ.to_owned()));
        Self(Operator::new(model))
    }

    /// Six dead letters of five kinds.
    fn new() -> Self {
        let scene = Self::empty();
        let in_braces = "the event's `cognito_sub` must be a UUID of 36 characters";
        let not_json = "the body is not an EventBridge event: not JSON at line 1, column 1";
        let version = "the event has version 9, and only version 1 is known here";
        let target = [("ERROR_CODE", "NO_PERMISSIONS"), ("TARGET_ARN", "arn:aws:sqs:eu-west-1:123456789012:orders")];
        for message in [
            given_up(1, &event_of(&format!("{{{SUB}}}"), "Ada", 1), "invalid_field", in_braces),
            given_up(2, &event_of(&format!("{{{SUB}}}"), "Ada", 1), "invalid_field", in_braces),
            given_up(3, &event("Ada", 9), "unsupported_version", version),
            given_up(4, MARKER, "malformed_envelope", not_json),
            dead_letter(5, &event("Ada", 1), &target),
            dead_letter(6, &event("Ada", 1), &[("customer", MARKER), ("replay_count", "3")])
                .redriven_from(&sqs_model::arn(SOURCE)),
        ] {
            scene.model.put(DLQ, message);
        }
        scene
    }

    /// So many dead letters of `orders`, with the bodies `body 0`, `body 1` …
    fn with_letters(count: usize) -> Self {
        let scene = Self::empty();
        scene.fill(0..count);
        scene
    }

    fn fill(&self, range: std::ops::Range<usize>) {
        for at in range {
            self.model.put(DLQ, dead_letter(at, &body(at), &[]));
        }
    }

    /// Runs a command that was prepared in another way.
    fn run_command(command: &mut Command) -> Said {
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let said =
            Said { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) };
        println!("exit {}\n{}", said.code, said.text());
        said
    }

    /// The result of `--json`, which must be one JSON document and all that is on standard output.
    fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let said = self.run(&[arguments, &["--json"]].concat());
        let document = serde_json::from_str(&said.out);
        (said.code, document.unwrap_or_else(|error| panic!("{error}: {}", said.text())))
    }

    /// Everything that was said, without what differs from run to run. One call at a time keeps the order of messages.
    fn said(&self, arguments: &[&str]) -> String {
        let Said { code, out, err } = self.replayer.run(&[arguments, &["--concurrency", "1"]].concat()).unwrap();
        let journals = self.replayer.journals().display().to_string();
        let text = format!("$ dlq-replayer {}\nexit {code}\n── out\n{out}── err\n{err}", arguments.join(" "));
        let text = text.replace(&journals, "<journals>").replace(&self.folder.display().to_string(), "<folder>");
        let text: String = text.split_inclusive(char::is_whitespace).map(without_run).collect();
        without_hash(&text)
    }

    /// Asserts that each body is in one of the queues, exactly once: nothing is lost, and nothing is there twice.
    fn assert_each_once(&self, bodies: impl IntoIterator<Item = String>, queues: &[&str]) {
        assert_eq!(self.bodies_of(queues), sorted(bodies));
    }

    /// Asserts that every message of the dead-letter queue can be received.
    fn assert_released(&self) {
        assert!(self.model.messages(DLQ).iter().all(Stored::is_visible), "everything was released");
    }

    /// Decides what happens to calls of one operation on one queue; all others are answered.
    fn fault(
        &self,
        operation: &'static str,
        queue: &'static str,
        fault: impl Fn(usize) -> Fault + Send + Sync + 'static,
    ) {
        let count = Mutex::new(0);
        self.model.set_faults(move |call, _| {
            if sqs_model::operation(call) != operation || sqs_model::queue_name(call) != queue {
                return Fault::None;
            }
            let mut count = count.lock().unwrap();
            *count += 1;
            fault(*count - 1)
        });
    }

    /// Notes something about each call from now on.
    fn record<T: Send + 'static>(
        &self,
        note: impl Fn(&Call) -> Option<T> + Send + Sync + 'static,
    ) -> Arc<Mutex<Vec<T>>> {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&notes);
        self.model.set_faults(move |call, _| {
            written.lock().unwrap().extend(note(call));
            Fault::None
        });
        notes
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

/// The folder of a file's journals is named after a hash of its path.
fn without_hash(text: &str) -> String {
    let Some((before, rest)) = text.split_once("<journals>/file_") else { return text.to_owned() };
    let after = rest.split_once('/').map_or(rest, |(_, after)| after);
    format!("{before}<journals>/file_<hash>/{after}")
}

/// The permission bits of a file.
fn mode(path: &str) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
