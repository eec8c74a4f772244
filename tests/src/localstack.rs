//! LocalStack in host mode, with the plugin of `local-stack/plugin`: functions are processes, the listener is on loopback.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::process::Signal;

use crate::leash::{Leash, Service};
use crate::loopback::{get, wait_until};
use crate::run::Run;
use crate::toolbox::Python;
use crate::{assets, cache};

/// Time from its start until LocalStack answers. It takes 3–5 s, and several times that on a busy machine.
const READY_LIMIT: Duration = Duration::from_mins(2);

/// What the pipeline uses. Anything else is refused rather than loaded.
const SERVICES: &str = "sqs,events,lambda,sts,iam,ssm,secretsmanager,logs,cloudwatch,cloudformation,s3";

/// Settings that are the same for every run.
const SETTINGS: [(&str, &str); 17] = [
    // Nothing leaves this machine: no analytics, no downloads, no DNS server.
    ("DISABLE_EVENTS", "1"),
    ("SKIP_SSL_CERT_DOWNLOAD", "1"),
    ("DNS_ADDRESS", "0"),
    // A container that we run in is not LocalStack's own: its files go below FILESYSTEM_ROOT.
    ("OVERRIDE_IN_DOCKER", "0"),
    // Ours: see the plugin.
    ("GATEWAY_SERVER", "loopback"),
    ("LAMBDA_RUNTIME_EXECUTOR", "process"),
    // Loading at the start rather than at the first call: the deployment would wait for it otherwise.
    ("SERVICES", SERVICES),
    ("STRICT_SERVICE_LOADING", "1"),
    ("EAGER_SERVICE_LOADING", "1"),
    ("SQS_ENDPOINT_STRATEGY", "path"),
    // Two to three times as fast; metrics of queues are therefore missing.
    ("SQS_DISABLE_CLOUDWATCH_METRICS", "1"),
    // Seconds. The defaults (1 and 10) would be most of the time from a confirmation to its row.
    ("LAMBDA_EVENT_SOURCE_MAPPING_POLL_INTERVAL_SEC", "0.05"),
    ("LAMBDA_EVENT_SOURCE_MAPPING_MAX_BACKOFF_ON_EMPTY_POLL_SEC", "0.2"),
    // Looks at a resource in creation before the first wait; the plugin shortens the wait.
    ("CFN_NO_WAIT_ITERATIONS", "2"),
    ("LS_LOG", "warn"),
    // The plugin lies in the clone: leave no compiled files there.
    ("PYTHONDONTWRITEBYTECODE", "1"),
    ("LANG", "C.UTF-8"),
];

/// LocalStack's own files below `FILESYSTEM_ROOT` that `prepare.py` makes once and every run gets a copy of.
const PREPARED: &str = "var/lib/localstack/cache";

/// A LocalStack that this process has started, or one that was running already.
#[derive(Debug)]
pub struct LocalStack {
    endpoint: String,
    leash: Option<Leash>,
}

impl LocalStack {
    /// Starts one on `port` with `function_env` as defaults for every function's environment.
    pub(crate) fn start(
        run: &Run,
        python: &Python,
        installation: &Path,
        port: u16,
        function_env: &[(String, String)],
    ) -> anyhow::Result<Self> {
        let folder = run.subfolder("localstack")?;
        copy_prepared(&installation.join("prepared"), &folder.join("filesystem"))?;
        let leash = Leash::start(
            python,
            run,
            Service {
                name: "localstack",
                command: [interpreter(installation).as_os_str(), "-m".as_ref(), "rollcall_localstack".as_ref()]
                    .map(OsString::from)
                    .to_vec(),
                environment: environment(run, &folder, port, function_env)?,
                folder,
                account: None,
                stop: ("SIGKILL", 0.0), // everything is in memory and worth nothing
            },
        )?;
        let endpoint = format!("http://127.0.0.1:{port}");
        let health = format!("{endpoint}/_localstack/health");
        wait_until("LocalStack answers", READY_LIMIT, || {
            leash.check(run)?;
            Ok(get(&health).ok())
        })
        .with_context(|| format!("LocalStack did not start; {}", run.explain("localstack")))?;
        // Another process may have taken the port and answered in its place.
        leash.check(run)?;
        Ok(Self { endpoint, leash: Some(leash) })
    }

    /// Uses one that runs already.
    pub(crate) fn found(endpoint: &str) -> anyhow::Result<Self> {
        let endpoint = endpoint.trim_end_matches('/');
        let authority = endpoint.strip_prefix("http://").unwrap_or_default();
        let host = authority.rsplit_once(':').map_or(authority, |(host, _port)| host);
        ensure!(
            ["127.0.0.1", "localhost", "[::1]"].contains(&host),
            "AWS_ENDPOINT_URL is `{endpoint}`, which is not plain HTTP to this machine: \
             the local stack deploys to a LocalStack on loopback only; unset the variable to have one started",
        );
        let health = get(&format!("{endpoint}/_localstack/health")).with_context(|| {
            format!("AWS_ENDPOINT_URL is `{endpoint}`, but no LocalStack answers there; unset the variable to have one started")
        })?;
        let health: serde_json::Value = serde_json::from_str(&health).context("reading LocalStack's health")?;
        for service in SERVICES.split(',') {
            let state = health.pointer(&format!("/services/{service}")).and_then(serde_json::Value::as_str);
            if matches!(state, None | Some("disabled" | "error")) {
                bail!("the LocalStack at {endpoint} does not offer `{service}`: add it to its SERVICES");
            }
        }
        Ok(Self { endpoint: endpoint.to_owned(), leash: None })
    }

    /// Where every service of it answers.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The process id, if this process has started it.
    pub fn pid(&self) -> Option<u32> {
        self.leash.as_ref().map(|leash| leash.pid().as_raw_nonzero().get().unsigned_abs())
    }

    /// Stops it from doing anything until [`LocalStack::resume`]: connections stay open, nothing answers.
    ///
    /// # Errors
    ///
    /// It is not ours, or has ended.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on after [`LocalStack::pause`].
    ///
    /// # Errors
    ///
    /// It is not ours, or has ended.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    pub(crate) fn release(&self) {
        if let Some(leash) = &self.leash {
            leash.release();
        }
    }

    pub(crate) fn stop(&self) {
        if let Some(leash) = &self.leash {
            leash.stop();
        }
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        self.leash.as_ref().context("a LocalStack that was running already is not ours to pause")?.signal(signal)
    }
}

/// Installs LocalStack once and returns its folder.
pub(crate) fn installation(python: &Python) -> anyhow::Result<PathBuf> {
    let lock = include_str!("../local-stack/localstack.lock");
    let prepare = include_str!("../local-stack/prepare.py");
    let interpreter_path = python.executable.to_string_lossy();
    cache::tool("localstack", &[lock, prepare, &python.version, &interpreter_path], |folder, held| {
        python.install("localstack.lock", folder, held)?;
        let mut prepare = Command::new(interpreter(folder));
        prepare
            .arg("-B")
            .arg(assets().join("prepare.py"))
            .env("FILESYSTEM_ROOT", folder.join("prepared"))
            .envs(SETTINGS);
        held.run(&mut prepare)
    })
}

/// The Python of LocalStack's virtual environment; boto3 is there too.
pub(crate) fn interpreter(installation: &Path) -> PathBuf {
    installation.join("venv/bin/python")
}

fn copy_prepared(from: &Path, filesystem: &Path) -> anyhow::Result<()> {
    let to = filesystem.join(PREPARED);
    cache::create_folder(&to)?;
    for entry in fs::read_dir(from.join(PREPARED)).context("reading what was prepared for LocalStack")? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name())).context("copying what was prepared for LocalStack")?;
    }
    Ok(())
}

/// All of LocalStack's environment: nothing of the caller's, so that no profile or setting of theirs changes a run.
fn environment(
    run: &Run,
    folder: &Path,
    port: u16,
    function_env: &[(String, String)],
) -> anyhow::Result<Vec<(String, OsString)>> {
    let address = format!("127.0.0.1:{port}");
    let temporary = folder.join("tmp");
    cache::create_folder(&temporary)?;
    let mut environment: Vec<(String, OsString)> = vec![
        ("PATH".into(), std::env::var_os("PATH").unwrap_or_default()),
        ("HOME".into(), folder.into()),
        ("TMPDIR".into(), temporary.into()),
        ("XDG_CACHE_HOME".into(), folder.join("cache").into()),
        ("FILESYSTEM_ROOT".into(), folder.join("filesystem").into()),
        ("PYTHONPATH".into(), assets().join("plugin").into()),
        ("GATEWAY_LISTEN".into(), address.clone().into()),
        ("LOCALSTACK_HOST".into(), address.into()),
        ("ROLLCALL_FUNCTION_LOGS".into(), run.logs().join("functions").into()),
    ];
    environment.extend(SETTINGS.map(|(name, value)| (name.into(), value.into())));
    let defaults = function_env.iter().map(|(name, value)| (format!("ROLLCALL_FUNCTION_ENV_{name}"), value.into()));
    environment.extend(defaults);
    Ok(environment)
}
