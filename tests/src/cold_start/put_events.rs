//! PutEvents over TLS on loopback: takes every event after a delay, and counts what it sees.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::Context;
use tokio::{
    io::{AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    time::sleep,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use crate::{certificates, http_request::HttpRequest, run::Run};

/// What EventBridge says when it has taken an event.
const TAKEN: &str = r#"{"FailedEntryCount":0,"Entries":[{"EventId":"c2a1a6ce-0b4b-4a43-8a35-0d6f7e5f4d3c"}]}"#;

/// What it says to a request that names no operation.
const UNKNOWN: &str = r#"{"__type":"UnknownOperationException"}"#;

/// A running endpoint, on a thread of its own. It ends when this is dropped.
pub struct PutEvents {
    port: u16,
    authority: PathBuf,
    counts: Arc<Counts>,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
    run: Run,
}

#[derive(Default)]
struct Counts {
    connections: AtomicU32,
    handshakes: AtomicU32,
    events: AtomicU32,
    others: AtomicU32,
}

/// What clients have done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Connections that were opened.
    pub connections: u32,
    /// TLS handshakes that were completed.
    pub handshakes: u32,
    /// Requests that publish something.
    pub events: u32,
    /// Any other request.
    pub others: u32,
}

impl PutEvents {
    /// Begins to take events, and answers each so long after it came.
    ///
    /// # Errors
    ///
    /// No port is free, or the certificates cannot be made.
    pub fn start(delay: Duration) -> anyhow::Result<Self> {
        let run = Run::create()?;
        let certificates = certificates::make(run.folder(), None)?;
        let chain = vec![CertificateDer::from_pem_file(&certificates.certificate)?];
        let key = PrivateKeyDer::from_pem_file(&certificates.key)?;
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        // Made apart from the runtime: the caller may have one of its own.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").context("no free port on 127.0.0.1")?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let (stop, stopped) = oneshot::channel();
        let counts = Arc::<Counts>::default();
        let accepting = accept(listener, acceptor, Arc::clone(&counts), delay);
        let serving = thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accepting => {}
                    _ = stopped => {}
                }
            });
        });
        Ok(Self { port, authority: certificates.ca, counts, stop: Some(stop), serving: Some(serving), run })
    }

    /// The endpoint, by the name that its certificate has.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// The port of 127.0.0.1 that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The certificate that a client has to trust.
    pub fn authority(&self) -> &Path {
        &self.authority
    }

    /// What clients have done so far.
    pub fn seen(&self) -> Seen {
        let read = |count: &AtomicU32| count.load(Ordering::SeqCst);
        let Counts { connections, handshakes, events, others } = &*self.counts;
        Seen {
            connections: read(connections),
            handshakes: read(handshakes),
            events: read(events),
            others: read(others),
        }
    }
}

impl Drop for PutEvents {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.serving.take().map(JoinHandle::join);
        self.run.remove();
    }
}

async fn accept(listener: std::net::TcpListener, acceptor: TlsAcceptor, counts: Arc<Counts>, delay: Duration) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    while let Ok((stream, _)) = listener.accept().await {
        counts.connections.fetch_add(1, Ordering::SeqCst);
        let (acceptor, counts) = (acceptor.clone(), Arc::clone(&counts));
        tokio::spawn(async move {
            // A connection that breaks is its client's to notice.
            let _ = serve(stream, &acceptor, &counts, delay).await;
        });
    }
}

async fn serve(stream: TcpStream, acceptor: &TlsAcceptor, counts: &Counts, delay: Duration) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(acceptor.accept(stream).await?);
    counts.handshakes.fetch_add(1, Ordering::SeqCst);
    loop {
        let request = HttpRequest::read(&mut stream).await?;
        let publishes = request.headers.get("x-amz-target").is_some_and(|target| target == "AWSEvents.PutEvents");
        let (count, status, body) =
            if publishes { (&counts.events, "200 OK", TAKEN) } else { (&counts.others, "404 Not Found", UNKNOWN) };
        count.fetch_add(1, Ordering::SeqCst);
        if publishes && !delay.is_zero() {
            sleep(delay).await;
        }
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {length}\r\n\r\n"
        );
        // One write, so that an answer is one packet.
        stream.get_mut().write_all((head + body).as_bytes()).await?;
        stream.get_mut().flush().await?;
    }
}
