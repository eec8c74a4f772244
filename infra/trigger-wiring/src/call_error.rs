//! What a call to Cognito came to when it brought nothing, and whether another one may bring something.

use std::fmt;

use rollcall_aws_runtime::retry::Refusal;
use serde_json::Value;

/// Error codes that another attempt may cure, besides those of a server that failed.
/// `AccessDeniedException` is among them because a role that a stack has just made is not known everywhere at once.
/// Source: "Common Error Types" and "UpdateUserPool" in the Amazon Cognito user pools API reference; "Changes that I make are not always immediately visible" in the IAM user guide.
const TRANSIENT_CODES: [&str; 7] = [
    "AccessDeniedException",
    "ConcurrentModificationException",
    "InternalErrorException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// A call that brought nothing. The text names the operation, and never holds an address of anybody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Cognito answered with an error.
    #[error("{operation} was refused ({code}){explanation}")]
    Refused {
        /// The operation.
        operation: &'static str,
        /// Cognito's word for what is wrong.
        code: String,
        /// The HTTP status.
        status: u16,
        /// What it says besides.
        explanation: Explanation,
    },
    /// Nobody knows whether it was carried out.
    #[error("{operation} got no answer ({why})")]
    Unanswered {
        /// The operation.
        operation: &'static str,
        /// What happened instead.
        why: &'static str,
    },
    /// It could not even be sent.
    #[error("{operation} could not be sent ({why})")]
    Unsendable {
        /// The operation.
        operation: &'static str,
        /// What is wrong.
        why: String,
    },
}

/// Cognito's own sentence, without any word that may be somebody's address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation(String);

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0) }
    }
}

impl From<&str> for Explanation {
    fn from(sentence: &str) -> Self {
        let words: Vec<_> =
            sentence.split_whitespace().map(|word| if word.contains('@') { "…" } else { word }).collect();
        Self(words.join(" "))
    }
}

impl CallError {
    /// Reads an error as every AWS service with JSON writes it: the code in a header or in `__type`, with or without a namespace.
    pub(crate) fn read(operation: &'static str, status: u16, said: Option<&str>, body: &Value) -> Self {
        let code = said.or_else(|| body.get("__type").and_then(Value::as_str)).unwrap_or("Unknown");
        let code = code.split(':').next().unwrap_or_default();
        let code = code.rsplit('#').next().unwrap_or_default().to_owned();
        let message = ["message", "Message"].iter().find_map(|name| body.get(name)?.as_str()).unwrap_or_default();
        Self::Refused { operation, code, status, explanation: message.into() }
    }

    /// Whether Cognito answered with this very code.
    pub fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Refused { code, .. } if code == wanted)
    }

    /// Whether the call may have been carried out all the same.
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::Refused { status, .. } => *status >= 500,
            Self::Unanswered { .. } => true,
            Self::Unsendable { .. } => false,
        }
    }

    /// Whether another attempt may succeed.
    pub fn is_transient(&self) -> bool {
        const THROTTLED: u16 = 429;
        match self {
            Self::Refused { code, status, .. } => {
                *status >= 500 || *status == THROTTLED || TRANSIENT_CODES.contains(&code.as_str())
            }
            Self::Unanswered { .. } => true,
            Self::Unsendable { .. } => false,
        }
    }

    /// The same for [`rollcall_aws_runtime::retry::until`].
    pub fn into_refusal<E: From<Self>>(self) -> Refusal<E> {
        if self.is_transient() { Refusal::Transient(self.into()) } else { Refusal::Permanent(self.into()) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_error_is_read_in_every_form_and_shows_no_address() {
        let body =
            json!({ "__type": "com.amazonaws#InvalidParameterException", "message": "From ada@example.com is bad" });
        let error = CallError::read("UpdateUserPool", 400, None, &body);
        assert_eq!(error.to_string(), "UpdateUserPool was refused (InvalidParameterException): From … is bad");
        assert!(error.is("InvalidParameterException") && !error.is_transient() && !error.may_have_happened());
        let header = CallError::read("UpdateUserPool", 400, Some("TooManyRequestsException:http://x"), &Value::Null);
        assert!(header.is("TooManyRequestsException") && header.is_transient());
        assert_eq!(header.to_string(), "UpdateUserPool was refused (TooManyRequestsException)");
        let failed = CallError::read("UpdateUserPool", 503, None, &Value::Null);
        assert!(failed.is_transient() && failed.may_have_happened());
    }
}
