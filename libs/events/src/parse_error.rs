//! Why a body was refused, in words that carry no personal data.

use std::fmt;

use crate::{NotASub, VERSION};

/// A body that is not a `UserConfirmed` v1. Always permanent: the same body is refused again however often it is tried.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The body is not JSON, or not an EventBridge envelope.
    #[error("the body is not an EventBridge event: {0}")]
    MalformedEnvelope(JsonFault),
    /// The envelope announces something else.
    #[error("the event's detail-type is not `{}`", crate::DETAIL_TYPE)]
    WrongDetailType,
    /// The detail has another version than the one this code knows.
    #[error("the event has version {found}, and only version {VERSION} is known here")]
    UnsupportedVersion {
        /// The version it says it has.
        found: u64,
    },
    /// The detail does not match schema version 1.
    #[error("the event's detail does not match schema version {VERSION}: {0}")]
    MalformedDetail(JsonFault),
    /// The key of the row is not one.
    #[error("the event's `cognito_sub` {0}")]
    InvalidSub(NotASub),
}

impl ParseError {
    /// The word for this failure in logs, metrics and message attributes; a closed vocabulary.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::MalformedEnvelope(_) => "malformed_envelope",
            Self::WrongDetailType => "wrong_detail_type",
            Self::UnsupportedVersion { .. } => "unsupported_version",
            Self::MalformedDetail(_) => "malformed_detail",
            Self::InvalidSub(_) => "invalid_field",
        }
    }
}

/// Where and how JSON failed to be what was expected.
///
/// The text of `serde_json`'s own error is not used: "invalid type: string \"ada@example.com\"" quotes the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonFault {
    kind: FaultKind,
    line: usize,
    column: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum FaultKind {
    NotJson,
    EndsEarly,
    MissingField(String),
    WrongType,
}

impl From<serde_json::Error> for JsonFault {
    fn from(error: serde_json::Error) -> Self {
        use serde_json::error::Category;
        let kind = match error.classify() {
            Category::Syntax | Category::Io => FaultKind::NotJson,
            Category::Eof => FaultKind::EndsEarly,
            Category::Data => missing_field(&error.to_string()).map_or(FaultKind::WrongType, FaultKind::MissingField),
        };
        Self { kind, line: error.line(), column: error.column() }
    }
}

/// The field named by "missing field `x` at …". Such a name comes from our own types, so it tells nothing about the person.
fn missing_field(message: &str) -> Option<String> {
    let (name, _) = message.strip_prefix("missing field `")?.split_once('`')?;
    Some(name.to_owned())
}

impl fmt::Display for JsonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            FaultKind::NotJson => f.write_str("not JSON")?,
            FaultKind::EndsEarly => f.write_str("the JSON ends too early")?,
            FaultKind::MissingField(name) => write!(f, "the field `{name}` is missing")?,
            FaultKind::WrongType => f.write_str("a value has the wrong type")?,
        }
        write!(f, " at line {}, column {}", self.line, self.column)
    }
}
