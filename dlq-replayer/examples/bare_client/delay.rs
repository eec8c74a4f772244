//! A network: every connection is passed on, and what a client sends arrives later.
//!
//! Bytes, not requests, so that it costs little beside what is measured. HTTP/1.1 clients wait for an answer before the next request, so each call takes the delay once, however many pieces its request comes in.

use std::{io, net::Ipv4Addr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// Bytes read at once: more than a request of ten messages has.
const PIECE: usize = 64 * 1024;

/// Pieces of one connection that may be under way.
const UNDER_WAY: usize = 64;

/// Passes connections to `port` on to `upstream`, both on loopback, until the process ends.
pub(crate) async fn relay(port: u16, upstream: u16, millis: u64) -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    loop {
        let (client, _) = listener.accept().await?;
        // A connection that breaks is for its two ends to notice.
        tokio::spawn(async move { pass_on(client, upstream, Duration::from_millis(millis)).await.ok() });
    }
}

async fn pass_on(client: TcpStream, upstream: u16, delay: Duration) -> io::Result<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, to_server) = server.into_split();
    let (queue, queued) = mpsc::channel(UNDER_WAY);
    tokio::spawn(read(from_client, queue, delay));
    tokio::spawn(write_when_due(queued, to_server));
    tokio::io::copy(&mut from_server, &mut to_client).await.map(drop)
}

async fn read(mut from: OwnedReadHalf, queue: mpsc::Sender<(Instant, Vec<u8>)>, delay: Duration) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        let length = from.read(&mut buffer).await?;
        let piece = buffer.get(..length).unwrap_or_default().to_vec();
        if piece.is_empty() || queue.send((Instant::now() + delay, piece)).await.is_err() {
            return Ok(());
        }
    }
}

async fn write_when_due(mut queued: mpsc::Receiver<(Instant, Vec<u8>)>, mut to: OwnedWriteHalf) -> io::Result<()> {
    while let Some((due, piece)) = queued.recv().await {
        sleep_until(due).await;
        to.write_all(&piece).await?;
    }
    to.shutdown().await
}
