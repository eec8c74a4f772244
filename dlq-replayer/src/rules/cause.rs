//! Why a message is in the dead-letter queue, as far as the message itself tells, and what can be done about it.

use rollcall_events::UserConfirmed;
use schemars::JsonSchema;
use serde::Serialize;

use crate::sqs::message::Message;

/// Why a message is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A consumer said so: rollcall's own, or one that writes the same attributes (`docs/event-contract.md`).
    Consumer {
        /// The word for it.
        reason: String,
        /// A sentence about it.
        detail: Option<String>,
    },
    /// EventBridge could not deliver it to a target.
    /// Source: "Using dead-letter queues to process undelivered events" in the Amazon EventBridge user guide.
    EventBridge {
        /// The code of the last failure, or what was exhausted.
        code: String,
        /// The target, when it was a queue.
        target_queue: Option<String>,
    },
    /// SQS moved it after too many receives; nobody said why.
    Exhausted,
    /// It was sent here, and nothing tells why.
    Unknown,
}

/// What to do about a group of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It may succeed unchanged.
    ReplayAsIs,
    /// It fails again unless the message, the table or a permission is changed.
    NeedsAFix,
    /// It fails again, and no change of the message helps here.
    DoNotReplay,
}

impl Verdict {
    /// As people read it.
    pub fn text(self) -> &'static str {
        match self {
            Self::ReplayAsIs => "replay as is",
            Self::NeedsAFix => "needs a fix",
            Self::DoNotReplay => "do not replay",
        }
    }
}

impl Cause {
    /// Reads the cause off a message.
    pub fn of(message: &Message) -> Self {
        let owned = |name: &str| message.text(name).map(str::to_owned);
        if let Some(reason) = owned("failure_reason") {
            return Self::Consumer { reason, detail: owned("failure_detail") };
        }
        if let Some(code) = owned("ERROR_CODE").or_else(|| owned("EXHAUSTED_RETRY_CONDITION")) {
            let target = owned("TARGET_ARN").filter(|arn| arn.split(':').nth(2) == Some("sqs"));
            return Self::EventBridge { code, target_queue: target };
        }
        if message.system.contains_key("DeadLetterQueueSourceArn") { Self::Exhausted } else { Self::Unknown }
    }

    /// The word that groups it and that `--reason` takes.
    pub fn reason(&self) -> String {
        match self {
            Self::Consumer { reason, .. } => reason.clone(),
            Self::EventBridge { code, .. } => format!("eventbridge:{code}"),
            Self::Exhausted => "exhausted_retries".to_owned(),
            Self::Unknown => "unknown".to_owned(),
        }
    }

    /// A sentence for people, without personal data.
    pub fn detail(&self) -> String {
        match self {
            Self::Consumer { detail: Some(detail), .. } => detail.clone(),
            Self::Consumer { .. } => "the consumer gave it up".to_owned(),
            Self::EventBridge { code, .. } => format!("EventBridge could not deliver it ({code})"),
            Self::Exhausted => "received too often without success; the consumer did not say why".to_owned(),
            Self::Unknown => "nothing on the message tells why it is here".to_owned(),
        }
    }

    /// What the cause alone says about a replay.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Consumer { reason, .. } => reason_verdict(reason),
            // Permissions and targets are fixed outside the message; retries that ran out are an outage that is over.
            Self::EventBridge { code, .. } if RETRIES_RAN_OUT.iter().any(|word| code.contains(word)) => {
                Verdict::ReplayAsIs
            }
            Self::EventBridge { .. } => Verdict::NeedsAFix,
            Self::Exhausted | Self::Unknown => Verdict::ReplayAsIs,
        }
    }

    /// Where it is to go when that is not the source queue.
    pub fn target_queue(&self) -> Option<&str> {
        match self {
            Self::EventBridge { target_queue, .. } => target_queue.as_deref(),
            _ => None,
        }
    }
}

/// What EventBridge says when it has tried long enough, and codes of a target that was too slow or away.
const RETRIES_RAN_OUT: [&str; 5] = ["MaximumRetryAttempts", "MaximumEventAge", "THROTTL", "TIMEOUT", "INTERNAL"];

fn reason_verdict(reason: &str) -> Verdict {
    match reason.split(':').next().unwrap_or(reason) {
        // Another version or another event is not this consumer's to read, whatever is edited.
        "wrong_detail_type" | "unsupported_version" => Verdict::DoNotReplay,
        // A flaw that a newer consumer no longer has.
        "panic" => Verdict::ReplayAsIs,
        _ => Verdict::NeedsAFix,
    }
}

/// Whether the consumer's own contract would read a body now.
///
/// # Errors
///
/// Why it would not.
pub fn would_be_read(body: &str) -> Result<(), rollcall_events::ParseError> {
    UserConfirmed::from_envelope(body).map(|_| ())
}

/// Whether a message is one that rollcall's contract judges: it announces itself as ours, or our consumer has judged it before.
pub fn is_ours(message: &Message, body: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Announced {
        #[serde(rename = "detail-type")]
        detail_type: String,
    }
    let announced = serde_json::from_str::<Announced>(body);
    let judged = matches!(
        message.text("failure_reason"),
        Some("malformed_envelope" | "wrong_detail_type" | "unsupported_version" | "malformed_detail" | "invalid_field")
    );
    judged || announced.is_ok_and(|event| event.detail_type == rollcall_events::DETAIL_TYPE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqs::message::Attribute;

    fn message(attributes: &[(&str, &str)], system: &[(&str, &str)]) -> Message {
        let mut message: Message = serde_json::from_str(r#"{"id":"m","body":"{}"}"#).unwrap();
        message.attributes = attributes.iter().map(|(k, v)| ((*k).into(), Attribute::text(*v))).collect();
        message.system = system.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        message
    }

    #[test]
    fn the_reason_is_read_off_whoever_gave_the_message_up() {
        let of = |message| {
            let cause = Cause::of(&message);
            (cause.reason(), cause.verdict())
        };
        let table = [("failure_reason", "unique_violation:users_email_key")];
        assert_eq!(of(message(&table, &[])), ("unique_violation:users_email_key".into(), Verdict::NeedsAFix));
        let version = [("failure_reason", "unsupported_version")];
        assert_eq!(of(message(&version, &[])), ("unsupported_version".into(), Verdict::DoNotReplay));
        let denied = [("ERROR_CODE", "NO_PERMISSIONS"), ("TARGET_ARN", "arn:aws:sqs:eu-west-1:1:q")];
        assert_eq!(of(message(&denied, &[])), ("eventbridge:NO_PERMISSIONS".into(), Verdict::NeedsAFix));
        assert_eq!(Cause::of(&message(&denied, &[])).target_queue(), Some("arn:aws:sqs:eu-west-1:1:q"));
        let late = [("EXHAUSTED_RETRY_CONDITION", "MaximumRetryAttempts")];
        assert_eq!(of(message(&late, &[])), ("eventbridge:MaximumRetryAttempts".into(), Verdict::ReplayAsIs));
        let moved = [("DeadLetterQueueSourceArn", "arn:aws:sqs:eu-west-1:1:orders")];
        assert_eq!(of(message(&[], &moved)), ("exhausted_retries".into(), Verdict::ReplayAsIs));
        assert_eq!(of(message(&[], &[])), ("unknown".into(), Verdict::ReplayAsIs));
    }

    #[test]
    fn other_peoples_bodies_are_not_ours_to_judge() {
        assert!(is_ours(&message(&[], &[]), r#"{"detail-type":"UserConfirmed"}"#));
        assert!(is_ours(&message(&[("failure_reason", "malformed_envelope")], &[]), "not json"));
        assert!(!is_ours(&message(&[], &[]), r#"{"detail-type":"OrderPlaced"}"#));
        assert!(!is_ours(&message(&[("failure_reason", "card declined")], &[]), "not json"));
    }
}
