//! What `cargo xtask lint` and `cargo xtask test` need besides cargo and the stack: the linters, and the CDK app's packages.

use std::path::PathBuf;

use anyhow::Context;

use crate::{cache, pipeline, toolbox};

/// Installs the linters of `local-stack/lint-tools.lock` and the CDK app's packages, and returns the folder of the linters' programs.
///
/// # Errors
///
/// Python or Node.js is missing, or something cannot be installed.
pub fn install() -> anyhow::Result<PathBuf> {
    pipeline::install_cdk(&toolbox::node()?)?;
    let python = toolbox::python()?;
    let lock = include_str!("../local-stack/lint-tools.lock");
    let folder = cache::tool("lint-tools", &[lock, &python.version], |folder, held| {
        python.install("lint-tools.lock", folder, held)
    });
    Ok(folder.context("installing the linters")?.join("venv/bin"))
}
