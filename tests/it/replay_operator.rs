//! An operator with the real binary, queues in the model of SQS, and a folder for files.

use std::{
    path::PathBuf,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use pipeline_tests::{
    replayer::{Replayer, Said},
    sqs_model::{self, SqsModel},
};
use uuid::Uuid;

pub(crate) const DLQ: &str = "orders-dlq";
pub(crate) const SOURCE: &str = "orders";

/// Longest wait for anything that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Operator {
    pub(crate) model: SqsModel,
    pub(crate) replayer: Replayer,
    pub(crate) folder: PathBuf,
}

impl Operator {
    pub(crate) fn new(model: SqsModel) -> Self {
        let replayer = Replayer::new(&model.serve().unwrap().url(), sqs_model::REGION);
        let folder = std::env::temp_dir().join(format!("rollcall-operator-{}", Uuid::new_v4().simple()));
        std::fs::create_dir(&folder).unwrap();
        Self { model, replayer, folder }
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        let said = self.replayer.run(arguments).unwrap();
        println!("$ dlq-replayer {}\nexit {}\n{}", arguments.join(" "), said.code, said.text());
        said
    }

    /// Starts a command, whose output can be read.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.replayer.command(arguments).unwrap();
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// A file of the operator's folder, which need not exist.
    pub(crate) fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// The bodies in a queue, sorted.
    pub(crate) fn bodies(&self, queue: &str) -> Vec<String> {
        sorted(self.model.messages(queue).into_iter().map(|message| message.body))
    }

    /// The bodies in all of these queues, sorted.
    pub(crate) fn bodies_of(&self, queues: &[&str]) -> Vec<String> {
        sorted(queues.iter().flat_map(|queue| self.bodies(queue)))
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // What cannot be removed lies in the temporary folder.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Waits until something holds.
pub(crate) fn until(what: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !what() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn body(at: usize) -> String {
    format!("body {at:03}")
}

pub(crate) fn sorted(bodies: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut bodies: Vec<_> = bodies.into_iter().collect();
    bodies.sort();
    bodies
}
