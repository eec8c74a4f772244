//! What once lost or misplaced messages: the real binary against the model of SQS, one module for each hazard.
//!
//! The assertions are exit codes, the bodies in each queue, ids and numbers; never sentences.

mod addresses;
mod archive;
mod arrivals;
mod bus;
mod canary;
mod characters;
mod deduplication;
mod earlier_runs;
mod end_of_queue;
mod functions;
mod given_up_sources;
mod group_order;
mod idle;
mod imports;
mod late_counts;
mod receipts;
mod repaired_bodies;
mod scans;
mod settled_runs;
mod shared_queues;
mod stopping;
mod unconfirmed;
mod unreachable;

use std::{
    ops::Deref,
    path::{Path, PathBuf},
    process::{Child, Output},
    time::{Duration, Instant},
};

use pipeline_tests::sqs_model::{self, Fault, ModelQueue, NewMessage, SqsModel, queue_name};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::replay_operator::{DLQ, Operator, PATIENCE, SOURCE, body, sorted, until};

/// A model with a source queue and its dead-letter queue, an operator, and a folder for files.
struct Scene(Operator);

impl Deref for Scene {
    type Target = Operator;

    fn deref(&self) -> &Operator {
        &self.0
    }
}

impl Scene {
    /// Standard queues.
    fn new() -> Self {
        Self::between(SOURCE, DLQ)
    }

    /// A source queue and its dead-letter queue.
    fn between(source: &str, dlq: &str) -> Self {
        let model = SqsModel::new();
        model.create(dlq);
        model.with(source, |queue| queue.dead_letters = Some(dlq.to_owned()));
        Self(Operator::new(model))
    }

    /// Puts messages that were sent an hour ago into the dead-letter queue, and returns their ids.
    fn fill(&self, count: usize) -> Vec<String> {
        (0..count).map(|at| self.model.put(DLQ, old(NewMessage::new(body(at), &[])))).collect()
    }

    fn start(&self, arguments: &[&str]) -> Running {
        Running(Some(self.spawn(arguments)))
    }

    /// Asserts that each of these bodies is in one of the queues, exactly once.
    fn assert_each_once(&self, bodies: impl IntoIterator<Item = String>, queues: &[&str], said: &str) {
        let there = self.bodies_of(queues);
        assert_eq!(there, sorted(bodies), "{said}");
    }

    /// Lets time pass until the messages that an earlier run hid are visible again.
    fn let_visibility_run_out(&self) {
        self.model.with(DLQ, ModelQueue::let_visibility_run_out);
    }

    /// Refuses every delete of a run; the question that is asked before it is answered.
    fn deny_deletes(&self) {
        self.model.set_faults(|call, _| match sqs_model::operation(call) {
            "DeleteMessageBatch" if queue_name(call) == DLQ => Fault::Refused(403, "AccessDenied"),
            _ => Fault::None,
        });
    }

    fn allow_everything(&self) {
        self.model.set_faults(|_, _| Fault::None);
    }

    /// The newest run's name, as `history` tells it.
    fn last_run(&self) -> String {
        let history = self.run(&["history"]).text();
        let is_run = |word: &&str| word.len() == 21 && word.contains('T') && word.contains("Z-");
        history.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').find(is_run).unwrap().to_owned()
    }
}

/// A file of so many messages.
fn file_of(scene: &Scene, messages: usize) -> String {
    let file = scene.file("import.ndjson");
    let line = |at| json!({ "id": format!("id-{at}"), "body": body(at) }).to_string() + "\n";
    std::fs::write(&file, (0..messages).map(line).collect::<String>()).unwrap();
    file
}

/// A process that does not outlive its test.
struct Running(Option<Child>);

impl Running {
    fn send(&self, signal: Signal) {
        let pid = Pid::from_raw(self.0.as_ref().unwrap().id().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Asks it to end again and again, as an operator does who has no time.
    fn interrupt_until_it_ends(mut self) -> Output {
        let deadline = Instant::now() + PATIENCE;
        while self.0.as_mut().unwrap().try_wait().unwrap().is_none() && Instant::now() < deadline {
            self.send(Signal::INT);
            std::thread::sleep(Duration::from_millis(50));
        }
        self.end(Duration::ZERO)
    }

    /// Waits for its end; a process that does not end in time is killed, which the exit code says.
    fn end(mut self, within: Duration) -> Output {
        let mut child = self.0.take().unwrap();
        let deadline = Instant::now() + within;
        while child.try_wait().unwrap().is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        // It may have ended just now.
        let _ = child.kill();
        child.wait_with_output().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What a process has said.
fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Sent an hour ago, so that no deduplication id of it is remembered.
fn old(message: NewMessage) -> NewMessage {
    NewMessage { age: Duration::from_hours(1), ..message }
}

/// Whether a number stands in a text by itself.
fn says(text: &str, number: usize) -> bool {
    let number = number.to_string();
    text.replace(',', "").split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == number)
}

/// All journals below a folder.
fn journals(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.flat_map(|path| if path.is_dir() { journals(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|extension| extension == "ndjson")).collect()
}
