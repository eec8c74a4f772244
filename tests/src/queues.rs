//! The queues from outside: filled, measured, and their dead letters looked at without receiving them.

use anyhow::{Context, ensure};
use aws_sdk_sqs::{
    Client,
    types::{QueueAttributeName, SendMessageBatchRequestEntry},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use rollcall_events::UserConfirmed;
use serde_json::Value;

use crate::Stack;

/// Entries of one SendMessageBatch, SQS's own limit.
const ENTRIES: usize = 10;

/// Calls under way at the same time: enough to keep `LocalStack` busy.
const CALLS: usize = 8;

/// Puts a message with each body on a queue; ten at a time become visible together.
///
/// # Errors
///
/// SQS refuses a call or an entry of it.
pub async fn send(sqs: &Client, queue_url: &str, bodies: &[String]) -> anyhow::Result<()> {
    let calls = bodies.chunks(ENTRIES).map(|chunk| async move {
        let entries = chunk
            .iter()
            .enumerate()
            .map(|(at, body)| SendMessageBatchRequestEntry::builder().id(at.to_string()).message_body(body).build());
        let call = sqs.send_message_batch().queue_url(queue_url).set_entries(Some(entries.collect::<Result<_, _>>()?));
        let answer = call.send().await.context("SendMessageBatch failed")?;
        ensure!(answer.failed().is_empty(), "the queue refused a message");
        anyhow::Ok(())
    });
    stream::iter(calls).buffer_unordered(CALLS).try_collect().await
}

/// How many messages a queue holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Ready to be received.
    pub visible: u64,
    /// Received, and neither deleted nor visible again.
    pub in_flight: u64,
}

impl Depth {
    /// All of them.
    pub fn total(self) -> u64 {
        self.visible + self.in_flight
    }
}

/// Measures a queue. `LocalStack` counts exactly, where AWS approximates.
///
/// # Errors
///
/// Whatever SQS says.
pub async fn depth(sqs: &Client, queue_url: &str) -> anyhow::Result<Depth> {
    use QueueAttributeName::{ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible};
    let call = sqs
        .get_queue_attributes()
        .queue_url(queue_url)
        .attribute_names(ApproximateNumberOfMessages)
        .attribute_names(ApproximateNumberOfMessagesNotVisible);
    let answer = call.send().await.context("GetQueueAttributes failed")?;
    let count = |name| -> anyhow::Result<u64> {
        let value = answer.attributes().and_then(|all| all.get(&name)).context("the queue does not count")?;
        Ok(value.parse()?)
    };
    Ok(Depth { visible: count(ApproximateNumberOfMessages)?, in_flight: count(ApproximateNumberOfMessagesNotVisible)? })
}

/// A message of the dead-letter queue.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Its body.
    pub body: String,
}

impl DeadLetter {
    /// Whether the consumer could have made a row of it.
    pub fn is_healthy(&self) -> bool {
        UserConfirmed::from_envelope(&self.body).is_ok()
    }
}

/// Looks at the dead letters through `LocalStack`'s own window, which receives and hides nothing.
///
/// # Errors
///
/// `LocalStack` does not answer, or with something else.
pub fn dead_letters(stack: &Stack) -> anyhow::Result<Vec<DeadLetter>> {
    let url = format!("{}/_aws/sqs/messages", stack.aws_endpoint);
    let mut answer = ureq::get(&url)
        .query("QueueUrl", &stack.outputs.dlq_url)
        .query("ShowInvisible", "true")
        .header("accept", "application/json")
        .call()
        .context("looking at the dead letters")?;
    let document: Value = serde_json::from_str(&answer.body_mut().read_to_string()?)?;
    let result = document.pointer("/ReceiveMessageResponse/ReceiveMessageResult").context("not a list of messages")?;
    let messages = match result.get("Message") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(many)) => many.clone(),
        Some(one) => vec![one.clone()],
    };
    let body = |message: &Value| message.get("Body").and_then(Value::as_str).map(str::to_owned);
    messages.iter().map(|message| Ok(DeadLetter { body: body(message).context("a message without a body")? })).collect()
}
