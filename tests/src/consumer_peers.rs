//! What the consumer is measured against: functions that do the same in Python, Node.js and Rust, and the least that a program can do.
//!
//! The sources and versions are in `bench/peers/consumer/`; nothing is looked up when the benchmark runs.
//! So is the program that plays Lambda: it is built for release, because it runs on the same cores as what it measures.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    CREDENTIAL, cache, clone, pipeline,
    run::Run,
    sqs_model::{ACCOUNT, REGION},
    toolbox::{self, Node, Python, succeed},
};

/// The folder of the sources, in the clone.
const FOLDER: &str = "tests/bench/peers/consumer";

/// The functions in Node.js lie beside their packages.
const NODE_FILES: [&str; 4] = ["package.json", "package-lock.json", "powertools-batch.mjs", "runtime.mjs"];

/// How much of a function's log an error shows, in characters.
const TAIL: usize = 800;

/// A program that makes rows of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The product, built for release.
    Consumer,
    /// Rows from memory, one `unnest` insert for each batch: the limit.
    BareLoop,
    /// A function that takes events and reads none of them: what Lambda around it takes.
    AnswerOnly,
    /// Events from memory, parsed and inserted without Lambda around it.
    ParseThenInsert,
    /// A function after AWS's examples for Rust.
    AwsExample,
    /// Powertools for Python and psycopg.
    Python,
    /// The same with a client of boto3.
    PythonBoto3,
    /// Powertools for `TypeScript` and pg.
    Node,
}

/// How a program is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Connected before it is measured.
    Warm,
    /// The same, with somebody in each batch whom the table refuses.
    OneBad,
    /// From the start of the process on.
    Cold,
}

/// What a run took.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Taken {
    /// From the first batch, handed out or begun, to the answer to the last one; with [`How::Cold`] from the start of the process.
    pub seconds: f64,
    /// User and system time of the process meanwhile.
    pub processor_seconds: f64,
    /// Largest resident set, in KiB.
    pub peak_kib: u64,
    /// Messages that came back.
    pub failed: u64,
}

/// The programs, installed and built.
pub struct ConsumerPeers {
    python: Python,
    node: Node,
    python_folder: PathBuf,
    node_folder: PathBuf,
    /// Where the programs in Rust are.
    rust_folder: PathBuf,
    consumer: PathBuf,
    /// Holds the functions' logs.
    run: Run,
}

impl ConsumerPeers {
    /// Installs the peers into the cache folder if need be, and builds the programs in Rust for release; the consumer too, unless there is one.
    ///
    /// # Errors
    ///
    /// Python or Node.js is missing, a package cannot be installed, or a build fails.
    pub fn prepare(consumer: Option<&Path>) -> anyhow::Result<Self> {
        let (python, node) = (toolbox::python()?, toolbox::node()?);
        Ok(Self {
            python_folder: install_python(&python).context("installing Powertools for Python and psycopg")?,
            node_folder: install_node(&node).context("installing Powertools for TypeScript and pg")?,
            rust_folder: build_rust().context("building the peers in Rust")?,
            consumer: match consumer {
                Some(built) => fs::canonicalize(built).with_context(|| built.display().to_string())?,
                None => pipeline::build_consumer_for_release()?,
            },
            python,
            node,
            run: Run::create()?,
        })
    }

    /// Runs a program with a database, and SQS at `sqs` for those that talk to it.
    ///
    /// # Errors
    ///
    /// It fails; the error has the end of its log.
    pub fn run(
        &self,
        peer: Peer,
        how: How,
        [batch, batches]: [u32; 2],
        database: &str,
        sqs: &str,
    ) -> anyhow::Result<Taken> {
        let (log, numbers) =
            (self.run.folder().join("function.log"), [batch, batches].map(|number| number.to_string()));
        let program = |name: &str| self.rust_folder.join(name);
        let mut command = match peer {
            Peer::BareLoop | Peer::ParseThenInsert => {
                ensure!(how == How::Warm, "{peer:?} is no function");
                let mut command =
                    Command::new(program(if peer == Peer::BareLoop { "bare_loop" } else { "parse_then_insert" }));
                command.args(&numbers);
                command
            }
            function => {
                let mut command = Command::new(program("lambda"));
                let how = match how {
                    How::Warm => "warm",
                    How::OneBad => "one-bad",
                    How::Cold => "cold",
                };
                command.args(&numbers).arg(how).arg(&log).args(self.function(function));
                command
            }
        };
        command.env_clear().envs(self.environment(database, sqs)).current_dir(self.run.folder()).stdin(Stdio::null());
        let output = succeed(&mut command).with_context(|| tail(&log))?;
        serde_json::from_slice(&output.stdout).context("reading what the run took")
    }

    /// A function with its arguments.
    fn function(&self, peer: Peer) -> Vec<PathBuf> {
        let python = |handler: &str| {
            vec![self.python_folder.join("venv/bin/python"), "-m".into(), "awslambdaric".into(), handler.into()]
        };
        match peer {
            Peer::Python => python("powertools_batch.lambda_handler"),
            Peer::PythonBoto3 => python("powertools_batch_boto3.lambda_handler"),
            Peer::Node => {
                let [runtime, function] =
                    ["runtime.mjs", "powertools-batch.mjs"].map(|file| self.node_folder.join(file));
                vec![self.node.executable.clone(), runtime, function]
            }
            Peer::AwsExample => vec![self.rust_folder.join("aws_example")],
            Peer::AnswerOnly => vec![self.rust_folder.join("answer_only")],
            _ => vec![self.consumer.clone()],
        }
    }

    /// What Lambda and the deployment say to each of them, and nothing of the caller's.
    fn environment(&self, database: &str, sqs: &str) -> Vec<(&'static str, String)> {
        let queue = |name: &str| format!("{sqs}/{ACCOUNT}/{name}");
        vec![
            ("DATABASE_URL", database.to_owned()),
            ("QUEUE_URL", queue(QUEUE)),
            ("DLQ_URL", queue(DEAD_LETTERS)),
            ("AWS_ENDPOINT_URL", sqs.to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", CREDENTIAL.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", CREDENTIAL.to_owned()),
            ("POWERTOOLS_SERVICE_NAME", "consumer".to_owned()),
            ("PYTHONPATH", clone().join(FOLDER).join("python").to_string_lossy().into_owned()),
            ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
            ("HOME", self.run.folder().to_string_lossy().into_owned()),
            ("PATH", env::var("PATH").unwrap_or_default()),
        ]
    }

    /// The tools with their versions, and what each of them runs on.
    ///
    /// # Errors
    ///
    /// A lock file or a package cannot be read.
    pub fn versions(&self) -> anyhow::Result<Vec<(String, String)>> {
        let source = |path: &str| fs::read_to_string(clone().join(FOLDER).join(path)).with_context(|| path.to_owned());
        let (python, rust) = (source("python/requirements.txt")?, source("rust/Cargo.lock")?);
        let after = |text: &str, start: &str| {
            let version = text.split_once(start).with_context(|| format!("{start} is not locked"))?.1;
            Ok::<_, anyhow::Error>(version.split(['"', ' ']).next().unwrap_or_default().to_owned())
        };
        let mut versions = Vec::new();
        for name in ["sqlx", "lambda_runtime"] {
            versions.push((name.to_owned(), after(&rust, &format!("name = \"{name}\"\nversion = \""))?));
        }
        versions.push(("Python".to_owned(), self.python.version.clone()));
        for name in ["aws-lambda-powertools", "psycopg", "awslambdaric", "boto3"] {
            versions.push((name.to_owned(), after(&python, &format!("{name}=="))?));
        }
        versions.push(("Node.js".to_owned(), self.node.version.clone()));
        for name in ["@aws-lambda-powertools/batch", "pg"] {
            let manifest = fs::read(self.node_folder.join("node_modules").join(name).join("package.json"))?;
            let manifest: Value = serde_json::from_slice(&manifest)?;
            let version = manifest.get("version").and_then(Value::as_str).context("a package without a version")?;
            versions.push((name.to_owned(), version.to_owned()));
        }
        Ok(versions)
    }
}

impl Drop for ConsumerPeers {
    fn drop(&mut self) {
        self.run.remove();
    }
}

/// The queues that the consumer is told.
pub const QUEUE: &str = "user-confirmed";
/// Where it puts whom the table refuses.
pub const DEAD_LETTERS: &str = "user-confirmed-dlq";

fn tail(log: &Path) -> String {
    let said = fs::read(log).unwrap_or_default();
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    let end: String = said.chars().skip(said.chars().count().saturating_sub(TAIL)).collect();
    format!("its log ends with:\n{end}")
}

fn install_python(python: &Python) -> anyhow::Result<PathBuf> {
    let lock = clone().join(FOLDER).join("python/requirements.txt");
    let text = fs::read_to_string(&lock).context("reading the lock file")?;
    cache::tool("consumer-bench-python", &[&text, &python.version], |folder, held| {
        python.install(&lock.to_string_lossy(), folder, held)
    })
}

fn install_node(node: &Node) -> anyhow::Result<PathBuf> {
    let source = clone().join(FOLDER).join("node");
    let read = |file: &str| fs::read_to_string(source.join(file)).with_context(|| format!("reading {file}"));
    let mut depends_on = NODE_FILES.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    depends_on.push(node.version.clone());
    let depends_on: Vec<&str> = depends_on.iter().map(String::as_str).collect();
    cache::tool("consumer-bench-node", &depends_on, |folder, held| {
        for file in NODE_FILES {
            fs::copy(source.join(file), folder.join(file))?;
        }
        node.install(folder, held)
    })
}

/// Built from its own lock file and outside of the workspace, so that neither has to wait for the other's features.
fn build_rust() -> anyhow::Result<PathBuf> {
    let target = clone().join("target/consumer-peers");
    let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--quiet", "--release", "--locked", "--target-dir"]).arg(&target);
    succeed(build.current_dir(clone().join(FOLDER).join("rust")))?;
    Ok(target.join("release"))
}
