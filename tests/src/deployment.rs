//! A synthesized app as a stack in LocalStack: `deploy.py`, and what it is called with.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use serde::de::DeserializeOwned;

use crate::leash::{Leash, Service};
use crate::localstack::{self, LocalStack};
use crate::run::Run;
use crate::toolbox::Python;
use crate::{REGION, assets};

/// Seconds that LocalStack may take to delete the deployment once this process is gone. It takes about 2.
const DELETE_LIMIT: f32 = 60.0;

/// `deploy.py` for one LocalStack.
#[derive(Debug)]
pub(crate) struct Deployer {
    interpreter: PathBuf,
    environment: Vec<(String, OsString)>,
    folder: PathBuf,
}

impl Deployer {
    pub(crate) fn new(run: &Run, installation: &Path, localstack: &LocalStack) -> Self {
        let environment = vec![
            ("HOME".to_owned(), OsString::from(run.folder())), // no profile of the caller's
            ("AWS_ENDPOINT_URL".to_owned(), localstack.endpoint().into()),
            ("AWS_REGION".to_owned(), REGION.into()),
        ];
        Self { interpreter: localstack::interpreter(installation), environment, folder: run.folder().to_owned() }
    }

    /// Creates the stack, or updates it: `artifact` is its name in the synthesized app. All its functions run when this returns.
    ///
    /// # Errors
    ///
    /// What `deploy.py` says: the resources that failed, each with its reason.
    pub(crate) fn deploy<Outputs: DeserializeOwned>(
        &self,
        stack: &str,
        (assembly, artifact): (&Path, &str),
        parameters: &[(&str, String)],
    ) -> anyhow::Result<Outputs> {
        let mut arguments = vec!["deploy".into(), stack.into(), assembly.into(), artifact.into()];
        arguments.extend(parameters.iter().map(|(name, value)| OsString::from(format!("{name}={value}"))));
        let said = self.run(&arguments).context("the deployment failed")?;
        serde_json::from_str(&said).context("the deployed stack's outputs are not what the CDK app declares")
    }

    /// Deletes the stack, if there is one.
    ///
    /// # Errors
    ///
    /// What `deploy.py` says.
    pub(crate) fn delete(&self, stack: &str) -> anyhow::Result<()> {
        self.run(&["delete".into(), stack.into()]).context("the deletion failed").map(|_| ())
    }

    /// Deletes the stack when the leash is let go of, or when this process is gone.
    pub(crate) fn hold(&self, python: &Python, run: &Run, stack: &str) -> anyhow::Result<Leash> {
        let service = Service {
            name: "deployment",
            command: self.command(&["hold".into(), stack.into()]),
            environment: self.environment.clone(),
            folder: self.folder.clone(),
            account: None,
            stop: ("SIGTERM", DELETE_LIMIT),
        };
        Leash::start(python, run, service)
    }

    fn command(&self, arguments: &[OsString]) -> Vec<OsString> {
        let script = assets().join("deploy.py");
        let mut command = vec![self.interpreter.clone().into(), "-I".into(), script.into()];
        command.extend_from_slice(arguments);
        command
    }

    /// What the script writes to its output, or, as an error, what it says is wrong.
    fn run(&self, arguments: &[OsString]) -> anyhow::Result<String> {
        let mut command = self.command(arguments).into_iter();
        let output = Command::new(command.next().context("a command without a program")?)
            .args(command)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .output()
            .context("running deploy.py")?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        String::from_utf8(output.stdout).context("deploy.py does not write text")
    }
}
