//! Running other programs, saying what runs and how long it took. Everything of ours goes to standard error.
#![expect(clippy::print_stderr, reason = "the output of this command-line tool")]

use std::{
    env,
    ffi::OsStr,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, ExitCode, ExitStatus, Stdio},
    time::Instant,
};

/// The exit code for wrong usage.
pub(crate) const USAGE_ERROR: u8 = 2;

/// A program that did not do its work, or could not be started.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    what: String,
    code: u8,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), code: 1 }
    }

    /// For something that was asked for in the wrong way.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self { what: what.into(), code: USAGE_ERROR }
    }

    /// Says what failed; the exit code is that of the program that failed.
    pub(crate) fn report(&self) -> ExitCode {
        if !self.what.is_empty() {
            eprintln!("xtask: {}", self.what);
        }
        ExitCode::from(self.code)
    }
}

/// Prints a text for people.
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

/// Runs a program with a headline before and its time after.
pub(crate) fn step(what: &str, command: &mut Command) -> Result<(), Failure> {
    eprintln!("── {what}");
    let start = Instant::now();
    let status = command.status().map_err(|error| not_started(command, &error))?;
    finish(what, start, status)
}

/// Like [`step`], and keeps the lines of the program's standard output that `keep` wants, while all of them are shown.
pub(crate) fn step_keeping(
    what: &str,
    command: &mut Command,
    keep: impl Fn(&str) -> bool,
    kept: &mut Vec<String>,
) -> Result<(), Failure> {
    eprintln!("── {what}");
    let start = Instant::now();
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| not_started(command, &error))?;
    let output = child.stdout.take().ok_or_else(|| Failure::new(format!("`{what}` has no output")))?;
    for line in BufReader::new(output).lines() {
        let line = line.map_err(|error| Failure::new(format!("cannot read the output of `{what}`: {error}")))?;
        eprintln!("{line}");
        if keep(&line) {
            kept.push(line);
        }
    }
    let status = child.wait().map_err(|error| not_started(command, &error))?;
    finish(what, start, status)
}

/// Runs a program that speaks for itself; its exit code becomes ours.
pub(crate) fn hand_over(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().map_err(|error| not_started(command, &error))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure { what: String::new(), code: status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1) })
}

/// Runs a program and gives back its standard output.
pub(crate) fn output_of(command: &mut Command) -> Result<String, Failure> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| not_started(command, &error))?;
    if !output.status.success() {
        return Err(Failure::new(format!("`{}` ended with {}", command.get_program().display(), output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn finish(what: &str, start: Instant, status: ExitStatus) -> Result<(), Failure> {
    let took = start.elapsed().as_secs_f32();
    if status.success() {
        eprintln!("── {what}: done in {took:.1} s");
        return Ok(());
    }
    Err(Failure::new(format!("{what} failed after {took:.1} s ({status})")))
}

fn not_started(command: &Command, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot run `{}`: {error}; is it installed?", command.get_program().display()))
}

/// The root of the clone.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned()
}

/// The cargo that runs us, without what it has told us about our own package.
///
/// The build scripts of `ring` look at those variables: passed on, they would build it, and all that stands on it, anew each time.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    let about_us =
        |name: &OsStr| ["CARGO_MANIFEST_", "CARGO_PKG_"].iter().any(|start| name.to_string_lossy().starts_with(start));
    for (name, _) in env::vars_os().filter(|(name, _)| about_us(name)) {
        command.env_remove(name);
    }
    command
}

/// A program that runs in the folder `infra`.
pub(crate) fn in_infra(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root().join("infra"));
    command
}

/// One build for everything: functions, demo and tests share the profile, so nothing is compiled twice.
pub(crate) fn build() -> Result<(), Failure> {
    step("building", cargo().args(["build", "--workspace", "--exclude", "xtask", "--bins"]))
}

/// A binary of this workspace, which lies where we lie.
pub(crate) fn program(name: &str) -> Result<Command, Failure> {
    let ours = env::current_exe().map_err(|error| Failure::new(format!("cannot find the target folder: {error}")))?;
    Ok(Command::new(ours.with_file_name(name)))
}
