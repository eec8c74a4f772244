//! Ports, plain HTTP and waiting, all on 127.0.0.1.

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// Time between two looks at a condition. Short, because each start waits for several of them.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// A request to a service on this machine that takes longer has failed.
const HTTP_LIMIT: Duration = Duration::from_secs(10);

/// A port that nobody listens on at this moment. Another process may take it before the caller does.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

/// Asks `condition` until it answers, at most for `limit`.
///
/// # Errors
///
/// The condition's own error at once, or that `what` has not come true in time.
pub(crate) fn wait_until<T>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = condition()? {
            return Ok(answer);
        }
        if Instant::now() >= deadline {
            bail!("{what}: not within {} s", limit.as_secs());
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// The body of a successful GET, or what went wrong in words.
pub(crate) fn get(url: &str) -> anyhow::Result<String> {
    let mut response = agent().get(url).call().with_context(|| format!("GET {url}"))?;
    let body = response.body_mut().read_to_string()?;
    if !response.status().is_success() {
        bail!("GET {url}: {} {body}", response.status());
    }
    Ok(body)
}

/// Calls an operation of an AWS service that speaks JSON 1.1, without a signature. An answer without a body is null.
pub(crate) fn call_json(
    endpoint: &str,
    operation: &str,
    request: &serde_json::Value,
) -> anyhow::Result<serde_json::Value> {
    let mut response = agent()
        .post(endpoint)
        .header("X-Amz-Target", operation)
        .header("Content-Type", "application/x-amz-json-1.1")
        .send(request.to_string())
        .with_context(|| format!("{operation} at {endpoint}"))?;
    let body = response.body_mut().read_to_string()?;
    if !response.status().is_success() {
        bail!("{operation}: {} {body}", response.status());
    }
    if body.is_empty() {
        return Ok(serde_json::Value::Null);
    }
    serde_json::from_str(&body).with_context(|| format!("{operation} answered no JSON: {body}"))
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(HTTP_LIMIT))
        .http_status_as_error(false)
        .proxy(None) // a proxy from the environment knows nothing of this machine's loopback
        .build()
        .into()
}
