//! Lambda's side of one execution environment: from the start of the process through its first event and some more.
//!
//! Source: "Using the Lambda runtime API for custom runtimes" in the AWS Lambda developer guide.

use std::{
    ffi::OsString,
    fs,
    process::Stdio,
    sync::Mutex,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, bail, ensure};
use tokio::{
    io::{AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::mpsc,
    task::JoinSet,
    time::timeout,
};

use super::Quota;
use crate::{http_request::HttpRequest, run::Run};

/// What a whole life may take: the slowest start takes seconds, where the processor is limited.
const LIMIT: Duration = Duration::from_mins(1);

/// What an invocation may take, as Cognito limits it.
const INVOCATION: Duration = Duration::from_secs(5);

/// The name of the log with what the process writes.
const LOG: &str = "function";

/// A program with the variables that it gets besides Lambda's own.
pub struct Function {
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// Its variables.
    pub variables: Vec<(String, OsString)>,
}

/// What was measured.
#[derive(Debug)]
pub struct Life {
    /// From the start of the process until it asked for its first event.
    pub init: Duration,
    /// Of each event, from when it was handed out until its answer.
    pub answers: Vec<Duration>,
    /// Processor time of all its threads until it asked for its first event, and until the first answer.
    pub processor: Vec<Duration>,
    /// Its largest resident set, in KiB.
    pub peak_kib: u64,
}

/// Starts a process and hands it so many events, one after the other, or none; `limit` holds from the moment when it asks for the first.
///
/// # Errors
///
/// It does not start, does not answer in time, answers with an error or with anything but the event. The error has the end of its output.
pub async fn live(function: &Function, event: &str, events: usize, limit: Option<&Quota>) -> anyhow::Result<Life> {
    let run = Run::create()?;
    let lived = lived(function, event, events, limit, &run).await;
    let lived = lived.with_context(|| run.explain(LOG));
    run.remove();
    lived
}

async fn lived(
    function: &Function,
    event: &str,
    events: usize,
    limit: Option<&Quota>,
    run: &Run,
) -> anyhow::Result<Life> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let (program, arguments) = function.command.split_first().context("a function without a program")?;
    let output = fs::File::create(run.log(LOG)).context("opening the function's log")?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", listener.local_addr()?.to_string())
        .env("HOME", run.folder())
        .envs([
            ("AWS_LAMBDA_FUNCTION_NAME", "function"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "stream"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "group"),
        ])
        .envs(function.variables.iter().map(|(name, value)| (name, value)))
        .current_dir(run.folder())
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .kill_on_drop(true);
    let start = Instant::now();
    let mut process = command.spawn().with_context(|| format!("starting {}", program.display()))?;
    let pid = process.id().context("a process without an id")?;
    let environment = Environment { event, events, pid, limit, start, seen: Mutex::default() };
    let life = timeout(LIMIT, environment.serve(&listener)).await;
    process.kill().await.context("ending the function")?;
    life.with_context(|| format!("not done within {LIMIT:?}"))??;
    environment.life()
}

/// The Runtime API of one process.
struct Environment<'a> {
    event: &'a str,
    events: usize,
    pid: u32,
    limit: Option<&'a Quota>,
    start: Instant,
    seen: Mutex<Moments>,
}

/// What happened when. Reading the clocks of the process is in none of the spans.
#[derive(Clone, Debug, Default)]
struct Moments {
    asked: Option<Duration>,
    handed: Option<Instant>,
    answers: Vec<Duration>,
    processor: Vec<Duration>,
    peak_kib: u64,
}

impl Environment<'_> {
    /// Serves every connection that the function opens, until it asks for more events than there are.
    async fn serve(&self, listener: &TcpListener) -> anyhow::Result<()> {
        let (arrived, mut arrivals) = mpsc::channel(1);
        let mut reading = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let (stream, _) = accepted?;
                    stream.set_nodelay(true)?;
                    reading.spawn(read(stream, arrived.clone()));
                }
                arrival = arrivals.recv() => {
                    let Arrival { request, at, stream } = arrival.context("nobody asks any more")?;
                    if self.answer(&request, at, stream, &arrived, &mut reading).await? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Answers one request, and says whether it was the last.
    async fn answer(
        &self,
        request: &HttpRequest,
        at: Instant,
        mut stream: BufReader<TcpStream>,
        arrived: &mpsc::Sender<Arrival>,
        reading: &mut JoinSet<()>,
    ) -> anyhow::Result<bool> {
        let said = || String::from_utf8_lossy(&request.body).into_owned();
        if request.first_line.contains("/invocation/next") {
            if self.asked(at)? {
                return Ok(true);
            }
            reply(&mut stream, "200 OK", self.event, || self.note(|seen| seen.handed = Some(Instant::now()))).await?;
        } else if request.first_line.contains("/response") {
            self.answered(at, &request.body)?;
            reply(&mut stream, "202 Accepted", "", || {}).await?;
        } else {
            bail!("the function reports an error: {} {}", request.first_line, said());
        }
        let arrived = arrived.clone();
        reading.spawn(read_on(stream, arrived));
        Ok(false)
    }

    /// The function asks for an event, perhaps for one more than there are.
    fn asked(&self, at: Instant) -> anyhow::Result<bool> {
        let seen = self.note(|seen| seen.clone());
        if seen.asked.is_none() {
            let processor = processor_time(self.pid)?;
            self.limit.map_or(Ok(()), |limit| limit.hold(self.pid))?;
            self.note(|seen| {
                seen.asked = Some(at - self.start);
                seen.processor.push(processor);
            });
        }
        let last = seen.answers.len() == self.events;
        if last {
            // While it waits: many a process ends with its connection, and then there is no peak to ask for.
            let peak = peak_kib(self.pid)?;
            self.note(|seen| seen.peak_kib = peak);
        }
        Ok(last)
    }

    fn answered(&self, at: Instant, body: &[u8]) -> anyhow::Result<()> {
        let said: serde_json::Value = serde_json::from_slice(body).context("an answer that is no JSON")?;
        let event: serde_json::Value = serde_json::from_str(self.event)?;
        // AWS's types for Rust add what the event does not have.
        ensure!(said.get("userName") == event.get("userName"), "an answer that is not the event: {said}");
        let first = self.note(|seen| {
            let handed = seen.handed.take().unwrap_or(at);
            seen.answers.push(at.saturating_duration_since(handed));
            seen.answers.len() == 1
        });
        if first {
            let processor = processor_time(self.pid)?;
            self.note(|seen| seen.processor.push(processor));
        }
        Ok(())
    }

    fn note<T>(&self, change: impl FnOnce(&mut Moments) -> T) -> T {
        change(&mut self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn life(&self) -> anyhow::Result<Life> {
        let Moments { asked, answers, processor, peak_kib, .. } = self.note(|seen| seen.clone());
        Ok(Life { init: asked.context("no event was asked for")?, answers, processor, peak_kib })
    }
}

/// A request, when it had arrived, and where its answer goes.
struct Arrival {
    request: HttpRequest,
    at: Instant,
    stream: BufReader<TcpStream>,
}

async fn read(stream: TcpStream, arrived: mpsc::Sender<Arrival>) {
    read_on(BufReader::new(stream), arrived).await;
}

/// Waits for the next request of a connection; the one that closes it is nobody's loss.
async fn read_on(mut stream: BufReader<TcpStream>, arrived: mpsc::Sender<Arrival>) {
    if let Ok(request) = HttpRequest::read(&mut stream).await {
        let _ = arrived.send(Arrival { request, at: Instant::now(), stream }).await;
    }
}

/// Answers as Lambda does; `before` is called when only the writing is left.
async fn reply(
    stream: &mut BufReader<TcpStream>,
    status: &str,
    body: &str,
    before: impl FnOnce(),
) -> anyhow::Result<()> {
    let deadline = (SystemTime::now().duration_since(UNIX_EPOCH)? + INVOCATION).as_millis();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         lambda-runtime-aws-request-id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
         lambda-runtime-deadline-ms: {deadline}\r\n\
         lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:123456789012:function:function\r\n\
         lambda-runtime-trace-id: Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0\r\n\r\n",
        body.len()
    );
    let answer = format!("{head}{body}");
    before();
    stream.get_mut().write_all(answer.as_bytes()).await.context("answering the function")
}

/// User and system time of all threads that a process has, to the nanosecond.
fn processor_time(pid: u32) -> anyhow::Result<Duration> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).context("the function has ended")? {
        // One that ends meanwhile has done next to nothing.
        let said = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
        nanoseconds += said.split_whitespace().next().and_then(|time| time.parse().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanoseconds))
}

fn peak_kib(pid: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the function has ended")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    Ok(peak.context("a process without a peak")?.trim().parse()?)
}
