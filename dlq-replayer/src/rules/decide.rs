//! What a run does with one message: decided here, without I/O, for the dry run and for the run alike.

use serde::de::IgnoredAny;

use super::{
    bus_event::{BusPlace, BusRule, Matched, as_delivered, ask, counted, event_of},
    cause::{is_ours, lambda_payload, service_attributes, would_be_read},
    jq::Jq,
};
use crate::sqs::{
    message::{Attribute, Message, REPLAY_COUNT},
    outgoing::{ATTRIBUTES, Outgoing, Question},
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

/// Why a message that matches is not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The loop guard.
    #[error("its replay count is {0}; use `--quarantine QUEUE` or a higher `--max-replays`")]
    ReplayedTooOften(u32),
    /// Its `replay_count` is not a count, so the loop guard cannot work.
    #[error("its `replay_count` is not a number")]
    UnknownReplays,
    /// The edit cannot be applied.
    #[error("the edit cannot be applied: {0}")]
    NotEditable(String),
    /// The contract would reject it again.
    #[error(
        "it does not match rollcall's contract ({0}); fix it with `--edit` or `edit FILE`, or send it with `--contract none`"
    )]
    WouldFail(&'static str),
    /// Ten attributes of its own.
    #[error("its ten attributes leave no room for `replay_count`")]
    NoRoom,
    /// It has attributes, and the destination takes none.
    #[error("the destination takes no attributes, and the message has some; `--drop-attributes` sends it without them")]
    AttributesWouldBeLost,
    /// EventBridge would accept the event and drop it.
    #[error("no enabled rule of the bus matches it, so it would be dropped; `--allow-unmatched` sends it all the same")]
    NoRuleMatches,
    /// Only events can be put on a bus.
    #[error("its body is not an EventBridge event")]
    NotAnEvent,
    /// Lambda takes only JSON.
    #[error("its payload is not JSON, and Lambda takes nothing else; repair it with `edit FILE`")]
    NotJson,
    /// A FIFO queue orders messages by group.
    #[error("it has no message group, and the destination is a FIFO queue, which needs one; choose a standard queue")]
    NoGroup,
    /// Nothing says where it came from.
    #[error("nothing says which queue it came from; say where it goes with `--to QUEUE`")]
    NoSource,
    /// The queue that it came from cannot be used.
    #[error("the queue that it came from cannot be used: {why}; say where it goes with `--to QUEUE`")]
    SourceUnusable {
        /// The queue's ARN.
        queue: String,
        /// Why.
        why: String,
    },
    /// It was replayed too often, and the quarantine cannot be used.
    #[error("the quarantine cannot be used: {why}; choose another one with `--quarantine QUEUE`")]
    QuarantineUnusable {
        /// The queue's ARN.
        queue: String,
        /// Why.
        why: String,
    },
}

impl Refusal {
    /// One word for counting.
    pub fn word(&self) -> &'static str {
        match self {
            Self::ReplayedTooOften(_) => "replayed_too_often",
            Self::UnknownReplays => "unknown_replays",
            Self::NotEditable(_) => "not_editable",
            Self::WouldFail(_) => "would_fail",
            Self::NoRoom => "no_room",
            Self::AttributesWouldBeLost => "attributes_would_be_lost",
            Self::NoRuleMatches => "no_rule_matches",
            Self::NotAnEvent => "not_an_event",
            Self::NotJson => "not_json",
            Self::NoGroup => "no_group",
            Self::NoSource => "no_source",
            Self::SourceUnusable { .. } => "source_unusable",
            Self::QuarantineUnusable { .. } => "quarantine_unusable",
        }
    }

    /// The queue that cannot be used, and why, when that is the reason.
    pub fn unusable(&self) -> Option<(&str, &str)> {
        match self {
            Self::SourceUnusable { queue, why } | Self::QuarantineUnusable { queue, why } => Some((queue, why)),
            _ => None,
        }
    }
}

/// Decides what is sent for one message that matches, and why it goes where it goes.
///
/// `is_fifo` says whether a route ends at a FIFO queue, and `body` is the repaired body, where there is one.
///
/// # Errors
///
/// [`Refusal`]: it stays where it is.
pub fn decide(
    message: Message,
    body: Option<String>,
    treatment: &Treatment,
    is_fifo: impl Fn(Route) -> bool,
) -> Result<(Route, Box<Outgoing>), Refusal> {
    let (route, outgoing) = match treatment {
        Treatment::Move => (Route::Destination, moved(message)),
        Treatment::Replay(replay) => replayed(message, body, replay)?,
    };
    if is_fifo(route) && outgoing.message.group().is_none() {
        return Err(Refusal::NoGroup);
    }
    Ok((route, Box::new(outgoing)))
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
            let event = event_of(&message.body).ok_or(Refusal::NotAnEvent)?;
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

fn may_lose_attributes(message: &Message, drop_attributes: bool) -> Result<(), Refusal> {
    let own = message.attributes.keys().any(|name| name != REPLAY_COUNT);
    if !drop_attributes && (own || message.group().is_some()) {
        return Err(Refusal::AttributesWouldBeLost);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
