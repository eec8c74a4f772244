//! One tool, run as a process and measured. The other half is `local-stack/measure.py`.

use std::{
    ffi::OsString,
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, ensure};
use serde::Deserialize;
use uuid::Uuid;

use super::Peers;
use crate::{CREDENTIAL, assets, run::Run, toolbox::succeed};

/// How much of a tool's output an error shows, in characters.
const TAIL: usize = 600;

/// What a process took.
#[derive(Clone, Debug, Deserialize)]
pub struct Usage {
    /// Wall-clock time from just before its start to its end, in seconds.
    pub seconds: f64,
    /// User and system time of all its threads, in seconds.
    pub processor_seconds: f64,
    /// Largest resident set, in KiB.
    pub peak_kib: u64,
    /// Exit code; -N after signal N.
    pub exit: i32,
    timed_out: bool,
    /// The end of its output if it failed, else nothing.
    #[serde(skip)]
    pub said: String,
}

/// Runs tools, each with nothing of the caller's environment and a home folder of its own.
pub struct Measured<'a> {
    peers: &'a Peers,
    endpoint: String,
    region: String,
    limit: Duration,
    /// Holds the home folders; what a killed benchmark has left of them, the next run removes.
    run: Run,
}

impl<'a> Measured<'a> {
    /// For tools that talk to `endpoint` and are killed after `limit`.
    ///
    /// # Errors
    ///
    /// The folder for their home folders cannot be made.
    pub fn new(peers: &'a Peers, endpoint: &str, region: &str, limit: Duration) -> anyhow::Result<Self> {
        Ok(Self { peers, endpoint: endpoint.to_owned(), region: region.to_owned(), limit, run: Run::create()? })
    }

    /// Runs a tool to its end.
    ///
    /// Whatever exit code it has, this is a result; a tool that had to be killed is an error.
    ///
    /// # Errors
    ///
    /// It cannot be started, or does not end in time; the error has the end of its output.
    pub fn run(&self, command: &[OsString]) -> anyhow::Result<Usage> {
        let home = Home::within(&self.run)?;
        let log = home.0.join("output");
        let mut measure = Command::new(&self.peers.python.executable);
        measure
            .args(["-I", "-S"])
            .arg(assets().join("measure.py"))
            .arg("--log")
            .arg(&log)
            .args(["--limit", &self.limit.as_secs_f64().to_string(), "--"])
            .args(command)
            .env_clear()
            .envs(self.environment(&home))
            .current_dir(&home.0)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit());
        let output = measure.output().context("running measure.py")?;
        ensure!(output.status.success(), "measure.py ended with {}", output.status);
        let mut usage: Usage = serde_json::from_slice(&output.stdout).context("reading what measure.py says")?;
        ensure!(!usage.timed_out, "killed after {} s; its output ends with:\n{}", self.limit.as_secs(), home.tail());
        if usage.exit != 0 {
            usage.said = home.tail();
        }
        Ok(usage)
    }

    /// Runs a command of the bare client that is not measured, and gives back its output.
    ///
    /// # Errors
    ///
    /// It fails.
    pub fn unmeasured(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let home = Home::within(&self.run)?;
        let mut command = Command::new(self.peers.bare_client());
        command.args(arguments).env_clear().envs(self.environment(&home)).current_dir(&home.0);
        let output = succeed(command.stdin(Stdio::null()))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn environment(&self, home: &Home) -> Vec<(&'static str, OsString)> {
        vec![
            ("AWS_ENDPOINT_URL", (&self.endpoint).into()),
            ("AWS_REGION", (&self.region).into()),
            ("AWS_DEFAULT_REGION", (&self.region).into()),
            ("AWS_ACCESS_KEY_ID", CREDENTIAL.into()),
            ("AWS_SECRET_ACCESS_KEY", CREDENTIAL.into()),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
            ("AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE", "1".into()),
            // lumigo-cli would ask npm for a newer version of itself.
            ("SKIP_VERSION_CHECK", "1".into()),
            ("NODE_NO_WARNINGS", "1".into()),
            ("PYTHONDONTWRITEBYTECODE", "1".into()),
            ("HOME", (&home.0).into()),
            ("XDG_STATE_HOME", (&home.0).into()),
        ]
    }
}

impl Drop for Measured<'_> {
    fn drop(&mut self) {
        self.run.remove();
    }
}

/// A home folder for one process. It goes when this is dropped.
struct Home(PathBuf);

impl Home {
    fn within(run: &Run) -> anyhow::Result<Self> {
        run.subfolder(&Uuid::new_v4().simple().to_string()).map(Self)
    }

    fn tail(&self) -> String {
        let output = fs::read(self.0.join("output")).unwrap_or_default();
        let output = String::from_utf8_lossy(&output).trim().to_owned();
        output.chars().skip(output.chars().count().saturating_sub(TAIL)).collect()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // What cannot be removed goes with the run's folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}
