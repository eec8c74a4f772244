//! A call to AWS that failed, and what is known about its effect.

use std::io;

use aws_sdk_sqs::{config::http::HttpResponse, error::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// Codes by which a service asks for a lower rate. The call has had no effect.
const THROTTLED: [&str; 9] = [
    "RequestThrottled",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "OverLimit",
    "KMS.ThrottlingException",
    "KmsThrottled",
];

/// Codes that refuse the caller, whatever is asked.
const CALLER: [&str; 9] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// The HTTP status from which on a service may have done what it says it could not.
const SERVER_FAULT: u16 = 500;

/// What the code of an answer that is not a service's begins with.
const HTTP_STATUS: &str = "HTTP status ";

/// The code of a call that failed before it could be made.
const NOT_SENT: &str = "not sent";

/// What a failed call may have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: the service said no.
    None,
    /// Nothing, and the service asks for a lower rate.
    Throttled,
    /// Nothing: there was no connection to send it over.
    NoConnection,
    /// Unknown: the request or its answer was lost.
    Unknown,
}

/// A call that failed as a whole. Its text contains no message bodies.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", told(self))]
pub struct CallError {
    /// The operation, such as `SendMessageBatch`.
    pub operation: &'static str,
    /// The queue, bus, function or file.
    pub resource: String,
    /// The service's code, `HTTP status …` when the answer has none, or `no answer`.
    pub code: String,
    /// What the service or the connection says.
    pub text: String,
    /// What it may have done.
    pub effect: Effect,
}

/// The operation of an archive, which is a file and no service.
pub const WRITE: &str = "write";

fn told(error: &CallError) -> String {
    let CallError { operation, resource, code, text, .. } = error;
    match *operation {
        WRITE => format!("cannot write `{resource}`: {text}"),
        operation => format!("{operation} on `{resource}` failed: {code}: {text}"),
    }
}

impl CallError {
    /// Whether every other call of the same caller would be refused for the same reason: the credentials are wrong or have expired.
    /// Source: "Common errors" in the AWS Lambda API reference and "Common error types" of AWS Identity and Access Management.
    pub fn is_about_the_caller(&self) -> bool {
        CALLER.iter().any(|code| self.code.ends_with(code))
    }

    /// Whether this program could not make the call, or AWS does not believe who it is: no other call would fare better.
    pub fn is_ours(&self) -> bool {
        self.code == NOT_SENT || self.is_about_the_caller()
    }

    /// Whether the resource refuses, whatever is asked of it: it is not there, may not be used, or its key cannot be used.
    /// Source: `SendMessageBatch` in the Amazon SQS API reference, whose errors about keys begin with `Kms`, or `KMS.` in older answers.
    pub fn is_about_the_resource(&self) -> bool {
        let of_key = ["Kms", "KMS."].iter().any(|begin| self.code.starts_with(begin));
        self.effect == Effect::None && !self.is_ours() && (self.is_denied() || self.is_missing() || of_key)
    }

    /// Whether the identity lacks a permission.
    pub fn is_denied(&self) -> bool {
        let code = self.code.to_ascii_lowercase();
        code.contains("accessdenied") || code.contains("unauthorized") || code.contains("notauthorized")
    }

    /// Whether the answer has no code of the service: it may come from a proxy, or from another program at the endpoint.
    pub fn is_foreign(&self) -> bool {
        self.code.starts_with(HTTP_STATUS)
    }

    /// Whether the resource does not exist.
    pub fn is_missing(&self) -> bool {
        ["NonExistentQueue", "QueueDoesNotExist", "ResourceNotFound"].iter().any(|code| self.code.contains(code))
    }
}

/// Whether a code, of a call or of one entry, asks for a lower rate.
pub(crate) fn is_throttled(code: &str) -> bool {
    THROTTLED.iter().any(|throttled| code.ends_with(throttled))
}

/// Reads an error of the SDK.
pub(crate) fn call_error<E>(operation: &'static str, resource: &str, error: &SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let (code, text, effect) = match error {
        SdkError::ServiceError(service) => {
            let metadata = service.err().meta();
            // A proxy's answer has no code of the service.
            let status = service.raw().status().as_u16();
            let unnamed = format!("{HTTP_STATUS}{status}");
            let code = metadata.code().filter(|code| !code.is_empty()).unwrap_or(&unnamed);
            let effect = if is_throttled(code) {
                Effect::Throttled
            } else if status >= SERVER_FAULT {
                Effect::Unknown
            } else {
                Effect::None
            };
            (code.to_owned(), metadata.message().unwrap_or("no error message").to_owned(), effect)
        }
        SdkError::ConstructionFailure(_) => (NOT_SENT.to_owned(), deepest(error), Effect::None),
        SdkError::DispatchFailure(_) if is_local(&deepest(error)) => {
            (NOT_SENT.to_owned(), deepest(error), Effect::None)
        }
        SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) if has_no_connection(error) => {
            ("no answer".to_owned(), deepest(error), Effect::NoConnection)
        }
        _ => ("no answer".to_owned(), deepest(error), Effect::Unknown),
    };
    CallError { operation, resource: resource.to_owned(), code, text, effect }
}

/// What the SDK's client says when it could not connect: no name, no route, or no encryption.
const NOT_CONNECTED: &str = "client error (Connect)";

/// What it says when that took too long.
const CONNECT_TIMEOUT: &str = "HTTP connect timeout";

/// Whether no connection was made. A connection that was made and breaks may have carried the request.
fn has_no_connection(error: &(dyn std::error::Error + 'static)) -> bool {
    let refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    std::iter::successors(Some(error), |error| error.source()).any(|error| {
        // Their types are not public, and a test holds these words.
        let text = error.to_string();
        text == NOT_CONNECTED || text.starts_with(CONNECT_TIMEOUT) || error.downcast_ref().is_some_and(refused)
    })
}

/// The last cause of an error, which says most: "connection refused" rather than "dispatch failure".
fn deepest(error: &dyn std::error::Error) -> String {
    let text = std::iter::successors(Some(error), |error| error.source()).last().map(ToString::to_string);
    // The SDK lists every place where it has looked for credentials, a line for each.
    let first = text.as_deref().and_then(|text| text.lines().next()).unwrap_or_default();
    first.strip_suffix(". Attempted:").unwrap_or(first).to_owned()
}

/// Whether a call failed before it could be made.
fn is_local(text: &str) -> bool {
    text.contains("credentials") || text.contains("missing signing region")
}

#[cfg(test)]
mod tests {
    use std::{io::Read, net::TcpListener, time::Duration};

    use aws_sdk_sqs::config::{Credentials, SharedCredentialsProvider, retry::RetryConfig, timeout::TimeoutConfig};
    use rollcall_aws_runtime::{
        cli_sdk::{CliOptions, sdk_config},
        environment::Environment,
    };

    use super::*;
    use crate::sqs::clients::Clients;

    #[tokio::test]
    async fn a_connection_that_was_refused_has_sent_nothing() {
        // Nothing listens on a port whose listener is gone.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let error = call(format!("http://127.0.0.1:{port}")).await;
        assert_eq!((&*error.code, error.effect), ("no answer", Effect::NoConnection), "{error}");
    }

    #[tokio::test]
    async fn a_host_without_an_address_has_been_sent_nothing() {
        // A label of 64 characters is too long for a name, so the resolver says no without asking anybody.
        let error = call(format!("http://{}.invalid", "a".repeat(64))).await;
        assert_eq!((&*error.code, error.effect), ("no answer", Effect::NoConnection), "{error}");
        assert!(error.text.contains("failed to lookup address information"), "{error}");
    }

    #[tokio::test]
    async fn a_connection_that_was_never_complete_has_sent_nothing() {
        // One that is closed before it is encrypted, and one that never is.
        for closes in [true, false] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            let kept = std::thread::spawn(move || {
                let (stream, _) = listener.accept().unwrap();
                (listener, (!closes).then_some(stream))
            });
            let error = call(format!("https://127.0.0.1:{port}")).await;
            assert_eq!((&*error.code, error.effect), ("no answer", Effect::NoConnection), "{error}");
            drop(kept.join().unwrap());
        }
    }

    #[tokio::test]
    async fn a_connection_that_breaks_after_a_request_may_have_carried_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let reads = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.read(&mut [0; 64]).unwrap()
        });
        let error = call(format!("http://127.0.0.1:{port}")).await;
        assert_eq!((&*error.code, error.effect), ("no answer", Effect::Unknown), "{error}");
        assert!(reads.join().unwrap() > 0);
    }

    async fn call(endpoint: String) -> CallError {
        let options = CliOptions { endpoint_url: Some(endpoint), region: Some("eu-west-1".to_owned()), profile: None };
        let sdk = sdk_config(options, &Environment::from_iter([("UNUSED", "")])).await.unwrap();
        let credentials = SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "test"));
        let timeouts = TimeoutConfig::builder().connect_timeout(Duration::from_millis(200)).build();
        let sdk = sdk.into_builder().credentials_provider(credentials).timeout_config(timeouts);
        let sdk = sdk.retry_config(RetryConfig::disabled()).build();
        let error = Clients::new(sdk).sqs(None).list_queues().send().await.unwrap_err();
        call_error("ListQueues", "q", &error)
    }
}
