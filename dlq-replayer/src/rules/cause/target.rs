//! Where a failed delivery was to go.

use crate::sqs::arn::Arn;

/// Where a message was to go, as an ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An SQS queue.
    Queue(String),
    /// A Lambda function.
    Function(String),
    /// An EventBridge event bus.
    Bus(String),
}

impl Target {
    /// The target that an ARN names; none when a message cannot be sent there.
    pub fn of(arn: &str) -> Option<Self> {
        let Arn { service, resource, .. } = Arn::parse(arn)?;
        match service {
            "sqs" => Some(Self::Queue(arn.to_owned())),
            // `$LATEST` is what an ARN without it means, and a shell would read it as a variable.
            "lambda" if resource.starts_with("function:") => {
                Some(Self::Function(arn.strip_suffix(":$LATEST").unwrap_or(arn).to_owned()))
            }
            "events" if resource.starts_with("event-bus/") => Some(Self::Bus(arn.to_owned())),
            _ => None,
        }
    }

    /// The flag that sends messages there.
    pub fn flag(&self) -> &'static str {
        match self {
            Self::Queue(_) => "--to",
            Self::Function(_) => "--to-lambda",
            Self::Bus(_) => "--to-bus",
        }
    }

    /// The ARN.
    pub fn arn(&self) -> &str {
        match self {
            Self::Queue(arn) | Self::Function(arn) | Self::Bus(arn) => arn,
        }
    }
}
