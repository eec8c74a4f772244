//! Whether a call is under way that nothing answers: a server can accept a connection and never say anything.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_sdk_sqs::config::{
    ConfigBag, Intercept, RuntimeComponents,
    interceptors::{BeforeSerializationInterceptorContextRef, FinalizerInterceptorContextRef},
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{interceptors::dyn_dispatch_hint, orchestrator::Metadata},
};
use tokio::time::Instant;

/// Calls that are under way, retries and the search for credentials included.
#[derive(Clone, Debug, Default)]
pub struct Waiting(Arc<Mutex<Calls>>);

#[derive(Debug, Default)]
struct Calls {
    open: usize,
    /// When the last one ended, or the first one began.
    since: Option<Instant>,
    /// The operation that began last.
    operation: String,
}

impl Waiting {
    /// The operation that has no answer, when there was no other answer for `long` either.
    pub fn silent_for(&self, long: Duration, now: Instant) -> Option<String> {
        let calls = self.calls();
        let since = calls.since.filter(|_| calls.open > 0)?;
        (now.saturating_duration_since(since) >= long).then(|| calls.operation.clone())
    }

    fn began(&self, operation: &str, now: Instant) {
        let mut calls = self.calls();
        if calls.open == 0 {
            calls.since = Some(now);
        }
        calls.open += 1;
        operation.clone_into(&mut calls.operation);
    }

    fn ended(&self, now: Instant) {
        let mut calls = self.calls();
        calls.open = calls.open.saturating_sub(1);
        calls.since = Some(now);
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[dyn_dispatch_hint]
impl Intercept for Waiting {
    fn name(&self) -> &'static str {
        "Waiting"
    }

    // Not `read_before_execution`, which does not know the operation yet.
    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.began(bag.load::<Metadata>().map_or("the call", Metadata::name), Instant::now());
        Ok(())
    }

    fn read_after_execution(
        &self,
        _: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.ended(Instant::now());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_silent_while_a_call_is_open_and_nothing_else_is_answered() {
        const LONG: Duration = Duration::from_secs(3);
        let (waiting, now) = (Waiting::default(), Instant::now());
        assert_eq!(waiting.silent_for(LONG, now + LONG), None, "nothing was asked");
        waiting.began("GetQueueUrl", now);
        waiting.began("SendMessageBatch", now + LONG / 2);
        assert_eq!(waiting.silent_for(LONG, now + LONG / 2), None);
        assert_eq!(waiting.silent_for(LONG, now + LONG).as_deref(), Some("SendMessageBatch"));
        waiting.ended(now + LONG);
        assert_eq!(waiting.silent_for(LONG, now + LONG + LONG / 2), None, "the other one was answered just now");
        waiting.ended(now + LONG * 2);
        assert_eq!(waiting.silent_for(LONG, now + LONG * 9), None);
    }
}
