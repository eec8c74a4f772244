//! A TCP proxy that breaks connections, and counts how often a client waits: the network between the consumer and its database.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::future::join;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Bytes that are passed on at once.
const PIECE: usize = 64 * 1024;

/// A proxy on loopback. It ends, and its connections with it, when this is dropped.
#[derive(Debug)]
pub struct TcpProxy {
    port: u16,
    cuts: watch::Sender<u64>,
    silences: watch::Sender<u64>,
    counts: Arc<Counts>,
    accepting: JoinHandle<()>,
}

/// What the clients have done so far.
#[derive(Debug, Default)]
struct Counts {
    connections: AtomicUsize,
    round_trips: AtomicUsize,
}

/// Who speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

impl TcpProxy {
    /// Begins to pass connections on to `port` of this machine.
    ///
    /// # Errors
    ///
    /// There is no free port.
    pub async fn start(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let own = listener.local_addr()?.port();
        let (cuts, cut) = watch::channel(0);
        let (silences, silent) = watch::channel(0);
        let counts = Arc::<Counts>::default();
        let counted = Arc::clone(&counts);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                counted.connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(pass_on(client, port, cut.clone(), silent.clone(), Arc::clone(&counted)));
            }
        });
        Ok(Self { port: own, cuts, silences, counts, accepting })
    }

    /// The port to connect to instead.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Closes every connection that is open now, in the middle of whatever it carries. New ones are passed on.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Carries nothing more on the connections that are open now, without closing them, as if the peer had vanished. New ones are passed on.
    pub fn silence(&self) {
        self.silences.send_modify(|silences| *silences += 1);
    }

    /// Connections that clients have opened so far.
    pub fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::Relaxed)
    }

    /// How often a client has sent something after the server had spoken, or first: each time it waits for an answer is one.
    pub fn round_trips(&self) -> usize {
        self.counts.round_trips.load(Ordering::Relaxed)
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn pass_on(
    client: TcpStream,
    port: u16,
    mut cuts: watch::Receiver<u64>,
    mut silences: watch::Receiver<u64>,
    counts: Arc<Counts>,
) {
    cuts.mark_unchanged();
    silences.mark_unchanged();
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    // A piece must not wait for the one before it to be acknowledged.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let server_spoke = AtomicBool::new(true);
    let heard = |side: Side| {
        if server_spoke.swap(side == Side::Server, Ordering::Relaxed) && side == Side::Client {
            counts.round_trips.fetch_add(1, Ordering::Relaxed);
        }
    };
    let carrying = join(
        carry(from_client, to_server, || heard(Side::Client)),
        carry(from_server, to_client, || heard(Side::Server)),
    );
    tokio::pin!(carrying);
    // Also when the proxy is gone.
    tokio::select! {
        _ = &mut carrying => {}
        _ = cuts.changed() => {}
        Ok(()) = silences.changed() => { let _ = cuts.changed().await; }
    }
}

async fn carry(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, heard: impl Fn()) {
    let mut piece = vec![0; PIECE];
    while let Ok(read @ 1..) = from.read(&mut piece).await {
        heard();
        if to.write_all(piece.get(..read).unwrap_or_default()).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}
