//! What a run has done, on disk before and after each step, so that a killed run can be told from a finished one.
//!
//! One file per run under the user's state folder, a JSON object per line, synced to the disk before the run goes on.
//! Message ids are in it, and no bodies.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
};

use anyhow::{Context, anyhow};
use etcetera::BaseStrategy;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

/// Only the user may read what was done: ids and queue names are nobody else's business.
const PRIVATE: u32 = 0o600;

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Record {
    /// The run begins.
    Begin(Begin),
    /// These messages are about to be sent; whether they were is not known until a line below says so.
    Sending {
        /// Their ids.
        ids: Vec<String>,
    },
    /// The destination has confirmed these messages.
    Sent {
        /// Their ids, and the ids they have there.
        ids: Vec<(String, String)>,
    },
    /// The destination has certainly not taken these messages.
    NotSent {
        /// Their ids.
        ids: Vec<String>,
    },
    /// These messages are gone from the queue.
    Deleted {
        /// Their ids.
        ids: Vec<String>,
    },
    /// The run ended by itself.
    End(End),
}

/// What a run set out to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Begin {
    /// The run's name.
    pub run: String,
    /// When it began.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// The command, such as `replay`.
    pub command: String,
    /// The ARN of the queue it reads, or the file.
    pub queue: String,
    /// Where it sends to.
    pub destination: String,
    /// The run that this one resumes.
    pub resumes: Option<String>,
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct End {
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// The word for it, such as `done` or `stopped by the breaker`.
    pub outcome: String,
    /// Messages that were sent.
    pub sent: u64,
    /// Messages that were meant and not sent.
    pub not_sent: u64,
    /// Messages that came back during the run.
    pub bounced: u64,
}

/// The folder of all journals: `$XDG_STATE_HOME/dlq-replayer`, else `~/.local/state/dlq-replayer`.
///
/// # Errors
///
/// The user has no home.
pub fn folder() -> anyhow::Result<PathBuf> {
    let base = etcetera::base_strategy::Xdg::new().context("no home folder: set `XDG_STATE_HOME`")?;
    let state = base.state_dir().context("no state folder: set `XDG_STATE_HOME`")?;
    Ok(state.join("dlq-replayer"))
}

/// The file of a run.
pub fn file_of(folder: &Path, run: &str) -> PathBuf {
    folder.join(format!("{run}.ndjson"))
}

/// A name for a new run: the time, so that names sort, and a few letters, so that two runs of a second differ.
pub fn new_run(now: Timestamp) -> String {
    let letters: String = std::iter::repeat_with(fastrand::lowercase).take(4).collect();
    format!("{}-{letters}", now.strftime("%Y%m%dT%H%M%SZ"))
}

type Written = Result<(), String>;

/// An open journal. Many lines that wait at the same time share one sync.
pub struct Journal {
    lines: Option<mpsc::Sender<(String, oneshot::Sender<Written>)>>,
    writer: Option<thread::JoinHandle<()>>,
    file: PathBuf,
}

impl Journal {
    /// Makes the journal of a run and writes its first line.
    ///
    /// # Errors
    ///
    /// The folder or the file cannot be written: nothing may be sent then.
    pub fn create(folder: &Path, begin: Begin) -> anyhow::Result<Self> {
        let path = file_of(folder, &begin.run);
        let unwritable = || format!("cannot write the journal {}; nothing was sent", path.display());
        fs::create_dir_all(folder).with_context(unwritable)?;
        let mut file =
            OpenOptions::new().append(true).create_new(true).mode(PRIVATE).open(&path).with_context(unwritable)?;
        append(&mut file, &line(&Record::Begin(begin))?).with_context(unwritable)?;
        // The file's name must survive a crash, too.
        File::open(folder).and_then(|folder| folder.sync_all()).with_context(unwritable)?;
        let (lines, waiting) = mpsc::channel();
        let writer = thread::spawn(move || write_all(&mut file, &waiting));
        Ok(Self { lines: Some(lines), writer: Some(writer), file: path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.file
    }

    /// Writes a line and returns when it is on the disk.
    ///
    /// # Errors
    ///
    /// It is not; the run must not send anything more.
    pub async fn write(&self, record: &Record) -> anyhow::Result<()> {
        let written = self.queue(record)?.await.unwrap_or_else(|_| Err("its writer has ended".to_owned()));
        written.map_err(|why| anyhow!("cannot write the journal {}: {why}", self.file.display()))
    }

    /// Hands a line over that need not be on the disk before the run goes on.
    pub fn note(&self, record: &Record) {
        // Whoever loses this line does a harmless step twice.
        drop(self.queue(record));
    }

    fn queue(&self, record: &Record) -> anyhow::Result<oneshot::Receiver<Written>> {
        let (done, written) = oneshot::channel();
        let lines = self.lines.as_ref().context("the journal is closed")?;
        lines.send((line(record)?, done)).map_err(|_| anyhow!("the journal's writer has ended"))?;
        Ok(written)
    }
}

impl Drop for Journal {
    /// What was noted reaches the disk before the run is over.
    fn drop(&mut self) {
        self.lines = None;
        if let Some(writer) = self.writer.take() {
            // A panic there has been reported to whoever waited.
            let _ = writer.join();
        }
    }
}

fn write_all(file: &mut File, waiting: &mpsc::Receiver<(String, oneshot::Sender<Written>)>) {
    while let Ok((mut text, done)) = waiting.recv() {
        let mut all = vec![done];
        while let Ok((more, done)) = waiting.try_recv() {
            text.push_str(&more);
            all.push(done);
        }
        let written = append(file, &text).map_err(|error| error.to_string());
        for done in all {
            // Nobody waits for a note.
            let _ = done.send(written.clone());
        }
    }
}

fn append(file: &mut File, text: &str) -> std::io::Result<()> {
    file.write_all(text.as_bytes())?;
    file.sync_data()
}

fn line(record: &Record) -> anyhow::Result<String> {
    Ok(serde_json::to_string(record)? + "\n")
}
