//! A stack that stays up between commands: `up` starts a process that holds it, `down` ends that process.
//!
//! The holder has a lock for as long as it lives, so a process id is never taken for somebody else's. Each clone has one.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::loopback::wait_until;
use crate::stack::{Options, Stack};
use crate::{cache, clone, run};

/// The argument that turns the command into the holder.
pub const HOLD: &str = "hold";

/// What the holder writes once the stack is ready.
const READY: &str = "ready";

/// Time for a start that another `up` has begun: installing everything takes about 4 minutes.
const START_LIMIT: Duration = Duration::from_mins(15);

/// Time for everything to stop. It takes well under 1 s, and a few if a deployment has to be deleted.
const STOP_LIMIT: Duration = Duration::from_secs(90);

/// The stack that stands, as the holder writes it down.
#[derive(Debug, Deserialize, Serialize)]
pub struct Standing {
    /// Environment variables for everything that is to use it.
    pub environment: Vec<(String, String)>,
    /// The folder of the services' logs.
    pub logs: PathBuf,
    run: PathBuf,
}

/// What [`up`] found.
#[derive(Debug)]
pub enum Up {
    /// It was down and was started.
    Started(Standing),
    /// It was up already.
    AlreadyUp(Standing),
}

/// What [`down`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Down {
    /// It was up and has stopped.
    Stopped,
    /// There was nothing to stop.
    AlreadyDown,
}

/// Starts a stack that outlives this process, or finds the one that is up.
///
/// `program` is the command that calls [`hold`] when its one argument is [`HOLD`]. Progress goes to `report`, a line each.
///
/// # Errors
///
/// The stack does not start; the reason is the one that [`Stack::start`] gives.
pub fn up(program: &Path, mut report: impl FnMut(&str)) -> anyhow::Result<Up> {
    let files = Files::of_this_clone()?;
    if files.held()? {
        let standing = wait_until("the stack that is being started is ready", START_LIMIT, || {
            if !files.held()? {
                bail!("the stack that was being started has failed; {}", files.log_hint());
            }
            Ok(files.standing())
        })?;
        return Ok(Up::AlreadyUp(standing));
    }
    let log = File::create(&files.log).with_context(|| format!("creating {}", files.log.display()))?;
    let mut holder = Command::new(program)
        .arg(HOLD)
        .process_group(0) // Ctrl-C after this command has ended is not for it
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .context("starting the process that holds the stack")?;
    if let Some(output) = holder.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line = line?;
            if line == READY {
                let standing = files.standing().context("the stack is ready, but has not written down where it is")?;
                return Ok(Up::Started(standing));
            }
            report(&line);
        }
    }
    holder.wait()?;
    let reason = fs::read_to_string(&files.log).unwrap_or_default();
    bail!("{}", reason.trim().trim_start_matches("error: "));
}

/// Stops the stack that is up and returns when nothing of it is left.
///
/// # Errors
///
/// It does not stop in time.
pub fn down() -> anyhow::Result<Down> {
    let files = Files::of_this_clone()?;
    if !files.held()? {
        return Ok(Down::AlreadyDown);
    }
    let standing = files.standing();
    let pid = fs::read_to_string(&files.lock).context("reading the holder's process id")?;
    let pid =
        pid.trim().parse().ok().and_then(Pid::from_raw).context("the holder has not written down its process id")?;
    // The holder has no handler: it dies, and the leash of each service does the rest.
    kill_process(pid, Signal::TERM).context("stopping the process that holds the stack")?;
    wait_until("the stack has stopped", STOP_LIMIT, || {
        let gone = standing.as_ref().is_none_or(|standing| !standing.run.exists());
        Ok((!files.held()? && gone).then_some(()))
    })?;
    // What is left describes nothing; the next `up` would remove it too.
    let _ = fs::remove_file(&files.standing);
    Ok(Down::Stopped)
}

/// Starts a stack, tells [`up`] about it, and holds it until this process is ended from outside.
///
/// # Errors
///
/// The stack does not start, or another holder is there already.
pub fn hold() -> anyhow::Result<()> {
    let files = Files::of_this_clone()?;
    let mut lock =
        File::options().create(true).truncate(false).write(true).open(&files.lock).context("opening the lock")?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => bail!("the stack is being started by another command"),
        Err(TryLockError::Error(error)) => return Err(error).context("locking"),
    }
    let _ = fs::remove_file(&files.standing); // of a holder that was killed
    lock.set_len(0)?;
    write!(lock, "{}", std::process::id()).context("writing down the process id")?;

    let console = Mutex::new(io::stdout());
    let tell = |line: &str| {
        let written = console.lock().map(|mut console| writeln!(console, "{line}").and_then(|()| console.flush()));
        if !matches!(written, Ok(Ok(()))) {
            // Whoever called `up` has given up; the leashes clean up after us.
            std::process::exit(1);
        }
    };
    let stack = Stack::start(&Options::default(), &|step| tell(&step.to_string()))?;
    let standing = Standing {
        environment: stack.environment().into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        logs: stack.logs.clone(),
        run: stack.folder().to_owned(),
    };
    // Written aside and renamed: nobody reads half of it.
    let unfinished = files.standing.with_extension("new");
    fs::write(&unfinished, serde_json::to_vec(&standing)?).context("writing down where the stack is")?;
    fs::rename(&unfinished, &files.standing).context("writing down where the stack is")?;
    tell(READY);
    loop {
        std::thread::park();
    }
}

/// The files by which the commands of one clone find each other.
struct Files {
    lock: PathBuf,
    standing: PathBuf,
    log: PathBuf,
}

impl Files {
    fn of_this_clone() -> anyhow::Result<Self> {
        let name = format!("up-{}", cache::fingerprint(&[&clone().to_string_lossy()]));
        let file = run::home()?.join(name);
        Ok(Self {
            lock: file.with_extension("lock"),
            standing: file.with_extension("json"),
            log: file.with_extension("log"),
        })
    }

    /// Whether a holder lives.
    fn held(&self) -> anyhow::Result<bool> {
        match File::open(&self.lock) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).context("opening the lock of the stack that stays up"),
            Ok(file) => match file.try_lock_shared() {
                Ok(()) => Ok(false),
                Err(TryLockError::WouldBlock) => Ok(true),
                Err(TryLockError::Error(error)) => Err(error).context("looking at the lock of the stack that stays up"),
            },
        }
    }

    fn standing(&self) -> Option<Standing> {
        serde_json::from_slice(&fs::read(&self.standing).ok()?).ok()
    }

    fn log_hint(&self) -> String {
        format!("its log is {}", self.log.display())
    }
}
