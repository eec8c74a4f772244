//! `PgBouncer` in transaction mode in front of a Postgres: found on this machine, or else Debian's package in the cache folder.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::cache;
use crate::leash::{Leash, Service};
use crate::loopback::{free_port, wait_until};
use crate::postgres::{Postgres, ROLE};
use crate::toolbox::{first_suitable, on_path, succeed, variable};

/// Debian's packages: the pooler, and what few machines have of what it needs.
const PACKAGES: [&str; 3] = ["pgbouncer", "libc-ares2", "libevent-2.1-7"];

/// Time until it takes connections; it needs milliseconds.
const READY_LIMIT: Duration = Duration::from_secs(10);

/// Server connections for each database: fewer than clients, so that they have to be shared.
const SERVER_CONNECTIONS: u32 = 2;

/// A running pooler. It stops when this is dropped.
#[derive(Debug)]
pub struct PgBouncer {
    port: u16,
    _leash: Leash,
}

/// The program, and the folders of libraries that it needs besides the system's.
struct Program {
    executable: PathBuf,
    libraries: Vec<PathBuf>,
}

impl PgBouncer {
    /// Starts one in front of `postgres`, with `pool_mode = transaction` and everything else as the package has it.
    ///
    /// # Errors
    ///
    /// There is none on this machine and none to be had, or it does not start.
    pub fn start(postgres: &Postgres) -> anyhow::Result<Self> {
        let program = program()?;
        let (run, port) = (postgres.run(), free_port()?);
        let folder = run.subfolder(&format!("pgbouncer-{port}"))?;
        let (users, settings) = (folder.join("users.txt"), folder.join("pgbouncer.ini"));
        fs::write(&users, format!("\"{ROLE}\" \"\"\n"))?;
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = transaction\n\
             default_pool_size = {SERVER_CONNECTIONS}\n",
            postgres.port(),
            users.display(),
        );
        fs::write(&settings, text)?;
        let libraries = std::env::join_paths(&program.libraries)?;
        let leash = Leash::start(
            postgres.python(),
            run,
            Service {
                name: "pgbouncer",
                command: vec![program.executable.into(), settings.into()],
                environment: vec![("LD_LIBRARY_PATH".into(), libraries)],
                folder: run.folder().to_owned(),
                account: postgres.account(),
                stop: ("SIGINT", 5.0),
            },
        )?;
        wait_until("PgBouncer takes connections", READY_LIMIT, || {
            leash.check(run)?;
            Ok(std::net::TcpStream::connect(("127.0.0.1", port)).ok())
        })
        .with_context(|| run.explain("pgbouncer"))?;
        Ok(Self { port, _leash: leash })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of a database of the server, through the pooler.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{ROLE}@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }
}

fn program() -> anyhow::Result<Program> {
    let candidates = match variable("ROLLCALL_PGBOUNCER") {
        Some(chosen) => vec![chosen],
        None => [on_path("pgbouncer"), vec![PathBuf::from("/usr/sbin/pgbouncer")]].concat(),
    };
    match first_suitable(candidates, |executable| runs(executable, &[])) {
        Ok(executable) => Ok(Program { executable, libraries: Vec::new() }),
        Err(reason) => packaged().with_context(|| {
            format!("no PgBouncer ({reason}) and none from Debian: install it (on Debian: `apt-get install pgbouncer`) or name it in ROLLCALL_PGBOUNCER")
        }),
    }
}

fn packaged() -> anyhow::Result<Program> {
    let folder = cache::tool("pgbouncer", &PACKAGES, |folder, lock| {
        // With lists and packages of its own, apt needs no rights.
        let state = [("Dir::State::lists", "lists"), ("Dir::Cache", "cache")];
        let apt = |arguments: &[&str]| {
            let mut command = Command::new("apt-get");
            command.current_dir(folder).args(["-q", "-o", "APT::Sandbox::User="]);
            for (option, name) in state {
                command.arg("-o").arg(format!("{option}={}", folder.join(name).display()));
            }
            command.args(arguments);
            command
        };
        for name in ["lists/partial", "cache/archives/partial"] {
            cache::create_folder(&folder.join(name))?;
        }
        lock.run(&mut apt(&["update"]))?;
        lock.run(apt(&["download"]).args(PACKAGES))?;
        for file in fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()? {
            if file.path().extension().is_some_and(|extension| extension == "deb") {
                lock.run(Command::new("dpkg-deb").arg("--extract").arg(file.path()).arg(folder))?;
            }
        }
        ["lists", "cache"].into_iter().try_for_each(|name| Ok(fs::remove_dir_all(folder.join(name))?))
    })?;
    let libraries = libraries_below(&folder.join("usr/lib"))?;
    let executable = runs(&folder.join("usr/sbin/pgbouncer"), &libraries)?;
    Ok(Program { executable, libraries })
}

/// The folder of the machine's architecture, whatever its name.
fn libraries_below(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let folders = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    ensure!(!folders.is_empty(), "the packages hold no libraries");
    Ok(folders)
}

fn runs(executable: &Path, libraries: &[PathBuf]) -> anyhow::Result<PathBuf> {
    let libraries: OsString = std::env::join_paths(libraries)?;
    succeed(Command::new(executable).arg("--version").env("LD_LIBRARY_PATH", libraries))?;
    Ok(executable.to_owned())
}
