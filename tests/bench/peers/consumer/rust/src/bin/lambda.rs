//! `lambda BATCH BATCHES warm|cold|one-bad LOG PROGRAM [ARGUMENT…]`: Lambda's side of one function, which is measured through it.
//!
//! It serves the Runtime API on loopback, each event ready before the program starts.
//! `warm` and `one-bad` hand out a batch of ten first, which is not measured: it connects and prepares.
//! `cold` measures from just before the start of the process.
//!
//! Source: "Using the Lambda runtime API for custom runtimes" in the AWS Lambda developer guide.

use std::{
    collections::VecDeque,
    env,
    fs::File,
    io::{self, BufRead, BufReader, IoSlice, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, bail, ensure};
use consumer_peers::{
    measure::{Measured, peak_kib, processor_seconds},
    people::{People, event},
};

/// What an invocation may take.
const LIMIT: Duration = Duration::from_secs(120);

/// Messages of the batch that warms up.
const WARM_UP: usize = 10;

/// What has been handed out and answered.
struct State {
    events: VecDeque<String>,
    /// The batch that warms up is among them, until it is answered.
    warms_up: bool,
    unanswered: usize,
    failed: usize,
    error: Option<String>,
    pid: u32,
    begin: Option<(Instant, f64)>,
    measured: Option<Measured>,
}

type Shared = Arc<(Mutex<State>, Condvar)>;

/// Ends with its owner.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [batch, batches, how, log, program, arguments @ ..] = arguments.as_slice() else {
        bail!("usage: lambda BATCH BATCHES warm|cold|one-bad LOG PROGRAM [ARGUMENT…]");
    };
    let people = People { batch: batch.parse()?, batches: batches.parse()?, one_bad: how == "one-bad" };
    let mut events: VecDeque<_> = people.measured().map(|batch| event(&batch)).collect();
    let (is_cold, unanswered) = (how == "cold", people.batches);
    if !is_cold {
        events.push_front(event(&People { batch: WARM_UP, batches: 0, one_bad: false }.of(0)));
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut command = Command::new(program);
    command.args(arguments).envs(variables(&listener.local_addr()?.to_string())).stdin(Stdio::null());
    let log = File::create(log)?;
    command.stdout(log.try_clone()?).stderr(log);
    let state = State {
        events,
        warms_up: !is_cold,
        unanswered,
        failed: 0,
        error: None,
        pid: 0,
        begin: is_cold.then(|| (Instant::now(), 0.0)),
        measured: None,
    };
    let shared: Shared = Arc::new((Mutex::new(state), Condvar::new()));
    let acceptor = Arc::clone(&shared);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let shared = Arc::clone(&acceptor);
            // A connection that breaks is its client's to notice.
            thread::spawn(move || drop(serve(&stream, &shared)));
        }
    });
    let process = {
        let mut state = locked(&shared);
        if is_cold {
            state.begin = Some((Instant::now(), 0.0));
        }
        let process = Process(command.spawn().with_context(|| format!("starting {program}"))?);
        state.pid = process.0.id();
        process
    };
    let measured = wait(&shared, process)?;
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}

/// What Lambda says to every function.
fn variables(api: &str) -> [(&'static str, &str); 6] {
    [
        ("AWS_LAMBDA_RUNTIME_API", api),
        ("AWS_LAMBDA_FUNCTION_NAME", "function"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "stream"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "group"),
    ]
}

fn wait(shared: &Shared, mut process: Process) -> anyhow::Result<Measured> {
    let mut state = locked(shared);
    loop {
        if let Some(error) = state.error.take() {
            bail!("the function failed: {error}");
        }
        if let Some(measured) = state.measured.take() {
            return Ok(measured);
        }
        let (next, waited) = shared.1.wait_timeout(state, LIMIT).unwrap_or_else(PoisonError::into_inner);
        state = next;
        ensure!(process.0.try_wait()?.is_none(), "the function ended");
        ensure!(!waited.timed_out(), "no answer within {} s", LIMIT.as_secs());
    }
}

fn locked(shared: &Shared) -> MutexGuard<'_, State> {
    shared.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The requests of one connection, one after the other.
fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(1 << 16, stream);
    let mut writer = stream;
    while let Some((line, body)) = request(&mut reader)? {
        if line.contains("/invocation/next") {
            hand_out(&mut writer, shared)?;
        } else {
            take(&line, &body, shared);
            writer.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")?;
        }
    }
    Ok(())
}

fn hand_out(writer: &mut impl Write, shared: &Shared) -> io::Result<()> {
    let event = {
        let mut state = locked(shared);
        loop {
            match state.events.pop_front() {
                Some(event) => {
                    if !state.warms_up && state.begin.is_none() {
                        state.begin = Some((Instant::now(), processor_seconds(state.pid)));
                    }
                    break event;
                }
                // As Lambda does: the request waits for as long as there is nothing to do.
                None => state = shared.1.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    };
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + LIMIT;
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         lambda-runtime-aws-request-id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
         lambda-runtime-deadline-ms: {}\r\n\
         lambda-runtime-trace-id: Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=0\r\n\
         lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-west-1:123456789012:function:function\r\n\r\n",
        event.len(),
        deadline.as_millis(),
    );
    // In one go as far as it fits, so that the function is not woken for the head alone.
    let whole = [head.as_bytes(), event.as_bytes()];
    let written = writer.write_vectored(&whole.map(IoSlice::new))?;
    let of_head = written.min(head.len());
    writer.write_all(&head.as_bytes()[of_head..])?;
    writer.write_all(&event.as_bytes()[written - of_head..])
}

fn take(line: &str, body: &[u8], shared: &Shared) {
    let answer = String::from_utf8_lossy(body);
    let mut state = locked(shared);
    if line.contains("/error") {
        state.error = Some(answer.into_owned());
    } else if state.warms_up {
        state.warms_up = false;
        if answer.contains("itemIdentifier") {
            state.error = Some(format!("the first batch comes back: {answer}"));
        }
    } else {
        state.failed += answer.matches("itemIdentifier").count();
        state.unanswered -= 1;
        if state.unanswered == 0 {
            let (begin, before) = state.begin.unwrap_or((Instant::now(), 0.0));
            state.measured = Some(Measured {
                seconds: begin.elapsed().as_secs_f64(),
                processor_seconds: processor_seconds(state.pid) - before,
                peak_kib: peak_kib(state.pid),
                failed: state.failed,
            });
        }
    }
    shared.1.notify_all();
}

/// The first line and the body; None at the end of the connection.
fn request(reader: &mut impl BufRead) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let (mut length, mut is_chunked, mut line) = (0, false, String::new());
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or_default(),
            "transfer-encoding" => is_chunked = value.trim().eq_ignore_ascii_case("chunked"),
            _ => {}
        }
    }
    let body = if is_chunked { chunks(reader)? } else { exactly(reader, length)? };
    Ok(Some((first, body)))
}

fn exactly(reader: &mut impl BufRead, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Source: RFC 9112, section 7.1.
fn chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim(), 16).unwrap_or_default();
        body.extend(exactly(reader, size)?);
        exactly(reader, 2)?;
        if size == 0 {
            return Ok(body);
        }
    }
}
