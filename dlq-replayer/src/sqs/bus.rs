//! Replays onto an event bus: the body of a message is the event that EventBridge had delivered.

use aws_sdk_eventbridge::{Client, config::retry::RetryConfig, primitives::DateTime, types::PutEventsRequestEntry};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::{
    sqs::call_error::{CallError, call_error},
    sqs::message::REPLAY_COUNT,
    sqs::outgoing::Outgoing,
    sqs::queue::Entry,
};

/// An event bus and the client that talks to it.
#[derive(Clone, Debug)]
pub struct Bus {
    name: String,
    events: Client,
}

/// The parts of a delivered event that a sender may set.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "detail-type")]
    detail_type: String,
    source: String,
    time: Option<Timestamp>,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(borrow)]
    detail: &'a RawValue,
}

impl Bus {
    /// A bus by name or ARN.
    pub fn new(events: Client, name: String) -> Self {
        Self { name, events }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Puts one batch, once, and says what became of each event, in order: HTTP 200 does not mean that an entry was taken.
    ///
    /// A body that is no event is refused without asking the bus.
    ///
    /// # Errors
    ///
    /// [`CallError`] when the whole batch has no answer, or was refused as a whole.
    pub async fn put(&self, batch: &[&Outgoing]) -> Result<Vec<Entry>, CallError> {
        let entries: Vec<_> = batch.iter().map(|outgoing| self.entry(outgoing)).collect();
        let put: Vec<_> = entries.iter().flatten().cloned().collect();
        let mut results = Vec::new();
        if !put.is_empty() {
            let answer = self
                .events
                .put_events()
                .set_entries(Some(put))
                .customize()
                .config_override(aws_sdk_eventbridge::config::Builder::default().retry_config(RetryConfig::disabled()))
                .send()
                .await
                .map_err(|error| call_error("PutEvents", &self.name, &error))?;
            results = answer.entries.unwrap_or_default();
        }
        let mut results = results.into_iter();
        let fate = |entry: &Option<PutEventsRequestEntry>| match entry {
            None => Entry::Refused { code: "the body is not an EventBridge event".to_owned(), again: false },
            Some(_) => match results.next().map(|result| (result.event_id, result.error_code)) {
                Some((Some(id), None)) => Entry::Sent(id),
                Some((_, code)) => {
                    let code = code.unwrap_or_else(|| "no event id".to_owned());
                    let again =
                        ["ThrottlingException", "InternalFailure", "InternalException"].contains(&code.as_str());
                    Entry::Refused { code, again }
                }
                None => Entry::Refused { code: "not in the answer".to_owned(), again: true },
            },
        };
        Ok(entries.iter().map(fate).collect())
    }

    fn entry(&self, outgoing: &Outgoing) -> Option<PutEventsRequestEntry> {
        let event: Event<'_> = serde_json::from_str(&outgoing.body).ok()?;
        let replays = outgoing.attributes.get(REPLAY_COUNT).and_then(|count| count.as_text()?.parse().ok());
        let detail = match replays.filter(|_| event.detail_type == rollcall_events::DETAIL_TYPE) {
            Some(replays) => counted(event.detail.get(), replays),
            None => event.detail.get().to_owned(),
        };
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(event.source)
            .detail_type(event.detail_type)
            .detail(detail)
            .set_time(event.time.map(|time| DateTime::from_secs(time.as_second())))
            .set_resources(Some(event.resources).filter(|all| !all.is_empty()))
            .set_trace_header(outgoing.trace.clone());
        Some(entry.build())
    }
}

/// Our event with the loop guard's count in it, because a bus takes no attributes along. A reader tolerates unknown fields.
fn counted(detail: &str, replays: u32) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(detail) else { return detail.to_owned() };
    match value.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        Some(metadata) => {
            metadata.insert(REPLAY_COUNT.to_owned(), replays.into());
            value.to_string()
        }
        None => detail.to_owned(),
    }
}
