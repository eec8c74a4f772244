//! The packages of the CDK app, installed exactly as its lock file says.
//!
//! The local stack does the same (`tests/src/pipeline.rs`), under the same lock and with the same stamp.
//! Here it is done once more because building the local stack takes minutes, and who is not signed in shall hear of it at once.

use std::{
    fs::{self, File},
    path::Path,
};

use crate::step::{Failure, in_infra, root, step};

/// Installs them if they are not the ones of the lock file already.
pub(crate) fn install() -> Result<(), Failure> {
    let infra = root().join("infra");
    let target = root().join("target");
    fs::create_dir_all(&target).map_err(|error| cannot("create", &target, &error))?;
    let lock = target.join("cdk-packages.lock");
    let held = File::create(&lock).map_err(|error| cannot("create", &lock, &error))?;
    held.lock().map_err(|error| cannot("wait for", &lock, &error))?;
    let lock_file = infra.join("package-lock.json");
    let wanted = fs::read_to_string(&lock_file).map_err(|error| cannot("read", &lock_file, &error))?;
    let stamp = infra.join("node_modules/.installed-lock.json");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    // npm holds the lock too, as its standard input: it outlives us when we are killed.
    let shared = held.try_clone().map_err(|error| cannot("pass on", &lock, &error))?;
    step(
        "installing what the CDK app needs",
        in_infra("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).stdin(shared),
    )?;
    fs::write(&stamp, wanted).map_err(|error| cannot("write", &stamp, &error))
}

fn cannot(what: &str, file: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot {what} {}: {error}", file.display()))
}
