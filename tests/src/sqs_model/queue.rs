//! One queue of the model: its settings, what is in it, and who holds what.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use uuid::Uuid;

use super::{
    consumer::Consumer,
    counts::{Counts, Told},
    line::{Line, is_fifo},
    message::{NewMessage, Stored},
    place::Place,
};

/// How long a FIFO queue remembers a deduplication id.
///
/// Source: "Using the message deduplication ID in Amazon SQS" (Amazon SQS Developer Guide).
const DEDUPLICATION: Duration = Duration::from_mins(5);

/// Messages in flight that a queue allows.
///
/// Source: "Amazon SQS message quotas" (Amazon SQS Developer Guide).
const IN_FLIGHT: usize = 120_000;

/// Why an entry of a batch failed: its code, and whether the sender is at fault.
pub(super) type Failed = (&'static str, bool);

/// A receipt that the queue never gave, or, on a FIFO queue, one that has expired.
///
/// Source: "How do I troubleshoot `ReceiptHandleIsInvalid` and `InvalidParameterValue` errors" (AWS re:Post).
const BAD_RECEIPT: Failed = ("ReceiptHandleIsInvalid", true);

/// A queue.
pub struct ModelQueue {
    /// Its name.
    pub name: String,
    /// Its Region and account.
    pub place: Place,
    /// Its dead-letter queue; only the policy: see [`Consumer::Redrives`] for what moves messages.
    pub dead_letters: Option<String>,
    /// The redrive policy's `maxReceiveCount`.
    pub max_receive_count: u64,
    /// A consumer that gives up each message at once, and sends a copy here: [`Consumer::GivesUp`] without a delay.
    pub bounces_to: Option<String>,
    /// What drains the queue.
    pub consumer: Consumer,
    /// Largest batch in bytes.
    pub most_bytes: usize,
    /// Messages in flight beyond which nothing is received.
    pub in_flight_limit: usize,
    /// Whether a short poll beyond that limit is refused with `OverLimit`, as a standard queue's is on AWS.
    pub short_polls_over_limit: bool,
    /// Seconds that a receive hides a message when it does not say how long.
    pub visibility_timeout: u64,
    /// Whether a FIFO queue derives a missing deduplication id from the body.
    pub content_based_deduplication: bool,
    /// The key that encrypts it.
    pub kms_key: Option<String>,
    told: Told,
    messages: BTreeMap<u64, Stored>,
    line: Line,
    hidden: BTreeSet<(Instant, u64)>,
    deduplication: HashMap<String, (Instant, String)>,
}

impl ModelQueue {
    pub(super) fn new(place: Place, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            place,
            dead_letters: None,
            max_receive_count: 3,
            bounces_to: None,
            consumer: Consumer::None,
            most_bytes: 256 * 1024,
            in_flight_limit: IN_FLIGHT,
            short_polls_over_limit: false,
            visibility_timeout: 30,
            content_based_deduplication: false,
            kms_key: None,
            told: Told::default(),
            messages: BTreeMap::new(),
            line: Line::of(name),
            hidden: BTreeSet::new(),
            deduplication: HashMap::new(),
        }
    }

    pub(super) fn is_fifo(&self) -> bool {
        is_fifo(&self.name)
    }

    pub(super) fn all(&self) -> Vec<Stored> {
        self.messages.values().cloned().collect()
    }

    pub(super) fn first_id(&self) -> Option<String> {
        self.messages.values().next().map(|message| message.id.clone())
    }

    pub(super) fn count(&self) -> usize {
        self.messages.len()
    }

    /// Stores a message and returns its id. A FIFO queue answers a repeated deduplication id with the first message's
    /// id, and stores nothing.
    ///
    /// Messages that were sent more than five minutes ago, and those that a redrive policy moved, are not compared.
    pub(super) fn put(&mut self, seq: u64, mut message: NewMessage) -> String {
        if self.is_fifo() && self.content_based_deduplication {
            let of_body = || Uuid::new_v5(&Uuid::NAMESPACE_OID, message.body.as_bytes()).to_string();
            message.system.entry("MessageDeduplicationId".to_owned()).or_insert_with(of_body);
        }
        let compared = self.is_fifo() && message.age < DEDUPLICATION && !message.is_redriven();
        let deduplication = message.system.get("MessageDeduplicationId").filter(|_| compared).cloned();
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
            arrived: Instant::now(),
            hidden_until: None,
        };
        self.line.add(seq, stored.group());
        self.messages.insert(seq, stored);
        id
    }

    /// Hides up to `most` messages and returns copies of them. None at the limit of messages in flight.
    pub(super) fn receive(&mut self, most: usize, hidden_seconds: u64) -> Vec<Stored> {
        self.unhide();
        let until = Instant::now() + Duration::from_secs(hidden_seconds);
        let most = most.min(self.in_flight_limit.saturating_sub(self.hidden.len()));
        let messages = &self.messages;
        let taken = self.line.take(most, |seq| messages.contains_key(&seq));
        let mut received = Vec::new();
        for seq in taken {
            let Some(message) = self.messages.get_mut(&seq) else { continue };
            message.receives += 1;
            message.hidden_until = Some(until);
            self.hidden.insert((until, seq));
            received.push(message.clone());
        }
        received
    }

    /// Whether as many messages are in flight as may be.
    pub(super) fn is_at_limit(&mut self) -> bool {
        self.unhide();
        self.hidden.len() >= self.in_flight_limit
    }

    fn unhide(&mut self) {
        let now = Instant::now();
        while let Some((until, seq)) = self.hidden.first().copied().filter(|(until, _)| *until <= now) {
            self.hidden.remove(&(until, seq));
            self.release(seq);
        }
    }

    fn release(&mut self, seq: u64) {
        if let Some(message) = self.messages.get_mut(&seq) {
            message.hidden_until = None;
            self.line.release(seq, message.group());
        }
    }

    /// Makes each message visible, as time would.
    pub fn let_visibility_run_out(&mut self) {
        for (_, seq) in std::mem::take(&mut self.hidden) {
            self.release(seq);
        }
    }

    /// Deletes the message of a receipt.
    ///
    /// On a standard queue an old receipt deletes nothing and is answered with success (`DeleteMessage`, Amazon SQS API
    /// Reference). A FIFO queue refuses one that has expired.
    pub(super) fn delete(&mut self, receipt: &str) -> Result<(), Failed> {
        self.unhide();
        let (seq, receives) = read(receipt)?;
        let Some(message) = self.messages.get(&seq) else { return Ok(()) };
        let newest = message.receives == receives;
        if self.is_fifo() && !(newest && message.hidden_until.is_some()) {
            return Err(BAD_RECEIPT);
        }
        if newest {
            self.remove(seq);
        }
        Ok(())
    }

    /// Takes a message out of the queue, wherever it stands.
    pub(super) fn remove(&mut self, seq: u64) -> Option<Stored> {
        let message = self.messages.remove(&seq)?;
        self.line.remove(seq, message.group());
        if let Some(until) = message.hidden_until {
            self.hidden.remove(&(until, seq));
        }
        Some(message)
    }

    /// Hides the message of a receipt for so many seconds from now.
    ///
    /// Source: `ChangeMessageVisibility` (Amazon SQS API Reference).
    pub(super) fn hide(&mut self, receipt: &str, seconds: u64) -> Result<(), Failed> {
        self.unhide();
        let (seq, receives) = read(receipt)?;
        let fifo = self.is_fifo();
        let Some(message) = self.messages.get_mut(&seq) else { return Err(("InvalidParameterValue", true)) };
        let Some(before) = message.hidden_until else { return Err(("MessageNotInflight", true)) };
        if message.receives != receives {
            return if fifo { Err(BAD_RECEIPT) } else { Ok(()) };
        }
        let until = Instant::now() + Duration::from_secs(seconds);
        message.hidden_until = Some(until);
        self.hidden.remove(&(before, seq));
        self.hidden.insert((until, seq));
        self.unhide();
        Ok(())
    }

    /// The figures as they are.
    pub(super) fn counts(&mut self) -> Counts {
        self.unhide();
        let in_flight = self.hidden.len();
        Counts { visible: self.messages.len().saturating_sub(in_flight), in_flight }
    }

    /// Answers the next `calls` looks at the figures with these.
    pub fn misreport(&mut self, calls: usize, counts: Counts) {
        self.told.misreport(calls, counts);
    }

    /// Answers each look from now on with the figures of so long ago.
    pub fn count_late(&mut self, late: Duration) {
        let now = self.counts();
        self.told.be_late(late, now);
    }

    /// Remembers the figures of this moment, for looks that are answered late.
    pub(super) fn note_counts(&mut self) {
        if self.told.is_late() {
            let now = self.counts();
            self.told.note(now);
        }
    }

    /// The figures as a look is told them.
    pub(super) fn told_counts(&mut self) -> Counts {
        let now = self.counts();
        self.told.tell(now)
    }

    /// Visible messages that arrived at least `after` ago, oldest first.
    pub(super) fn due(&self, after: Duration) -> Vec<u64> {
        let due = self.messages.values().take_while(|message| message.arrived.elapsed() >= after);
        due.filter(|message| message.hidden_until.is_none()).map(|message| message.seq).collect()
    }

    /// Says how often a message was received before it came here.
    pub(super) fn received_before(&mut self, seq: u64, receives: u64) {
        if let Some(message) = self.messages.get_mut(&seq) {
            message.receives = receives;
        }
    }
}

/// The receipt of a message that was received so often.
pub(super) fn receipt(message: &Stored) -> String {
    format!("{}/{}", message.seq, message.receives)
}

fn read(receipt: &str) -> Result<(u64, u64), Failed> {
    let parts = receipt.split_once('/').and_then(|(seq, receives)| Some((seq.parse().ok()?, receives.parse().ok()?)));
    parts.ok_or(BAD_RECEIPT)
}
