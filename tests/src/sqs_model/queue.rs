//! One queue of the model.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::arn;

/// How long a FIFO queue remembers a deduplication id.
const DEDUPLICATION: Duration = Duration::from_mins(5);

/// A message to put into a queue.
#[derive(Clone, Debug, Default)]
pub struct NewMessage {
    /// The body.
    pub body: String,
    /// `MessageAttributes` as the wire has them.
    pub attributes: Map<String, Value>,
    /// System attributes that SQS would have set.
    pub system: BTreeMap<String, String>,
    /// How long ago it was sent.
    pub age: Duration,
    /// Its id; a new one when empty.
    pub id: String,
}

impl NewMessage {
    /// A message with a body and attributes of the type String.
    pub fn new(body: impl Into<String>, attributes: &[(&str, &str)]) -> Self {
        let attributes = attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!({ "DataType": "String", "StringValue": value })));
        Self { body: body.into(), attributes: attributes.collect(), ..Self::default() }
    }

    /// In a group of a FIFO queue.
    #[must_use]
    pub fn in_group(mut self, group: &str, deduplication: &str) -> Self {
        self.system.insert("MessageGroupId".to_owned(), group.to_owned());
        self.system.insert("MessageDeduplicationId".to_owned(), deduplication.to_owned());
        self
    }
}

/// A message in a queue.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its id.
    pub id: String,
    /// The body.
    pub body: String,
    /// `MessageAttributes` as the wire has them.
    pub attributes: Map<String, Value>,
    /// System attributes.
    pub system: BTreeMap<String, String>,
    /// How often it has been received.
    pub receives: u64,
    seq: u64,
    hidden_until: Option<Instant>,
}

impl Stored {
    /// The text of an attribute.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name)?.get("StringValue")?.as_str()
    }

    /// Whether nobody holds it.
    pub fn is_visible(&self) -> bool {
        self.hidden_until.is_none_or(|until| until <= Instant::now())
    }
}

/// A queue.
pub struct ModelQueue {
    /// Its name.
    pub name: String,
    /// Where it moves what fails; only the policy, the model moves nothing by itself.
    pub dead_letters: Option<String>,
    /// A consumer that gives up every message at once, and sends its copy here with a reason.
    pub bounces_to: Option<String>,
    /// Largest batch in bytes.
    pub most_bytes: usize,
    messages: BTreeMap<u64, Stored>,
    ready: VecDeque<u64>,
    hidden: BTreeSet<(Instant, u64)>,
    deduplication: HashMap<String, (Instant, String)>,
}

impl ModelQueue {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            dead_letters: None,
            bounces_to: None,
            most_bytes: 256 * 1024,
            messages: BTreeMap::new(),
            ready: VecDeque::new(),
            hidden: BTreeSet::new(),
            deduplication: HashMap::new(),
        }
    }

    fn is_fifo(&self) -> bool {
        self.name.rsplit('.').next() == Some("fifo")
    }

    pub(super) fn all(&self) -> Vec<Stored> {
        self.messages.values().cloned().collect()
    }

    pub(super) fn count(&self) -> usize {
        self.messages.len()
    }

    /// Stores a message. A FIFO queue answers with the first one's id to a repeated deduplication id, and stores nothing.
    pub(super) fn put(&mut self, seq: u64, message: NewMessage) -> String {
        let deduplication = message.system.get("MessageDeduplicationId").filter(|_| self.is_fifo()).cloned();
        let first = deduplication.as_ref().and_then(|id| self.deduplication.get(id));
        if let Some((_, first)) = first.filter(|(at, _)| at.elapsed() < DEDUPLICATION) {
            return first.clone();
        }
        let id = if message.id.is_empty() { Uuid::new_v4().to_string() } else { message.id };
        if let Some(deduplication) = deduplication {
            self.deduplication.insert(deduplication, (Instant::now(), id.clone()));
        }
        let mut system = message.system;
        let sent = Timestamp::now() - jiff::SignedDuration::try_from(message.age).unwrap_or_default();
        system.entry("SentTimestamp".to_owned()).or_insert_with(|| sent.as_millisecond().to_string());
        system.entry("SenderId".to_owned()).or_insert_with(|| "AIDAMODEL".to_owned());
        let stored = Stored {
            id: id.clone(),
            body: message.body,
            attributes: message.attributes,
            system,
            receives: 0,
            seq,
            hidden_until: None,
        };
        self.messages.insert(seq, stored);
        self.ready.push_back(seq);
        id
    }

    pub(super) fn receive(&mut self, most: u64, hidden_seconds: u64) -> Vec<Value> {
        self.unhide();
        let until = Instant::now() + Duration::from_secs(hidden_seconds);
        let taken = if self.is_fifo() { self.next_of_groups(most) } else { self.next(most) };
        let mut answer = Vec::new();
        for seq in taken {
            let Some(message) = self.messages.get_mut(&seq) else { continue };
            message.receives += 1;
            message.hidden_until = Some(until);
            self.hidden.insert((until, seq));
            let mut system = message.system.clone();
            system.insert("ApproximateReceiveCount".to_owned(), message.receives.to_string());
            answer.push(json!({
                "MessageId": message.id,
                "ReceiptHandle": format!("{seq}/{}", message.receives),
                "Body": message.body,
                "MessageAttributes": message.attributes,
                "Attributes": system,
            }));
        }
        answer
    }

    fn unhide(&mut self) {
        let now = Instant::now();
        while let Some((until, seq)) = self.hidden.first().copied().filter(|(until, _)| *until <= now) {
            self.hidden.remove(&(until, seq));
            if let Some(message) = self.messages.get_mut(&seq) {
                message.hidden_until = None;
                self.ready.push_back(seq);
            }
        }
    }

    fn next(&mut self, most: u64) -> Vec<u64> {
        let mut taken = Vec::new();
        while (taken.len() as u64) < most {
            let Some(seq) = self.ready.pop_front() else { break };
            if self.messages.contains_key(&seq) {
                taken.push(seq);
            }
        }
        taken
    }

    /// In order; a group of which a message is held gives no other one.
    fn next_of_groups(&mut self, most: u64) -> Vec<u64> {
        let group = |message: &Stored| message.system.get("MessageGroupId").cloned().unwrap_or_default();
        let held: BTreeSet<_> = self.messages.values().filter(|m| m.hidden_until.is_some()).map(group).collect();
        let free = self.messages.values().filter(|message| !held.contains(&group(message)));
        let taken: Vec<_> = free.take(usize::try_from(most).unwrap_or(10)).map(|message| message.seq).collect();
        self.ready.retain(|seq| !taken.contains(seq));
        taken
    }

    /// Deletes what a receipt stands for. An old receipt deletes nothing and is answered with success, as on AWS.
    pub(super) fn delete(&mut self, receipt: &str) {
        if let Some(message) = self.by_receipt(receipt) {
            let (seq, hidden) = (message.seq, message.hidden_until);
            self.messages.remove(&seq);
            if let Some(until) = hidden {
                self.hidden.remove(&(until, seq));
            }
        }
    }

    pub(super) fn hide(&mut self, receipt: &str, seconds: u64) {
        let until = Instant::now() + Duration::from_secs(seconds);
        let Some(message) = self.by_receipt(receipt) else { return };
        // Who is not in flight cannot be hidden.
        let Some(before) = message.hidden_until else { return };
        message.hidden_until = Some(until);
        let seq = message.seq;
        self.hidden.remove(&(before, seq));
        self.hidden.insert((until, seq));
        self.unhide();
    }

    /// Makes every message visible, as time would.
    pub fn let_visibility_run_out(&mut self) {
        let hidden = std::mem::take(&mut self.hidden);
        for (_, seq) in hidden {
            if let Some(message) = self.messages.get_mut(&seq) {
                message.hidden_until = None;
                self.ready.push_back(seq);
            }
        }
    }

    fn by_receipt(&mut self, receipt: &str) -> Option<&mut Stored> {
        let (seq, receives) = receipt.split_once('/')?;
        let message = self.messages.get_mut(&seq.parse().ok()?)?;
        (message.receives.to_string() == receives).then_some(message)
    }

    pub(super) fn attributes(&mut self) -> Value {
        self.unhide();
        let held = self.hidden.len();
        let mut attributes = json!({
            "QueueArn": arn(&self.name),
            "ApproximateNumberOfMessages": (self.messages.len() - held.min(self.messages.len())).to_string(),
            "ApproximateNumberOfMessagesNotVisible": held.to_string(),
            "ApproximateNumberOfMessagesDelayed": "0",
            "MessageRetentionPeriod": "1209600",
        });
        if let (Some(dlq), Some(all)) = (&self.dead_letters, attributes.as_object_mut()) {
            let policy = json!({ "deadLetterTargetArn": arn(dlq), "maxReceiveCount": 3 }).to_string();
            all.insert("RedrivePolicy".to_owned(), policy.into());
        }
        attributes
    }
}
