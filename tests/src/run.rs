//! The folder of one run: everything a stack writes lies in it and goes with it.
//!
//! `<temporary folder>/rollcall-<uid>/run-<id>/` holds `lock`, `logs/`, and a folder for each service. The owner and the
//! leash of each service hold a shared lock on `lock`; whoever lets go last removes the folder. A machine that crashed
//! leaves it behind: the next start finds that nobody holds the lock and removes it.

use std::env;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use uuid::Uuid;

use crate::cache::create_folder;

/// How many folders with the logs of failed starts are kept.
const KEPT_FAILURES: usize = 5;

/// How much of a log an error shows, in lines.
const TAIL_LINES: usize = 20;

/// The folder of one run, held by a lock.
#[derive(Debug)]
pub(crate) struct Run {
    id: String,
    folder: PathBuf,
    logs: PathBuf,
    kept_logs: PathBuf,
    _lock: File,
}

impl Run {
    /// Makes a new one, after it has removed what dead runs have left.
    pub(crate) fn create() -> anyhow::Result<Self> {
        let home = home()?;
        // Held while folders come and go, so that nobody takes a folder for dead whose lock is not yet held.
        let _creation = {
            let file = File::create(home.join("creation.lock")).context("creating the lock for new runs")?;
            file.lock().context("waiting for the lock for new runs")?;
            file
        };
        remove_dead_runs(&home)?;
        remove_old_failures(&home)?;

        let id = Uuid::new_v4().simple().to_string().split_off(24); // eight digits tell the runs of one machine apart
        let folder = home.join(format!("run-{id}"));
        create_folder(&folder)?;
        let lock = File::create(folder.join("lock")).context("creating the run's lock")?;
        lock.lock_shared().context("locking the run's folder")?;
        let chosen = env::var_os("ROLLCALL_LOGS").filter(|value| !value.is_empty());
        let logs =
            chosen.as_ref().map_or_else(|| folder.join("logs"), |chosen| Path::new(chosen).join(format!("run-{id}")));
        let kept_logs = if chosen.is_some() { logs.clone() } else { home.join(format!("failed-{id}")) };
        create_folder(&logs)?;
        Ok(Self { id, folder, logs, kept_logs, _lock: lock })
    }

    /// Eight hexadecimal digits.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn logs(&self) -> &Path {
        &self.logs
    }

    /// A new folder within the run.
    pub(crate) fn subfolder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.folder.join(name);
        create_folder(&path)?;
        Ok(path)
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }

    /// The end of a log, and where all of it will be once [`Run::keep_logs`] was called.
    pub(crate) fn explain(&self, name: &str) -> String {
        let text = fs::read(self.log(name)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(TAIL_LINES)..).unwrap_or_default();
        let whole = self.kept_logs.join(format!("{name}.log"));
        if tail.is_empty() {
            return format!("it wrote nothing to its log ({})", whole.display());
        }
        format!("its last words (all of them: {}):\n  {}", whole.display(), tail.join("\n  "))
    }

    /// Keeps the logs of a start that has failed; the rest of the folder goes.
    pub(crate) fn keep_logs(&self) {
        if self.logs != self.kept_logs {
            // If this fails, the error that is being reported matters more.
            let _ = fs::rename(&self.logs, &self.kept_logs);
        }
    }

    /// Removes the folder. The services have stopped.
    pub(crate) fn remove(&self) {
        // What cannot be removed now is removed by the next start.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The folder of all runs of this user.
pub(crate) fn home() -> anyhow::Result<PathBuf> {
    let uid = rustix::process::geteuid().as_raw();
    let home = env::temp_dir().join(format!("rollcall-{uid}"));
    create_folder(&home)?;
    // Everybody may write to the temporary folder: take no folder that another user has put there.
    let metadata = fs::symlink_metadata(&home).with_context(|| format!("looking at {}", home.display()))?;
    if !metadata.is_dir() || metadata.uid() != uid {
        bail!("{} belongs to another user: remove it, or set TMPDIR to a folder of your own", home.display());
    }
    Ok(home)
}

fn remove_dead_runs(home: &Path) -> anyhow::Result<()> {
    for folder in folders(home, "run-")? {
        let dead = match File::open(folder.join("lock")) {
            Ok(lock) => lock.try_lock().is_ok(),
            Err(error) => error.kind() == ErrorKind::NotFound,
        };
        if dead {
            // A leash may be removing the same folder at this moment.
            let _ = fs::remove_dir_all(&folder);
        }
    }
    Ok(())
}

fn remove_old_failures(home: &Path) -> anyhow::Result<()> {
    let mut failures = folders(home, "failed-")?;
    failures.sort_by_key(|folder| fs::metadata(folder).and_then(|metadata| metadata.modified()).ok());
    let surplus = failures.len().saturating_sub(KEPT_FAILURES);
    for folder in failures.iter().take(surplus) {
        let _ = fs::remove_dir_all(folder);
    }
    Ok(())
}

fn folders(home: &Path, prefix: &str) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(home).with_context(|| format!("reading {}", home.display()))?;
    Ok(entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path())
        .collect())
}
