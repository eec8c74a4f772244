//! Starts services so that none outlives this process, however it ends. The other half is `local-stack/leash.py`.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::assets;
use crate::run::Run;
use crate::toolbox::{Account, Python};

/// What to start and how to stop it.
pub(crate) struct Service<'a> {
    /// Names its log.
    pub(crate) name: &'static str,
    pub(crate) command: Vec<OsString>,
    /// All of its environment.
    pub(crate) environment: Vec<(String, OsString)>,
    pub(crate) folder: PathBuf,
    /// Who it runs as, if not as this process.
    pub(crate) account: Option<&'a Account>,
    /// The signal that asks it to stop, by name, and the seconds until SIGKILL.
    pub(crate) stop: (&'static str, f32),
}

/// Holds a running service. Dropping it stops the service and waits until it is gone.
#[derive(Debug)]
pub(crate) struct Leash {
    name: &'static str,
    pid: Pid,
    /// Closing this end of the pipe is what stops the service; the kernel does it when this process dies.
    grip: Mutex<Option<ChildStdin>>,
    process: Mutex<Child>,
}

impl Leash {
    /// Starts a service. It runs when this returns, but need not be ready.
    pub(crate) fn start(python: &Python, run: &Run, service: Service<'_>) -> anyhow::Result<Self> {
        let name = service.name;
        let (signal, grace) = service.stop;
        let log = run.log(name);
        let errors = OpenOptions::new().create(true).append(true).open(&log).context("opening the service's log")?;
        let mut command = Command::new(&python.executable);
        command
            .args(["-I", "-S"])
            .arg(assets().join("leash.py"))
            .arg("--run")
            .arg(run.folder())
            .arg("--log")
            .arg(&log)
            .args(["--stop-signal", signal, "--grace", &grace.to_string()]);
        if let Some(account) = service.account {
            command.args(["--user", &format!("{}:{}", account.uid, account.gid)]);
        }
        let mut process = command
            .arg("--")
            .args(service.command)
            .env_clear()
            .envs(service.environment)
            .current_dir(service.folder)
            .process_group(0) // a terminal's Ctrl-C is for the owner; the leash then reads the end of the file
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .with_context(|| format!("starting {} to run {name}", python.executable.display()))?;

        let grip = process.stdin.take();
        let mut line = String::new();
        if let Some(stdout) = process.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).context("reading the service's process id")?;
        }
        let Some(pid) = line.trim().parse().ok().and_then(Pid::from_raw) else {
            bail!("{name} could not be started; {}", run.explain(name));
        };
        Ok(Self { name, pid, grip: Mutex::new(grip), process: Mutex::new(process) })
    }

    /// The process id of the service itself.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Fails if the service has ended.
    pub(crate) fn check(&self, run: &Run) -> anyhow::Result<()> {
        match locked(&self.process).try_wait()? {
            None => Ok(()),
            Some(_) => bail!("{} has ended; {}", self.name, run.explain(self.name)),
        }
    }

    pub(crate) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        kill_process(self.pid, signal).with_context(|| format!("sending {signal:?} to {}", self.name))
    }

    /// Lets the service stop and does not wait.
    pub(crate) fn release(&self) {
        locked(&self.grip).take();
    }

    /// Stops the service and waits until it and everything it has started is gone.
    pub(crate) fn stop(&self) {
        self.release();
        // The only failure is that there is nothing to wait for.
        let _ = locked(&self.process).wait();
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A thread that panicked with this lock has left nothing half done: both contents are plain handles.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::loopback::wait_until;
    use crate::toolbox::python;

    /// Time for a process to vanish; the kernel needs milliseconds.
    const GONE_LIMIT: Duration = Duration::from_secs(10);

    /// Starts a child in a session of its own, where no signal to a group or session finds it, and says their ids.
    const FAMILY: &str = "setsid sleep 1000 & echo $! >child; echo $$ >parent; mv child parent $PIDS; wait";

    fn family(run: &Run, shell: &str) -> (Leash, [i32; 2]) {
        let pids = run.subfolder("pids").unwrap();
        let service = Service {
            name: "family",
            command: ["/bin/sh", "-c", shell].map(OsString::from).to_vec(),
            environment: vec![("PATH".into(), "/usr/bin:/bin".into()), ("PIDS".into(), pids.clone().into())],
            folder: run.folder().to_owned(),
            account: None,
            stop: ("SIGTERM", 0.2),
        };
        let leash = Leash::start(&python().unwrap(), run, service).unwrap();
        let [child, parent] = ["child", "parent"].map(|name| pids.join(name));
        let id = |path: &Path| fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok());
        let ids = wait_until("the family is complete", GONE_LIMIT, || Ok(id(&child).zip(id(&parent)))).unwrap();
        (leash, ids.into())
    }

    fn wait_until_gone(pid: i32) {
        let state = || fs::read_to_string(format!("/proc/{pid}/stat")).ok();
        // A zombie is gone: whoever inherits it collects it.
        let gone = || state().is_none_or(|stat| stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z")));
        wait_until("the process is gone", GONE_LIMIT, || Ok(gone().then_some(()))).unwrap();
    }

    #[test]
    fn stopping_takes_everything_along_that_the_service_has_started() {
        let run = Run::create().unwrap();
        let (leash, family) = family(&run, FAMILY);
        leash.stop();
        for pid in family {
            assert!(!Path::new(&format!("/proc/{pid}")).exists(), "{pid} is still there");
        }
        run.remove();
    }

    #[test]
    fn a_service_that_ignores_its_signal_is_killed() {
        let run = Run::create().unwrap();
        let (leash, family) = family(&run, &format!("trap '' TERM; {FAMILY}"));
        leash.stop();
        family.into_iter().for_each(wait_until_gone);
        run.remove();
    }

    #[test]
    fn a_service_dies_with_its_leash() {
        let run = Run::create().unwrap();
        let (leash, [child, service]) = family(&run, FAMILY);
        locked(&leash.process).kill().unwrap();
        wait_until_gone(service);
        // Nobody is left to find it where it hides: that takes a leash which is alive.
        kill_process(Pid::from_raw(child).unwrap(), Signal::KILL).unwrap();
        wait_until_gone(child);
        run.remove();
    }

    #[test]
    fn a_service_that_cannot_be_started_is_an_error_with_its_log() {
        let run = Run::create().unwrap();
        let service = Service {
            name: "nothing",
            command: vec!["/nonexistent".into()],
            environment: Vec::new(),
            folder: run.folder().to_owned(),
            account: None,
            stop: ("SIGKILL", 0.0),
        };
        let error = Leash::start(&python().unwrap(), &run, service).unwrap_err().to_string();
        assert!(error.contains("nothing could not be started"), "{error}");
        assert!(error.contains("/nonexistent"), "{error}");
        run.remove();
    }
}
