//! How long a message that could not be inserted stays hidden before it comes again.
//!
//! `ReportBatchItemFailures` switches off Lambda's own slowing down, so without this every message would come back after the queue's time-out, again and again, and be among the dead letters after `maxReceiveCount` of them.
//! Source: "Implementing partial batch responses" in the AWS Lambda developer guide.

use std::time::Duration;

use aws_sdk_sqs::types::ChangeMessageVisibilityBatchRequestEntry;
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::{
    batch::Message,
    calls::{ENTRIES, arriving, side_by_side},
};

/// Shortest upper bound of a wait, after the first receive.
const FIRST: Duration = Duration::from_secs(5);

/// Upper bound of a wait in a short outage, which is also how long the backlog takes to come back once the database does.
pub const SHORT_CAP: Duration = Duration::from_mins(3);

/// Receives under [`SHORT_CAP`], which last about half an hour. The bound doubles again after them.
const PATIENT_AFTER: u32 = 20;

/// Upper bound of a wait in a long outage.
/// With it, the 1,000 receives that SQS allows at most last for five days: `tests/it/outage.rs` plays a long weekend.
pub const LONG_CAP: Duration = Duration::from_mins(15);

/// A message that comes back later.
pub(crate) struct Held {
    /// What SQS knows this receive by.
    receipt_handle: String,
    /// How often it has been received, this time included.
    receive_count: u32,
}

impl Held {
    /// What is needed of a message; None without a receipt, which SQS always sends.
    pub(crate) fn of(message: &Message<'_>) -> Option<Self> {
        let record = message.record()?;
        let count = record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
        Some(Self { receipt_handle: record.receipt_handle.clone()?, receive_count: count.unwrap_or(1) })
    }
}

/// The wait before the next receive: full jitter under an exponential bound, so that a backlog does not come back all at once.
///
/// `random` is uniform in 0..1.
pub fn wait(receive_count: u32, random: f64) -> Duration {
    let bound = match receive_count.saturating_sub(PATIENT_AFTER) {
        0 => doubled(FIRST, receive_count.saturating_sub(1)).min(SHORT_CAP),
        late => doubled(SHORT_CAP, late).min(LONG_CAP),
    };
    bound.mul_f64(random.clamp(0.0, 1.0))
}

fn doubled(first: Duration, times: u32) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(times))
}

/// Hides each message for its wait, as they arrive. What SQS does not take costs nothing but the queue's own timeout instead.
pub(crate) async fn hold_back(
    sqs: &aws_sdk_sqs::Client,
    queue_url: &str,
    held: UnboundedReceiver<Vec<Held>>,
    over: impl Future<Output = ()>,
) {
    let calls = arriving(held).flat_map(|held| {
        let tens: Vec<Vec<_>> =
            held.chunks(ENTRIES).map(|ten| ten.iter().enumerate().filter_map(entry).collect()).collect();
        stream::iter(tens).map(|entries| async move {
            let asked = entries.len();
            let call = sqs.change_message_visibility_batch().queue_url(queue_url).set_entries(Some(entries));
            call.send().await.map_or(asked, |answer| answer.failed().len())
        })
    });
    let not_held: usize = side_by_side(calls, over).await.into_iter().sum();
    if not_held > 0 {
        tracing::warn!(not_held, "messages could not be hidden; they come back after the queue's own timeout");
    }
}

fn entry((id, held): (usize, &Held)) -> Option<ChangeMessageVisibilityBatchRequestEntry> {
    let wait = wait(held.receive_count, fastrand::f64());
    ChangeMessageVisibilityBatchRequestEntry::builder()
        .id(id.to_string())
        .receipt_handle(&held.receipt_handle)
        .visibility_timeout(i32::try_from(wait.as_secs()).unwrap_or(i32::MAX))
        .build()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_the_cap_and_is_spread_over_all_of_it() {
        assert_eq!(wait(1, 1.0), Duration::from_secs(5));
        assert_eq!(wait(2, 1.0), Duration::from_secs(10));
        assert_eq!(wait(6, 1.0), Duration::from_secs(160));
        assert_eq!(wait(7, 1.0), SHORT_CAP);
        assert_eq!(wait(7, 0.0), Duration::ZERO);
        assert_eq!(wait(7, 0.5), SHORT_CAP / 2);
        assert_eq!(wait(0, 1.0), Duration::from_secs(5), "a missing count is the first");
    }

    #[test]
    fn the_cap_grows_after_twenty_receives() {
        assert_eq!(wait(20, 1.0), SHORT_CAP);
        assert_eq!(wait(21, 1.0), SHORT_CAP * 2);
        assert_eq!(wait(22, 1.0), SHORT_CAP * 4);
        assert_eq!(wait(23, 1.0), LONG_CAP);
        assert_eq!(wait(u32::MAX, 1.0), LONG_CAP);
    }
}
