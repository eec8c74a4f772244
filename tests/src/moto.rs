//! moto: a Cognito whose `UpdateUserPool` resets what it is not sent, as the real one does; and the service model of botocore that comes with it.

pub mod person;
pub mod pool;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, anyhow};
use serde_json::Value;

use crate::cache;
use crate::leash::{Leash, Service};
use crate::loopback::{call_json, free_port, get, wait_until};
use crate::run::Run;
use crate::toolbox::{Python, python, succeed};

/// Time from its start until moto answers. It takes 1–2 s.
const READY_LIMIT: Duration = Duration::from_mins(1);

/// Prints what botocore knows about Cognito user pools.
const MODEL: &str = "
import gzip, pathlib, sys, botocore
versions = sorted((pathlib.Path(botocore.__file__).parent / 'data/cognito-idp').iterdir())
sys.stdout.buffer.write(gzip.decompress((versions[-1] / 'service-2.json.gz').read_bytes()))
";

/// A running moto. It stops when this is dropped, and everything it knew goes.
#[derive(Debug)]
pub struct Moto {
    endpoint: String,
    run: Run,
    leash: Leash,
}

impl Moto {
    /// The one that all tests of a process share, started by the first that asks. Each makes pools of its own.
    ///
    /// # Errors
    ///
    /// It could not be started; each test that asks hears why.
    pub fn shared() -> anyhow::Result<&'static Self> {
        static SHARED: OnceLock<Result<Moto, String>> = OnceLock::new();
        SHARED
            .get_or_init(|| Self::start().map_err(|error| format!("{error:#}")))
            .as_ref()
            .map_err(|reason| anyhow!("moto did not start: {reason}"))
    }

    /// Starts one.
    ///
    /// # Errors
    ///
    /// Python is missing, or moto cannot be installed or does not start.
    fn start() -> anyhow::Result<Self> {
        let python = python()?;
        let (run, port) = (Run::create()?, free_port()?);
        let command =
            [interpreter(&python)?, "-m".into(), "moto.server".into(), "-H".into(), "127.0.0.1".into(), "-p".into()];
        let service = Service {
            name: "moto",
            command: command.into_iter().map(OsString::from).chain([port.to_string().into()]).collect(),
            environment: vec![
                ("HOME".into(), run.folder().into()),
                ("PYTHONDONTWRITEBYTECODE".into(), "1".into()),
                ("LANG".into(), "C.UTF-8".into()),
            ],
            folder: run.folder().to_owned(),
            account: None,
            stop: ("SIGKILL", 0.0), // everything is in memory and worth nothing
        };
        let leash = Leash::start(&python, &run, service)?;
        let endpoint = format!("http://127.0.0.1:{port}");
        wait_until("moto answers", READY_LIMIT, || {
            leash.check(&run)?;
            Ok(get(&format!("{endpoint}/moto-api/")).ok())
        })
        .with_context(|| run.explain("moto"))?;
        // Another process may have taken the port and answered in its place.
        leash.check(&run)?;
        Ok(Self { endpoint, run, leash })
    }

    /// Where it answers.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Calls an operation of Cognito user pools.
    ///
    /// # Errors
    ///
    /// Whatever moto says.
    pub fn call(&self, operation: &str, request: &Value) -> anyhow::Result<Value> {
        call_json(&self.endpoint, &format!("AWSCognitoIdentityProviderService.{operation}"), request)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.leash.stop();
        self.run.remove();
    }
}

/// The API of Cognito user pools as botocore, AWS's Python SDK, describes it: operations and shapes.
///
/// # Errors
///
/// Python is missing, or moto cannot be installed.
pub fn user_pool_model() -> anyhow::Result<Value> {
    let output = succeed(Command::new(interpreter(&python()?)?).args(["-I", "-c", MODEL]))?;
    serde_json::from_slice(&output.stdout).context("reading botocore's model of Cognito user pools")
}

/// The Python of moto's virtual environment, which is installed once.
fn interpreter(python: &Python) -> anyhow::Result<PathBuf> {
    let lock = include_str!("../local-stack/moto.lock");
    let installed =
        cache::tool("moto", &[lock, &python.version], |folder: &Path, held| python.install("moto.lock", folder, held));
    Ok(installed.context("installing moto")?.join("venv/bin/python"))
}
