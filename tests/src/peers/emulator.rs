//! MiniStack: an SQS for measuring, because it answers several times as fast as LocalStack does.

use std::{ffi::OsString, fs, time::Duration};

use anyhow::Context;

use super::Peers;
use crate::{
    CREDENTIAL, REGION,
    leash::{Leash, Service},
    loopback::{free_port, get, wait_until},
    run::Run,
};

/// Time from its start until MiniStack answers. It takes about 1 s.
const READY_LIMIT: Duration = Duration::from_mins(1);

/// The unit of the times in `/proc/<pid>/stat`, which Linux has fixed for programs whatever its own timer does.
const TICKS_PER_SECOND: f64 = 100.0;

/// A running MiniStack. It stops when this is dropped, and its queues go.
pub struct MiniStack {
    port: u16,
    pub(super) run: Run,
    leash: Leash,
}

impl MiniStack {
    /// Starts one.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn start(peers: &Peers) -> anyhow::Result<Self> {
        let (run, port) = (Run::create()?, free_port()?);
        let temporary = run.subfolder("tmp")?;
        let set = |name: &str, value: &str| (name.to_owned(), OsString::from(value));
        let service = Service {
            name: "ministack",
            command: vec![peers.interpreter().into(), "-m".into(), "ministack".into()],
            environment: vec![
                set("BIND_HOST", "127.0.0.1"),
                // MINISTACK_HOST is left out on purpose: queue URLs then name the host that the client called, which keeps SDKs that follow them behind the added latency.
                set("GATEWAY_PORT", &port.to_string()),
                set("MINISTACK_REGION", REGION),
                set("SERVICES", "sqs"),
                set("SFTP_ENABLED", "0"),
                set("LOG_LEVEL", "ERROR"),
                set("AWS_ACCESS_KEY_ID", CREDENTIAL),
                set("PYTHONDONTWRITEBYTECODE", "1"),
                set("LANG", "C.UTF-8"),
                ("HOME".to_owned(), run.folder().into()),
                ("TMPDIR".to_owned(), temporary.into()),
            ],
            folder: run.folder().to_owned(),
            account: None,
            stop: ("SIGKILL", 0.0), // everything is in memory and worth nothing
        };
        let leash = Leash::start(&peers.python, &run, service)?;
        let emulator = Self { port, run, leash };
        wait_until("MiniStack answers", READY_LIMIT, || {
            emulator.leash.check(&emulator.run)?;
            Ok(get(&format!("{}/_ministack/health", emulator.endpoint())).ok())
        })
        .with_context(|| emulator.run.explain("ministack"))?;
        // Another process may have taken the port and answered in its place.
        emulator.leash.check(&emulator.run)?;
        Ok(emulator)
    }

    /// Where it answers.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// User and system time that it has used so far, in seconds.
    ///
    /// # Errors
    ///
    /// It has ended.
    pub fn processor_seconds(&self) -> anyhow::Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.leash.pid().as_raw_nonzero()))
            .with_context(|| self.run.explain("ministack"))?;
        // "pid (name) state …", where the name may hold anything; `utime` and `stime` are the 14th and 15th field.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: u32 = fields.skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum();
        Ok(f64::from(ticks) / TICKS_PER_SECOND)
    }

    /// The port of 127.0.0.1 that it listens on.
    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for MiniStack {
    fn drop(&mut self) {
        self.leash.stop();
        self.run.remove();
    }
}
