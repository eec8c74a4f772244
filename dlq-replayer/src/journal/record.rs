//! The lines of a journal. They hold message ids, the arguments of the run as they were typed, and no bodies.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Record {
    /// The run begins.
    Begin(Begin),
    /// These messages are about to be sent; whether they were is unknown until a later line says so.
    Sending {
        /// The destination.
        to: String,
        /// Their ids.
        ids: Vec<String>,
    },
    /// The destination has confirmed these messages.
    Sent {
        /// The destination.
        to: String,
        /// Their ids, and the ids they have there.
        ids: Vec<(String, String)>,
    },
    /// The destination has certainly not taken these messages.
    NotSent {
        /// The destination.
        to: String,
        /// Their ids.
        ids: Vec<String>,
    },
    /// These messages are deleted from the queue.
    Deleted {
        /// Their ids.
        ids: Vec<String>,
    },
    /// Something about these messages that an operator has to know.
    Noted {
        /// What it is.
        what: Note,
        /// Why, in a word; empty where the note says it all.
        why: String,
        /// Their ids.
        ids: Vec<String>,
    },
    /// The run ended.
    End(End),
}

/// What an operator has to know about single messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// Sent without an answer, and still in the dead-letter queue: the destination may have them.
    Unconfirmed,
    /// Sent again after a send without an answer: the destination may have them twice.
    PossibleDuplicate,
    /// Confirmed by the destination and not deleted: the next run deletes them.
    NotDeleted,
    /// Matched, and not sent for a reason that is found in the message.
    Refused,
    /// Matched, and not taken by the destination.
    Failed,
    /// Came back to the dead-letter queue during the run.
    Returned,
    /// In the file of repaired bodies, and not in the queue.
    NotInQueue,
}

impl Note {
    /// As it is shown.
    pub fn text(self) -> &'static str {
        match self {
            Self::Unconfirmed => "unconfirmed; the destination may have them",
            Self::PossibleDuplicate => "sent again after an unconfirmed send; the destination may have them twice",
            Self::NotDeleted => "sent and not deleted; the next run of this queue deletes them",
            Self::Refused => "refused",
            Self::Failed => "not accepted by the destination",
            Self::Returned => "returned to the dead-letter queue during the run",
            Self::NotInQueue => "of the file not found in the queue",
        }
    }
}

/// What a run set out to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Begin {
    /// The run's name.
    pub run: String,
    /// When it began.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// The command, such as `replay`.
    pub command: String,
    /// The ARN of the queue it reads, or the path of the file.
    pub queue: String,
    /// Where it sends to, as it is shown.
    pub destination: String,
    /// How long a message that it received stays hidden when it is killed; none of a file, and in older journals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility_seconds: Option<u64>,
    /// Selection and treatment, for `--resume`. It holds arguments as they were typed, so that no report shows it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    #[schemars(skip)]
    pub plan: Value,
}

/// The outcome of a run that failed.
pub const FAILED: &str = "stopped by an error";

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct End {
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// The word for it, such as `done` or `interrupted`.
    pub outcome: String,
    /// Messages that were sent.
    pub sent: u64,
    /// Messages that were matched and not sent.
    pub not_sent: u64,
    /// Messages that returned during the run.
    pub returned: u64,
    /// Messages that this run leaves to the next one: sent and not deleted, or sent without an answer.
    pub unfinished: u64,
    /// Whether the whole queue was seen, so that nothing of earlier runs is left in it.
    pub saw_everything: bool,
}

impl End {
    /// Whether a run has left nothing, neither of its own nor of the runs before it, so that none of them has to be known any more.
    pub fn settles(&self) -> bool {
        self.saw_everything && self.unfinished == 0
    }
}
