//! Why a message that matches is not sent.

use super::characters;

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
    /// SQS rejects a character of the body, which is not JSON and so has no escape for it.
    #[error("its body is not JSON and contains {}, which SQS rejects; repair it with `edit FILE`", characters::number(*.0))]
    InvalidCharacter(char),
    /// SQS rejects a character of an attribute.
    #[error("its attribute `{name}` contains {}, which SQS rejects; remove the character from the file", characters::number(*.character))]
    InvalidAttribute {
        /// The attribute.
        name: String,
        /// The character.
        character: char,
    },
    /// The queues behind a bus reject a character of the event, outside of its detail, where it cannot be sent as an escape.
    #[error("its `{field}` contains {}, which the queues behind a bus reject; remove it with `--edit`", characters::number(*.character))]
    InvalidEvent {
        /// The member of the event.
        field: &'static str,
        /// The character.
        character: char,
    },
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
            Self::InvalidCharacter(_) | Self::InvalidAttribute { .. } | Self::InvalidEvent { .. } => {
                "invalid_character"
            }
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
