//! The bucket that takes answers for `CloudFormation`: it keeps every request as it came over the wire.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::http_request::HttpRequest;

/// What a sender is told; it has to open another connection for another letter.
const TAKEN: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

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
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufReader::new(stream);
                // A request that cannot be read stays unanswered, which its sender then reports.
                if let Ok(letter) = take(&mut stream).await {
                    kept.lock().unwrap_or_else(PoisonError::into_inner).push(letter);
                    let _ = stream.get_mut().write_all(TAKEN).await;
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

async fn take(stream: &mut BufReader<TcpStream>) -> anyhow::Result<Letter> {
    let HttpRequest { first_line, headers, body } = HttpRequest::read(stream).await?;
    Ok(Letter { first_line, headers, body: serde_json::from_slice(&body)? })
}
