//! Publishing within a budget: EventBridge first, the consumer's queue when EventBridge does not take the event.

use std::{collections::HashMap, time::Duration};

use aws_sdk_eventbridge::{
    error::{ProvideErrorMetadata, SdkError},
    operation::put_events::PutEventsOutput,
    types::PutEventsRequestEntry,
};
use aws_sdk_sqs::types::{MessageSystemAttributeNameForSends, MessageSystemAttributeValue};
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use jiff::Timestamp;
use rollcall_aws_runtime::{
    environment::VariableError,
    retry::{self, GaveUp, Pace, Refusal},
};
use rollcall_events::{DETAIL_TYPE, Envelope, SOURCE};
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout};

use crate::config::Config;

/// How calls follow each other.
/// One may take ten times as long as a slow PutEvents, and three of them fit into the default budget.
const PACE: Pace = Pace {
    first_wait: Duration::from_millis(50),
    longest_wait: Duration::from_millis(400),
    attempt: Duration::from_millis(700),
};

/// The most that opening a connection ahead of the first event may delay a start. It takes a few milliseconds; after this limit, the first event opens it.
const CONNECT_LIMIT: Duration = Duration::from_millis(300);

/// The headers of PutEvents that a request without an event does not have.
const HEADERS_OF_AN_EVENT: [&str; 3] = ["x-amz-target", "content-type", "content-length"];

/// EventBridge's share of the budget when there is a fallback; the queue gets the rest.
const BUS_SHARE: (u32, u32) = (2, 3);

/// Per-entry error codes of PutEvents that another attempt may cure.
/// Source: `PutEventsResultEntry` in the Amazon EventBridge API reference.
const TRANSIENT_ENTRY_CODES: [&str; 2] = ["InternalFailure", "ThrottlingException"];

/// The path that an event took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// EventBridge, and a rule from there.
    Bus,
    /// The fallback: straight to the consumer's queue.
    Queue,
}

impl Path {
    /// The word for logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bus => "bus",
            Self::Queue => "queue",
        }
    }
}

/// Why an event was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The producer does not know where to publish.
    #[error("the producer is not configured")]
    Unconfigured(#[source] VariableError),
    /// The event cannot be written as JSON.
    #[error("the event cannot be serialized")]
    Unserializable(#[from] serde_json::Error),
    /// A flaw of ours or of a library.
    #[error("publishing panicked")]
    Panicked,
    /// The service answered, and the same request would be answered the same way again.
    #[error("{service} rejected the event ({code})")]
    Rejected {
        /// Which service.
        service: &'static str,
        /// Its error code.
        code: String,
    },
    /// The service could not be reached, failed, or throttled, until the time was used up.
    #[error("{service} did not take the event in time ({code})")]
    Unavailable {
        /// Which service.
        service: &'static str,
        /// Its error code, or what happened to the call.
        code: String,
    },
}

/// A serialized event with what the envelope says about it.
pub struct Publication<'a> {
    /// The contract's `Detail` as JSON.
    pub detail: &'a RawValue,
    /// The contract's deterministic event id.
    pub event_id: &'a str,
    /// The account this function runs in.
    pub account: &'a str,
    /// The X-Ray header of the invocation.
    pub trace_header: Option<&'a str>,
}

/// The two paths out of the function.
pub struct Publisher {
    eventbridge: aws_sdk_eventbridge::Client,
    sqs: aws_sdk_sqs::Client,
    region: String,
    config: Config,
}

impl Publisher {
    /// Makes the clients; opens no connection, which [`Publisher::connect`] does.
    ///
    /// The SDK's own retries are off: one budget and one policy decide here.
    pub fn new(sdk: &SdkConfig, config: Config) -> Self {
        let eventbridge = aws_sdk_eventbridge::config::Builder::from(sdk)
            .retry_config(aws_sdk_eventbridge::config::retry::RetryConfig::disabled());
        let sqs =
            aws_sdk_sqs::config::Builder::from(sdk).retry_config(aws_sdk_sqs::config::retry::RetryConfig::disabled());
        Self {
            eventbridge: aws_sdk_eventbridge::Client::from_conf(eventbridge.build()),
            sqs: aws_sdk_sqs::Client::from_conf(sqs.build()),
            region: sdk.region().map(ToString::to_string).unwrap_or_default(),
            config,
        }
    }

    /// What the environment said.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Opens the connection that the first event will use, so that its TLS handshake is done in Lambda's init.
    ///
    /// It asks EventBridge's endpoint for `/`, which is no operation and publishes nothing; the answer does not matter, and neither does its absence.
    pub async fn connect(&self) {
        // Through the client itself: a connection is kept for requests of the same client only.
        let request = self.eventbridge.put_events().customize().mutate_request(|request| {
            for header in HEADERS_OF_AN_EVENT {
                request.headers_mut().remove(header);
            }
            *request.body_mut() = SdkBody::empty();
            // A method's name that is in order.
            let _ = request.set_method("GET");
        });
        let answered = timeout(CONNECT_LIMIT, request.send()).await;
        // An endpoint that answers has a connection, whatever it says to a request that is none of its own.
        let connected = answered
            .is_ok_and(|answer| !matches!(answer, Err(SdkError::DispatchFailure(_) | SdkError::TimeoutError(_))));
        if !connected {
            tracing::warn!("no connection to EventBridge during init: the first event opens one");
        }
    }

    /// Publishes, and is done before the budget is used up and before `end`.
    ///
    /// # Errors
    ///
    /// [`PublishError`] of the last path tried. The event may have been published all the same when an answer was lost; that is harmless, since rows are keyed by `sub`.
    pub async fn publish(&self, publication: &Publication<'_>, end: Instant) -> Result<Path, PublishError> {
        let start = Instant::now();
        let end = end.min(start + self.config.publish_budget);
        let Some(queue_url) = &self.config.fallback_queue_url else {
            return self.put_event(publication, end).await.map(|()| Path::Bus);
        };
        let bus_deadline = start + end.duration_since(start) * BUS_SHARE.0 / BUS_SHARE.1;
        match self.put_event(publication, bus_deadline).await {
            Ok(()) => Ok(Path::Bus),
            Err(error) => {
                tracing::warn!(event.id = publication.event_id, %error, "falling back to the queue");
                self.send_message(queue_url, publication, end).await.map(|()| Path::Queue)
            }
        }
    }

    async fn put_event(&self, publication: &Publication<'_>, deadline: Instant) -> Result<(), PublishError> {
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.config.event_bus_name)
            .source(SOURCE)
            .detail_type(DETAIL_TYPE)
            .detail(publication.detail.get())
            .set_trace_header(publication.trace_header.map(str::to_owned))
            .build();
        until("EventBridge", deadline, || async {
            let answer = self.eventbridge.put_events().entries(entry.clone()).send().await.map_err(|e| verdict(&e))?;
            taken(&answer)
        })
        .await
    }

    async fn send_message(
        &self,
        queue_url: &str,
        publication: &Publication<'_>,
        deadline: Instant,
    ) -> Result<(), PublishError> {
        let time = format!("{:.0}", Timestamp::now());
        let envelope =
            Envelope::around(publication.detail, publication.event_id, &time, publication.account, &self.region);
        let body = serde_json::to_string(&envelope)?;
        // EventBridge would have put it there, and Lambda goes on with the trace.
        let trace = publication.trace_header.and_then(|header| {
            MessageSystemAttributeValue::builder().data_type("String").string_value(header).build().ok()
        });
        let attributes =
            trace.map(|trace| HashMap::from([(MessageSystemAttributeNameForSends::AwsTraceHeader, trace)]));
        let message = self.sqs.send_message().queue_url(queue_url).message_body(body);
        let message = message.set_message_system_attributes(attributes);
        until("SQS", deadline, || async { message.clone().send().await.map(|_| ()).map_err(|e| verdict(&e)) }).await
    }
}

/// HTTP 200 says only that the request was read. The entry was taken if it has an id; an answer with neither id nor error code proves nothing, and another attempt is harmless.
fn taken(answer: &PutEventsOutput) -> Result<(), Refusal<String>> {
    let entry = answer.entries().first();
    if answer.failed_entry_count() == 0 && entry.and_then(|entry| entry.event_id()).is_some_and(|id| !id.is_empty()) {
        return Ok(());
    }
    let Some(code) = entry.and_then(|entry| entry.error_code()) else {
        return Err(Refusal::Transient("NoEventId".to_owned()));
    };
    let transient = TRANSIENT_ENTRY_CODES.contains(&code);
    Err(if transient { Refusal::Transient(code.to_owned()) } else { Refusal::Permanent(code.to_owned()) })
}

/// Only an answer that blames the request is permanent; everything else may pass. Holds the service's code and never its message.
fn verdict<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Refusal<String> {
    const THROTTLED: u16 = 429;
    let SdkError::ServiceError(answer) = error else { return Refusal::Transient(what_happened(error).to_owned()) };
    let code = answer.err().code().unwrap_or("Unknown").to_owned();
    let status = answer.raw().status().as_u16();
    let throttled = status == THROTTLED || code.contains("Throttl") || code == "RequestLimitExceeded";
    if (400..500).contains(&status) && !throttled { Refusal::Permanent(code) } else { Refusal::Transient(code) }
}

fn what_happened<E>(error: &SdkError<E>) -> &'static str {
    match error {
        SdkError::TimeoutError(_) => "Timeout",
        SdkError::DispatchFailure(_) => "ConnectionFailed",
        SdkError::ResponseError(_) => "UnreadableAnswer",
        _ => "CallFailed",
    }
}

/// Tries until it succeeds, is refused for good, or the deadline has come.
async fn until<A>(service: &'static str, deadline: Instant, attempt: impl FnMut() -> A) -> Result<(), PublishError>
where
    A: Future<Output = Result<(), Refusal<String>>>,
{
    retry::until(deadline, &PACE, attempt).await.map_err(|gave_up| match gave_up {
        GaveUp::Refused(code) => PublishError::Rejected { service, code },
        GaveUp::OutOfTime(last) => {
            PublishError::Unavailable { service, code: last.unwrap_or_else(|| "Timeout".to_owned()) }
        }
    })
}
