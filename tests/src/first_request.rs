//! The examples of `docs/examples/first-request/`, installed and started as their readers do it.

use std::{
    env,
    ffi::OsString,
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::Context;
use serde_json::Value;

use crate::{
    cache, clone,
    leash::{Leash, Service},
    loopback::{free_port, wait_until},
    run::Run,
    toolbox::{self, Node, Python},
};

/// Time until an example takes connections; Python needs seconds on a busy machine.
const READY_LIMIT: Duration = Duration::from_mins(1);

/// Longest wait for a response.
const RESPONSE_LIMIT: Duration = Duration::from_secs(20);

/// What an example is written in.
#[derive(Clone, Copy, Debug)]
pub enum Language {
    /// `FastAPI`, psycopg and `PyJWT`.
    Python,
    /// Hono, pg and jose.
    TypeScript,
    /// axum, sqlx and jsonwebtoken.
    Rust,
}

/// A running example. It stops when this is dropped.
#[derive(Debug)]
pub struct Example {
    port: u16,
    leash: Leash,
    run: Run,
}

impl Example {
    /// Installs or builds it if need be, and starts it with this database, issuer and app client.
    ///
    /// # Errors
    ///
    /// A tool is missing, it does not build, or it does not start.
    pub fn start(language: Language, database_url: &str, issuer: &str, client_id: &str) -> anyhow::Result<Self> {
        let (python, port, run) = (toolbox::python()?, free_port()?, Run::create()?);
        let (command, folder) = match language {
            Language::Python => in_python(&python, port)?,
            Language::TypeScript => in_typescript(&toolbox::node()?)?,
            Language::Rust => (vec![in_rust()?.into()], run.folder().to_owned()),
        };
        let variables = [
            ("DATABASE_URL", database_url),
            ("ISSUER", issuer),
            ("CLIENT_ID", client_id),
            ("PORT", &port.to_string()),
            ("PYTHONDONTWRITEBYTECODE", "1"),
        ];
        let leash = Leash::start(
            &python,
            &run,
            Service {
                name: "example",
                command,
                environment: variables.map(|(name, value)| (name.to_owned(), value.into())).into(),
                folder,
                account: None,
                stop: ("SIGTERM", 5.0),
            },
        )?;
        wait_until("the example takes connections", READY_LIMIT, || {
            leash.check(&run)?;
            Ok(TcpStream::connect(("127.0.0.1", port)).ok())
        })
        .with_context(|| format!("{language:?}: {}", run.explain("example")))?;
        Ok(Self { port, leash, run })
    }

    /// Where it takes requests.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Asks for `/me` with this header `Authorization`; gives back the status and the body.
    ///
    /// # Errors
    ///
    /// It does not respond, or not with JSON.
    pub fn me(&self, authorization: Option<&str>) -> anyhow::Result<(u16, Value)> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(RESPONSE_LIMIT))
            .http_status_as_error(false)
            .proxy(None)
            .build()
            .into();
        let mut request = agent.get(format!("http://127.0.0.1:{}/me", self.port));
        if let Some(authorization) = authorization {
            request = request.header("Authorization", authorization);
        }
        let mut response = request.call().with_context(|| self.run.explain("example"))?;
        let body = response.body_mut().read_to_string()?;
        let body = serde_json::from_str(&body).with_context(|| format!("the body is not JSON: {body}"))?;
        Ok((response.status().as_u16(), body))
    }

    /// Everything that it has written to its log.
    ///
    /// # Errors
    ///
    /// The log cannot be read.
    pub fn log(&self) -> anyhow::Result<String> {
        Ok(fs::read_to_string(self.run.log("example"))?)
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        self.leash.stop();
        self.run.remove();
    }
}

/// The folder of an example.
fn example(name: &str) -> PathBuf {
    clone().join("docs/examples/first-request").join(name)
}

fn in_python(python: &Python, port: u16) -> anyhow::Result<(Vec<OsString>, PathBuf)> {
    let folder = example("python");
    let lock = folder.join("requirements.txt");
    let text = fs::read_to_string(&lock).context("reading the example's lock file")?;
    let installed = cache::tool("first-request-python", &[&text, &python.version], |target, held| {
        python.install(&lock.to_string_lossy(), target, held)
    })?;
    let mut command: Vec<OsString> = vec![installed.join("venv/bin/python").into()];
    command.extend(["-m", "uvicorn", "app:app", "--host", "127.0.0.1", "--port"].map(OsString::from));
    command.push(port.to_string().into());
    Ok((command, folder))
}

/// Built from its own lock file and outside of the workspace, so that neither has to wait for the other's features.
fn in_rust() -> anyhow::Result<PathBuf> {
    const FILES: [&str; 5] = ["Cargo.toml", "Cargo.lock", "src/main.rs", "src/id_token.rs", "src/keys.rs"];
    let folder = example("rust");
    let texts = read(&folder, &FILES)?;
    let built = cache::tool("first-request-rust", &as_parts(&texts), |target, held| {
        let objects = target.join("objects");
        let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build.args(["build", "--quiet", "--locked", "--target-dir"]).arg(&objects).current_dir(&folder);
        held.run(&mut build)?;
        fs::rename(objects.join("debug/first-request"), target.join("first-request"))?;
        Ok(fs::remove_dir_all(objects)?)
    })?;
    Ok(built.join("first-request"))
}

fn read(folder: &Path, files: &[&str]) -> anyhow::Result<Vec<String>> {
    let read =
        |file: &&str| fs::read_to_string(folder.join(file)).with_context(|| format!("reading the example's {file}"));
    files.iter().map(read).collect()
}

fn as_parts(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

fn in_typescript(node: &Node) -> anyhow::Result<(Vec<OsString>, PathBuf)> {
    const FILES: [&str; 5] = ["package.json", "package-lock.json", "tsconfig.json", "src/id-token.ts", "src/server.ts"];
    let folder = example("typescript");
    let mut depends_on = read(&folder, &FILES)?;
    depends_on.push(node.version.clone());
    let built = cache::tool("first-request-typescript", &as_parts(&depends_on), |target, held| {
        cache::create_folder(&target.join("src"))?;
        for file in FILES {
            fs::copy(folder.join(file), target.join(file))?;
        }
        node.install(target, held)?;
        let compiler = Path::new("node_modules/.bin/tsc");
        held.run(Command::new(&node.executable).arg(compiler).args(["--project", "."]).current_dir(target))
    })?;
    Ok((vec![node.executable.clone().into(), "dist/server.js".into()], built))
}
