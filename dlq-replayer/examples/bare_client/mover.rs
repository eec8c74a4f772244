//! Moving messages, with nothing around it.

use anyhow::{Context, ensure};
use aws_sdk_sqs::{
    Client,
    types::{
        DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName, SendMessageBatchRequestEntry,
        SendMessageBatchResultEntry,
    },
};
use futures_util::future::try_join_all;

use crate::{BATCH, is_fifo, url};

/// Empty receives after which a task takes the queue for empty; safe tools need more than that.
const EMPTY_RECEIVES: usize = 2;

/// Moves all messages of a queue to another one.
pub(crate) async fn move_messages(
    client: &Client,
    source: &str,
    destination: &str,
    tasks: usize,
) -> anyhow::Result<()> {
    let fifo = is_fifo(source);
    let (source, destination) = (url(client, source).await?, url(client, destination).await?);
    let task = |_| {
        let (client, source, destination) = (client.clone(), source.clone(), destination.clone());
        // Tasks of the runtime, so that both of its threads work.
        let work = tokio::spawn(async move { work(&client, &source, &destination, fifo).await });
        async { work.await.context("a task failed")? }
    };
    try_join_all((0..tasks).map(task)).await.map(drop)
}

async fn work(client: &Client, source: &str, destination: &str, fifo: bool) -> anyhow::Result<()> {
    let mut empty = 0;
    while empty < EMPTY_RECEIVES {
        let messages = receive(client, source, fifo).await?;
        if messages.is_empty() {
            empty += 1;
            continue;
        }
        empty = 0;
        let entries = messages.iter().enumerate().map(|(at, message)| copy(at, message)).collect::<Result<_, _>>()?;
        let sent = client.send_message_batch().queue_url(destination).set_entries(Some(entries)).send().await?;
        delete(client, source, sent.successful.iter().filter_map(|entry| sent_message(&messages, entry))).await?;
        ensure!(sent.failed.is_empty(), "the destination refused {} messages", sent.failed.len());
    }
    Ok(())
}

/// Receives up to ten messages with all that a copy needs.
pub(crate) async fn receive(client: &Client, url: &str, fifo: bool) -> anyhow::Result<Vec<Message>> {
    let mut request = client
        .receive_message()
        .queue_url(url)
        .max_number_of_messages(i32::try_from(BATCH)?)
        .message_attribute_names("All");
    if fifo {
        request = request
            .message_system_attribute_names(MessageSystemAttributeName::MessageGroupId)
            .message_system_attribute_names(MessageSystemAttributeName::MessageDeduplicationId);
    }
    Ok(request.send().await.context("receiving")?.messages.unwrap_or_default())
}

fn copy(at: usize, message: &Message) -> anyhow::Result<SendMessageBatchRequestEntry> {
    let system = |name| message.attributes.as_ref().and_then(|all| all.get(&name)).cloned();
    let entry = SendMessageBatchRequestEntry::builder()
        .id(at.to_string())
        .message_body(message.body().unwrap_or_default())
        .set_message_attributes(message.message_attributes.clone())
        .set_message_group_id(system(MessageSystemAttributeName::MessageGroupId))
        .set_message_deduplication_id(system(MessageSystemAttributeName::MessageDeduplicationId));
    Ok(entry.build()?)
}

fn sent_message<'a>(messages: &'a [Message], entry: &SendMessageBatchResultEntry) -> Option<&'a Message> {
    messages.get(entry.id().parse::<usize>().ok()?)
}

/// Deletes received messages, at most ten.
pub(crate) async fn delete<'a>(
    client: &Client,
    url: &str,
    messages: impl Iterator<Item = &'a Message>,
) -> anyhow::Result<()> {
    let entry = |(at, message): (usize, &Message)| {
        let receipt = message.receipt_handle().unwrap_or_default();
        DeleteMessageBatchRequestEntry::builder().id(at.to_string()).receipt_handle(receipt).build()
    };
    let entries = messages.enumerate().map(entry).collect::<Result<Vec<_>, _>>()?;
    if entries.is_empty() {
        return Ok(());
    }
    let deleted = client.delete_message_batch().queue_url(url).set_entries(Some(entries)).send().await?;
    ensure!(deleted.failed.is_empty(), "the queue did not delete {} messages", deleted.failed.len());
    Ok(())
}
