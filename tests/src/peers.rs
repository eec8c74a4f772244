//! What `dlq-replayer` is measured against: other tools that move messages between queues, an emulator that is fast enough for all of them, and a network.
//!
//! The versions are those of `local-stack/replay-bench/`; nothing is looked up when the benchmark runs.

mod emulator;
mod measure;
mod network;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;
use serde_json::Value;

pub use emulator::MiniStack;
pub use measure::{Measured, Usage};
pub use network::Network;

use crate::{
    assets, cache, pipeline,
    toolbox::{self, Node, Python, succeed},
};

/// The folder of the lock files and scripts, in `local-stack`.
const FOLDER: &str = "replay-bench";

/// Prints the version of each Python package that is named as an argument.
const PYTHON_VERSIONS: &str = "
import importlib.metadata, sys
for name in sys.argv[1:]:
    print(importlib.metadata.version(name))
";

/// The tools, installed and built.
pub struct Peers {
    python: Python,
    node: Node,
    python_folder: PathBuf,
    node_folder: PathBuf,
    replayer: PathBuf,
    bare_client: PathBuf,
}

impl Peers {
    /// Installs the peers into the cache folder if need be, and builds `dlq-replayer` and the bare client for release.
    ///
    /// # Errors
    ///
    /// Python or Node.js is missing, a package cannot be installed, or the build fails.
    pub fn prepare() -> anyhow::Result<Self> {
        let (python, node) = (toolbox::python()?, toolbox::node()?);
        let python_folder = install_python(&python).context("installing ministack and boto3")?;
        let node_folder = install_node(&node).context("installing lumigo-cli")?;
        let mut built = pipeline::build_replayer_for_release()?;
        let mut take = |name: &str| built.remove(name).with_context(|| format!("cargo has built no `{name}`"));
        let (replayer, bare_client) = (take("dlq-replayer")?, take("bare_client")?);
        Ok(Self { python, node, python_folder, node_folder, replayer, bare_client })
    }

    /// `dlq-replayer`, built for release.
    pub fn replayer(&self) -> &Path {
        &self.replayer
    }

    /// The bare client, built for release: see `dlq-replayer/examples/bare_client`.
    pub fn bare_client(&self) -> &Path {
        &self.bare_client
    }

    /// lumigo-cli up to its arguments, with its SDK pointed at `AWS_ENDPOINT_URL` and its analytics off.
    pub fn lumigo(&self) -> Vec<PathBuf> {
        let preload = assets().join(FOLDER).join("aws-sdk-v2.cjs");
        let program = self.node_folder.join("node_modules/lumigo-cli/bin/run");
        vec![self.node.executable.clone(), "--require".into(), preload, program]
    }

    /// The boto3 script up to its arguments.
    pub fn boto3(&self) -> Vec<PathBuf> {
        vec![self.interpreter(), assets().join(FOLDER).join("boto3_mover.py")]
    }

    /// The tools with their versions, and what each of them runs on.
    ///
    /// # Errors
    ///
    /// A tool does not say its version.
    pub fn versions(&self) -> anyhow::Result<Vec<(String, String)>> {
        let packages = ["boto3", "botocore", "ministack"];
        let said = succeed(Command::new(self.interpreter()).args(["-I", "-c", PYTHON_VERSIONS]).args(packages))?;
        let said = String::from_utf8_lossy(&said.stdout);
        let replayer = succeed(Command::new(&self.replayer).arg("--version"))?;
        let replayer = String::from_utf8_lossy(&replayer.stdout);
        let mut versions = vec![
            ("dlq-replayer", replayer.trim().trim_start_matches("dlq-replayer ").to_owned()),
            ("aws-sdk-sqs (Rust)", locked_version("aws-sdk-sqs")?),
            ("lumigo-cli", self.package_version("lumigo-cli")?),
            ("aws-sdk (JavaScript)", self.package_version("aws-sdk")?),
            ("Node.js", self.node.version.clone()),
        ];
        versions.extend(packages.into_iter().zip(said.lines().map(str::to_owned)));
        versions.push(("Python", self.python.version.clone()));
        Ok(versions.into_iter().map(|(name, version)| (name.to_owned(), version)).collect())
    }

    fn interpreter(&self) -> PathBuf {
        self.python_folder.join("venv/bin/python")
    }

    fn package_version(&self, package: &str) -> anyhow::Result<String> {
        let manifest = self.node_folder.join("node_modules").join(package).join("package.json");
        let manifest: Value = serde_json::from_slice(&fs::read(&manifest)?)?;
        manifest.get("version").and_then(Value::as_str).map(str::to_owned).context("a package without a version")
    }
}

fn install_python(python: &Python) -> anyhow::Result<PathBuf> {
    let lock = include_str!("../local-stack/replay-bench/python.lock");
    cache::tool("replay-bench-python", &[lock, &python.version], |folder, held| {
        python.install(&format!("{FOLDER}/python.lock"), folder, held)
    })
}

fn install_node(node: &Node) -> anyhow::Result<PathBuf> {
    let manifest = include_str!("../local-stack/replay-bench/package.json");
    let lock = include_str!("../local-stack/replay-bench/package-lock.json");
    let settings = include_str!("../local-stack/replay-bench/.npmrc");
    cache::tool("replay-bench-node", &[manifest, lock, settings, &node.version], |folder, held| {
        for (file, text) in [("package.json", manifest), ("package-lock.json", lock), (".npmrc", settings)] {
            fs::write(folder.join(file), text)?;
        }
        node.install(folder, held)
    })
}

/// The version of a crate in the workspace's lock file.
fn locked_version(name: &str) -> anyhow::Result<String> {
    let lock = fs::read_to_string(crate::clone().join("Cargo.lock")).context("reading Cargo.lock")?;
    let rest = lock.split_once(&format!("name = \"{name}\"\nversion = \"")).context("a crate that is not locked")?.1;
    Ok(rest.split('"').next().unwrap_or_default().to_owned())
}
