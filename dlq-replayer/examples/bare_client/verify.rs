//! What arrived: counted by the numbers in the bodies, not by the queue's own counts.

use std::collections::BTreeMap;

use anyhow::Context;
use aws_sdk_sqs::{
    Client,
    types::{Message, QueueAttributeName},
};
use futures_util::future::try_join_all;
use serde_json::{Value, json};

use crate::{
    is_fifo,
    load::{ATTRIBUTES, attributes, body, number},
    mover::{delete, receive},
    url,
};

/// Receives at the same time; a FIFO queue is read by one, which sees the order.
const TASKS: usize = 8;

/// What is known about the messages of the destination.
#[derive(Default)]
struct Arrived {
    /// Messages of each number.
    by_number: BTreeMap<usize, usize>,
    /// Messages whose body is no longer what was sent.
    changed_bodies: usize,
    /// Messages that still have each attribute as it was sent.
    attributes: [usize; ATTRIBUTES.len()],
    /// The last number of each group.
    last_of_group: BTreeMap<String, usize>,
    out_of_order: usize,
}

/// Empties the destination, looks at what is left in the source, and deletes both queues.
///
/// A message that is neither in the destination nor in the source is lost; more than there should be in both together are in both.
pub(crate) async fn verify(client: &Client, source: &str, destination: &str, messages: usize) -> anyhow::Result<Value> {
    let (source_url, destination_url) = (url(client, source).await?, url(client, destination).await?);
    let left = depth(client, &source_url).await?;
    let fifo = is_fifo(destination);
    let tasks = if fifo { 1 } else { TASKS };
    let drained = try_join_all((0..tasks).map(|_| drain(client, &destination_url, fifo))).await?;
    let mut arrived = Arrived::default();
    for message in drained.iter().flatten() {
        arrived.see(message)?;
    }
    let remaining = depth(client, &destination_url).await?;
    anyhow::ensure!(remaining == 0, "the destination still holds {remaining} messages after it was emptied");
    for url in [&source_url, &destination_url] {
        client.delete_queue().queue_url(url).send().await.context("deleting a queue")?;
    }
    Ok(arrived.report(messages, left))
}

async fn depth(client: &Client, url: &str) -> anyhow::Result<usize> {
    let response = client.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All).send().await?;
    let names = [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        QueueAttributeName::ApproximateNumberOfMessagesDelayed,
    ];
    let of = |name| response.attributes()?.get(name)?.parse::<usize>().ok();
    Ok(names.iter().filter_map(of).sum())
}

async fn drain(client: &Client, url: &str, fifo: bool) -> anyhow::Result<Vec<Message>> {
    let mut drained = Vec::new();
    loop {
        let messages = receive(client, url, fifo).await?;
        if messages.is_empty() {
            return Ok(drained);
        }
        delete(client, url, messages.iter()).await?;
        drained.extend(messages);
    }
}

impl Arrived {
    fn see(&mut self, message: &Message) -> anyhow::Result<()> {
        let text = message.body().unwrap_or_default();
        let number = number(text).context("a message that this program did not seed")?;
        *self.by_number.entry(number).or_default() += 1;
        self.changed_bodies += usize::from(text != body(number));
        let sent = attributes(number)?;
        for (kept, name) in self.attributes.iter_mut().zip(ATTRIBUTES) {
            let value = message.message_attributes.as_ref().and_then(|all| all.get(name));
            *kept += usize::from(value == sent.get(name));
        }
        let system = message.attributes.as_ref();
        let group = system.and_then(|all| all.get(&aws_sdk_sqs::types::MessageSystemAttributeName::MessageGroupId));
        if let Some(group) = group {
            let last = self.last_of_group.insert(group.clone(), number);
            self.out_of_order += usize::from(last.is_some_and(|last| last > number));
        }
        Ok(())
    }

    fn report(&self, messages: usize, left: usize) -> Value {
        let total: usize = self.by_number.values().sum();
        let distinct = self.by_number.len();
        let [string, number, binary] = self.attributes;
        json!({
            "arrived": distinct,
            "duplicates": total - distinct,
            "left": left,
            "lost": messages.saturating_sub(distinct + left),
            "in_both": (distinct + left).saturating_sub(messages),
            "out_of_order": self.out_of_order,
            "changed_bodies": self.changed_bodies,
            "attributes": { "string": string, "number": number, "binary": binary },
        })
    }
}
