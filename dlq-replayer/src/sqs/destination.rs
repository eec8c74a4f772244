//! Where messages go: a queue, an event bus, or an archive file. Each answers for every single message.

use crate::{
    sqs::archive::ArchiveFile,
    sqs::bus::Bus,
    sqs::call_error::CallError,
    sqs::message::Message,
    sqs::outgoing::Outgoing,
    sqs::queue::{ENTRIES, Entry, Queue},
};

/// Bytes of one batch: 256 KiB, the limit before it was raised to 1 MiB, because emulators and some Regions keep it.
/// A larger message goes alone.
const BATCH_BYTES: usize = 256 * 1024;

/// A message, and what is sent in its place.
pub struct Item {
    /// The message as it lies in the queue.
    pub message: Message,
    /// What is sent.
    pub outgoing: Outgoing,
}

/// Where messages go.
pub enum Destination {
    /// A queue.
    Queue(Queue),
    /// An event bus.
    Bus(Bus),
    /// A file of lines as `export` writes them.
    Archive(ArchiveFile),
}

impl Destination {
    /// Sends one batch, once, and says what became of each message, in order.
    ///
    /// # Errors
    ///
    /// [`CallError`] when there is no answer for the batch, or it was refused as a whole.
    pub async fn send(&self, batch: &[&Item]) -> Result<Vec<Entry>, CallError> {
        let outgoing: Vec<_> = batch.iter().map(|item| &item.outgoing).collect();
        match self {
            Self::Queue(queue) => queue.send(&outgoing).await,
            Self::Bus(bus) => bus.put(&outgoing).await,
            Self::Archive(file) => file.append(batch.iter().map(|item| &item.message)),
        }
    }

    /// Its ARN or path, for people and journals.
    pub fn name(&self) -> String {
        match self {
            Self::Queue(queue) => queue.address.arn.clone(),
            Self::Bus(bus) => format!("bus {}", bus.name()),
            Self::Archive(file) => file.path().display().to_string(),
        }
    }

    /// Whether messages of one group must arrive in their order.
    pub fn is_fifo(&self) -> bool {
        matches!(self, Self::Queue(queue) if queue.address.is_fifo())
    }
}

/// As few batches as the limits allow, in order.
pub fn batches(items: Vec<Item>) -> Vec<Vec<Item>> {
    let (mut batches, mut batch, mut bytes) = (Vec::new(), Vec::new(), 0);
    for item in items {
        let size = item.outgoing.size();
        if batch.len() == ENTRIES || (!batch.is_empty() && bytes + size > BATCH_BYTES) {
            batches.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        bytes += size;
        batch.push(item);
    }
    batches.extend(Some(batch).filter(|rest| !rest.is_empty()));
    batches
}

/// The messages in waves: in each, at most one message of a group, so that a failed send can stop its group before the next one.
/// Messages without a group are all in the first.
pub fn waves(items: Vec<Item>) -> Vec<Vec<Item>> {
    let mut waves: Vec<Vec<Item>> = Vec::new();
    let mut depth = std::collections::HashMap::new();
    for item in items {
        let at = match &item.outgoing.group {
            Some(group) => {
                let next = depth.entry(group.clone()).or_insert(0_usize);
                *next += 1;
                *next - 1
            }
            None => 0,
        };
        if waves.len() <= at {
            waves.resize_with(at + 1, Vec::new);
        }
        if let Some(wave) = waves.get_mut(at) {
            wave.push(item);
        }
    }
    waves
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(id: usize, body: usize, group: Option<&str>) -> Item {
        let message = json!({ "id": format!("m{id}"), "body": "b".repeat(body) });
        let mut message: Message = serde_json::from_value(message).unwrap();
        message.system.extend(group.map(|group| ("MessageGroupId".to_owned(), group.to_owned())));
        Item { outgoing: Outgoing::unchanged(&message), message }
    }

    #[test]
    fn batches_keep_to_both_limits_and_lose_nothing() {
        let sizes = |bodies: &[usize]| -> Vec<usize> {
            let items = bodies.iter().enumerate().map(|(at, body)| item(at, *body, None)).collect();
            batches(items).iter().map(Vec::len).collect()
        };
        assert_eq!(sizes(&[]), [0_usize; 0]);
        assert_eq!(sizes(&[1; 25]), [10, 10, 5]);
        assert_eq!(sizes(&[100_000; 5]), [2, 2, 1]);
        assert_eq!(sizes(&[300_000, 1, 300_000]), [1, 1, 1], "one that is too big alone is SQS's to refuse");
    }

    #[test]
    fn a_wave_has_one_message_of_each_group_and_groups_keep_their_order() {
        let groups = ["a", "a", "b", "a", "b"];
        let items = groups.iter().enumerate().map(|(at, group)| item(at, 1, Some(group))).collect();
        let ids: Vec<Vec<_>> = waves(items).iter().map(|w| w.iter().map(|i| i.message.id.clone()).collect()).collect();
        assert_eq!(ids, [vec!["m0", "m2"], vec!["m1", "m4"], vec!["m3"]]);
    }
}
