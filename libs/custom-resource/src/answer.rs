//! CloudFormation's answer: it waits up to an hour for one, so one is sent whatever happens.
//!
//! Source: "Custom resource request and response reference" in the AWS CloudFormation template reference guide.

use std::time::Duration;

use aws_smithy_runtime_api::client::{
    http::{HttpConnector, SharedHttpConnector},
    orchestrator::HttpRequest,
};
use aws_smithy_types::body::SdkBody;
use rollcall_aws_runtime::retry::{self, GaveUp, Pace, Refusal};
use serde_json::{Map, Value};
use tokio::time::Instant;

/// How attempts to deliver the answer follow each other. It goes to a bucket, which takes milliseconds.
const PACE: Pace = Pace {
    first_wait: Duration::from_millis(100),
    longest_wait: Duration::from_secs(1),
    attempt: Duration::from_secs(3),
};

/// Longest answer that CloudFormation reads, in bytes.
const MAX_BYTES: usize = 4096;

/// What one byte of a text can become in JSON, in bytes: `\u0000`.
const LONGEST_ESCAPE: usize = 6;

/// Whom to answer, and about what.
pub struct Addressee {
    url: String,
    /// The members that come back as they came.
    echoed: [(&'static str, String); 3],
    physical_id: String,
    /// The id that the resource has had so far, if it was there before.
    given_id: Option<String>,
}

/// There is nobody to answer: whoever called this function was not CloudFormation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event is no request of CloudFormation: it has no `ResponseURL`")]
pub struct NotAddressed;

/// CloudFormation did not take the answer. The text never holds the URL, which lets whoever has it answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("CloudFormation did not take the answer ({0})")]
pub struct Undelivered(String);

impl Addressee {
    /// Finds the addressee in an event about the resource `physical_id`, however little of the rest can be read.
    ///
    /// # Errors
    ///
    /// [`NotAddressed`].
    pub fn read(event: &Value, physical_id: String) -> Result<Self, NotAddressed> {
        let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let url = text("ResponseURL");
        if url.is_empty() {
            return Err(NotAddressed);
        }
        let echoed = ["StackId", "RequestId", "LogicalResourceId"].map(|name| (name, text(name)));
        let given_id = Some(text("PhysicalResourceId")).filter(|id| !id.is_empty());
        Ok(Self { url, echoed, physical_id, given_id })
    }

    /// The resource's id, once the work has succeeded or failed.
    ///
    /// A resource that could not be changed is still the old one: another id would make CloudFormation delete that.
    pub fn physical_id(&self, succeeded: bool) -> &str {
        match &self.given_id {
            Some(given) if !succeeded => given,
            _ => &self.physical_id,
        }
    }

    /// The answer, not longer than CloudFormation reads: what is too long is the end of the reason.
    pub fn body(&self, outcome: Result<&str, &str>) -> String {
        let (status, reason) = match outcome {
            Ok(reason) => ("SUCCESS", reason),
            Err(reason) => ("FAILED", reason),
        };
        let echoed = self.echoed.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into()));
        let mut body: Map<String, Value> = echoed.collect();
        body.insert("Status".to_owned(), status.into());
        body.insert("PhysicalResourceId".to_owned(), self.physical_id(outcome.is_ok()).into());
        body.insert("NoEcho".to_owned(), false.into());
        let mut end = reason.floor_char_boundary(MAX_BYTES);
        loop {
            body.insert("Reason".to_owned(), reason.get(..end).unwrap_or_default().into());
            let text = Value::Object(body.clone()).to_string();
            if text.len() <= MAX_BYTES || end == 0 {
                return text;
            }
            let surplus = (text.len() - MAX_BYTES).div_ceil(LONGEST_ESCAPE);
            end = reason.floor_char_boundary(end.saturating_sub(surplus));
        }
    }

    /// Delivers the answer before the deadline.
    ///
    /// # Errors
    ///
    /// [`Undelivered`].
    pub async fn answer(
        &self,
        outcome: Result<&str, &str>,
        connector: &SharedHttpConnector,
        deadline: Instant,
    ) -> Result<(), Undelivered> {
        let body = self.body(outcome);
        let delivered = retry::until(deadline, &PACE, || put(&self.url, &body, connector)).await;
        delivered.map_err(|gave_up| match gave_up {
            GaveUp::Refused(why) => Undelivered(why),
            GaveUp::OutOfTime(last) => Undelivered(last.unwrap_or_else(|| "time-out".to_owned())),
        })
    }
}

async fn put(url: &str, body: &str, connector: &SharedHttpConnector) -> Result<(), Refusal<String>> {
    let request = put_request(url, body).ok_or_else(|| Refusal::Permanent("its URL is none".to_owned()))?;
    let response = connector.call(request).await;
    let response = response.map_err(|_| Refusal::Transient("the connection failed".to_owned()))?;
    let status = response.status();
    let refused = format!("HTTP {}", status.as_u16());
    match status.as_u16() {
        200..300 => Ok(()),
        // The URL has ended, or is wrong: it stays so.
        400 | 401 | 403 | 404 => Err(Refusal::Permanent(refused)),
        _ => Err(Refusal::Transient(refused)),
    }
}

/// The URL is signed for an empty content type, and carries its authorization itself.
fn put_request(url: &str, body: &str) -> Option<HttpRequest> {
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("PUT").ok()?;
    request.set_uri(url).ok()?;
    request.headers_mut().insert("content-type", "");
    Some(request)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn addressee() -> Addressee {
        let event = json!({
            "RequestType": "Create",
            "ResponseURL": "https://example.com/?signature=secret",
            "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/backend/1",
            "RequestId": "request-1",
            "LogicalResourceId": "Triggers",
            "ResourceProperties": {},
        });
        Addressee::read(&event, "the-resource".to_owned()).unwrap()
    }

    fn answered(outcome: Result<&str, &str>) -> Value {
        serde_json::from_str(&addressee().body(outcome)).unwrap()
    }

    #[test]
    fn the_answer_echoes_the_request_and_says_what_happened() {
        let wanted = json!({
            "Status": "FAILED",
            "Reason": "no",
            "PhysicalResourceId": "the-resource",
            "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/backend/1",
            "RequestId": "request-1",
            "LogicalResourceId": "Triggers",
            "NoEcho": false,
        });
        assert_eq!(answered(Err("no")), wanted);
        assert_eq!(answered(Ok("yes"))["Status"], "SUCCESS");
    }

    #[test]
    fn a_resource_that_could_not_be_changed_keeps_its_id() {
        let event = json!({ "ResponseURL": "https://example.com/", "PhysicalResourceId": "the-old-one" });
        let addressee = Addressee::read(&event, "the-new-one".to_owned()).unwrap();
        let id = |outcome| -> Value { serde_json::from_str(&addressee.body(outcome)).unwrap() };
        assert_eq!(id(Ok("yes"))["PhysicalResourceId"], "the-new-one");
        assert_eq!(id(Err("no"))["PhysicalResourceId"], "the-old-one");
    }

    #[test]
    fn a_long_reason_is_cut_between_characters_until_the_answer_fits() {
        for reason in ["ä\"\\\n".repeat(4000), "x".repeat(5000), "👩‍💻".repeat(3000)] {
            let body = addressee().body(Err(&reason));
            assert!(body.len() <= MAX_BYTES && body.len() > MAX_BYTES / 2, "{}", body.len());
            let answer: Value = serde_json::from_str(&body).unwrap();
            assert!(reason.starts_with(answer["Reason"].as_str().unwrap()));
        }
    }

    #[test]
    fn an_event_without_a_url_is_not_cloudformations() {
        let read = |event| Addressee::read(&event, String::new());
        assert!(read(json!({ "RequestType": "Create" })).is_err());
        assert!(read(json!("text")).is_err());
    }
}
