//! The attributes that a failing service or rollcall's consumer adds to a message.
//!
//! A name alone proves nothing: `ErrorCode` may be the sender's own. Each set is recognised by several of its names and values together.

use super::envelope::is_arn_of;
use crate::sqs::{
    arn::Arn,
    message::{Message, REPLAY_COUNT},
    outgoing::ATTRIBUTES,
};

/// What rollcall's consumer adds to a dead letter, as `docs/event-contract.md` lists it.
const FAILURE_ATTRIBUTES: [&str; 6] =
    ["failure_reason", "source_message_id", REPLAY_COUNT, "failed_at", "receive_count", "failure_detail"];

/// What an EventBridge rule adds.
/// Source: "Using dead-letter queues to process undelivered events in EventBridge" in the Amazon EventBridge user guide.
const RULE: [&str; 6] =
    ["RULE_ARN", "TARGET_ARN", "ERROR_CODE", "ERROR_MESSAGE", "EXHAUSTED_RETRY_CONDITION", "RETRY_ATTEMPTS"];

/// What EventBridge Scheduler adds.
/// Source: "Configuring a schedule's dead-letter queue in EventBridge Scheduler" in the EventBridge Scheduler user guide.
const SCHEDULER: [&str; 9] = [
    "SCHEDULE_ARN",
    "TARGET_ARN",
    "ERROR_CODE",
    "ERROR_MESSAGE",
    "EXECUTION_ID",
    "EXHAUSTED_RETRY_CONDITION",
    "IS_PAYLOAD_TRUNCATED",
    "RETRY_ATTEMPTS",
    "SCHEDULED_TIME",
];

/// What Lambda adds to a message of its dead-letter queue, with the HTTP status as `ErrorCode`.
/// Source: "Adding a dead-letter queue" under "Capturing records of Lambda asynchronous invocations" in the AWS Lambda developer guide.
///
/// SNS adds the same three names to a message of a subscription's dead-letter queue, with a code such as
/// `AWS.SimpleQueueService.NonExistentQueue`; its developer guide does not list them.
const INVOCATION: [&str; 3] = ["RequestID", "ErrorCode", "ErrorMessage"];

/// Longest name of a constraint, in bytes.
/// Source: "Identifiers and Key Words" in the PostgreSQL documentation: 63.
const LONGEST_NAME: usize = 63;

/// The set of attributes that a message has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Rule,
    Scheduler,
    /// Lambda's dead-letter queue, or SNS's.
    Invocation,
}

impl Origin {
    /// The service set that a message has, if any.
    pub(super) fn of(message: &Message) -> Option<Self> {
        let has = |name: &str| message.attributes.contains_key(name);
        let failed = has("ERROR_CODE") || has("EXHAUSTED_RETRY_CONDITION");
        if failed && message.text("SCHEDULE_ARN").is_some_and(|arn| is_arn_of(arn, "scheduler")) {
            return Some(Self::Scheduler);
        }
        let arn = |name: &str| message.text(name).is_some_and(|text| Arn::parse(text).is_some());
        if failed && (arn("RULE_ARN") || arn("TARGET_ARN")) {
            return Some(Self::Rule);
        }
        // Two of the three are what a sender writes about a failed HTTP request of its own.
        INVOCATION.iter().all(|name| has(name)).then_some(Self::Invocation)
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Rule => &RULE,
            Self::Scheduler => &SCHEDULER,
            Self::Invocation => &INVOCATION,
        }
    }
}

/// The HTTP status that Lambda gives as a code.
pub(super) fn status(code: &str) -> Option<u16> {
    code.parse().ok().filter(|status| (100..600).contains(status))
}

/// Names of the attributes on this message that a failing service or rollcall's consumer added.
///
/// A replay removes them all, so that a later triage never tells yesterday's reason. `replay_count` is among rollcall's six:
/// a replay writes it anew.
pub fn service_attributes(message: &Message) -> Vec<&str> {
    let consumer: &[&str] = if has_failure_attributes(message) { &FAILURE_ATTRIBUTES } else { &[] };
    let service = Origin::of(message).map_or(&[] as &[&str], Origin::names);
    let added = |name: &&str| consumer.contains(name) || service.contains(name);
    message.attributes.keys().map(String::as_str).filter(added).collect()
}

/// Whether rollcall's consumer, or one that writes the same attributes, gave the message up.
///
/// `docs/decisions/0006`: its reason comes with the id of the first message unless ten attributes left no room for it;
/// a single `failure_reason` is the sender's own.
fn has_failure_attributes(message: &Message) -> bool {
    tells_a_failure(message)
        || (message.attributes.contains_key("failure_reason") && message.attributes.len() == ATTRIBUTES)
}

/// Whether the reason and the detail are those of rollcall's contract, which keeps them free of personal data.
///
/// A consumer of another project may write anything into an attribute of these names, so that a reason has to look like one of the contract.
pub fn tells_a_failure(message: &Message) -> bool {
    message.attributes.contains_key("source_message_id") && message.text("failure_reason").is_some_and(is_reason)
}

/// Whether a text is a reason as the contract has them: one word, and for a constraint of the table its name.
fn is_reason(text: &str) -> bool {
    let (word, about) = text.split_once(':').unwrap_or((text, ""));
    let is_name = |name: &str| name.len() <= LONGEST_NAME && !name.contains('@');
    super::is_word(word)
        && (about.is_empty() || super::is_word(about) || (word.ends_with("_violation") && is_name(about)))
}

#[cfg(test)]
mod tests {
    use super::super::tests::message;
    use super::*;

    fn added(attributes: &[(&str, &str)]) -> Vec<String> {
        service_attributes(&message(attributes, &[])).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn the_consumers_six_are_known_by_two() {
        let six: Vec<_> = FAILURE_ATTRIBUTES.map(|name| (name, "1")).into_iter().chain([("customer", "7")]).collect();
        assert_eq!(added(&six).len(), 6);
        assert!(!added(&six).contains(&"customer".to_owned()));
        assert!(added(&[("failure_reason", "card declined"), ("receive_count", "2")]).is_empty());
        let full: Vec<_> = ["a", "b", "c", "d", "e", "f", "g", "h", "i"].map(|name| (name, "1")).into();
        assert_eq!(added(&[&full[..], &[("failure_reason", "panic")]].concat()), ["failure_reason"]);
        assert!(added(&[("replay_count", "2")]).is_empty(), "the count of an earlier replay is not a failure's");
    }

    #[test]
    fn event_bridges_names_are_known_beside_an_arn() {
        let denied =
            [("ERROR_CODE", "NO_PERMISSIONS"), ("RULE_ARN", "arn:aws:events:eu-west-1:1:rule/r"), ("own", "1")];
        assert_eq!(added(&denied), ["ERROR_CODE", "RULE_ARN"]);
        assert!(added(&[("ERROR_CODE", "E42"), ("ERROR_MESSAGE", "m")]).is_empty());
        assert!(added(&[("ERROR_CODE", "E42"), ("TARGET_ARN", "none")]).is_empty());
    }

    #[test]
    fn the_schedulers_nine_go_together() {
        let arns = ["arn:aws:scheduler:eu-west-1:1:schedule/default/s"; 9];
        let nine: Vec<_> = SCHEDULER.into_iter().zip(arns).collect();
        assert_eq!(added(&nine).len(), 9);
        let rule = [("EXECUTION_ID", "x"), ("ERROR_CODE", "c"), ("RULE_ARN", "arn:aws:events:eu-west-1:1:rule/r")];
        assert_eq!(added(&rule), ["ERROR_CODE", "RULE_ARN"], "an execution id is not a rule's");
    }

    #[test]
    fn lambdas_names_are_known_as_a_set() {
        let three = [("RequestID", "r"), ("ErrorCode", "200"), ("ErrorMessage", "m"), ("own", "1")];
        assert_eq!(added(&three), ["ErrorCode", "ErrorMessage", "RequestID"]);
        assert!(added(&[("RequestID", "req-77"), ("ErrorCode", "404")]).is_empty(), "the sender's own");
        let sns = [("RequestID", "r"), ("ErrorCode", "AWS.SimpleQueueService.NonExistentQueue"), ("ErrorMessage", "m")];
        assert_eq!(added(&sns).len(), 3);
        assert!(added(&[("ErrorCode", "200")]).is_empty());
        assert!(added(&[("RequestID", "r"), ("ErrorCode", "E42")]).is_empty());
        assert!(added(&[("ErrorCode", "200"), ("ErrorMessage", "m")]).is_empty());
    }
}
