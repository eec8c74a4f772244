//! A tap on the bus: a second rule that copies every event of ours to a queue of its own, so that a test sees what was published.

use std::time::Duration;

use anyhow::Context;
use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName};
use jiff::Timestamp;
use rollcall_events::{CognitoSub, SOURCE, UserConfirmed};
use uuid::Uuid;

use crate::{Stack, clients::Clients};

/// An event as it came out of the bus.
pub struct Tapped {
    /// Whom it is about.
    pub sub: CognitoSub,
    /// The contract's id, which every publication about one user has in common.
    pub event_id: String,
    /// When the producer heard of the user.
    pub occurred_at: Timestamp,
    /// When it was put on the tap's queue, to the millisecond.
    pub queued_at: Timestamp,
}

/// A queue that gets a copy of every event from now on.
pub struct Tap {
    sqs: aws_sdk_sqs::Client,
    queue_url: String,
}

impl Tap {
    /// Opens a tap on the stack's bus. It goes away with the stack.
    ///
    /// # Errors
    ///
    /// Whatever `LocalStack` says.
    pub async fn open(clients: &Clients, stack: &Stack) -> anyhow::Result<Self> {
        let name = format!("tap-{}", Uuid::new_v4().simple());
        let queue = clients.sqs.create_queue().queue_name(&name).send().await.context("CreateQueue failed")?;
        let queue_url = queue.queue_url().context("a queue without a URL")?.to_owned();
        let attributes = clients
            .sqs
            .get_queue_attributes()
            .queue_url(&queue_url)
            .attribute_names(QueueAttributeName::QueueArn)
            .send()
            .await
            .context("GetQueueAttributes failed")?;
        let arn = attributes
            .attributes()
            .and_then(|attributes| attributes.get(&QueueAttributeName::QueueArn))
            .context("a queue without an ARN")?;
        clients
            .eventbridge
            .put_rule()
            .name(&name)
            .event_bus_name(&stack.outputs.bus_name)
            .event_pattern(format!(r#"{{"source":["{SOURCE}"]}}"#))
            .send()
            .await
            .context("PutRule failed")?;
        clients
            .eventbridge
            .put_targets()
            .rule(&name)
            .event_bus_name(&stack.outputs.bus_name)
            .targets(Target::builder().id("tap").arn(arn).build()?)
            .send()
            .await
            .context("PutTargets failed")?;
        Ok(Self { sqs: clients.sqs.clone(), queue_url })
    }

    /// The events that are there, or that come within a second if none is.
    ///
    /// # Errors
    ///
    /// Whatever `LocalStack` says, or an event that breaks the contract.
    pub async fn take(&self) -> anyhow::Result<Vec<Tapped>> {
        const LONG_POLL: Duration = Duration::from_secs(1);
        let answer = self
            .sqs
            .receive_message()
            .queue_url(&self.queue_url)
            .max_number_of_messages(10)
            .wait_time_seconds(i32::try_from(LONG_POLL.as_secs())?)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .send()
            .await
            .context("ReceiveMessage failed")?;
        let mut taken = Vec::new();
        for message in answer.messages() {
            let sent = message.attributes().and_then(|all| all.get(&MessageSystemAttributeName::SentTimestamp));
            let event = UserConfirmed::from_envelope(message.body().unwrap_or_default())?;
            taken.push(Tapped {
                sub: event.data.cognito_sub,
                occurred_at: event.metadata.occurred_at().context("no point in time")?,
                event_id: event.metadata.event_id.into_owned(),
                queued_at: Timestamp::from_millisecond(sent.context("no SentTimestamp")?.parse()?)?,
            });
            let receipt = message.receipt_handle().unwrap_or_default();
            self.sqs
                .delete_message()
                .queue_url(&self.queue_url)
                .receipt_handle(receipt)
                .send()
                .await
                .context("DeleteMessage failed")?;
        }
        Ok(taken)
    }
}
