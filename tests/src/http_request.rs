//! Reading one HTTP request off a connection, as it came over the wire.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

/// One request whose body has a stated length.
#[derive(Clone, Debug)]
pub(crate) struct HttpRequest {
    /// Method, path and query.
    pub(crate) first_line: String,
    /// By their names in small letters.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl HttpRequest {
    /// Waits for the next one.
    pub(crate) async fn read(stream: &mut BufReader<impl AsyncRead + Unpin>) -> anyhow::Result<Self> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            ensure!(stream.read_line(&mut line).await? > 0, "the request ends early");
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let (first_line, rest) = lines.split_first().context("the request has no first line")?;
        let headers: BTreeMap<String, String> = rest
            .iter()
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let length = headers.get("content-length").map_or(Ok(0), |length| length.parse())?;
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        Ok(Self { first_line: first_line.clone(), headers, body })
    }
}
