//! The JSON documents that a service puts into the body of a dead letter.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::sqs::arn::Arn;

/// A document that a service wrote about a failed delivery.
#[derive(Debug, PartialEq, Eq)]
pub enum Envelope<'a> {
    /// Lambda's record of an asynchronous invocation or of a batch.
    /// Source: "Capturing records of Lambda asynchronous invocations" in the AWS Lambda developer guide.
    LambdaRecord {
        /// The ARN of the function.
        function: String,
        /// Why the record was sent, such as `RetriesExhausted`; `Success` for an on-success destination.
        condition: String,
        /// What the function was called with. Records of an event source mapping name a batch instead.
        payload: Option<&'a str>,
    },
    /// A pipe's record of a batch of a stream.
    /// Source: "Amazon EventBridge Pipes error handling and troubleshooting" in the Amazon EventBridge user guide.
    PipeRecord {
        /// Why the record was sent, such as `RetryAttemptsExhausted`.
        condition: String,
    },
    /// What SNS sends to a subscriber that did not ask for raw messages.
    /// Source: "Amazon SNS message and JSON formats" in the Amazon SNS developer guide.
    Notification,
}

/// The fields by which the documents are told apart.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(rename = "requestContext")]
    request_context: Option<RequestContext>,
    #[serde(rename = "requestPayload", default, borrow, deserialize_with = "present")]
    request_payload: Option<&'a RawValue>,
    context: Option<PipeContext>,
    #[serde(rename = "Type")]
    kind: Option<String>,
    #[serde(rename = "TopicArn")]
    topic_arn: Option<String>,
}

#[derive(Deserialize)]
struct RequestContext {
    #[serde(rename = "functionArn")]
    function_arn: String,
    condition: String,
}

#[derive(Deserialize)]
struct PipeContext {
    #[serde(rename = "partnerResourceArn")]
    partner_resource_arn: String,
    condition: String,
}

/// Keeps `null` apart from a field that is missing: a function can be called with `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl<'a> Envelope<'a> {
    /// Reads a body; none when it is not one of these documents.
    pub fn of(body: &'a str) -> Option<Self> {
        let fields: Fields<'a> = serde_json::from_str(body).ok()?;
        match fields {
            Fields { request_context: Some(context), request_payload, .. }
                if is_arn_of(&context.function_arn, "lambda") =>
            {
                let RequestContext { function_arn: function, condition } = context;
                Some(Self::LambdaRecord { function, condition, payload: request_payload.map(RawValue::get) })
            }
            Fields { context: Some(context), .. } if is_arn_of(&context.partner_resource_arn, "pipes") => {
                Some(Self::PipeRecord { condition: context.condition })
            }
            Fields { kind: Some(kind), topic_arn: Some(topic), .. }
                if kind == "Notification" && is_arn_of(&topic, "sns") =>
            {
                Some(Self::Notification)
            }
            _ => None,
        }
    }
}

/// What a function was called with, as the exact text inside of Lambda's on-failure record.
///
/// None when the body is not such a record, when the invocation succeeded, and when the record names a batch of a stream only.
pub fn lambda_payload(body: &str) -> Option<&str> {
    match Envelope::of(body)? {
        Envelope::LambdaRecord { condition, payload, .. } if condition != SUCCESS => payload,
        _ => None,
    }
}

/// The condition of a record that an on-success destination received.
pub(super) const SUCCESS: &str = "Success";

/// Whether a text is an ARN of a service.
pub(super) fn is_arn_of(text: &str, service: &str) -> bool {
    Arn::parse(text).is_some_and(|arn| arn.service == service)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Lambda's page, with a payload whose layout and digits a parser would change.
    const RECORD: &str = r#"{
        "version": "1.0",
        "timestamp": "2019-11-14T18:16:05.568Z",
        "requestContext": {
            "requestId": "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
            "functionArn": "arn:aws:lambda:us-east-2:123456789012:function:my-function:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3
        },
        "requestPayload": { "z":12345678901234567890.10,  "a": "\u00e9" },
        "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
        "responsePayload": { "errorMessage": "Process exited before completing request" }
    }"#;

    #[test]
    fn the_payload_of_a_record_is_its_exact_text() {
        assert_eq!(lambda_payload(RECORD), Some(r#"{ "z":12345678901234567890.10,  "a": "\u00e9" }"#));
        let null = RECORD.replace(r#"{ "z":12345678901234567890.10,  "a": "\u00e9" }"#, "null");
        assert_eq!(lambda_payload(&null), Some("null"));
    }

    #[test]
    fn other_bodies_have_no_payload() {
        assert_eq!(lambda_payload(&RECORD.replace("RetriesExhausted", "Success")), None);
        assert_eq!(lambda_payload(&RECORD.replace("requestPayload", "KinesisBatchInfo")), None);
        assert_eq!(lambda_payload(&RECORD.replace("arn:aws:lambda", "arn:aws:states")), None);
        let foreign = r#"{"requestPayload":{"a":1},"requestContext":{"stage":"prod"}}"#;
        for body in [foreign, r#"{"requestPayload":1}"#, "[]", "not json", ""] {
            assert_eq!(lambda_payload(body), None, "{body}");
        }
    }

    #[test]
    fn pipes_and_topics_are_told_apart() {
        let pipe = r#"{"context":{"partnerResourceArn":"arn:aws:pipes:eu-west-1:1:pipe/p","condition":"RetryAttemptsExhausted"},"KinesisBatchInfo":{}}"#;
        assert_eq!(Envelope::of(pipe), Some(Envelope::PipeRecord { condition: "RetryAttemptsExhausted".into() }));
        let notification = r#"{"Type":"Notification","TopicArn":"arn:aws:sns:eu-west-1:1:orders","Message":"m"}"#;
        assert_eq!(Envelope::of(notification), Some(Envelope::Notification));
        assert_eq!(Envelope::of(r#"{"Type":"Notification","Message":"m"}"#), None);
    }
}
