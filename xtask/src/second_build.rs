//! `cargo xtask package --verify`: whether a second clone, in another folder and with another cargo home, gives the same bytes.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use crate::{
    architecture::Plan,
    files::{cannot, copy, create},
    package::FUNCTIONS,
    release_build::{Place, build},
    step::{Failure, output_of, say},
};

/// Builds every function a second time elsewhere, and compares with what the first build has left.
///
/// A zip is made of a binary's bytes alone, so the binaries are what is compared.
pub(crate) fn compare(first: &Place, plan: &Plan) -> Result<(), Failure> {
    let folder = first.clone.join("target/second-build");
    let second = Place { clone: folder.join("clone"), cargo_home: folder.join("cargo") };
    copy_sources(&first.clone, &second.clone)?;
    // Another path to the same downloads: cargo takes the path as it is given.
    if second.cargo_home.symlink_metadata().is_err() {
        symlink(&first.cargo_home, &second.cargo_home).map_err(|error| cannot("link", &second.cargo_home, &error))?;
    }
    for function in &FUNCTIONS {
        build(&second, plan, function)?;
        if read(&first.binary(plan, function))? != read(&second.binary(plan, function))? {
            return Err(Failure::new(format!(
                "`{}` is not the same when it is built in another folder: compare {} with {}",
                function.name,
                first.binary(plan, function).display(),
                second.binary(plan, function).display()
            )));
        }
    }
    say(&format!("── all {} functions are the same, built a second time in {}", FUNCTIONS.len(), folder.display()));
    Ok(())
}

/// What git knows or would add, so that neither `target` nor `node_modules` come along.
pub(crate) fn copy_sources(from: &Path, to: &Path) -> Result<(), Failure> {
    let mut git = Command::new("git");
    git.current_dir(from).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    for name in output_of(&mut git)?.split('\0').filter(|name| !name.is_empty()) {
        let (source, target) = (from.join(name), to.join(name));
        // Deleted, and git has not been told yet.
        if !source.exists() {
            continue;
        }
        create(target.parent().unwrap_or(to))?;
        copy(&source, &target)?;
    }
    Ok(())
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(file).map_err(|error| cannot("read", file, &error))
}
