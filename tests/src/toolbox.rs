//! The tools a machine must have, found or refused with a sentence that says what to install.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, bail};

use crate::assets;
use crate::cache::Lock;

/// Pythons that `localstack.lock` was installed and run with, the fastest to start first.
const PYTHON_VERSIONS: [&str; 3] = ["3.13", "3.12", "3.11"];

/// The oldest Node.js that the CDK app and cognito-local run on.
const NODE_MAJOR: u32 = 20;

/// Prints the version, whether virtual environments can be made, and the interpreter behind a pyenv shim or a venv.
const PYTHON_PROBE: &str = "
import importlib.util, sys
print('%d.%d' % sys.version_info[:2])
print(all(importlib.util.find_spec(name) for name in ('venv', 'ensurepip')))
print(getattr(sys, '_base_executable', sys.executable))
";

/// A Python interpreter that LocalStack runs on.
#[derive(Clone, Debug)]
pub(crate) struct Python {
    pub(crate) executable: PathBuf,
    pub(crate) version: String,
}

/// A Node.js with its npm.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) executable: PathBuf,
    npm: PathBuf,
    pub(crate) version: String,
}

/// A user of this machine.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// The first suitable Python on the path, or `ROLLCALL_PYTHON`.
pub(crate) fn python() -> anyhow::Result<Python> {
    let candidates = match variable("ROLLCALL_PYTHON") {
        Some(chosen) => vec![chosen],
        None => PYTHON_VERSIONS
            .iter()
            .map(|version| format!("python{version}"))
            .chain(["python3".to_owned(), "python".to_owned()])
            .flat_map(|name| on_path(&name))
            .collect(),
    };
    first_suitable(candidates, probe_python).context(
        "no suitable Python: LocalStack needs Python 3.11, 3.12 or 3.13 with its `venv` module; \
         install one (on Debian: `apt-get install python3 python3-venv`) or name it in ROLLCALL_PYTHON",
    )
}

fn probe_python(executable: &Path) -> anyhow::Result<Python> {
    let text = stdout_of(Command::new(executable).args(["-I", "-c", PYTHON_PROBE]))?;
    let mut lines = text.lines();
    let (Some(version), Some(can_make_venv), Some(base)) = (lines.next(), lines.next(), lines.next()) else {
        bail!("answered nothing sensible");
    };
    if !PYTHON_VERSIONS.contains(&version) {
        bail!("is version {version}");
    }
    if can_make_venv != "True" {
        bail!("has no `venv` module");
    }
    Ok(Python { executable: PathBuf::from(base), version: version.to_owned() })
}

/// The first suitable Node.js on the path.
pub(crate) fn node() -> anyhow::Result<Node> {
    let node = first_suitable(on_path("node"), probe_node).context(
        "no suitable Node.js: the CDK app and cognito-local need version 20 or newer; \
         install it with its npm from your distribution or from nodejs.org",
    )?;
    let npm =
        first_suitable(on_path("npm"), |npm| stdout_of(Command::new(npm).arg("--version")).map(|_| npm.to_owned()))
            .with_context(|| {
                format!("no working npm beside {}: install it (on Debian: `apt-get install npm`)", node.0.display())
            })?;
    Ok(Node { executable: node.0, npm, version: node.1 })
}

fn probe_node(executable: &Path) -> anyhow::Result<(PathBuf, String)> {
    let version = stdout_of(Command::new(executable).arg("--version"))?.trim().trim_start_matches('v').to_owned();
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    match major {
        Some(major) if major >= NODE_MAJOR => Ok((executable.to_owned(), version)),
        _ => bail!("is version {version}"),
    }
}

impl Python {
    /// Installs exactly what a lock file of ours says into `folder/venv`, without looking for dependencies, and checks that none is missing.
    pub(crate) fn install(&self, lock_file: &str, folder: &Path, held: &Lock) -> anyhow::Result<()> {
        let environment = folder.join("venv");
        held.run(Command::new(&self.executable).args(["-I", "-m", "venv"]).arg(&environment))
            .context("making a virtual environment (on Debian this needs `apt-get install python3-venv`)")?;
        let pip = |arguments: &[&str]| {
            let mut command = Command::new(environment.join("bin/python"));
            command.args(["-I", "-m", "pip", "--disable-pip-version-check", "--no-input"]).args(arguments);
            held.run(command.current_dir(assets()))
        };
        pip(&["install", "--quiet", "--no-deps", "-r", lock_file])?;
        pip(&["check"])
    }
}

impl Node {
    /// Installs exactly what the folder's lock file says, without running the packages' scripts.
    pub(crate) fn install(&self, folder: &Path, lock: &Lock) -> anyhow::Result<()> {
        let mut command = Command::new(&self.npm);
        command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder);
        lock.run(&mut command)
    }
}

/// Who Postgres runs as. None: as this process; root is the one user that Postgres refuses.
pub(crate) fn unprivileged_account() -> anyhow::Result<Option<Account>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").context("reading /etc/passwd")?;
    let account = ["postgres", "nobody"].into_iter().find_map(|name| account(&users, name));
    account
        .map(Some)
        .context("Postgres refuses to run as root, and this machine has neither a user `postgres` nor `nobody`")
}

fn account(users: &str, name: &str) -> Option<Account> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (found, _password, uid, gid) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        (found == name).then_some(())?;
        Some(Account { uid: uid.parse().ok()?, gid: gid.parse().ok()? })
    })
}

/// The files of that name in the folders of PATH.
pub(crate) fn on_path(name: &str) -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join(name)).filter(|file| file.is_file()).collect()
}

/// What the first candidate gives that has no error; otherwise all of their errors.
pub(crate) fn first_suitable<T>(
    candidates: Vec<PathBuf>,
    probe: impl Fn(&Path) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut refused = Vec::new();
    for candidate in candidates {
        match probe(&candidate) {
            Ok(found) => return Ok(found),
            Err(reason) => refused.push(format!("{} {reason:#}", candidate.display())),
        }
    }
    if refused.is_empty() {
        bail!("there is none on the path");
    }
    bail!("found, but: {}", refused.join("; "));
}

/// Runs a command to its end and returns its output; its error output is in the error.
pub(crate) fn succeed(command: &mut Command) -> anyhow::Result<Output> {
    let output = command.output().with_context(|| format!("could not run {}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = [&output.stderr, &output.stdout].map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned());
    let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    bail!(
        "`{} {}` ended with {}:\n{}",
        command.get_program().display(),
        arguments.join(" "),
        output.status,
        said.join("\n").trim()
    );
}

fn stdout_of(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().context("could not be run")?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        bail!("does not work: {}", reason.lines().next().unwrap_or("no reason given"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

pub(crate) fn variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}
