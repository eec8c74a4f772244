//! Lambda's side of a function: starts its process, hands it one event, and takes its answer.
//!
//! Source: "Using the Lambda runtime API for custom runtimes" in the AWS Lambda developer guide.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow};
use serde_json::Value;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::http_request::HttpRequest;
use crate::pipeline;

/// What an invocation may take, start included.
const LIMIT: Duration = Duration::from_secs(20);

/// What a function made of an event.
#[derive(Debug)]
pub struct Invocation {
    /// The very bytes of its answer, or Lambda's description of its error.
    pub answer: Result<String, Value>,
    /// From the start of the process to the answer.
    pub took: Duration,
    /// What the function wrote to its log until then, metrics included.
    pub log: String,
}

/// Ends with its owner.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Builds a function of the workspace, as every other build here does.
///
/// # Errors
///
/// It does not build.
pub fn binary(name: &str) -> anyhow::Result<PathBuf> {
    pipeline::binary(name)
}

/// Starts a function with these variables besides Lambda's own, and gives it one event.
///
/// # Errors
///
/// It does not start, or does not answer in time.
pub async fn invoke(function: &Path, variables: &[(&str, &str)], event: &str) -> anyhow::Result<Invocation> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let start = Instant::now();
    let mut process = Process(
        Command::new(function)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", listener.local_addr()?.to_string())
            .envs([
                ("AWS_LAMBDA_FUNCTION_NAME", "function"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
                ("AWS_LAMBDA_LOG_STREAM_NAME", "stream"),
                ("AWS_LAMBDA_LOG_GROUP_NAME", "group"),
            ])
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", function.display()))?,
    );
    let output = process.0.stdout.take().context("a function without a log")?;
    // Read while it runs: a function whose log nobody reads waits as soon as the pipe is full.
    let log = thread::spawn(move || io::read_to_string(output));
    let answer = tokio::time::timeout(LIMIT, exchange(&listener, event)).await;
    let answer = answer.with_context(|| format!("{} did not answer in {LIMIT:?}", function.display()))??;
    let took = start.elapsed();
    // The log is at its end when the process is.
    process.0.kill().context("ending the function")?;
    let log = log.join().map_err(|_| anyhow!("the reader of the function's log panicked"))?;
    let log = log.context("reading the function's log")?;
    Ok(Invocation { answer, took, log })
}

/// Serves the runtime API until there is an answer, on as many connections as the function opens one after another.
async fn exchange(listener: &TcpListener, event: &str) -> anyhow::Result<Result<String, Value>> {
    loop {
        let (stream, _) = listener.accept().await?;
        let mut stream = BufReader::new(stream);
        while let Ok(request) = HttpRequest::read(&mut stream).await {
            let body = String::from_utf8(request.body)?;
            if request.first_line.contains("/invocation/next") {
                reply(&mut stream, "200 OK", event).await?;
            } else if request.first_line.contains("/response") {
                reply(&mut stream, "202 Accepted", "").await?;
                return Ok(Ok(body));
            } else {
                reply(&mut stream, "202 Accepted", "").await?;
                return Ok(Err(serde_json::from_str(&body)?));
            }
        }
    }
}

async fn reply(stream: &mut BufReader<TcpStream>, status: &str, body: &str) -> anyhow::Result<()> {
    let deadline = (SystemTime::now().duration_since(UNIX_EPOCH)? + LIMIT).as_millis();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nlambda-runtime-aws-request-id: 1\r\n\
         lambda-runtime-deadline-ms: {deadline}\r\n\
         lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:123456789012:function:function\r\n\r\n",
        body.len()
    );
    stream.get_mut().write_all(format!("{head}{body}").as_bytes()).await.context("answering the function")
}
