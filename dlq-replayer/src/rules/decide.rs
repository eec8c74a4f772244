//! What a run does with one message: decided here, without I/O, for the dry run and for the run alike.

use serde::de::IgnoredAny;

use super::{
    bus_event::{BusPlace, BusRule, Matched, as_delivered, ask, counted, event_of},
    cause::{is_ours, lambda_payload, service_attributes, would_be_read},
    characters::{escaped, rejected, unescaped},
    jq::Jq,
    refusal::Refusal,
};
use crate::sqs::{
    message::{Attribute, Message, REPLAY_COUNT},
    outgoing::{ATTRIBUTES, BusEvent, Outgoing, Question},
};

/// Replays after which a message is refused: a message that failed four times will fail again.
pub const MAX_REPLAYS: u32 = 3;

/// Which bodies must match rollcall's contract before they are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contract {
    /// Those that say that they are rollcall's events.
    #[default]
    Auto,
    /// All.
    Rollcall,
    /// None.
    None,
}

impl Contract {
    /// Whether the contract applies to a message with this body.
    pub fn applies(self, message: &Message, body: &str) -> bool {
        match self {
            Self::None => false,
            Self::Rollcall => true,
            Self::Auto => is_ours(message, body),
        }
    }
}

/// What is done to the messages that match.
pub enum Treatment {
    /// Sent again, counted, edited and validated.
    Replay(Box<Replay>),
    /// Sent unchanged.
    Move,
}

impl Treatment {
    /// Whether a message goes to quarantine, whichever queue it came from.
    pub fn quarantines(&self, message: &Message) -> bool {
        let Self::Replay(replay) = self else { return false };
        replay.quarantine && message.replays().is_some_and(|replays| replays >= replay.max_replays)
    }
}

/// How messages are replayed.
pub struct Replay {
    /// The change of the body.
    pub edit: Option<Jq>,
    /// Which bodies are validated.
    pub contract: Contract,
    /// Replays after which a message is refused.
    pub max_replays: u32,
    /// Whether messages that were replayed too often go to quarantine; otherwise they stay.
    pub quarantine: bool,
    /// What the destination takes.
    pub carrier: Carrier,
}

/// What kind of destination takes a replayed message, and what it takes along besides the body.
pub enum Carrier {
    /// A queue takes attributes and the message group.
    Queue,
    /// A bus takes the body, which must be an event that one of the rules matches.
    Bus {
        /// Whether the operator agrees to lose attributes.
        drop_attributes: bool,
        /// Where the bus is.
        bus: BusPlace,
        /// Its enabled rules.
        rules: Vec<BusRule>,
        /// Whether the operator agrees that no rule need match.
        allow_unmatched: bool,
    },
    /// A function takes the body, or the payload in it, as its event.
    Function {
        /// Whether the operator agrees to lose attributes.
        drop_attributes: bool,
    },
}

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// To its destination.
    Destination,
    /// To quarantine, because it was replayed too often.
    Quarantine,
}

/// What a route ends at, so far as that decides what can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// A standard queue.
    Queue,
    /// A FIFO queue, which needs a message group.
    FifoQueue,
    /// Something that is no queue.
    Elsewhere,
}

impl Ends {
    /// A queue of this type.
    pub fn of_queue(is_fifo: bool) -> Self {
        if is_fifo { Self::FifoQueue } else { Self::Queue }
    }
}

/// Decides what is sent for one message that matches, and why it goes where it goes.
///
/// `ends` says what a route ends at, and `body` is the repaired body, where there is one.
///
/// # Errors
///
/// [`Refusal`]: it stays where it is.
pub fn decide(
    message: Message,
    body: Option<String>,
    treatment: &Treatment,
    ends: impl Fn(Route) -> Ends,
) -> Result<(Route, Box<Outgoing>), Refusal> {
    let (route, mut outgoing) = match treatment {
        Treatment::Move => (Route::Destination, moved(message)),
        Treatment::Replay(replay) => replayed(message, body, replay)?,
    };
    let ends = ends(route);
    if ends == Ends::FifoQueue && outgoing.message.group().is_none() {
        return Err(Refusal::NoGroup);
    }
    if ends != Ends::Elsewhere {
        allow_characters(&mut outgoing.message)?;
    }
    Ok((route, Box::new(outgoing)))
}

/// Writes characters that SQS rejects as JSON's escapes.
fn allow_characters(message: &mut Message) -> Result<(), Refusal> {
    if let Some(body) = escaped(&message.body).map_err(Refusal::InvalidCharacter)? {
        message.body = body;
    }
    let of_attribute = |(name, attribute): (&String, &Attribute)| {
        let character = attribute.as_text().and_then(rejected)?;
        Some(Refusal::InvalidAttribute { name: name.clone(), character })
    };
    message.attributes.iter().find_map(of_attribute).map_or(Ok(()), Err)
}

/// The message as it is. Its replay count travels with it.
fn moved(message: Message) -> Outgoing {
    let replays = message.replays().unwrap_or(0);
    Outgoing::new(message, replays)
}

fn replayed(mut message: Message, body: Option<String>, replay: &Replay) -> Result<(Route, Outgoing), Refusal> {
    let replays = message.replays().ok_or(Refusal::UnknownReplays)?;
    if replays >= replay.max_replays {
        if replay.quarantine {
            return Ok((Route::Quarantine, Outgoing::new(message, replays)));
        }
        return Err(Refusal::ReplayedTooOften(replays));
    }
    let body = body.unwrap_or_else(|| message.body.clone());
    let body = match &replay.edit {
        Some(edit) => edit.run(&body).map_err(|error| Refusal::NotEditable(error.to_string()))?,
        None => body,
    };
    if replay.contract.applies(&message, &body) {
        would_be_read(&body).map_err(|error| Refusal::WouldFail(error.reason()))?;
    }
    // Yesterday's reason would mislead the next triage, wherever the message goes.
    let stale: Vec<_> = service_attributes(&message).into_iter().map(str::to_owned).collect();
    message.attributes.retain(|name, _| !stale.contains(name));
    message.body = body;
    message.attributes.insert(REPLAY_COUNT.to_owned(), Attribute::number(replays + 1));
    carried(message, replays + 1, &replay.carrier).map(|outgoing| (Route::Destination, outgoing))
}

/// What a kind of destination takes of a message.
fn carried(mut message: Message, replay: u32, carrier: &Carrier) -> Result<Outgoing, Refusal> {
    match carrier {
        Carrier::Queue if message.attributes.len() > ATTRIBUTES => Err(Refusal::NoRoom),
        Carrier::Queue => Ok(Outgoing::new(message, replay)),
        Carrier::Bus { drop_attributes, bus, rules, allow_unmatched } => {
            may_lose_attributes(&message, *drop_attributes)?;
            if let Some(body) = counted(&message.body, replay) {
                message.body = body;
            }
            // The queues behind the bus reject them. A body that is not JSON is no event, which is told below.
            if let Ok(Some(body)) = escaped(&message.body) {
                message.body = body;
            }
            let event = event_of(&message.body).ok_or(Refusal::NotAnEvent)?;
            may_be_put(&event)?;
            let delivered = as_delivered(&event, bus);
            let matched = match ask(&delivered, rules) {
                Some(matched) => matched,
                None if *allow_unmatched => Matched::default(),
                None => return Err(Refusal::NoRuleMatches),
            };
            let to_ask = if *allow_unmatched { Vec::new() } else { matched.to_ask };
            let question = (!to_ask.is_empty()).then_some(Question { event: delivered, patterns: to_ask });
            Ok(Outgoing { event: Some(event), rules: matched.labels, question, ..Outgoing::new(message, replay) })
        }
        Carrier::Function { drop_attributes } => {
            may_lose_attributes(&message, *drop_attributes)?;
            if let Some(payload) = lambda_payload(&message.body).map(str::to_owned) {
                message.body = payload;
            }
            if serde_json::from_str::<IgnoredAny>(&message.body).is_err() {
                return Err(Refusal::NotJson);
            }
            Ok(Outgoing::new(message, replay))
        }
    }
}

/// The detail is put on a bus as JSON text, with its escapes. The other members are texts, whose escapes are gone.
fn may_be_put(event: &BusEvent) -> Result<(), Refusal> {
    let texts = [("source", &event.source), ("detail-type", &event.detail_type)];
    let mut texts = texts.into_iter().chain(event.resources.iter().map(|resource| ("resources", resource)));
    let invalid = |(field, text): (_, &String)| {
        let character = unescaped(text)?;
        Some(Refusal::InvalidEvent { field, character })
    };
    texts.find_map(invalid).map_or(Ok(()), Err)
}

fn may_lose_attributes(message: &Message, drop_attributes: bool) -> Result<(), Refusal> {
    let own = message.attributes.keys().any(|name| name != REPLAY_COUNT);
    if !drop_attributes && (own || message.group().is_some()) {
        return Err(Refusal::AttributesWouldBeLost);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
