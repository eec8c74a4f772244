//! The calls to SQS as functions. Every batch reads `Failed`: HTTP 200 does not mean that an entry was taken.

use std::time::Duration;

use aws_sdk_sqs::{
    Client,
    config::retry::RetryConfig,
    types::{
        ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, MessageSystemAttributeName,
        QueueAttributeName,
    },
};

use super::{
    address::QueueAddress,
    call_error::{CallError, call_error, is_throttled},
    message::Message,
    outgoing::Outgoing,
};

/// Entries of one batch, SQS's own limit for every batch operation.
pub const ENTRIES: usize = 10;

/// A queue and the client that talks to it.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Where and who it is.
    pub address: QueueAddress,
    sqs: Client,
}

/// What became of one entry of a send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// It is at the destination, under this id.
    Sent(String),
    /// It is not at the destination.
    Refused {
        /// The service's code.
        code: String,
        /// Whether another try may succeed.
        retry: Retry,
    },
    /// Unknown: the request or its answer was lost.
    Unanswered(String),
}

/// Whether another try of a refused entry may succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// No: the sender is at fault.
    Never,
    /// Yes.
    Soon,
    /// Yes, at a lower rate.
    Slower,
}

impl Retry {
    /// Reads it off an entry's code and `SenderFault`.
    pub(crate) fn of(code: &str, sender_fault: bool) -> Self {
        match () {
            () if is_throttled(code) => Self::Slower,
            () if sender_fault => Self::Never,
            () => Self::Soon,
        }
    }
}

/// The figures of a queue, all approximate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Messages that can be received.
    pub visible: u64,
    /// Messages that a receiver holds.
    pub in_flight: u64,
    /// Messages whose delay has not passed.
    pub delayed: u64,
}

impl Depth {
    /// All of them.
    pub fn total(self) -> u64 {
        self.visible + self.in_flight + self.delayed
    }
}

/// What a queue says about itself.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// How much is in it.
    pub depth: Depth,
    /// How long a message stays.
    pub retention: Option<Duration>,
    /// How long a received message stays hidden when the receiver does not say.
    pub visibility: Option<Duration>,
    /// How often a message is received before SQS moves it to the dead-letter queue, when there is one.
    pub max_receives: Option<u32>,
    /// The customer key or alias that encrypts it.
    pub key: Option<String>,
}

impl Queue {
    /// A queue at an address.
    pub fn new(sqs: Client, address: QueueAddress) -> Self {
        Self { address, sqs }
    }

    /// Receives up to ten messages and hides them for `hidden`, waiting up to `wait` for the first.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn receive(&self, most: usize, wait: Duration, hidden: Duration) -> Result<Vec<Message>, CallError> {
        let answer = self
            .sqs
            .receive_message()
            .queue_url(&self.address.url)
            .max_number_of_messages(i32::try_from(most.clamp(1, ENTRIES)).unwrap_or(1))
            .wait_time_seconds(i32::try_from(wait.as_secs()).unwrap_or(0))
            .visibility_timeout(i32::try_from(hidden.as_secs()).unwrap_or(i32::MAX))
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await
            .map_err(|error| call_error("ReceiveMessage", &self.address.name, &error))?;
        Ok(answer.messages.unwrap_or_default().into_iter().filter_map(Message::received).collect())
    }

    /// Sends one batch, once, and says what became of each entry, in order.
    ///
    /// One attempt: a retry after a lost answer would hide that the entries may have been taken.
    ///
    /// # Errors
    ///
    /// [`CallError`] when the whole batch has no answer, or was refused as a whole.
    pub async fn send(&self, batch: &[&Outgoing]) -> Result<Vec<Entry>, CallError> {
        let fifo = self.address.is_fifo();
        let entries: Option<Vec<_>> = batch.iter().enumerate().map(|(at, out)| out.to_entry(at, fifo)).collect();
        let answer = self
            .sqs
            .send_message_batch()
            .queue_url(&self.address.url)
            .set_entries(entries)
            .customize()
            .config_override(aws_sdk_sqs::config::Builder::default().retry_config(RetryConfig::disabled()))
            .send()
            .await
            .map_err(|error| call_error("SendMessageBatch", &self.address.name, &error))?;
        let missing = Entry::Unanswered("not in the answer".to_owned());
        let mut fates = vec![missing; batch.len()];
        for sent in answer.successful() {
            set(&mut fates, sent.id(), Entry::Sent(sent.message_id().to_owned()));
        }
        for failed in answer.failed() {
            let retry = Retry::of(failed.code(), failed.sender_fault());
            set(&mut fates, failed.id(), Entry::Refused { code: failed.code().to_owned(), retry });
        }
        Ok(fates)
    }

    /// Deletes up to ten messages by their receipts, and says of each, in order, why it is not deleted; none when it is.
    ///
    /// A receipt that is no longer the newest one is answered with success, and nothing is deleted.
    /// Source: `DeleteMessage` in the Amazon SQS API reference.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn delete(&self, receipts: &[String]) -> Result<Vec<Option<String>>, CallError> {
        let entry = |(at, receipt): (usize, &String)| {
            DeleteMessageBatchRequestEntry::builder().id(at.to_string()).receipt_handle(receipt).build().ok()
        };
        let answer = self
            .sqs
            .delete_message_batch()
            .queue_url(&self.address.url)
            .set_entries(receipts.iter().enumerate().map(entry).collect())
            .send()
            .await
            .map_err(|error| call_error("DeleteMessageBatch", &self.address.name, &error))?;
        let mut left = vec![Some("not in the answer".to_owned()); receipts.len()];
        for failed in answer.failed() {
            set(&mut left, failed.id(), Some(failed.code().to_owned()));
        }
        for done in answer.successful() {
            set(&mut left, done.id(), None);
        }
        Ok(left)
    }

    /// Hides up to ten messages for `hidden` from now; zero releases them. Entries that fail keep the visibility timeout they have.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn hide(&self, receipts: &[String], hidden: Duration) -> Result<(), CallError> {
        let seconds = i32::try_from(hidden.as_secs()).unwrap_or(i32::MAX);
        let entry = |(at, receipt): (usize, &String)| {
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(at.to_string())
                .receipt_handle(receipt)
                .visibility_timeout(seconds)
                .build()
                .ok()
        };
        self.sqs
            .change_message_visibility_batch()
            .queue_url(&self.address.url)
            .set_entries(receipts.iter().enumerate().map(entry).collect())
            .send()
            .await
            .map_err(|error| call_error("ChangeMessageVisibilityBatch", &self.address.name, &error))?;
        Ok(())
    }

    /// Asks the queue about itself.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn facts(&self) -> Result<Facts, CallError> {
        let answer = self
            .sqs
            .get_queue_attributes()
            .queue_url(&self.address.url)
            .attribute_names(QueueAttributeName::All)
            .send()
            .await
            .map_err(|error| call_error("GetQueueAttributes", &self.address.name, &error))?;
        let attributes = answer.attributes.unwrap_or_default();
        let number = |name| attributes.get(&name).and_then(|text| text.parse::<u64>().ok());
        let depth = Depth {
            visible: number(QueueAttributeName::ApproximateNumberOfMessages).unwrap_or(0),
            in_flight: number(QueueAttributeName::ApproximateNumberOfMessagesNotVisible).unwrap_or(0),
            delayed: number(QueueAttributeName::ApproximateNumberOfMessagesDelayed).unwrap_or(0),
        };
        let redrive = attributes.get(&QueueAttributeName::RedrivePolicy);
        Ok(Facts {
            depth,
            retention: number(QueueAttributeName::MessageRetentionPeriod).map(Duration::from_secs),
            visibility: number(QueueAttributeName::VisibilityTimeout).map(Duration::from_secs),
            max_receives: redrive.and_then(|policy| max_receives(policy)),
            key: attributes.get(&QueueAttributeName::KmsMasterKeyId).filter(|key| is_customers(key)).cloned(),
        })
    }
}

/// Whether a key is the customer's. AWS's own key for SQS is open to everybody who may use the queue.
/// Source: "Amazon SQS key management" in the Amazon SQS developer guide.
fn is_customers(key: &str) -> bool {
    !key.is_empty() && key != "alias/aws/sqs"
}

/// `maxReceiveCount` of a redrive policy, which SQS writes as a number or as a text.
fn max_receives(policy: &str) -> Option<u32> {
    let policy: serde_json::Value = serde_json::from_str(policy).ok()?;
    let count = policy.get("maxReceiveCount")?;
    count.as_u64().and_then(|count| u32::try_from(count).ok()).or_else(|| count.as_str()?.parse().ok())
}

/// Sets the value of the entry that an answer names; an id that was not asked for changes nothing.
fn set<T>(values: &mut [T], id: &str, value: T) {
    if let Some(slot) = id.parse::<usize>().ok().and_then(|at| values.get_mut(at)) {
        *slot = value;
    }
}
