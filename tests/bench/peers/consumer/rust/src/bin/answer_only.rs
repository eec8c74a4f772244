//! A function that takes each event from the Runtime API whole, reads none of it, and answers: what the delivery alone takes.

use std::{
    env,
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
};

use anyhow::{Context, ensure};

const ANSWER: &str = r#"{"batchItemFailures":[]}"#;

fn main() -> anyhow::Result<()> {
    let stream = TcpStream::connect(env::var("AWS_LAMBDA_RUNTIME_API")?)?;
    stream.set_nodelay(true)?;
    let (mut reader, mut writer) = (BufReader::new(&stream), &stream);
    let mut event = Vec::new();
    loop {
        writer.write_all(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: runtime\r\n\r\n")?;
        let id = answer(&mut reader, &mut event)?.context("an event without a request id")?;
        let head = format!(
            "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nhost: runtime\r\ncontent-length: {}\r\n\r\n",
            ANSWER.len()
        );
        writer.write_all(format!("{head}{ANSWER}").as_bytes())?;
        answer(&mut reader, &mut event)?;
    }
}

/// Reads an answer's body, and gives back the request id that it is for.
fn answer(reader: &mut BufReader<&TcpStream>, body: &mut Vec<u8>) -> anyhow::Result<Option<String>> {
    let (mut length, mut id, mut line) = (0, None, String::new());
    loop {
        line.clear();
        ensure!(reader.read_line(&mut line)? > 0, io::Error::from(io::ErrorKind::UnexpectedEof));
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            if line.trim_end().is_empty() {
                break;
            }
            continue;
        };
        match name {
            "content-length" => length = value.parse()?,
            "lambda-runtime-aws-request-id" => id = Some(value.to_owned()),
            _ => {}
        }
    }
    body.clear();
    reader.take(length).read_to_end(body)?;
    Ok(id)
}
