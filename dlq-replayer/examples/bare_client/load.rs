//! The messages of the benchmark, which say by themselves whether they arrived whole.

use std::{
    collections::HashMap,
    ops::Range,
    sync::atomic::{AtomicUsize, Ordering},
};

use anyhow::ensure;
use aws_sdk_sqs::{
    Client,
    primitives::Blob,
    types::{MessageAttributeValue, SendMessageBatchRequestEntry},
};
use futures_util::future::try_join_all;

use crate::{BATCH, is_fifo, url};

/// Sends at the same time while a standard queue is filled.
const TASKS: usize = 16;

/// Bytes that bring a body to about 700, the size of a `UserConfirmed` event on its queue.
const PADDING: usize = 620;

/// The names of the attributes: one of each type that SQS knows.
pub(crate) const ATTRIBUTES: [&str; 3] = ["traceId", "attempt", "signature"];

/// The body of a message.
pub(crate) fn body(number: usize) -> String {
    format!(
        r#"{{"seq":{number},"detail-type":"UserConfirmed","source":"auth.cognito","pad":"{}"}}"#,
        "x".repeat(PADDING)
    )
}

/// The number of a message, from its body.
pub(crate) fn number(body: &str) -> Option<usize> {
    body.strip_prefix(r#"{"seq":"#)?.split(',').next()?.parse().ok()
}

/// The attributes of a message: a String, a Number and a Binary that is not text.
pub(crate) fn attributes(number: usize) -> anyhow::Result<HashMap<String, MessageAttributeValue>> {
    let value = |kind: &str| MessageAttributeValue::builder().data_type(kind);
    let low = u8::try_from(number % 251)?;
    let values = [
        value("String").string_value(format!("trace-{number}")).build()?,
        value("Number").string_value((number % 7).to_string()).build()?,
        value("Binary").binary_value(Blob::new([0, 255, low])).build()?,
    ];
    Ok(ATTRIBUTES.map(str::to_owned).into_iter().zip(values).collect())
}

/// Fills a queue. A FIFO queue is filled in order, the groups in turn.
pub(crate) async fn seed(client: &Client, queue: &str, messages: usize, groups: usize) -> anyhow::Result<()> {
    let (url, next) = (url(client, queue).await?, AtomicUsize::new(0));
    let groups = is_fifo(queue).then_some(groups.max(1));
    let tasks = if groups.is_some() { 1 } else { TASKS };
    let task = async || {
        loop {
            let begin = next.fetch_add(BATCH, Ordering::Relaxed);
            if begin >= messages {
                return anyhow::Ok(());
            }
            send(client, &url, begin..messages.min(begin + BATCH), groups).await?;
        }
    };
    try_join_all((0..tasks).map(|_| task())).await.map(drop)
}

async fn send(client: &Client, url: &str, numbers: Range<usize>, groups: Option<usize>) -> anyhow::Result<()> {
    let entry = |number: usize| {
        let mut entry = SendMessageBatchRequestEntry::builder()
            .id(number.to_string())
            .message_body(body(number))
            .set_message_attributes(Some(attributes(number)?));
        if let Some(groups) = groups {
            let group = number.checked_rem(groups).unwrap_or_default();
            entry = entry.message_group_id(format!("group-{group}")).message_deduplication_id(format!("seed-{number}"));
        }
        anyhow::Ok(entry.build()?)
    };
    let entries = numbers.map(entry).collect::<anyhow::Result<Vec<_>>>()?;
    let sent = client.send_message_batch().queue_url(url).set_entries(Some(entries)).send().await?;
    ensure!(sent.failed.is_empty(), "the queue refused {} messages", sent.failed.len());
    Ok(())
}
