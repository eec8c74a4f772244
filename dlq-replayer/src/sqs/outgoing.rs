//! What is sent in a message's place: the body, the attributes and the ids it goes with.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_sqs::types::{
    MessageSystemAttributeNameForSends, MessageSystemAttributeValue, SendMessageBatchRequestEntry,
};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::sqs::message::{Attribute, Message, REPLAY_COUNT, TRACE_HEADER};

/// Attributes that a message may have, SQS's own limit.
/// Source: "Amazon SQS message quotas" in the Amazon SQS developer guide.
pub const ATTRIBUTES: usize = 10;

/// How long a FIFO queue remembers a deduplication id: a second send within it is answered with success and dropped.
/// Source: "Using the message deduplication ID" in the Amazon SQS developer guide.
const DEDUPLICATION: SignedDuration = SignedDuration::from_mins(5);

/// Longest deduplication id, in characters.
const LONGEST_DEDUPLICATION_ID: usize = 128;

/// The attributes that rollcall's consumer adds to a dead letter, the most telling first, as `docs/event-contract.md` lists them.
pub const FAILURE_ATTRIBUTES: [&str; 6] =
    ["failure_reason", "source_message_id", REPLAY_COUNT, "failed_at", "receive_count", "failure_detail"];

/// A message on its way.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The id of the message that it stands for.
    pub id: String,
    /// The body.
    pub body: String,
    /// The attributes.
    pub attributes: BTreeMap<String, Attribute>,
    /// The X-Ray trace.
    pub trace: Option<String>,
    /// The message group; FIFO queues need one, others may have one.
    pub group: Option<String>,
    /// The deduplication id, for a FIFO queue.
    pub deduplication: Option<String>,
}

/// What becomes of the attributes that say why a message failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureAttributes {
    /// They stay behind: the message goes back to its consumer, which writes them anew.
    Removed,
    /// They go along, as far as there is room: whoever reads the other queue wants to know.
    Kept,
}

/// A message that cannot have a `replay_count`, because ten attributes of its own leave no room.
#[derive(Debug, PartialEq, Eq)]
pub struct NoRoom;

impl Outgoing {
    /// The message as it is, for a queue beside: quarantine, move, import.
    pub fn unchanged(message: &Message) -> Self {
        Self {
            id: message.id.clone(),
            body: message.body.clone(),
            attributes: message.attributes.clone(),
            trace: message.system.get(TRACE_HEADER).cloned(),
            group: message.group().map(str::to_owned),
            deduplication: message.system.get("MessageDeduplicationId").cloned(),
        }
    }

    /// The message with another body, counted as replayed once more.
    ///
    /// # Errors
    ///
    /// [`NoRoom`]; nothing is dropped to make room but attributes of rollcall's consumer.
    pub fn replayed(
        message: &Message,
        body: String,
        replays: u32,
        failure: FailureAttributes,
        now: Timestamp,
    ) -> Result<Self, NoRoom> {
        let mut attributes = message.attributes.clone();
        if has_failure_attributes(message) {
            for (at, name) in FAILURE_ATTRIBUTES.iter().enumerate().rev() {
                // One place must be free for the count, unless the count has one.
                let room = attributes.len() < ATTRIBUTES || attributes.contains_key(REPLAY_COUNT);
                if *name != REPLAY_COUNT && (failure == FailureAttributes::Removed || (!room && at > 0)) {
                    attributes.remove(*name);
                }
            }
        }
        attributes.insert(REPLAY_COUNT.to_owned(), Attribute::number(replays + 1));
        if attributes.len() > ATTRIBUTES {
            return Err(NoRoom);
        }
        let deduplication = deduplication(message, replays, now);
        Ok(Self { body, attributes, deduplication, ..Self::unchanged(message) })
    }

    /// Bytes as SQS counts them: the body, and each attribute's name, type and value.
    pub fn size(&self) -> usize {
        let attributes = self.attributes.iter().map(|(name, attribute)| name.len() + attribute.size());
        self.body.len() + attributes.sum::<usize>()
    }

    /// The entry of a batch; `fifo` says whether the destination is a FIFO queue, which alone takes a deduplication id.
    pub(crate) fn to_entry(&self, at: usize, fifo: bool) -> Option<SendMessageBatchRequestEntry> {
        let attributes: Option<HashMap<_, _>> =
            self.attributes.iter().map(|(name, attribute)| Some((name.clone(), attribute.to_sdk()?))).collect();
        let trace = self.trace.as_ref().and_then(|header| {
            let value = MessageSystemAttributeValue::builder().data_type("String").string_value(header).build().ok()?;
            Some(HashMap::from([(MessageSystemAttributeNameForSends::AwsTraceHeader, value)]))
        });
        SendMessageBatchRequestEntry::builder()
            .id(at.to_string())
            .message_body(&self.body)
            .set_message_attributes(attributes.filter(|all| !all.is_empty()))
            .set_message_system_attributes(trace)
            .set_message_group_id(self.group.clone())
            .set_message_deduplication_id(self.deduplication.clone().filter(|_| fifo))
            .build()
            .ok()
    }
}

/// Whether the consumer's attributes are on it: the two it writes first, or the first alone where there was room for no other.
///
/// A single `failure_reason` on a message of somebody else is their own attribute, and stays.
fn has_failure_attributes(message: &Message) -> bool {
    let has = |name: &str| message.attributes.contains_key(name);
    has("failure_reason") && (has("source_message_id") || message.attributes.len() == ATTRIBUTES)
}

/// The id that keeps a retry of this replay from making a second message, and lets another replay of the message through.
///
/// A FIFO queue answers success to an id it has seen within five minutes, and drops the message: deleting it then would lose it.
/// So the message's own id is used only when its first send is longer ago and it has not been replayed yet.
fn deduplication(message: &Message, replays: u32, now: Timestamp) -> Option<String> {
    let own = message.system.get("MessageDeduplicationId")?;
    let forgotten = message.sent_at().is_some_and(|sent| now.duration_since(sent) > DEDUPLICATION);
    if replays == 0 && forgotten {
        return Some(own.clone());
    }
    let id = format!("{}.replay-{}", own.split(".replay-").next().unwrap_or_default(), replays + 1);
    if id.len() <= LONGEST_DEDUPLICATION_ID {
        return Some(id);
    }
    Some(Uuid::new_v5(&Uuid::NAMESPACE_OID, id.as_bytes()).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(own: usize, ours: &[&str]) -> Message {
        let own = (0..own).map(|at| (format!("own_{at}"), Attribute::text("v")));
        let ours = ours.iter().map(|name| ((*name).to_owned(), Attribute::text("1")));
        let sent = Timestamp::UNIX_EPOCH.as_millisecond().to_string();
        Message {
            id: "m".into(),
            receipt: String::new(),
            body: "b".into(),
            attributes: own.chain(ours).collect(),
            system: BTreeMap::from([
                ("MessageDeduplicationId".into(), "d".into()),
                ("SentTimestamp".into(), sent),
                (TRACE_HEADER.into(), "Root=1".into()),
            ]),
        }
    }

    fn replayed(message: &Message, failure: FailureAttributes) -> Result<Vec<String>, NoRoom> {
        let outgoing = Outgoing::replayed(message, "b".into(), 0, failure, Timestamp::UNIX_EPOCH)?;
        Ok(outgoing.attributes.into_keys().collect())
    }

    #[test]
    fn back_to_the_consumer_the_failure_stays_behind_and_the_count_goes_along() {
        let names = replayed(&message(1, &FAILURE_ATTRIBUTES), FailureAttributes::Removed).unwrap();
        assert_eq!(names, ["own_0", "replay_count"]);
    }

    #[test]
    fn to_another_queue_the_failure_goes_along_and_the_least_telling_of_it_makes_room() {
        let names = |own, ours: &[&str]| replayed(&message(own, ours), FailureAttributes::Kept).unwrap();
        assert_eq!(names(4, &FAILURE_ATTRIBUTES).len(), 10, "there is room for all of them");
        let nine = names(8, &["failure_reason", "source_message_id"]);
        assert_eq!(nine.len(), 10);
        assert!(nine.contains(&"failure_reason".to_owned()) && !nine.contains(&"source_message_id".to_owned()));
    }

    #[test]
    fn own_attributes_never_make_room() {
        assert_eq!(replayed(&message(10, &[]), FailureAttributes::Removed), Err(NoRoom));
        assert_eq!(replayed(&message(9, &["failure_reason"]), FailureAttributes::Kept), Err(NoRoom));
        assert_eq!(replayed(&message(9, &["failure_reason"]), FailureAttributes::Removed).unwrap().len(), 10);
        let foreign = replayed(&message(1, &["failure_reason"]), FailureAttributes::Removed).unwrap();
        assert_eq!(foreign, ["failure_reason", "own_0", "replay_count"], "a reason of somebody else is their own");
    }

    #[test]
    fn a_deduplication_id_is_kept_unless_the_queue_would_swallow_the_message() {
        let minute = |m: i64| Timestamp::from_second(m * 60).unwrap();
        let message = message(0, &[]);
        assert_eq!(deduplication(&message, 0, minute(6)).as_deref(), Some("d"));
        assert_eq!(deduplication(&message, 0, minute(1)).as_deref(), Some("d.replay-1"));
        assert_eq!(deduplication(&message, 1, minute(6)).as_deref(), Some("d.replay-2"));
        assert_eq!(deduplication(&message, 1, minute(7)), deduplication(&message, 1, minute(6)), "a retry is the same");
    }

    #[test]
    fn the_trace_goes_along() {
        assert_eq!(Outgoing::unchanged(&message(0, &[])).trace.as_deref(), Some("Root=1"));
    }
}
