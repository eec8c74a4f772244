//! The local stack itself: it leaves nothing behind, disturbs nobody, and says what is missing.

use std::{
    collections::{HashMap, HashSet},
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    time::{Duration, Instant},
};

use pipeline_tests::{Options, Stack};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection, PgConnection};

/// Time for everything to be gone after its owner; it takes well under a second on an idle machine.
const GONE_LIMIT: Duration = Duration::from_secs(20);

/// Time for LocalStack to delete a deployment; it takes about 2 s.
const DELETED_LIMIT: Duration = Duration::from_mins(1);

#[test]
fn a_second_stack_beside_the_first_is_independent_and_leaves_nothing_behind_when_its_owner_is_killed() {
    let first = Stack::shared().unwrap();
    let mut second = Owner::start(&[("ROLLCALL_POSTGRES", "embedded")]);

    assert_ne!(second.variable("AWS_ENDPOINT_URL"), first.aws_endpoint);
    assert_ne!(second.variable("DATABASE_URL"), first.database_url);
    assert!(
        scalar(second.variable("DATABASE_URL"), "select version()").starts_with("PostgreSQL 17."),
        "not the embedded one"
    );
    assert!(function_exists(second.variable("AWS_ENDPOINT_URL"), second.variable("PRODUCER_FUNCTION")));
    assert!(!function_exists(&first.aws_endpoint, second.variable("PRODUCER_FUNCTION")));

    let processes = descendants(second.pid());
    assert!(processes.len() >= 6, "three services and their leashes, not {processes:?}");
    only_on_loopback(&processes);

    second.kill();

    until("all processes are gone", GONE_LIMIT, || processes.iter().all(|&pid| is_gone(pid)));
    until("the run's folder is gone", GONE_LIMIT, || !second.folder().exists());
    assert!(function_exists(&first.aws_endpoint, &first.outputs.producer_function_name), "the first stack is unharmed");
    assert_eq!(scalar(&first.database_url, "select 'alive'"), "alive");
}

#[test]
fn a_deployment_into_a_running_localstack_is_deleted_when_its_owner_is_killed() {
    let first = Stack::shared().unwrap();
    let mut guest = Owner::start(&[("AWS_ENDPOINT_URL", &first.aws_endpoint)]);

    assert_eq!(guest.variable("AWS_ENDPOINT_URL"), first.aws_endpoint);
    let function = guest.variable("PRODUCER_FUNCTION").to_owned();
    assert!(function_exists(&first.aws_endpoint, &function));

    guest.kill();

    until("the deployment is deleted", DELETED_LIMIT, || !function_exists(&first.aws_endpoint, &function));
    until("the run's folder is gone", GONE_LIMIT, || !guest.folder().exists());
    assert!(function_exists(&first.aws_endpoint, &first.outputs.producer_function_name));
}

#[test]
fn everything_listens_on_loopback_only() {
    let stack = Stack::shared().unwrap();
    let processes: Vec<i32> = stack.pids().into_iter().map(|pid| i32::try_from(pid).unwrap()).collect();
    assert!(!processes.is_empty());
    only_on_loopback(&processes);
}

#[test]
fn postgres_comes_back_on_its_port_with_its_data() {
    // A server of its own would need a stack of its own; a database of its own keeps the others out of this test.
    let stack = Stack::start(&Options::default(), &|_| ()).unwrap();
    let database = stack.postgres.create_database("survivor").unwrap();
    scalar(&database, "create table marks as select 'kept' as mark; select 'done'");

    stack.postgres.stop_immediately();
    assert_eq!(stack.postgres.pid(), None);
    stack.postgres.start_again().unwrap();

    assert_eq!(scalar(&database, "select mark from marks"), "kept");
    let (processes, folder) = (stack.pids(), stack.folder().to_owned());
    stack.stop();
    assert!(processes.iter().all(|&pid| is_gone(i32::try_from(pid).unwrap())), "`stop` waits until all is gone");
    assert!(!folder.exists());
}

#[test]
fn the_folder_of_a_dead_run_is_removed_by_the_next_start() {
    let temporary = Folder::new("dead-run");
    let home = temporary.0.join(format!("rollcall-{}", rustix::process::geteuid().as_raw()));
    let dead = home.join("run-deadbeef");
    fs::create_dir_all(dead.join("postgres/data")).unwrap();
    fs::write(dead.join("lock"), "").unwrap();
    let alive = home.join("run-a1a1a1a1");
    fs::create_dir_all(&alive).unwrap();
    let lock = fs::File::create(alive.join("lock")).unwrap();
    lock.lock_shared().unwrap();

    // A start that fails for want of tools cleans up all the same.
    let error = failing_start(&[("TMPDIR", temporary.text()), ("PATH", temporary.text())]);

    assert!(!dead.exists(), "{error}");
    assert!(alive.exists(), "its lock is held");
}

#[test]
fn a_missing_python_is_named_with_what_to_install() {
    let empty = Folder::new("no-python");
    let error = failing_start(&[("PATH", empty.text()), ("TMPDIR", empty.text())]);
    assert!(error.contains("no suitable Python"), "{error}");
    assert!(error.contains("Python 3.11, 3.12 or 3.13"), "{error}");
    assert!(error.contains("apt-get install python3"), "{error}");
}

#[test]
fn a_python_that_is_too_old_is_named_with_its_version() {
    let tools = Folder::new("old-python");
    tools.script("python3", "printf '3.9\\nTrue\\n/usr/bin/python3\\n'");
    let error = failing_start(&[("PATH", tools.text()), ("TMPDIR", tools.text())]);
    assert!(error.contains(&format!("{}/python3 is version 3.9", tools.text())), "{error}");
}

#[test]
fn a_node_that_is_too_old_is_named_with_its_version() {
    let tools = Folder::new("old-node");
    for name in ["python3.13", "python3.12", "python3.11", "python3"] {
        if let Some(python) = find_on_path(name) {
            symlink(python, tools.0.join(name)).unwrap();
        }
    }
    tools.script("node", "echo v18.20.4");
    let path = format!("{}:/usr/bin:/bin", tools.text());
    // Only the folder with the old Node.js, but the shims of version managers need a shell's tools.
    let only = Folder::new("old-node-shell");
    for name in
        ["sh", "bash", "env", "cut", "grep", "sed", "head", "basename", "dirname", "readlink", "tr", "sort", "cat"]
    {
        if let Some(tool) = find_on_path(name) {
            symlink(tool, only.0.join(name)).unwrap();
        }
    }
    let error = failing_start(&[("PATH", &path.replace("/usr/bin:/bin", only.text())), ("TMPDIR", tools.text())]);
    assert!(error.contains("no suitable Node.js"), "{error}");
    assert!(error.contains("is version 18.20.4"), "{error}");
    assert!(error.contains("version 20 or newer"), "{error}");
}

#[test]
fn an_endpoint_outside_this_machine_is_refused() {
    let temporary = Folder::new("far-away");
    let error =
        failing_start(&[("AWS_ENDPOINT_URL", "https://sqs.us-east-1.amazonaws.com"), ("TMPDIR", temporary.text())]);
    assert!(error.contains("which is not plain HTTP to this machine"), "{error}");
}

/// A process that owns a stack: `local-stack run`.
struct Owner {
    process: Child,
    environment: HashMap<String, String>,
    logs: PathBuf,
    /// It stops when this test process goes, even by SIGKILL: the pipe closes.
    _grip: ChildStdin,
}

impl Owner {
    fn start(environment: &[(&str, &str)]) -> Self {
        let mut process = command(environment).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let grip = process.stdin.take().unwrap();
        // Both pipes hold what a start writes, so they can be read one after the other.
        let lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut variables = HashMap::new();
        for line in lines {
            let (name, value) = line.strip_prefix("export ").and_then(|rest| rest.split_once('=')).unwrap();
            variables.insert(name.to_owned(), value.trim_matches('\'').to_owned());
            if name == "CONSUMER_FUNCTION" {
                break; // the last one
            }
        }
        let mut said = BufReader::new(process.stderr.take().unwrap()).lines().map(Result::unwrap);
        let mut report = String::new();
        let logs = said.find_map(|line| {
            report.push_str(&line);
            report.push('\n');
            line.strip_prefix("logs: ").map(PathBuf::from)
        });
        Self { process, environment: variables, logs: logs.unwrap_or_else(|| panic!("{report}")), _grip: grip }
    }

    fn variable(&self, name: &str) -> &str {
        self.environment.get(name).unwrap()
    }

    fn folder(&self) -> &Path {
        self.logs.parent().unwrap()
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.process.id()).unwrap()
    }

    /// SIGKILL: it can do nothing more.
    fn kill(&mut self) {
        kill_process(Pid::from_raw(self.pid()).unwrap(), Signal::KILL).unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A folder that is there for one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rollcall-test-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn text(&self) -> &str {
        self.0.to_str().unwrap()
    }

    fn script(&self, name: &str, body: &str) {
        let path = self.0.join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// `local-stack run` with these variables set, and none of those that would change what is tested.
fn command(environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local-stack"));
    command.arg("run").stdin(Stdio::null()).stdout(Stdio::piped());
    for name in ["AWS_ENDPOINT_URL", "ROLLCALL_LOGS", "ROLLCALL_PYTHON", "ROLLCALL_POSTGRES"] {
        command.env_remove(name);
    }
    command.envs(environment.iter().copied());
    command
}

/// What a start that must fail says.
fn failing_start(environment: &[(&str, &str)]) -> String {
    let mut process = command(environment).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(!process.wait().unwrap().success(), "{said}");
    said
}

fn find_on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The first column of the last row.
fn scalar(url: &str, sql: &'static str) -> String {
    let url = url.to_owned();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            let rows = sqlx::raw_sql(sql).fetch_all(&mut connection).await.unwrap();
            sqlx::Row::get(rows.last().unwrap(), 0)
        })
    })
    .join()
    .unwrap()
}

fn function_exists(endpoint: &str, name: &str) -> bool {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
    let request = agent.get(format!("{endpoint}/2015-03-31/functions/{name}"));
    // LocalStack reads the service's name from the signature and checks nothing else in it.
    let scope =
        "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0";
    let status = request.header("Authorization", scope).call().unwrap().status().as_u16();
    assert!([200, 404].contains(&status), "GetFunction answered {status}");
    status == 200
}

/// Every process below this one, whatever its session.
fn descendants(ancestor: i32) -> Vec<i32> {
    let parents: Vec<(i32, i32)> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
        .filter_map(|pid: i32| Some((pid, stat(pid)?.get(1)?.parse().ok()?)))
        .collect();
    let mut found = vec![ancestor];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found.split_off(1)
}

/// The fields of /proc/<pid>/stat from the state on.
fn stat(pid: i32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

/// A zombie is gone too: who collects it is not ours to say.
fn is_gone(pid: i32) -> bool {
    stat(pid).is_none_or(|fields| fields.first().is_some_and(|state| state == "Z"))
}

/// Fails if one of the processes listens on an address that is not 127.0.0.1.
fn only_on_loopback(processes: &[i32]) {
    let sockets: HashSet<String> = processes.iter().flat_map(|&pid| sockets_of(pid)).collect();
    let mut listening = 0;
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for line in fs::read_to_string(table).unwrap_or_default().lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (address, state, inode) = (fields[1], fields[3], fields[9]);
            if state == "0A" && sockets.contains(inode) {
                assert!(address.starts_with("0100007F:"), "listens on {address} (hexadecimal, reversed)");
                listening += 1;
            }
        }
    }
    assert!(listening >= 3, "LocalStack, Postgres and cognito-local listen; found {listening}");
}

fn sockets_of(pid: i32) -> Vec<String> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten();
    entries
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect()
}

fn until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
