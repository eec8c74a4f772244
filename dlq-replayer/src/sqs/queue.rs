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

use crate::{
    sqs::address::QueueAddress,
    sqs::call_error::{CallError, call_error},
    sqs::message::Message,
    sqs::outgoing::Outgoing,
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
    /// It is not; the code says why, and `again` whether another try may succeed.
    Refused {
        /// The service's code.
        code: String,
        /// False when the sender is at fault.
        again: bool,
    },
}

/// The figures of a queue, all approximate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Messages that can be received.
    pub visible: u64,
    /// Messages that somebody holds.
    pub in_flight: u64,
    /// Messages that wait until they can be received.
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
    /// The redrive policy of its own: a dead-letter queue that has one moves messages that are looked at too often.
    pub redrive_policy: Option<String>,
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
        let missing = Entry::Refused { code: "not in the answer".to_owned(), again: true };
        let mut fates = vec![missing; batch.len()];
        for sent in answer.successful() {
            set(&mut fates, sent.id(), Entry::Sent(sent.message_id().to_owned()));
        }
        for failed in answer.failed() {
            let refused = Entry::Refused { code: failed.code().to_owned(), again: !failed.sender_fault() };
            set(&mut fates, failed.id(), refused);
        }
        Ok(fates)
    }

    /// Deletes up to ten messages by their receipts, and says of each whether it is proven to be gone.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn delete(&self, receipts: &[&str]) -> Result<Vec<bool>, CallError> {
        let entry = |(at, receipt): (usize, &&str)| {
            DeleteMessageBatchRequestEntry::builder().id(at.to_string()).receipt_handle(*receipt).build().ok()
        };
        let answer = self
            .sqs
            .delete_message_batch()
            .queue_url(&self.address.url)
            .set_entries(receipts.iter().enumerate().map(entry).collect())
            .send()
            .await
            .map_err(|error| call_error("DeleteMessageBatch", &self.address.name, &error))?;
        let mut gone = vec![false; receipts.len()];
        for done in answer.successful() {
            set(&mut gone, done.id(), true);
        }
        Ok(gone)
    }

    /// Hides up to ten messages for `hidden` from now; zero gives them back. Entries that fail keep the time-out they have.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn hide(&self, receipts: &[&str], hidden: Duration) -> Result<(), CallError> {
        let seconds = i32::try_from(hidden.as_secs()).unwrap_or(i32::MAX);
        let entry = |(at, receipt): (usize, &&str)| {
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(at.to_string())
                .receipt_handle(*receipt)
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
        Ok(Facts {
            depth,
            retention: number(QueueAttributeName::MessageRetentionPeriod).map(Duration::from_secs),
            redrive_policy: attributes.get(&QueueAttributeName::RedrivePolicy).cloned(),
        })
    }
}

/// Sets the value of the entry that an answer names; an id that was not asked for changes nothing.
fn set<T>(values: &mut [T], id: &str, value: T) {
    if let Some(slot) = id.parse::<usize>().ok().and_then(|at| values.get_mut(at)) {
        *slot = value;
    }
}
