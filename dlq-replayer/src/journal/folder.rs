//! Where journals are: a folder for each queue, one lock in it for the run that is under way, and no more files than are of use.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime},
};

use anyhow::{Context, anyhow};
use etcetera::BaseStrategy;
use uuid::Uuid;

use super::past;
use crate::sqs::arn::Arn;

/// Journals tell message ids and queue names, which are not for other users of the machine.
const PRIVATE_FOLDER: u32 = 0o700;
const PRIVATE: u32 = 0o600;

/// How long the journal of a finished run is kept: a dead letter lives 14 days at most, and an incident is reviewed within weeks.
const KEPT: Duration = Duration::from_hours(90 * 24);

/// Journals of finished runs that are kept for one queue, so that a run that starts every minute does not fill the disk.
const MOST: usize = 500;

/// The file that a live run holds a lock on.
const LOCK: &str = "live.lock";

/// Attempts to take the lock, and the time between them.
const ATTEMPTS: u32 = 5;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(10);

/// The folder of all journals: `$XDG_STATE_HOME/dlq-replayer`, else `~/.local/state/dlq-replayer`.
///
/// # Errors
///
/// The user has no home.
pub fn root() -> anyhow::Result<PathBuf> {
    let base = etcetera::base_strategy::Xdg::new().context("there is no home folder; set `XDG_STATE_HOME`")?;
    let state = base.state_dir().context("there is no state folder; set `XDG_STATE_HOME`")?;
    Ok(state.join("dlq-replayer"))
}

/// The folder of one queue (an ARN) or one file (an absolute path).
pub fn of_queue(root: &Path, queue: &str) -> PathBuf {
    let readable = match Arn::of_queue(queue) {
        Some(Arn { partition, region, account, resource, .. }) => format!("{partition}_{region}_{account}_{resource}"),
        None => format!("file_{}", Uuid::new_v5(&Uuid::NAMESPACE_OID, queue.as_bytes()).simple()),
    };
    root.join(readable)
}

/// The folders of all queues.
///
/// # Errors
///
/// The root cannot be read.
pub fn all(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    Ok(entries(root)?.into_iter().filter(|path| path.is_dir()).collect())
}

/// What is in a folder; nothing in one that is not there, or not any more.
pub(super) fn entries(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(entries.filter_map(Result::ok).map(|entry| entry.path()).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(anyhow!(error).context(format!("cannot read {}", folder.display()))),
    }
}

/// The lock of the one run that works on a queue. It ends with the process, however that ends.
pub struct Live {
    path: PathBuf,
    file: File,
}

/// Another run works on this queue at the moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the run {run} is working on this queue")]
pub struct AlreadyLive {
    /// The run's name.
    pub run: String,
}

impl Live {
    /// Makes the queue's folder and takes its lock.
    ///
    /// # Errors
    ///
    /// [`AlreadyLive`], or the folder cannot be written: nothing may be sent then.
    pub fn take(folder: &Path) -> anyhow::Result<Self> {
        let unwritable = || format!("cannot write the journal folder {}; nothing was sent", folder.display());
        fs::DirBuilder::new().recursive(true).mode(PRIVATE_FOLDER).create(folder).with_context(unwritable)?;
        let path = folder.join(LOCK);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(PRIVATE)
            .open(&path)
            .with_context(unwritable)?;
        for attempt in 1.. {
            match file.try_lock() {
                Ok(()) => break,
                // `history` holds the lock for a moment when it looks who has it.
                Err(TryLockError::WouldBlock) if attempt < ATTEMPTS => thread::sleep(BETWEEN_ATTEMPTS),
                Err(TryLockError::WouldBlock) => return Err(AlreadyLive { run: text_of(&mut file) }.into()),
                Err(TryLockError::Error(error)) => return Err(anyhow!(error).context(unwritable())),
            }
        }
        Ok(Self { path, file })
    }

    /// Says which run holds the lock.
    ///
    /// # Errors
    ///
    /// The lock's file cannot be written.
    pub fn name(&mut self, run: &str) -> anyhow::Result<()> {
        let written = self.file.set_len(0).and_then(|()| self.file.rewind());
        written
            .and_then(|()| self.file.write_all(run.as_bytes()))
            .with_context(|| format!("cannot write the lock {}; nothing was sent", self.path.display()))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // Closing the file releases the lock anyway.
        let _ = self.file.unlock();
    }
}

/// The run that works on the queue of a folder at the moment.
pub fn live_run(folder: &Path) -> Option<String> {
    let mut file = File::open(folder.join(LOCK)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(text_of(&mut file)),
        _ => None,
    }
}

fn text_of(file: &mut File) -> String {
    let mut text = String::new();
    // The name is for the operator; the lock is what counts.
    let _ = file.read_to_string(&mut text);
    text
}

/// Removes journals of a queue's finished runs that are too old or too many. An unfinished one is kept: it tells what its run left.
///
/// It is not for the folder of a file: a file stays as it is, so only the journals tell what was sent of it, however old they are.
pub fn prune(folder: &Path, now: SystemTime) {
    let Ok(files) = past::files_of(folder) else { return };
    for (at, path) in files.into_iter().enumerate() {
        let written = fs::metadata(&path).and_then(|data| data.modified());
        let age = written.ok().and_then(|written| now.duration_since(written).ok()).unwrap_or_default();
        let finished = || past::end_of(&path).is_some_and(|end| end.unfinished == 0);
        if (age > KEPT || at >= MOST) && finished() {
            // The next run tries again.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn temporary() -> PathBuf {
        std::env::temp_dir().join(format!("journals-{}", Uuid::new_v4()))
    }

    #[test]
    fn one_run_at_a_time_works_on_a_queue_and_its_end_is_seen() {
        let folder = temporary();
        let mut first = Live::take(&folder).unwrap();
        first.name("first").unwrap();
        let error = Live::take(&folder).err().unwrap();
        assert_eq!(error.downcast_ref(), Some(&AlreadyLive { run: "first".into() }));
        assert_eq!(live_run(&folder).as_deref(), Some("first"));
        drop(first);
        assert_eq!(live_run(&folder), None);
        drop(Live::take(&folder).unwrap());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn old_journals_of_finished_runs_are_pruned_and_those_of_unfinished_ones_are_kept() {
        let folder = temporary();
        fs::create_dir(&folder).unwrap();
        let end = |unfinished| {
            format!(
                r#"{{"step":"end","at":"2026-11-22T21:00:00Z","outcome":"done","sent":1,"not_sent":0,"returned":0,"unfinished":{unfinished},"saw_everything":true}}"#
            )
        };
        for (name, text) in [("1", end(0)), ("2", end(3)), ("3", "{\"step\":\"sending\"".to_owned())] {
            fs::write(folder.join(format!("{name}.ndjson")), text).unwrap();
        }
        prune(&folder, SystemTime::now());
        assert_eq!(past::files_of(&folder).unwrap().len(), 3, "none is old");
        prune(&folder, SystemTime::now() + KEPT + Duration::from_secs(1));
        let left = ["3", "2"].map(|name| folder.join(format!("{name}.ndjson")));
        assert_eq!(past::files_of(&folder).unwrap(), left);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn queues_of_one_name_have_folders_of_their_own() {
        let folders: std::collections::BTreeSet<_> = [
            "arn:aws:sqs:eu-west-1:111111111111:q",
            "arn:aws:sqs:us-east-1:111111111111:q",
            "arn:aws:sqs:eu-west-1:222222222222:q",
            "arn:aws-cn:sqs:eu-west-1:111111111111:q",
            "/home/ada/q",
            "/home/eve/q",
        ]
        .map(|queue| of_queue(Path::new("/state"), queue))
        .into();
        assert_eq!(folders.len(), 6);
    }
}
