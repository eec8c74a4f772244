//! What a cause says about a replay.

use schemars::JsonSchema;
use serde::Serialize;

/// What to do about a group of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It may succeed unchanged.
    ReplayAsIs,
    /// Only a person can tell: the message doesn't say why it is here, or nothing in it is what has to change.
    LookFirst,
    /// It fails again unless the message, the table or a permission is changed.
    NeedsAFix,
    /// It fails again, and no change of the message helps here.
    DoNotReplay,
}

impl Verdict {
    /// The verdict in words.
    pub fn text(self) -> &'static str {
        match self {
            Self::ReplayAsIs => "replay as is",
            Self::LookFirst => "look first",
            Self::NeedsAFix => "needs a fix",
            Self::DoNotReplay => "do not replay",
        }
    }
}

/// Words in the codes of transient errors: the target was slow, busy, away or still being changed.
///
/// Source: "Using dead-letter queues to process undelivered events in EventBridge" lists a sample of the codes.
const TRANSIENT: [&str; 9] = [
    "MAXIMUMRETRYATTEMPTS",
    "MAXIMUMEVENTAGE",
    "THROTTL",
    "TIMEOUT",
    "INTERNAL",
    "CONNECTION_FAILURE",
    "TRANSIENT_ASSUME_ROLE",
    "RESOURCE_LIMIT_EXCEEDED",
    "RESOURCE_MODIFICATION_COLLISION",
];

/// The verdict on the code of a rule that could not deliver.
///
/// Permissions and targets are fixed outside the message; what was transient may be over.
pub(super) fn of_delivery_code(code: &str) -> Verdict {
    let code = code.to_uppercase();
    if TRANSIENT.iter().any(|word| code.contains(word)) { Verdict::ReplayAsIs } else { Verdict::NeedsAFix }
}

/// The verdict on the status of a failed asynchronous invocation.
///
/// 200 is a function that ran and returned an error, 429 a throttled one and 5xx a fault of the service;
/// any other 4xx means that the function could not be called at all.
pub(super) fn of_invocation_status(status: u16) -> Verdict {
    match status {
        429 => Verdict::ReplayAsIs,
        400..=499 => Verdict::NeedsAFix,
        _ => Verdict::ReplayAsIs,
    }
}

/// The verdict on a reason that a consumer wrote.
pub(super) fn of_consumer_reason(reason: &str) -> Verdict {
    match reason.split(':').next().unwrap_or(reason) {
        // Another version or another event is not this consumer's to read, whatever is edited.
        "wrong_detail_type" | "unsupported_version" => Verdict::DoNotReplay,
        // A pool that is missing from a list, or an event that somebody made up; a trigger of the table that skips it.
        "unknown_user_pool" | "row_not_stored" => Verdict::LookFirst,
        // A flaw that a newer consumer no longer has.
        "panic" => Verdict::ReplayAsIs,
        _ => Verdict::NeedsAFix,
    }
}
