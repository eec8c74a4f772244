//! `cargo xtask package`: the functions as zip files, ready to deploy.

use std::process::Command;

use crate::step::{Failure, cargo, root, say, step};

/// The functions, each with the package that it is a binary of.
pub(crate) const FUNCTIONS: [(&str, &str); 4] = [
    ("producer", "producer"),
    ("pre-sign-up", "producer"),
    ("consumer", "consumer"),
    ("trigger-wiring", "trigger-wiring"),
];

/// Builds with the release profile for this machine's architecture, one package at a time, so that no function carries another one's features.
pub(crate) fn package() -> Result<(), Failure> {
    let root = root();
    let folder = root.join("target/lambda");
    std::fs::create_dir_all(&folder)
        .map_err(|error| Failure::new(format!("cannot create {}: {error}", folder.display())))?;
    for (function, package) in FUNCTIONS {
        step(
            &format!("building {function} for release"),
            cargo().args(["build", "--release", "--package", package, "--bin", function, "--target-dir", "target"]),
        )?;
        step(
            &format!("packing {function}"),
            Command::new("python3")
                .arg(root.join("infra/zip-function.py"))
                .arg(root.join("target/release").join(function))
                .arg(folder.join(format!("{function}.zip"))),
        )?;
    }
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    say(&format!("packed for {architecture} into {}; deploy with `-c architecture={architecture}`", folder.display()));
    Ok(())
}
