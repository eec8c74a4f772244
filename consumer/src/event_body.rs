//! The bytes of an event on their way past `lambda_runtime`'s own reading of them.
//!
//! It reads every event as a whole before the handler begins, and copies the name of each member on the way, so that it could say where an event is wrong.
//! A batch of a thousand messages takes longer for that than for everything else that we do with it, and none of it is inserted meanwhile.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use lambda_runtime::{Error, LambdaInvocation, Service, tower::Layer};

/// What `lambda_runtime` reads instead.
const NOTHING: &[u8] = b"null";

/// The body of the invocation that begins; there is one at a time.
#[derive(Clone, Debug, Default)]
pub struct EventBody(Arc<Mutex<Bytes>>);

impl EventBody {
    /// Takes it.
    pub fn take(&self) -> Bytes {
        mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S> Layer<S> for EventBody {
    type Service = KeepBody<S>;

    fn layer(&self, inner: S) -> KeepBody<S> {
        KeepBody { body: self.clone(), inner }
    }
}

/// Puts the body of each invocation aside.
#[derive(Debug)]
pub struct KeepBody<S> {
    body: EventBody,
    inner: S,
}

impl<S: Service<LambdaInvocation, Response = (), Error = Error>> Service<LambdaInvocation> for KeepBody<S> {
    type Response = ();
    type Error = Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut invocation: LambdaInvocation) -> S::Future {
        let body = mem::replace(&mut invocation.body, Bytes::from_static(NOTHING));
        *self.body.0.lock().unwrap_or_else(PoisonError::into_inner) = body;
        self.inner.call(invocation)
    }
}
