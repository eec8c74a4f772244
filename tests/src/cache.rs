//! Tools that are installed once and used by every start: the cache folder outside the clone.
//!
//! Each tool lies in a folder that is named after everything its contents depend on, so that a new lock file is a new
//! folder and two clones of different age do not disturb each other. Deleting the whole cache folder is always safe
//! while nothing runs.

use std::env;
use std::fs::{self, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use uuid::Uuid;

use crate::{hint, toolbox::succeed};

/// The file that says an installation is complete.
const COMPLETE: &str = "complete";

/// Returns the folder of a tool, after `install` has filled it if this is the first time.
///
/// A lock keeps two starts from installing at once, and a killed installation is begun anew.
pub(crate) fn tool(
    name: &str,
    depends_on: &[&str],
    install: impl FnOnce(&Path, &Lock) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    let folder = root()?.join(format!("{name}-{}", fingerprint(depends_on)));
    if folder.join(COMPLETE).exists() {
        return Ok(folder);
    }
    let lock = Lock::wait_for(&folder.with_added_extension("lock"))?;
    if !folder.join(COMPLETE).exists() {
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .with_context(|| format!("removing a broken installation in {}", folder.display()))?;
        }
        let installed = create_folder(&folder)
            .and_then(|()| install(&folder, &lock))
            .and_then(|()| fs::write(folder.join(COMPLETE), "").context("marking the installation as complete"));
        if let Err(error) = installed {
            let error = hint::for_installation(error);
            // Half of it is of no use, and keeps a full disk full.
            let _ = fs::remove_dir_all(&folder);
            return Err(error.context(format!("installing {name} into {}", folder.display())));
        }
    }
    Ok(folder)
}

/// Waits until nobody else holds the lock of that name in the cache folder, and holds it until it is dropped.
pub(crate) fn named_lock(name: &str) -> anyhow::Result<Lock> {
    Lock::wait_for(&root()?.join(format!("{name}.lock")))
}

/// A short name for the contents of all of `parts`.
pub(crate) fn fingerprint(parts: &[&str]) -> String {
    let mut hash = Uuid::new_v5(&Uuid::NAMESPACE_OID, parts.join("\0").as_bytes()).simple().to_string();
    hash.truncate(16);
    hash
}

/// Creates a folder and its parents, readable for every user: Postgres may run as another one.
pub(crate) fn create_folder(path: &Path) -> anyhow::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(path)
        .with_context(|| format!("creating the folder {}", path.display()))
}

/// A lock that this process holds, and every command that it runs under the lock.
///
/// An installer outlives a killed owner: until it has ended too, nobody else begins the same installation.
pub(crate) struct Lock(File);

impl Lock {
    /// Waits until nobody else holds the file, and creates it if need be.
    pub(crate) fn wait_for(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("creating the lock {}", path.display()))?;
        file.lock().with_context(|| format!("waiting for the lock {}", path.display()))?;
        Ok(Self(file))
    }

    /// Runs a command to its end; it inherits the lock as its standard input, which no installer reads.
    pub(crate) fn run(&self, command: &mut Command) -> anyhow::Result<()> {
        let held = self.0.try_clone().context("passing on the lock")?;
        succeed(command.stdin(held)).map(|_| ()).map_err(hint::for_installation)
    }
}

fn root() -> anyhow::Result<PathBuf> {
    let root = choose_root().context(
        "no place for the tools: set ROLLCALL_CACHE to a folder outside the clone (neither XDG_CACHE_HOME nor HOME is set)",
    )?;
    create_folder(&root).context("set ROLLCALL_CACHE to a folder that this user may write to")?;
    Ok(root)
}

/// The cache folder, if there is a place for one.
pub(crate) fn choose_root() -> Option<PathBuf> {
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(chosen) = variable("ROLLCALL_CACHE") {
        return Some(chosen);
    }
    if rustix::process::geteuid().is_root() {
        // Not below root's home: the user that Postgres runs as cannot read it.
        return Some(PathBuf::from("/var/cache/rollcall"));
    }
    let base = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")))?;
    Some(base.join("rollcall"))
}
