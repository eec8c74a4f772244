//! A relay in front of `LocalStack` or moto, on loopback: it passes every request on, but for the operations that a test singles out.
//!
//! A function sees an AWS that misbehaves in one call, while everything else is the real thing.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
};

use anyhow::{Context, anyhow};
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{oneshot, watch},
};

/// What becomes of the requests of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// They are passed on, as those that nobody has singled out.
    Pass,
    /// They are answered with this error, as a bad request.
    Refuse(&'static str),
    /// They wait until the relay is told otherwise, and vanish when their sender dies.
    Hold,
}

/// The operations that are not simply passed on, by the name in `X-Amz-Target` behind the dot.
type Treatments = BTreeMap<&'static str, Treatment>;

/// A running relay; it stops when it is dropped.
#[derive(Debug)]
pub struct Relay {
    url: String,
    treatments: watch::Sender<Treatments>,
    held: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What each request needs.
#[derive(Clone)]
struct Route {
    upstream: SocketAddr,
    treatments: watch::Receiver<Treatments>,
    held: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
}

impl Relay {
    /// Starts one in front of `endpoint`, such as `http://127.0.0.1:4566`, on a thread of its own.
    ///
    /// # Errors
    ///
    /// `endpoint` is not an address of this kind, or there is no free port.
    pub fn start(endpoint: &str) -> anyhow::Result<Self> {
        let upstream = endpoint.strip_prefix("http://").and_then(|address| address.parse().ok());
        let upstream = upstream.with_context(|| format!("`{endpoint}` is not http://<address>:<port>"))?;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port for the relay")?;
        listener.set_nonblocking(true)?;
        let url = format!("http://{}", listener.local_addr()?);
        let (treatments, watched) = watch::channel(Treatments::new());
        let (stop, stopped) = oneshot::channel();
        let (held, refused) = (Arc::default(), Arc::default());
        let route = Route { upstream, treatments: watched, held: Arc::clone(&held), refused: Arc::clone(&refused) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, route) => {}
                    _ = stopped => {}
                }
            });
        });
        Ok(Self { url, treatments, held, refused, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it answers.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on, treats the requests of an operation, such as `SendMessageBatch`, in this way.
    pub fn treat(&self, operation: &'static str, treatment: Treatment) {
        self.treatments.send_modify(|all| {
            all.insert(operation, treatment);
        });
    }

    /// From now on, passes everything on, and with it what was held.
    pub fn pass(&self) {
        self.treatments.send_modify(Treatments::clear);
    }

    /// How many requests were refused so far.
    pub fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }

    /// How many requests are held at this moment.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::SeqCst)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: std::net::TcpListener, route: Route) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    while let Ok((connection, _)) = listener.accept().await {
        let route = route.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, route.clone()));
            // A sender that is gone is what a test wants to see, and no error of the relay's.
            let _ =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(connection), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, mut route: Route) -> anyhow::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    if route.treatments.borrow().get(operation.as_str()) == Some(&Treatment::Hold) {
        let _count = Count::one_more(&route.held);
        route.treatments.wait_for(|all| all.get(operation.as_str()) != Some(&Treatment::Hold)).await?;
    }
    let treatment = route.treatments.borrow().get(operation.as_str()).copied();
    if let Some(Treatment::Refuse(error)) = treatment {
        route.refused.fetch_add(1, Ordering::SeqCst);
        return refusal(error);
    }
    pass_on(Request::from_parts(head, Full::new(body)), route.upstream).await
}

fn refusal(error: &str) -> anyhow::Result<Response<Full<Bytes>>> {
    let body = json!({ "__type": error, "message": "the relay refuses this operation" }).to_string();
    let response =
        Response::builder().status(StatusCode::BAD_REQUEST).header("content-type", "application/x-amz-json-1.0");
    Ok(response.body(Full::from(body))?)
}

/// One connection for each request: what is behind the relay is on this machine.
async fn pass_on(request: Request<Full<Bytes>>, upstream: SocketAddr) -> anyhow::Result<Response<Full<Bytes>>> {
    let stream = TcpStream::connect(upstream).await.map_err(|error| anyhow!("nothing behind the relay: {error}"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let (head, body) = sender.send_request(request).await?.into_parts();
    let mut response = Response::from_parts(head, Full::new(body.collect().await?.to_bytes()));
    // The body is whole now, however it came.
    response.headers_mut().remove("transfer-encoding");
    Ok(response)
}

/// Counts a request for as long as it waits, also when it is dropped where it waits.
struct Count<'a>(&'a AtomicUsize);

impl<'a> Count<'a> {
    fn one_more(held: &'a AtomicUsize) -> Self {
        held.fetch_add(1, Ordering::SeqCst);
        Self(held)
    }
}

impl Drop for Count<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
