//! Keys that services and rollcall's contract define, so that showing them tells nothing about a person.
//!
//! Each document has a table of its own, and a key counts only at its place in it: `version` deep in a body is a sender's own word.

use serde::{Deserialize, de::IgnoredAny};

use crate::rules::cause::Envelope;

/// What of a known key is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// The key, above a masked value.
    Key,
    /// The key and its value.
    Value,
}

use Shown::{Key, Value};

/// The known keys of one document: the keys from the outside in, joined with `/`; arrays do not count.
pub(super) type Vocabulary = &'static [(&'static str, Shown)];

/// rollcall's own event (`docs/event-contract.md`): ids, times, versions and types are shown; e-mail addresses, names and numbers are not.
const OURS: Vocabulary = &[
    ("version", Value),
    ("id", Value),
    ("detail-type", Value),
    ("source", Value),
    ("account", Value),
    ("time", Value),
    ("region", Value),
    ("resources", Key),
    ("detail", Key),
    ("detail/metadata", Key),
    ("detail/metadata/version", Value),
    ("detail/metadata/event_id", Value),
    ("detail/metadata/occurred_at", Value),
    ("detail/metadata/origin", Value),
    ("detail/metadata/trace_id", Value),
    ("detail/metadata/replay_count", Value),
    ("detail/data", Key),
    ("detail/data/cognito_sub", Value),
    ("detail/data/user_pool_id", Value),
    ("detail/data/username", Key),
    ("detail/data/email", Key),
    ("detail/data/email_verified", Value),
    ("detail/data/phone_number", Key),
    ("detail/data/first_name", Key),
    ("detail/data/last_name", Key),
];

/// Any other event.
/// Source: "AWS service event metadata" in the Amazon EventBridge events reference.
const EVENT: Vocabulary = &[
    ("version", Value),
    ("detail-type", Value),
    ("source", Value),
    ("time", Value),
    ("region", Value),
    ("resources", Key),
    ("detail", Key),
];

/// What SNS sends.
/// Source: "Amazon SNS message and JSON formats" in the Amazon SNS developer guide.
const NOTIFICATION: Vocabulary = &[
    ("Type", Value),
    ("MessageId", Value),
    ("TopicArn", Value),
    ("Timestamp", Value),
    ("SequenceNumber", Value),
    ("SignatureVersion", Value),
    ("Subject", Key),
    ("Message", Key),
    ("MessageAttributes", Key),
    ("Signature", Key),
    ("SigningCertURL", Key),
    ("UnsubscribeURL", Key),
];

/// Records of Lambda and of Pipes.
/// Source: "Capturing records of Lambda asynchronous invocations" in the AWS Lambda developer guide.
const RECORD: Vocabulary = &[
    ("version", Value),
    ("timestamp", Value),
    ("requestContext", Key),
    ("requestContext/requestId", Value),
    ("requestContext/functionArn", Value),
    ("requestContext/condition", Value),
    ("requestContext/approximateInvokeCount", Value),
    ("requestPayload", Key),
    ("responseContext", Key),
    ("responseContext/statusCode", Value),
    ("responseContext/executedVersion", Value),
    ("responseContext/functionError", Value),
    ("responsePayload", Key),
    ("context", Key),
    ("context/partnerResourceArn", Value),
    ("context/condition", Value),
    ("KinesisBatchInfo", Key),
    ("KinesisBatchInfo/shardId", Value),
    ("KinesisBatchInfo/batchSize", Value),
    ("KinesisBatchInfo/streamArn", Value),
    ("DDBStreamBatchInfo", Key),
    ("DDBStreamBatchInfo/shardId", Value),
    ("DDBStreamBatchInfo/batchSize", Value),
    ("DDBStreamBatchInfo/streamArn", Value),
];

/// The keys that every event has.
#[derive(Default, Deserialize)]
struct Event {
    #[serde(rename = "detail-type")]
    detail_type: Option<String>,
    source: Option<IgnoredAny>,
    detail: Option<IgnoredAny>,
}

/// The vocabulary of a body; none of its keys are known when it is no document of a service.
pub(super) fn of(body: &str) -> Vocabulary {
    let Event { detail_type, source, detail } = serde_json::from_str(body).unwrap_or_default();
    if detail_type.as_deref() == Some(rollcall_events::DETAIL_TYPE) {
        return OURS;
    }
    match Envelope::of(body) {
        _ if detail_type.is_some() && source.is_some() && detail.is_some() => EVENT,
        Some(Envelope::Notification) => NOTIFICATION,
        Some(Envelope::LambdaRecord { .. } | Envelope::PipeRecord { .. }) => RECORD,
        None => &[],
    }
}

/// What is shown of the attributes that rollcall's consumer or a service adds. Those whose text is free are masked:
/// `ERROR_MESSAGE` and `ErrorMessage` may quote a body.
pub(super) const ATTRIBUTES: [&str; 15] = [
    "failed_at",
    "source_message_id",
    "receive_count",
    "replay_count",
    "RULE_ARN",
    "TARGET_ARN",
    "SCHEDULE_ARN",
    "ERROR_CODE",
    "EXHAUSTED_RETRY_CONDITION",
    "RETRY_ATTEMPTS",
    "EXECUTION_ID",
    "IS_PAYLOAD_TRUNCATED",
    "SCHEDULED_TIME",
    "RequestID",
    "ErrorCode",
];

/// Attributes that the contract keeps free of personal data although they are sentences. Another consumer's may hold some.
pub(super) const SENTENCES: [&str; 2] = ["failure_reason", "failure_detail"];

/// System attributes that are counts, times and places. All others are masked: SQS fills `MessageGroupId`, `MessageDeduplicationId`
/// and `AWSTraceHeader` with what the sender chose, and `SenderId` can be the e-mail address of a session.
/// Source: "ReceiveMessage" in the Amazon SQS API reference.
pub(super) const SYSTEM: [&str; 5] = [
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SentTimestamp",
    "SequenceNumber",
    crate::sqs::message::SOURCE_ARN,
];
