//! The model, or whatever else answers calls, over HTTP on loopback, for processes of their own.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use anyhow::Context;

use crate::scripted_http::{Answer, Call};

/// How long a receive of an empty queue waits, in place of the seconds of a long poll.
const SHORT_POLL: Duration = Duration::from_millis(20);

/// A running server. It ends with the process.
pub struct Server {
    address: SocketAddr,
}

impl Server {
    /// Answers every call with `answer`, each connection on a thread of its own.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub fn answering(answer: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> anyhow::Result<Self> {
        let answer = Arc::new(answer);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on 127.0.0.1")?;
        let address = listener.local_addr()?;
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answer = Arc::clone(&answer);
                // A connection that breaks is its client's to notice.
                thread::spawn(move || drop(serve(&*answer, &stream)));
            }
        });
        Ok(Self { address })
    }

    /// For `--endpoint-url`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Answers the requests of one connection, one after the other.
fn serve(answer: &impl Fn(&Call) -> Answer, stream: &TcpStream) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    while let Some(call) = read(&mut reader)? {
        let receive = call.operation.rsplit('.').next() == Some("ReceiveMessage");
        match answer(&call) {
            Answer::Reply(status, body) => {
                if receive && body.get("Messages").and_then(|all| all.as_array()).is_none_or(Vec::is_empty) {
                    thread::sleep(SHORT_POLL);
                }
                let body = body.to_string();
                write!(
                    writer,
                    "HTTP/1.1 {status} Model\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                )?;
            }
            Answer::Refuse => return Ok(()),
            Answer::Hang => loop {
                thread::park();
            },
        }
    }
    Ok(())
}

fn read(reader: &mut impl BufRead) -> anyhow::Result<Option<Call>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, url) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers.get("content-length").map_or(Ok(0), |length| length.parse())?];
    reader.read_exact(&mut body)?;
    let operation = headers.get("x-amz-target").cloned().unwrap_or_default();
    Ok(Some(Call { operation, method, url, headers, body: serde_json::from_slice(&body).unwrap_or_default() }))
}
