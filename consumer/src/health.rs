//! Whether the worker makes progress, for whatever restarts it when it does not: ECS, Kubernetes, a load balancer.
//!
//! A worker makes progress whenever SQS has answered it, with messages or without, and whenever it has finished a batch, with rows or without:
//! a database that is down is an outage, and no restart of this process ends it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, timeout},
};

/// Longest time for one check, so that clients that never finish their request do not pile up.
const CHECK: Duration = Duration::from_secs(2);

/// Bytes of a request that are read: a check has a short one.
const REQUEST: usize = 4096;

/// When each of the workers has made progress, in milliseconds since the start.
pub(crate) struct Progress {
    began: Instant,
    made: Vec<AtomicU64>,
    stalled_after: Duration,
}

impl Progress {
    /// Of so many workers, each of which is stalled when it makes none for `stalled_after`.
    pub(crate) fn of(workers: usize, stalled_after: Duration) -> Self {
        Self { began: Instant::now(), made: (0..workers).map(|_| AtomicU64::new(0)).collect(), stalled_after }
    }

    /// A worker has made progress now.
    pub(crate) fn made_by(&self, worker: usize) {
        if let Some(made) = self.made.get(worker) {
            made.store(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    /// How long the slowest worker has made none, if that is too long.
    fn stalled(&self) -> Option<Duration> {
        let oldest = self.made.iter().map(|made| made.load(Ordering::Relaxed)).min()?;
        let idle = self.began.elapsed().saturating_sub(Duration::from_millis(oldest));
        (idle > self.stalled_after).then_some(idle)
    }

    /// The whole answer to a request that begins with these bytes.
    fn answer(&self, request: &[u8]) -> String {
        let (status, body) = match self.stalled() {
            _ if !(request.starts_with(b"GET ") || request.starts_with(b"HEAD ")) => {
                ("405 Method Not Allowed", "use GET\n".to_owned())
            }
            None => ("200 OK", "polling\n".to_owned()),
            Some(idle) => ("503 Service Unavailable", format!("no progress for {} s\n", idle.as_secs())),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        if request.starts_with(b"HEAD ") { head } else { head + &body }
    }
}

/// Listens for checks.
///
/// # Errors
///
/// The address cannot be listened on.
pub(crate) async fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Answers checks until it is dropped.
pub(crate) async fn serve(listener: TcpListener, progress: Arc<Progress>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let progress = Arc::clone(&progress);
                // A check that is too slow, or gone, is not answered; the next one comes soon.
                tokio::spawn(async move { timeout(CHECK, check(stream, &progress)).await });
            }
            // Out of file descriptors, for instance: that passes.
            Err(_) => tokio::time::sleep(CHECK).await,
        }
    }
}

async fn check(mut stream: TcpStream, progress: &Progress) -> std::io::Result<()> {
    let (mut request, mut buffer) = (Vec::new(), [0; 512]);
    while request.len() < REQUEST && !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer).await? {
            0 => break,
            read => request.extend(buffer.iter().take(read)),
        }
    }
    stream.write_all(progress.answer(&request).as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(progress: &Progress, request: &str) -> String {
        progress.answer(request.as_bytes()).lines().next().unwrap().to_owned()
    }

    #[test]
    fn one_stalled_worker_among_many_is_enough() {
        let patient = Progress::of(2, Duration::from_mins(1));
        assert_eq!(status(&patient, "GET / HTTP/1.1\r\n"), "HTTP/1.1 200 OK");
        let mut impatient = Progress::of(2, Duration::from_millis(5));
        impatient.began -= Duration::from_secs(3);
        assert_eq!(status(&impatient, "GET / HTTP/1.1\r\n"), "HTTP/1.1 503 Service Unavailable");
        assert!(impatient.answer(b"GET /").ends_with("\r\n\r\nno progress for 3 s\n"));
        assert!(impatient.answer(b"HEAD /").ends_with("\r\n\r\n"));
        impatient.made_by(0);
        assert_eq!(status(&impatient, "GET /healthz HTTP/1.1\r\n"), "HTTP/1.1 503 Service Unavailable");
        assert_eq!(status(&patient, "POST / HTTP/1.1\r\n"), "HTTP/1.1 405 Method Not Allowed");
    }
}
