//! An operator with the real binary, queues in the model of SQS, and a folder for files.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    path::PathBuf,
    process::{Child, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use pipeline_tests::{
    replayer::{Replayer, Said},
    sqs_model::{self, SqsModel},
};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
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

/// A terminal, and what was written to it.
#[derive(Clone)]
pub(crate) struct Terminal {
    master: Arc<File>,
    written: Arc<Mutex<String>>,
}

impl Terminal {
    /// A terminal, and the end of it that a program has.
    pub(crate) fn open() -> (Self, File) {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let program = OpenOptions::new().read(true).write(true).open(name).unwrap();
        let master = File::from(master);
        let (mut reader, written) = (master.try_clone().unwrap(), Arc::new(Mutex::new(String::new())));
        let kept = Arc::clone(&written);
        std::thread::spawn(move || {
            let mut bytes = [0; 1024];
            // Without a program at the other end, a read is an error.
            while let Ok(read @ 1..) = reader.read(&mut bytes) {
                kept.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..read]));
            }
        });
        (Self { master: Arc::new(master), written }, program)
    }

    /// What was written to it so far.
    pub(crate) fn text(&self) -> String {
        self.written.lock().unwrap().clone()
    }

    /// Waits until a text was written to it.
    pub(crate) fn shows(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.text().contains(text) {
            assert!(Instant::now() < deadline, "no {text:?} within {PATIENCE:?}: {}", self.text());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Types a line.
    pub(crate) fn types(&self, line: &str) {
        (&*self.master).write_all(format!("{line}\n").as_bytes()).unwrap();
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
