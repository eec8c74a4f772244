//! The model, or anything else that answers calls, over HTTP on loopback, for other processes.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, ErrorKind, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use anyhow::Context;

use crate::scripted_http::{Answer, Call, body_text};

/// A running server. It ends with the process.
pub struct Server {
    address: SocketAddr,
}

impl Server {
    /// Answers each call with `answer`, each connection on its own thread.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub fn answering(answer: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> anyhow::Result<Self> {
        Self::answering_while(move |call, _| answer(call))
    }

    /// The same for answers that take their time: `answer` can ask whether the client is still there.
    pub(super) fn answering_while(
        answer: impl Fn(&Call, &dyn Fn() -> bool) -> Answer + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
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
fn serve(answer: &impl Fn(&Call, &dyn Fn() -> bool) -> Answer, stream: &TcpStream) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    while let Some(call) = read(&mut reader)? {
        match answer(&call, &|| is_open(stream)) {
            Answer::Reply(status, body) => {
                let body = body_text(&body);
                // 204 has neither a body nor a length (RFC 9110, section 8.6).
                let length = if status == 204 { String::new() } else { format!("content-length: {}\r\n", body.len()) };
                let head =
                    format!("HTTP/1.1 {status} Model\r\ncontent-type: application/x-amz-json-1.0\r\n{length}\r\n");
                // One write, so that an answer is one packet where it can be.
                writer.write_all((head + &body).as_bytes())?;
            }
            Answer::Break => return Ok(()),
            Answer::Hang => loop {
                thread::park();
            },
        }
    }
    Ok(())
}

/// Whether the client has not closed its end.
fn is_open(stream: &TcpStream) -> bool {
    let peeked = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0]));
    let blocking = stream.set_nonblocking(false);
    let silent = peeked.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
    blocking.is_ok() && (silent || peeked.is_ok_and(|read| read > 0))
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
    Ok(Some(Call::new(&method, &url, headers, &body)))
}
