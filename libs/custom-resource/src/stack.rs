//! What CloudFormation is doing with the stack: an Update may be a deployment, or the way back from one that failed.
//!
//! The event does not say which. A resource that refuses the way back leaves the stack in `UPDATE_ROLLBACK_FAILED`, which a person has to clear.
//! Source: "Continue rolling back an update" in the AWS CloudFormation user guide, and the operation `DescribeStacks`.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_types::byte_stream::ByteStream;
use aws_types::SdkConfig;
use rollcall_aws_runtime::retry::{self, Pace, Refusal};
use serde_json::Value;
use tokio::time::Instant;

use crate::signed::AwsService;

const CLOUDFORMATION: AwsService = AwsService { id: "CloudFormation", signing_name: "cloudformation" };

/// How attempts follow each other. A role that was just changed takes a few seconds to be known.
const PACE: Pace = Pace {
    first_wait: Duration::from_millis(250),
    longest_wait: Duration::from_secs(1),
    attempt: Duration::from_secs(3),
};

/// The most time that the question may take: in a VPC without a route to CloudFormation there is never an answer.
const LIMIT: Duration = Duration::from_secs(8);

/// What `DescribeStacks` says while CloudFormation sends each resource back to its old properties.
const ROLLING_BACK: &str = "UPDATE_ROLLBACK_IN_PROGRESS";

/// The stack that a request is about.
#[derive(Debug)]
pub struct Stack<'a> {
    id: &'a str,
    sdk: &'a SdkConfig,
    connector: &'a SharedHttpConnector,
}

impl<'a> Stack<'a> {
    /// The stack of an event of CloudFormation.
    pub fn of(event: &'a Value, sdk: &'a SdkConfig, connector: &'a SharedHttpConnector) -> Self {
        Self { id: event.get("StackId").and_then(Value::as_str).unwrap_or_default(), sdk, connector }
    }

    /// Whether it is being rolled back. None if CloudFormation cannot be asked from here, or does not allow the question.
    ///
    /// The function needs `cloudformation:DescribeStacks` on its own stack.
    pub async fn is_rolling_back(&self) -> Option<bool> {
        self.ask().await.map(|status| status == ROLLING_BACK)
    }

    /// Whether CloudFormation is neither changing the stack nor deleting it, so that nobody attaches or detaches anything on purpose. None as for [`Self::is_rolling_back`].
    ///
    /// A deletion that failed counts as one: its first half is done.
    pub async fn is_at_rest(&self) -> Option<bool> {
        self.ask().await.as_deref().map(at_rest)
    }

    async fn ask(&self) -> Option<String> {
        let status = retry::until(Instant::now() + LIMIT, &PACE, || self.status()).await.ok();
        tracing::info!(stack = self.id, status, "asked for the status of the stack");
        status
    }

    async fn status(&self) -> Result<String, Refusal<()>> {
        let body = format!("Action=DescribeStacks&Version=2010-05-15&StackName={}", percent_encoded(self.id));
        let headers = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        let endpoint = CLOUDFORMATION.endpoint(self.sdk);
        let request = CLOUDFORMATION.post(self.sdk, &endpoint, &headers, body).await;
        let request = request.map_err(|_| Refusal::Permanent(()))?;
        let response = self.connector.call(request).await.map_err(|_| Refusal::Transient(()))?;
        match response.status().as_u16() {
            200..300 => {}
            // There is no such stack: neither is there a moment later.
            400 | 404 => return Err(Refusal::Permanent(())),
            _ => return Err(Refusal::Transient(())),
        }
        let body = ByteStream::new(response.into_body()).collect().await.map_err(|_| Refusal::Transient(()))?;
        status_in(&String::from_utf8_lossy(&body.into_bytes())).map(str::to_owned).ok_or(Refusal::Permanent(()))
    }
}

/// Source: "Stack status codes" in the AWS CloudFormation user guide.
fn at_rest(status: &str) -> bool {
    !status.ends_with("_IN_PROGRESS") && !status.starts_with("DELETE_")
}

/// The first stack's status in an answer of `DescribeStacks`.
fn status_in(xml: &str) -> Option<&str> {
    let (_, rest) = xml.split_once("<StackStatus>")?;
    rest.split_once("</StackStatus>").map(|(status, _)| status.trim())
}

fn percent_encoded(text: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encoded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_read_as_cloudformation_writes_it() {
        let answer = "<DescribeStacksResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><DescribeStacksResult><Stacks>\
            <member><StackName>backend</StackName><StackStatus>UPDATE_ROLLBACK_IN_PROGRESS</StackStatus>\
            <StackStatusReason>no</StackStatusReason></member></Stacks></DescribeStacksResult></DescribeStacksResponse>";
        assert_eq!(status_in(answer), Some(ROLLING_BACK));
        for other in ["", "<StackStatus>", "{\"StackStatus\": \"UPDATE_ROLLBACK_IN_PROGRESS\"}"] {
            assert_eq!(status_in(other), None, "{other}");
        }
    }

    #[test]
    fn a_stack_is_at_rest_when_nothing_changes_or_deletes_it() {
        for resting in [
            "CREATE_COMPLETE",
            "UPDATE_COMPLETE",
            "UPDATE_ROLLBACK_COMPLETE",
            "UPDATE_ROLLBACK_FAILED",
            "UPDATE_FAILED",
        ] {
            assert!(at_rest(resting), "{resting}");
        }
        let changing =
            ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", ROLLING_BACK];
        for busy in changing.into_iter().chain(["DELETE_IN_PROGRESS", "DELETE_FAILED", "DELETE_COMPLETE"]) {
            assert!(!at_rest(busy), "{busy}");
        }
    }

    #[test]
    fn an_arn_is_encoded_for_a_form() {
        let id = "arn:aws:cloudformation:eu-west-1:123456789012:stack/backend/1";
        assert_eq!(percent_encoded(id), "arn%3Aaws%3Acloudformation%3Aeu-west-1%3A123456789012%3Astack%2Fbackend%2F1");
    }
}
