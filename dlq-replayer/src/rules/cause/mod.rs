//! Why a message is in the dead-letter queue, as far as the message itself tells, and what can be done about it.

mod attributes;
mod contract;
mod envelope;
mod target;
mod verdict;

pub use attributes::{service_attributes, tells_a_failure};
pub use contract::{is_ours, would_be_read};
pub use envelope::{Envelope, lambda_payload};
pub use target::Target;
pub use verdict::Verdict;

use attributes::{Origin, status};
use envelope::SUCCESS;

use crate::sqs::message::Message;

/// Why a message is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A consumer gave it up: rollcall's own, or one that writes the same attributes (`docs/event-contract.md`).
    Consumer {
        /// The consumer's word for it.
        reason: String,
        /// A sentence without personal data.
        detail: Option<String>,
    },
    /// An EventBridge rule could not deliver it to a target.
    /// Source: "Using dead-letter queues to process undelivered events in EventBridge" in the Amazon EventBridge user guide.
    EventBridge {
        /// The code of the last failure, or the retry condition that was exhausted.
        code: String,
        /// Whether EventBridge retried until a limit was reached; other errors are not retried.
        exhausted: bool,
        /// The rule's target.
        target: Option<Target>,
    },
    /// EventBridge Scheduler could not call a schedule's target.
    ///
    /// The body can be the whole request that Scheduler made, such as `{"MessageBody": …, "QueueUrl": …}`, and not the target's input.
    /// Source: "Configuring a schedule's dead-letter queue in EventBridge Scheduler" in the EventBridge Scheduler user guide.
    Scheduler {
        /// The code of the last failure, or the retry condition that was exhausted.
        code: String,
        /// Whether the body was cut off.
        truncated: bool,
        /// The schedule's target; none for a universal target, which names an API.
        target: Option<Target>,
    },
    /// Lambda gave an asynchronous invocation up and sent its event to the function's dead-letter queue.
    /// Source: "Capturing records of Lambda asynchronous invocations" in the AWS Lambda developer guide.
    LambdaQueue {
        /// The HTTP status of the last attempt: 200 when the function itself returned an error.
        status: u16,
    },
    /// Lambda sent a record of an asynchronous invocation, or of a batch of a stream, to a destination.
    LambdaRecord {
        /// Why, such as `RetriesExhausted` or `EventAgeExceeded`.
        condition: String,
        /// The function.
        function: Target,
        /// Whether the record contains its payload.
        holds_payload: bool,
    },
    /// A pipe gave a batch of a stream up.
    Pipe {
        /// Why, such as `RetryAttemptsExhausted`.
        condition: String,
    },
    /// SNS could not deliver it to a subscribed endpoint.
    /// Source: "Amazon SNS dead-letter queues" in the Amazon SNS developer guide.
    Sns {
        /// The error code, where the message has one.
        code: Option<String>,
    },
    /// SQS moved it after too many receives.
    Exhausted {
        /// The reason of an earlier failure that its attributes still tell.
        earlier: Option<String>,
    },
    /// It was sent here, and nothing tells why.
    Unknown,
}

impl Cause {
    /// Reads the cause off a message.
    ///
    /// A redrive is always the newest thing that happened to a message: attributes and body were there before it.
    pub fn of(message: &Message) -> Self {
        let told = Self::told(message);
        if message.system.contains_key("DeadLetterQueueSourceArn") {
            let by_attributes = matches!(told, Self::Consumer { .. }) || Origin::of(message).is_some();
            return Self::Exhausted { earlier: by_attributes.then(|| told.reason()) };
        }
        told
    }

    /// What attributes and body tell.
    fn told(message: &Message) -> Self {
        if let Some(reason) = message.text("failure_reason") {
            // Without the rest of rollcall's attributes, both are the sender's own words.
            let ours = tells_a_failure(message);
            let detail = message.text("failure_detail").filter(|_| ours).map(str::to_owned);
            return Self::Consumer { reason: if ours { reason.to_owned() } else { word(reason) }, detail };
        }
        match (Origin::of(message), Envelope::of(&message.body)) {
            (Some(Origin::Rule), _) => {
                let (code, exhausted) = delivery_code(message);
                Self::EventBridge { code, exhausted, target: message.text("TARGET_ARN").and_then(Target::of) }
            }
            (Some(Origin::Scheduler), _) => {
                let (code, _) = delivery_code(message);
                let truncated =
                    message.text("IS_PAYLOAD_TRUNCATED").is_some_and(|text| text.eq_ignore_ascii_case("true"));
                let target = message.text("TARGET_ARN").and_then(Target::of);
                Self::Scheduler { code, truncated, target }
            }
            (Some(Origin::Invocation), envelope) => {
                let code = message.text("ErrorCode").unwrap_or_default();
                match (status(code), envelope) {
                    (Some(status), envelope) if envelope != Some(Envelope::Notification) => {
                        Self::LambdaQueue { status }
                    }
                    _ => Self::Sns { code: Some(word(code)) },
                }
            }
            (None, Some(Envelope::LambdaRecord { function, condition, payload })) => match Target::of(&function) {
                Some(function) => {
                    Self::LambdaRecord { condition: word(&condition), function, holds_payload: payload.is_some() }
                }
                None => Self::Unknown,
            },
            (None, Some(Envelope::PipeRecord { condition })) => Self::Pipe { condition: word(&condition) },
            (None, Some(Envelope::Notification)) => {
                // The body is SNS's own, so that two of its names are enough to tell its code.
                let code = message.text("ErrorCode").filter(|_| message.attributes.contains_key("RequestID"));
                Self::Sns { code: code.map(word) }
            }
            (None, None) => Self::Unknown,
        }
    }

    /// The word that groups it and that `--reason` takes.
    pub fn reason(&self) -> String {
        match self {
            Self::Consumer { reason, .. } => reason.clone(),
            Self::EventBridge { code, .. } => format!("eventbridge:{code}"),
            Self::Scheduler { code, .. } => format!("scheduler:{code}"),
            Self::LambdaQueue { status } => format!("lambda:{status}"),
            Self::LambdaRecord { condition, .. } => format!("lambda:{condition}"),
            Self::Pipe { condition } => format!("pipes:{condition}"),
            Self::Sns { code: Some(code) } => format!("sns:{code}"),
            Self::Sns { code: None } => "sns".to_owned(),
            Self::Exhausted { .. } => "exhausted_retries".to_owned(),
            Self::Unknown => "unknown".to_owned(),
        }
    }

    /// A sentence for people, without personal data: a service's own error message may hold some, so only its code is told.
    pub fn detail(&self) -> String {
        match self {
            Self::Consumer { detail: Some(detail), .. } => detail.clone(),
            Self::Consumer { reason, .. } if reason == OTHER => {
                "the `failure_reason` of its sender is free text, which may be personal data; `show ID --reveal` shows it".to_owned()
            }
            Self::Consumer { detail: None, .. } => "the consumer gave it up".to_owned(),
            Self::EventBridge { code, exhausted: true, .. } => {
                format!("EventBridge retried until its limit and could not deliver it ({code})")
            }
            Self::EventBridge { code, .. } => format!("EventBridge could not deliver it ({code})"),
            Self::Scheduler { code, truncated: true, .. } => {
                format!("EventBridge Scheduler could not call the target ({code}), and the body was cut off")
            }
            Self::Scheduler { code, .. } => {
                format!(
                    "EventBridge Scheduler could not call the target ({code}); the body may be its request and not the input"
                )
            }
            Self::LambdaQueue { status: 200 } => "the function failed at every attempt".to_owned(),
            Self::LambdaQueue { status } => format!("Lambda could not run the function (HTTP status {status})"),
            Self::LambdaRecord { condition, .. } if condition == SUCCESS => {
                "the invocation succeeded: this is the record of an on-success destination".to_owned()
            }
            Self::LambdaRecord { condition, holds_payload: true, .. } => {
                format!("Lambda gave up on the invocation ({condition}); the record contains its payload")
            }
            Self::LambdaRecord { condition, .. } => {
                format!("Lambda gave up on a batch ({condition}); the record names the batch but does not contain it")
            }
            Self::Pipe { condition } => {
                format!("a pipe gave up on a batch ({condition}); the record names the batch and does not hold it")
            }
            Self::Sns { code: Some(code) } => format!("SNS could not deliver it to the subscribed endpoint ({code})"),
            Self::Sns { code: None } => "SNS could not deliver it to the subscribed endpoint".to_owned(),
            Self::Exhausted { earlier: None } => {
                "received too often without success; the consumer did not say why".to_owned()
            }
            Self::Exhausted { earlier: Some(reason) } => {
                format!("received too often without success; its attributes tell of an earlier failure ({reason})")
            }
            Self::Unknown => "the message does not say why it failed".to_owned(),
        }
    }

    /// What the cause alone says about a replay.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Consumer { reason, .. } => verdict::of_consumer_reason(reason),
            // The body is not whole, or what was lost is still in the stream and not in the message.
            Self::Scheduler { truncated: true, .. } | Self::Pipe { .. } => Verdict::DoNotReplay,
            // Only errors that may pass are retried until a limit.
            Self::EventBridge { exhausted: true, .. } => Verdict::ReplayAsIs,
            Self::EventBridge { code, .. } => verdict::of_delivery_code(code),
            Self::LambdaQueue { status } => verdict::of_invocation_status(*status),
            Self::LambdaRecord { condition, holds_payload, .. } if condition == SUCCESS || !holds_payload => {
                Verdict::DoNotReplay
            }
            Self::LambdaRecord { .. } | Self::Exhausted { .. } => Verdict::ReplayAsIs,
            Self::Unknown => Verdict::LookFirst,
            // SNS retries what may pass for hours or weeks; what is left is an endpoint that is gone or does not let SNS in.
            // A schedule's body has to be looked at, because its input may have to be taken out of a request.
            Self::Sns { .. } | Self::Scheduler { truncated: false, .. } => Verdict::NeedsAFix,
        }
    }

    /// Whether the message may be one of a queue's: what another service gave up is only when it names that queue as its target.
    pub fn may_go_to(&self, queue: &str) -> bool {
        match (self.target(), self) {
            (Some(target), _) => target.arn() == queue,
            (None, Self::Consumer { .. } | Self::Exhausted { .. } | Self::Unknown) => true,
            (None, _) => false,
        }
    }

    /// Whether it is read off attributes alone, so that another body of the same message would not change it.
    pub fn is_told_by_attributes(&self) -> bool {
        matches!(
            self,
            Self::Consumer { .. } | Self::EventBridge { .. } | Self::Scheduler { .. } | Self::Exhausted { .. }
        )
    }

    /// Where it is to go when that is not the source queue.
    pub fn target(&self) -> Option<Target> {
        match self {
            Self::EventBridge { target, .. } | Self::Scheduler { target, .. } => target.clone(),
            Self::LambdaRecord { function, .. } => Some(function.clone()),
            _ => None,
        }
    }
}

/// The code that EventBridge or Scheduler gives, and whether it retried until a limit.
fn delivery_code(message: &Message) -> (String, bool) {
    let exhausted = message.text("EXHAUSTED_RETRY_CONDITION");
    let code = message.text("ERROR_CODE").or(exhausted).unwrap_or_default();
    (word(code), exhausted.is_some())
}

/// Longest code that is told, in characters; `AWS.SimpleQueueService.NonExistentQueue` has 39.
const LONGEST_CODE: usize = 64;

/// What stands for a code that may not be told.
const OTHER: &str = "other";

/// A code as it may be told: a text that is not one plain word may be personal data.
fn word(code: &str) -> String {
    if is_word(code) { code.to_owned() } else { OTHER.to_owned() }
}

/// Most digits of a code: more may be the number of an order, an account, a card or a telephone, and would make a group of each message.
const MOST_DIGITS: usize = 6;

/// Whether a text is one word of letters, some digits and `_:.-`, as codes are.
pub fn is_word(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_:.-".contains(&byte);
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    !text.is_empty() && text.len() <= LONGEST_CODE && digits <= MOST_DIGITS && text.bytes().all(plain)
}

#[cfg(test)]
mod tests;
