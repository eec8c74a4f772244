//! The real `dlq-replayer` as a process, with an environment of its own.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use anyhow::{Context, anyhow};
use uuid::Uuid;

use crate::{CREDENTIAL, pipeline};

/// Where the binary is, built by the first that asks.
fn binary() -> anyhow::Result<&'static PathBuf> {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let build = || pipeline::binary("dlq-replayer").map_err(|error| format!("{error:#}"));
    BINARY.get_or_init(build).as_ref().map_err(|why| anyhow!("{why}"))
}

/// A person with a terminal of their own: an endpoint, credentials, and a state folder that goes with the value.
pub struct Replayer {
    endpoint: String,
    region: String,
    state: PathBuf,
}

impl Said {
    /// What a person sees in the terminal.
    pub fn text(&self) -> String {
        format!("{}{}", self.out, self.err)
    }
}

/// What a finished process has said.
#[derive(Debug)]
pub struct Said {
    /// Its exit code; -1 when a signal ended it.
    pub code: i32,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Replayer {
    /// One who talks to `endpoint`.
    pub fn new(endpoint: &str, region: &str) -> Self {
        let state = std::env::temp_dir().join(format!("rollcall-replayer-{}", Uuid::new_v4().simple()));
        Self { endpoint: endpoint.to_owned(), region: region.to_owned(), state }
    }

    /// The same person, with the same journals, at another endpoint.
    #[must_use]
    pub fn at(mut self, endpoint: &str) -> Self {
        endpoint.clone_into(&mut self.endpoint);
        self
    }

    /// The operator's home folder, which need not exist yet.
    pub fn home(&self) -> &Path {
        &self.state
    }

    /// The folder that the journals are in.
    pub fn journals(&self) -> PathBuf {
        self.state.join("dlq-replayer")
    }

    /// The command, not started; nothing of this process's environment is in it.
    ///
    /// # Errors
    ///
    /// The binary cannot be built.
    pub fn command(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(binary()?);
        command
            .args(arguments)
            .env_clear()
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_REGION", &self.region)
            .env("AWS_ACCESS_KEY_ID", CREDENTIAL)
            .env("AWS_SECRET_ACCESS_KEY", CREDENTIAL)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("HOME", &self.state)
            .env("XDG_STATE_HOME", &self.state)
            .stdin(Stdio::null());
        Ok(command)
    }

    /// Runs it to its end.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub fn run(&self, arguments: &[&str]) -> anyhow::Result<Said> {
        Self::finish(self.command(arguments)?)
    }

    /// Runs a command of [`Replayer::command`] to its end.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub fn finish(mut command: Command) -> anyhow::Result<Said> {
        let output = command.output().context("running dlq-replayer")?;
        Ok(Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}

impl Drop for Replayer {
    fn drop(&mut self) {
        // What cannot be removed lies in the temporary folder.
        let _ = std::fs::remove_dir_all(&self.state);
    }
}
