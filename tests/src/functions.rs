//! The deployed functions: invoked, reconfigured, their logs read and their queue held shut, over the wire of AWS's APIs; and their processes killed.
//!
//! A handful of calls is not worth two more SDK crates in every build.

use std::{
    collections::BTreeSet,
    fs, thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process},
};
use serde_json::{Map, Value, json};

use crate::{CREDENTIAL, REGION, Stack};

/// Longest wait until a function runs with a new configuration.
const RECONFIGURED_WITHIN: Duration = Duration::from_secs(30);

/// Longest wait until a killed process is gone; it takes milliseconds.
const KILLED_WITHIN: Duration = Duration::from_secs(10);

/// Invokes a function and gives back the very bytes it answered.
///
/// # Errors
///
/// The function's own error, with its payload.
pub fn invoke(stack: &Stack, function: &str, payload: &str) -> anyhow::Result<String> {
    let url = format!("{}/2015-03-31/functions/{function}/invocations", stack.aws_endpoint);
    let mut answer = ureq::post(&url).header("authorization", &authorization("lambda")).send(payload)?;
    let failed = answer.headers().contains_key("x-amz-function-error");
    let body = answer.body_mut().read_to_string()?;
    ensure!(!failed, "the function failed: {body}");
    Ok(body)
}

/// Sets one variable of a function's environment, and returns when the function runs with it.
///
/// # Errors
///
/// Whatever Lambda says.
pub fn set_variable(stack: &Stack, function: &str, name: &str, value: &str) -> anyhow::Result<()> {
    let url = format!("{}/2015-03-31/functions/{function}/configuration", stack.aws_endpoint);
    let authorization = authorization("lambda");
    let read = || -> anyhow::Result<Value> {
        let text = ureq::get(&url).header("authorization", &authorization).call()?.body_mut().read_to_string()?;
        Ok(serde_json::from_str(&text)?)
    };
    let mut variables = read()?.pointer("/Environment/Variables").cloned().context("a function without variables")?;
    variables.as_object_mut().context("variables are an object")?.insert(name.to_owned(), json!(value));
    let body = json!({ "Environment": { "Variables": variables } }).to_string();
    ureq::put(&url).header("authorization", &authorization).send(&body)?;
    let deadline = Instant::now() + RECONFIGURED_WITHIN;
    while read()?.get("LastUpdateStatus") != Some(&json!("Successful")) {
        if Instant::now() > deadline {
            bail!("the function's new configuration does not take effect within {RECONFIGURED_WITHIN:?}");
        }
        thread::yield_now();
    }
    Ok(())
}

/// What a function has written to its log group so far.
///
/// # Errors
///
/// Whatever `CloudWatch` Logs says; a log group without events is empty.
pub fn log_lines(stack: &Stack, function: &str) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    let mut token = Value::Null;
    loop {
        let mut request = Map::from_iter([("logGroupName".to_owned(), json!(format!("/aws/lambda/{function}")))]);
        if token.is_string() {
            request.insert("nextToken".to_owned(), token);
        }
        let text = ureq::post(&stack.aws_endpoint)
            .header("authorization", &authorization("logs"))
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", "Logs_20140328.FilterLogEvents")
            .send(Value::Object(request).to_string())?
            .body_mut()
            .read_to_string()?;
        let answer: Value = serde_json::from_str(&text)?;
        let events = answer.get("events").and_then(Value::as_array).context("no `events` in the answer")?;
        lines.extend(
            events.iter().filter_map(|event| event.get("message")?.as_str().map(|line| line.trim().to_owned())),
        );
        token = answer.get("nextToken").cloned().unwrap_or_default();
        if !token.is_string() {
            return Ok(lines);
        }
    }
}

/// Whether Lambda reads the consumer's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polling {
    /// It does, as after a deployment.
    On,
    /// It does not; a poll that is under way ends within the batch window.
    Off,
}

/// Switches the consumer's event source mapping.
///
/// # Errors
///
/// Whatever Lambda says.
pub fn set_polling(stack: &Stack, polling: Polling) -> anyhow::Result<()> {
    let url = format!("{}/2015-03-31/event-source-mappings/", stack.aws_endpoint);
    let authorization = authorization("lambda");
    let list = ureq::get(&url).query("FunctionName", &stack.outputs.consumer_function_name);
    let text = list.header("authorization", &authorization).call()?.body_mut().read_to_string()?;
    let answer: Value = serde_json::from_str(&text)?;
    let mapping = answer.pointer("/EventSourceMappings/0/UUID").and_then(Value::as_str);
    let url = format!("{url}{}", mapping.context("the consumer has no event source mapping")?);
    let body = json!({ "Enabled": polling == Polling::On }).to_string();
    ureq::put(&url).header("authorization", &authorization).send(&body)?;
    Ok(())
}

/// The processes that run a function at this moment.
///
/// # Errors
///
/// /proc cannot be read.
pub fn processes(function: &str) -> anyhow::Result<BTreeSet<i32>> {
    let variable = format!("AWS_LAMBDA_FUNCTION_NAME={function}");
    let all = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    // Another process may end while we look at it, and those of other users are none of ours.
    let runs_it = |pid: &i32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes())
    };
    Ok(all.filter(runs_it).collect())
}

/// Kills every process of a function with SIGKILL, and returns when they are gone; Lambda starts others when it needs them.
///
/// # Errors
///
/// There is none, or one does not go.
pub fn kill(function: &str) -> anyhow::Result<usize> {
    let victims = processes(function)?;
    ensure!(!victims.is_empty(), "the function `{function}` does not run");
    for pid in victims.iter().filter_map(|pid| Pid::from_raw(*pid)) {
        match kill_process(pid, Signal::KILL) {
            Ok(()) | Err(Errno::SRCH) => {}
            Err(error) => bail!("the function's process cannot be killed: {error}"),
        }
    }
    let deadline = Instant::now() + KILLED_WITHIN;
    while !processes(function)?.is_disjoint(&victims) {
        ensure!(Instant::now() < deadline, "the function's process survives SIGKILL for {KILLED_WITHIN:?}");
        thread::yield_now();
    }
    Ok(victims.len())
}

/// `LocalStack` reads the service out of the signature's scope and checks nothing else.
pub(crate) fn authorization(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={CREDENTIAL}/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}
