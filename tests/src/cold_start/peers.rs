//! The producer, and triggers for the same job as other people would write them: see `bench/peers/producer/`.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;
use serde::Serialize;

use super::{Function, PutEvents};
use crate::{
    CREDENTIAL, REGION, cache, clone, pipeline,
    run::Run,
    toolbox::{self, Node, Python, succeed},
};

/// Files with the authorities that the system trusts, as the distributions have them.
const SYSTEM_AUTHORITIES: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// The size of a zip says what a deployment uploads, so it is made as that one is.
const ZIP: &str = "infra/zip-function.py";

/// What publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Program {
    /// As `cargo xtask package` builds it.
    Producer,
    /// The same, with the connection opened by the first event: see `producer/examples/handshake_at_first_use.rs`.
    FirstUse,
    /// The same source with the profile of the consumer.
    ForSpeed,
    /// boto3, under the Runtime API client that Lambda itself runs.
    Python,
    /// The AWS SDK for JavaScript, bundled.
    Node,
    /// After AWS's own example, every default as it is.
    Rust,
}

/// All of them, installed and built.
pub struct Programs {
    python: Python,
    node: Node,
    python_folder: PathBuf,
    node_folder: PathBuf,
    producer: PathBuf,
    first_use: PathBuf,
    for_speed: PathBuf,
    rust: PathBuf,
    run: Run,
}

impl Programs {
    /// Installs Python's and Node's packages into the cache folder if need be, and builds the rest.
    ///
    /// # Errors
    ///
    /// Python or Node.js is missing, a package cannot be installed, or a build fails.
    pub fn prepare() -> anyhow::Result<Self> {
        let (python, node) = (toolbox::python()?, toolbox::node()?);
        let [producer, first_use] = pipeline::build_producer("trigger")?;
        let [for_speed, _] = pipeline::build_producer("release")?;
        Ok(Self {
            python_folder: install_python(&python).context("installing boto3")?,
            node_folder: install_node(&node).context("installing the AWS SDK for JavaScript")?,
            producer,
            first_use,
            for_speed,
            rust: pipeline::build_apart(
                &sources().join("rust/Cargo.toml"),
                &clone().join("target/peers/producer"),
                "producer-after-aws-example",
            )?,
            run: Run::create()?,
            python,
            node,
        })
    }

    /// How a program is started, to publish to this endpoint.
    ///
    /// Each trusts what it trusts by default, and the endpoint's authority besides: reading certificates is part of a cold start.
    ///
    /// # Errors
    ///
    /// What it trusts cannot be written down.
    pub fn function(&self, program: Program, endpoint: &PutEvents) -> anyhow::Result<Function> {
        let set = |name: &str, value: OsString| (name.to_owned(), value);
        let mut variables = vec![
            set("AWS_ENDPOINT_URL", endpoint.url().into()),
            set("AWS_REGION", REGION.into()),
            set("AWS_DEFAULT_REGION", REGION.into()),
            set("AWS_ACCESS_KEY_ID", CREDENTIAL.into()),
            set("AWS_SECRET_ACCESS_KEY", CREDENTIAL.into()),
            set("AWS_SESSION_TOKEN", CREDENTIAL.into()),
            set("EVENT_BUS_NAME", "bus".into()),
            set("FALLBACK_QUEUE_URL", format!("{}/123456789012/queue", endpoint.url()).into()),
        ];
        let (command, mut more) = match program {
            Program::Producer => (vec![self.producer.clone()], self.trusted_by_the_producer(endpoint)?),
            Program::FirstUse => (vec![self.first_use.clone()], self.trusted_by_the_producer(endpoint)?),
            Program::ForSpeed => (vec![self.for_speed.clone()], self.trusted_by_the_producer(endpoint)?),
            Program::Rust => {
                let system = SYSTEM_AUTHORITIES.into_iter().map(PathBuf::from).find(|file| file.exists());
                let bundle = self.bundle("system.pem", system.as_deref(), endpoint)?;
                (vec![self.rust.clone()], vec![set("SSL_CERT_FILE", bundle)])
            }
            Program::Python => {
                let own = self.site_packages().join("botocore/cacert.pem");
                let command = vec![self.interpreter(), "-m".into(), "awslambdaric".into(), "handler.handler".into()];
                let variables = vec![
                    set("AWS_CA_BUNDLE", self.bundle("botocore.pem", Some(&own), endpoint)?),
                    set("PYTHONPATH", sources().join("python").into()),
                    set("PYTHONDONTWRITEBYTECODE", "1".into()),
                ];
                (command, variables)
            }
            Program::Node => {
                let command =
                    vec![self.node.executable.clone(), sources().join("node/runtime.mjs"), self.node_bundle()];
                let variables = vec![
                    set("NODE_EXTRA_CA_CERTS", endpoint.authority().into()),
                    // Writing down that Node.js 20 is old would count as work.
                    set("AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED", "true".into()),
                ];
                (command, variables)
            }
        };
        variables.append(&mut more);
        Ok(Function { command: command.into_iter().map(OsString::from).collect(), variables })
    }

    /// What a deployment uploads, in bytes. Python's libraries are there already: Lambda's own Python has boto3.
    ///
    /// # Errors
    ///
    /// It cannot be packed.
    pub fn zip_bytes(&self, program: Program) -> anyhow::Result<u64> {
        let file = match program {
            Program::Producer => self.producer.clone(),
            Program::FirstUse => self.first_use.clone(),
            Program::ForSpeed => self.for_speed.clone(),
            Program::Rust => self.rust.clone(),
            Program::Python => sources().join("python/handler.py"),
            Program::Node => self.node_bundle(),
        };
        let zip = self.run.folder().join("function.zip");
        succeed(Command::new(&self.python.executable).arg("-I").arg(clone().join(ZIP)).args([&file, &zip]))?;
        Ok(fs::metadata(&zip)?.len())
    }

    /// What the programs are made of, each with its version.
    ///
    /// # Errors
    ///
    /// A lock file of ours does not say one.
    pub fn versions(&self) -> anyhow::Result<Vec<(String, String)>> {
        let rust = fs::read_to_string(sources().join("rust/Cargo.lock"))?;
        let crates = ["lambda_runtime", "aws-sdk-eventbridge", "aws-config"];
        let mut versions: Vec<(String, String)> = Vec::new();
        for name in crates {
            let start = format!("name = \"{name}\"\nversion = \"");
            versions.push((format!("{name} (Rust)"), between(&rust, &start, "\"").context(name)?));
        }
        let python = include_str!("../../bench/peers/producer/python/python.lock");
        for name in ["boto3", "botocore", "awslambdaric"] {
            versions.push((name.to_owned(), between(python, &format!("\n{name}=="), " ").context(name)?));
        }
        versions.push(("Python".to_owned(), self.python.version.clone()));
        let node: serde_json::Value = serde_json::from_str(NODE_LOCK)?;
        for name in ["@aws-sdk/client-eventbridge", "esbuild"] {
            let package = node.get("packages").and_then(|all| all.get(format!("node_modules/{name}")));
            let version = package.and_then(|package| package.get("version")?.as_str()).context(name)?;
            versions.push((name.to_owned(), version.to_owned()));
        }
        versions.push(("Node.js".to_owned(), self.node.version.clone()));
        Ok(versions)
    }

    fn trusted_by_the_producer(&self, endpoint: &PutEvents) -> anyhow::Result<Vec<(String, OsString)>> {
        let own = clone().join("libs/aws-runtime/roots/amazon-trust-services.pem");
        Ok(vec![("AWS_CA_BUNDLE".to_owned(), self.bundle("amazon.pem", Some(&own), endpoint)?)])
    }

    /// A file with these authorities, and the endpoint's.
    fn bundle(&self, name: &str, own: Option<&Path>, endpoint: &PutEvents) -> anyhow::Result<OsString> {
        let own = own.map(fs::read).transpose().context("reading what a program trusts")?.unwrap_or_default();
        let path = self.run.folder().join(name);
        fs::write(&path, [own, fs::read(endpoint.authority())?].concat())?;
        Ok(path.into())
    }

    fn interpreter(&self) -> PathBuf {
        self.python_folder.join("venv/bin/python")
    }

    fn site_packages(&self) -> PathBuf {
        self.python_folder.join(format!("venv/lib/python{}/site-packages", self.python.version))
    }

    fn node_bundle(&self) -> PathBuf {
        self.node_folder.join(BUNDLE)
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        self.run.remove();
    }
}

const NODE_LOCK: &str = include_str!("../../bench/peers/producer/node/package-lock.json");

/// The handler and its SDK in one file.
const BUNDLE: &str = "handler.cjs";

/// Where the peers' sources and lock files are.
fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/peers/producer")
}

fn install_python(python: &Python) -> anyhow::Result<PathBuf> {
    let lock = include_str!("../../bench/peers/producer/python/python.lock");
    let file = sources().join("python/python.lock");
    cache::tool("producer-bench-python", &[lock, &python.version], |folder, held| {
        python.install(&file.to_string_lossy(), folder, held)
    })
}

fn install_node(node: &Node) -> anyhow::Result<PathBuf> {
    let manifest = include_str!("../../bench/peers/producer/node/package.json");
    let handler = include_str!("../../bench/peers/producer/node/handler.mjs");
    cache::tool("producer-bench-node", &[manifest, NODE_LOCK, handler, &node.version], |folder, held| {
        for (file, text) in [("package.json", manifest), ("package-lock.json", NODE_LOCK), ("handler.mjs", handler)] {
            fs::write(folder.join(file), text)?;
        }
        node.install(folder, held)?;
        let mut esbuild = Command::new(&node.executable);
        esbuild.arg(folder.join("node_modules/esbuild/bin/esbuild")).arg(folder.join("handler.mjs"));
        esbuild.args(["--bundle", "--minify", "--platform=node", "--target=node20", "--log-level=warning"]);
        held.run(esbuild.arg(format!("--outfile={}", folder.join(BUNDLE).display()))).context("bundling the handler")
    })
}

fn between(text: &str, start: &str, end: &str) -> Option<String> {
    text.split_once(start)?.1.split_once(end).map(|(found, _)| found.to_owned())
}
