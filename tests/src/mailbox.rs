//! The bucket that takes answers for `CloudFormation`: it keeps every request as it came over the wire.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// One request.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Method, path and query: the first line.
    pub first_line: String,
    /// The headers, by their names in small letters.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Value,
}

/// A server on loopback. It ends when this is dropped.
#[derive(Debug)]
pub struct Mailbox {
    port: u16,
    letters: Arc<Mutex<Vec<Letter>>>,
    accepting: JoinHandle<()>,
}

impl Mailbox {
    /// Opens one.
    ///
    /// # Errors
    ///
    /// There is no free port.
    pub async fn open() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let letters = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&letters);
        let accepting = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                // A request that cannot be read stays unanswered, which its sender then reports.
                if let Ok(letter) = take(&mut stream).await {
                    kept.lock().unwrap_or_else(PoisonError::into_inner).push(letter);
                    let _ =
                        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
                }
            }
        });
        Ok(Self { port, letters, accepting })
    }

    /// An address to send to, with the query of a signed URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/arn%3Aaws%3Acloudformation/answer?AWSAccessKeyId=A&Signature=a%2Fb%3D", self.port)
    }

    /// Everything that has come.
    pub fn letters(&self) -> Vec<Letter> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn take(stream: &mut TcpStream) -> anyhow::Result<Letter> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        ensure!(reader.read_line(&mut line).await? > 0, "the request ends early");
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
    let length = headers.get("content-length").context("the request has no length")?.parse()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await?;
    Ok(Letter { first_line: first_line.clone(), headers, body: serde_json::from_slice(&body)? })
}
