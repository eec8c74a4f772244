//! What a run does with one message: decided here, without I/O, for the dry run and for the run alike.

use jiff::Timestamp;

use crate::{
    rules::cause::{is_ours, would_be_read},
    rules::edit::Edit,
    rules::select::Selection,
    sqs::message::Message,
    sqs::outgoing::{FailureAttributes, Outgoing},
};

/// Replays after which a message is refused: who has failed four times will fail a fifth.
pub const MAX_REPLAYS: u32 = 3;

/// Which bodies must pass the contract before they are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Validation {
    /// Those that are rollcall's; others are not ours to judge.
    #[default]
    Ours,
    /// All.
    All,
    /// None.
    Off,
}

/// What is done to the messages that are meant.
pub enum Treatment {
    /// Sent again, counted, edited and validated.
    Replay(Box<Replay>),
    /// Moved unchanged to where the run sends.
    Move,
}

/// How messages are replayed.
pub struct Replay {
    /// The change of the body.
    pub edit: Option<Edit>,
    /// Which bodies are validated.
    pub validation: Validation,
    /// Replays after which a message is refused.
    pub max_replays: u32,
    /// Whether refused repeaters go to quarantine; otherwise they stay.
    pub repeaters: Repeaters,
    /// What becomes of the failure's attributes.
    pub failure: FailureAttributes,
    /// What the destination takes along.
    pub carries: Carries,
}

/// What becomes of messages that have been replayed too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeaters {
    /// They stay where they are.
    Stay,
    /// They go to quarantine.
    GoToQuarantine,
}

/// What a destination takes along besides the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carries {
    /// Attributes and group, as a queue does.
    Everything,
    /// Nothing: a message that has more than a body is refused.
    BodyOnly,
    /// Nothing, and the person who runs it has agreed to lose the rest.
    BodyOnlyAgreed,
}

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// To the run's destination.
    Destination,
    /// To quarantine, because it has been replayed too often.
    Quarantine,
}

/// What is decided about one message.
pub enum Decision {
    /// It is not meant.
    NotMeant,
    /// It is meant, and stays where it is, for this reason.
    Refused(Refusal),
    /// It is sent.
    Send(Route, Outgoing),
}

/// Why a message that is meant is not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The loop guard.
    #[error("replayed {0} times already; give `--quarantine QUEUE` or a higher `--max-replays`")]
    ReplayedTooOften(u32),
    /// Its `replay_count` is not a count, so the loop guard cannot work.
    #[error("its `replay_count` is not a count")]
    UnknownReplays,
    /// The edit cannot be applied.
    #[error("the edit cannot be applied: {0}")]
    NotEditable(String),
    /// The contract would refuse it again.
    #[error("the contract would refuse it ({0}); fix it with `--edit`, or send it with `--no-validate`")]
    WouldFail(&'static str),
    /// Ten attributes of its own.
    #[error("its ten attributes leave no room for `replay_count`")]
    NoRoom,
    /// It has attributes, and goes to a bus.
    #[error("a bus takes no attributes along, and it has some; give `--drop-attributes`")]
    AttributesWouldBeLost,
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
        }
    }
}

/// Decides about one message.
pub fn decide(message: &Message, selection: &Selection, treatment: &Treatment, now: Timestamp) -> Decision {
    if !selection.takes(message, now) {
        return Decision::NotMeant;
    }
    match treatment {
        Treatment::Move => Decision::Send(Route::Destination, Outgoing::unchanged(message)),
        Treatment::Replay(replay) => replayed(message, replay, now).unwrap_or_else(Decision::Refused),
    }
}

fn replayed(message: &Message, replay: &Replay, now: Timestamp) -> Result<Decision, Refusal> {
    let replays = message.replays().ok_or(Refusal::UnknownReplays)?;
    if replays >= replay.max_replays {
        return match replay.repeaters {
            Repeaters::GoToQuarantine => Ok(Decision::Send(Route::Quarantine, Outgoing::unchanged(message))),
            Repeaters::Stay => Err(Refusal::ReplayedTooOften(replays)),
        };
    }
    let body = match &replay.edit {
        Some(edit) => edit.apply(&message.body).map_err(|error| Refusal::NotEditable(error.to_string()))?,
        None => message.body.clone(),
    };
    let validated = match replay.validation {
        Validation::Off => false,
        Validation::All => true,
        Validation::Ours => is_ours(message, &body),
    };
    if validated {
        would_be_read(&body).map_err(|error| Refusal::WouldFail(error.reason()))?;
    }
    let outgoing = Outgoing::replayed(message, body, replays, replay.failure, now).map_err(|_| Refusal::NoRoom)?;
    let own = outgoing.attributes.keys().any(|name| name != crate::sqs::message::REPLAY_COUNT);
    if replay.carries == Carries::BodyOnly && (own || outgoing.group.is_some()) {
        return Err(Refusal::AttributesWouldBeLost);
    }
    Ok(Decision::Send(Route::Destination, outgoing))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sqs::message::{Attribute, REPLAY_COUNT};

    const SUB: &str = "7d4a1f0e-2c5b-4a8e-9d61-0b3f6a9c1e22";

    fn message(first_name: &str, replays: u32) -> Message {
        let body = json!({
            "detail-type": "UserConfirmed",
            "detail": {
                "metadata": { "version": 1, "event_id": SUB, "occurred_at": "2026-11-22T21:00:00.000Z", "origin": "sign_up" },
                "data": { "cognito_sub": SUB, "username": "u", "user_pool_id": "p_1", "first_name": first_name },
            },
        });
        let mut message: Message = serde_json::from_value(json!({ "id": "m", "body": body.to_string() })).unwrap();
        message.attributes.insert(REPLAY_COUNT.into(), Attribute::number(replays));
        message
    }

    fn treatment(edit: Option<&str>, validation: Validation) -> Treatment {
        Treatment::Replay(Box::new(Replay {
            edit: edit.map(|text| Edit::new(text).unwrap()),
            validation,
            max_replays: MAX_REPLAYS,
            repeaters: Repeaters::Stay,
            failure: FailureAttributes::Removed,
            carries: Carries::Everything,
        }))
    }

    fn decided(message: &Message, treatment: &Treatment) -> Result<Outgoing, Refusal> {
        match decide(message, &Selection::default(), treatment, Timestamp::UNIX_EPOCH) {
            Decision::Send(_, outgoing) => Ok(outgoing),
            Decision::Refused(refusal) => Err(refusal),
            Decision::NotMeant => panic!("everything is meant"),
        }
    }

    #[test]
    fn a_body_that_the_contract_refuses_is_sent_only_when_it_is_fixed_or_not_validated() {
        let broken = message("", 0);
        assert_eq!(
            decided(&broken, &treatment(None, Validation::Ours)).err(),
            Some(Refusal::WouldFail("invalid_field"))
        );
        assert!(decided(&broken, &treatment(None, Validation::Off)).is_ok());
        let fixed =
            decided(&broken, &treatment(Some(".detail.data.first_name = null"), Validation::Ours)).ok().unwrap();
        assert!(fixed.body.contains(r#""first_name":null"#));
        assert_eq!(fixed.attributes[REPLAY_COUNT], Attribute::number(1));
    }

    #[test]
    fn bodies_of_others_are_judged_only_when_asked() {
        let mut other = message("Ada", 0);
        other.body = "whatever".into();
        assert!(decided(&other, &treatment(None, Validation::Ours)).is_ok());
        let refused = decided(&other, &treatment(None, Validation::All)).err();
        assert_eq!(refused, Some(Refusal::WouldFail("malformed_envelope")));
    }

    #[test]
    fn the_loop_guard_counts_and_then_refuses() {
        assert!(decided(&message("Ada", MAX_REPLAYS - 1), &treatment(None, Validation::Ours)).is_ok());
        let refused = decided(&message("Ada", MAX_REPLAYS), &treatment(None, Validation::Ours)).err();
        assert_eq!(refused, Some(Refusal::ReplayedTooOften(MAX_REPLAYS)));
        let mut odd = message("Ada", 0);
        odd.attributes.insert(REPLAY_COUNT.into(), Attribute::text("many"));
        assert_eq!(decided(&odd, &treatment(None, Validation::Ours)).err(), Some(Refusal::UnknownReplays));
    }
}
