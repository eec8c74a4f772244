//! A call to AWS that failed, and what is known about its effect.

use aws_sdk_sqs::{config::http::HttpResponse, error::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// Codes that ask for a slower pace. The call has done nothing.
const THROTTLED: [&str; 7] = [
    "RequestThrottled",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "KMS.ThrottlingException",
    "KmsThrottled",
];

/// The HTTP status from which on a service may have done what it says it could not.
const SERVER_FAULT: u16 = 500;

/// What a failed call may have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: the service said no.
    None,
    /// Nothing, and it asks for a slower pace.
    NoneTooFast,
    /// Nobody knows: the request or its answer was lost.
    Unknown,
}

/// A call that failed as a whole. Its text has no message bodies in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation} on `{resource}` failed: {code}: {text}")]
pub struct CallError {
    /// The operation, such as `SendMessageBatch`.
    pub operation: &'static str,
    /// The queue or bus.
    pub resource: String,
    /// The service's code, or `no answer`.
    pub code: String,
    /// What the service or the connection says.
    pub text: String,
    /// What it may have done.
    pub effect: Effect,
}

/// Reads an error of the SDK.
pub(crate) fn call_error<E>(operation: &'static str, resource: &str, error: &SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let (code, text, effect) = match error {
        SdkError::ServiceError(service) => {
            let metadata = service.err().meta();
            let code = metadata.code().unwrap_or("unknown error");
            let effect = if THROTTLED.iter().any(|throttled| code.ends_with(throttled)) {
                Effect::NoneTooFast
            } else if service.raw().status().as_u16() >= SERVER_FAULT {
                Effect::Unknown
            } else {
                Effect::None
            };
            (code.to_owned(), metadata.message().unwrap_or("no details").to_owned(), effect)
        }
        SdkError::ConstructionFailure(_) => ("not sent".to_owned(), deepest(error), Effect::None),
        _ => ("no answer".to_owned(), deepest(error), Effect::Unknown),
    };
    CallError { operation, resource: resource.to_owned(), code, text, effect }
}

/// The last cause of an error, which says most: "connection refused" rather than "dispatch failure".
fn deepest(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).last().map(ToString::to_string).unwrap_or_default()
}
