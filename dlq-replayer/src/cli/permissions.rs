//! The permissions that each command needs: what `preflight` checks, and the table in `docs/runbook.md`.
//!
//! A test runs the commands and compares the calls that they make with this.

use std::fmt::Write;

use crate::sqs::probe::{BusProbe, FunctionProbe, Probe, QueueProbe};

/// A permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    /// How it is checked.
    pub probe: Probe,
    /// The action of IAM.
    pub action: &'static str,
    /// The operations that need it.
    pub operations: &'static [&'static str],
    /// What it is needed on.
    pub on: On,
    /// Whether the command works without it.
    pub need: Need,
}

/// What a permission is needed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum On {
    /// The dead-letter queue.
    DeadLetterQueue,
    /// The queue that messages are sent to.
    Destination,
    /// The quarantine.
    Quarantine,
    /// The event bus.
    Bus,
    /// The rules of the bus.
    Rules,
    /// The function.
    Function,
    /// Everything: the action takes no resource.
    Everything,
}

impl On {
    /// As it is shown.
    pub fn text(self) -> &'static str {
        match self {
            Self::DeadLetterQueue => "dead-letter queue",
            Self::Destination => "destination",
            Self::Quarantine => "quarantine",
            Self::Bus => "bus",
            Self::Rules => "rules of the bus",
            Self::Function => "function",
            Self::Everything => "`*`",
        }
    }
}

/// Whether a command works without a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// No.
    Required,
    /// Yes, and this is what it is for.
    Optional(&'static str),
}

const fn required(probe: Probe, action: &'static str, operations: &'static [&'static str], on: On) -> Permission {
    Permission { probe, action, operations, on, need: Need::Required }
}

const fn optional(
    probe: Probe,
    action: &'static str,
    operations: &'static [&'static str],
    on: On,
    what_for: &'static str,
) -> Permission {
    Permission { probe, action, operations, on, need: Need::Optional(what_for) }
}

/// To look: `triage`, `list`, `show`, `export`, `pull`, and every dry run.
pub const SCAN: &[Permission] = &[
    required(Probe::Queue(QueueProbe::Url), "sqs:GetQueueUrl", &["GetQueueUrl"], On::DeadLetterQueue),
    required(
        Probe::Queue(QueueProbe::Attributes),
        "sqs:GetQueueAttributes",
        &["GetQueueAttributes"],
        On::DeadLetterQueue,
    ),
    required(Probe::Queue(QueueProbe::Receive), "sqs:ReceiveMessage", &["ReceiveMessage"], On::DeadLetterQueue),
    required(
        Probe::Queue(QueueProbe::Hide),
        "sqs:ChangeMessageVisibility",
        &["ChangeMessageVisibilityBatch"],
        On::DeadLetterQueue,
    ),
    optional(
        Probe::ListQueues,
        "sqs:ListQueues",
        &["ListQueues"],
        On::Everything,
        "suggests names when a queue is not found",
    ),
];

/// To read counts: `watch`.
pub const COUNTS: &[Permission] = &[
    required(Probe::Queue(QueueProbe::Url), "sqs:GetQueueUrl", &["GetQueueUrl"], On::DeadLetterQueue),
    required(
        Probe::Queue(QueueProbe::Attributes),
        "sqs:GetQueueAttributes",
        &["GetQueueAttributes"],
        On::DeadLetterQueue,
    ),
];

/// To take messages out of the dead-letter queue: `replay`, `move`, `purge`.
pub const DELETE: &[Permission] = &[required(
    Probe::Queue(QueueProbe::Delete),
    "sqs:DeleteMessage",
    &["DeleteMessage", "DeleteMessageBatch"],
    On::DeadLetterQueue,
)];

/// To find the source queue of messages about which SQS does not say it.
pub const SOURCES: &[Permission] = &[optional(
    Probe::Queue(QueueProbe::Sources),
    "sqs:ListDeadLetterSourceQueues",
    &["ListDeadLetterSourceQueues"],
    On::DeadLetterQueue,
    "finds the source of messages that SQS did not redrive itself",
)];

/// To send to a queue: `replay`, `move`, `import`.
pub const SEND: &[Permission] = &[
    required(Probe::Queue(QueueProbe::Url), "sqs:GetQueueUrl", &["GetQueueUrl"], On::Destination),
    required(Probe::Queue(QueueProbe::Send), "sqs:SendMessage", &["SendMessageBatch"], On::Destination),
    optional(
        Probe::Queue(QueueProbe::Attributes),
        "sqs:GetQueueAttributes",
        &["GetQueueAttributes"],
        On::Destination,
        "slows down for a destination that falls behind, and watches a canary",
    ),
];

/// To move messages to a quarantine.
pub const QUARANTINE: &[Permission] = &[
    required(Probe::Queue(QueueProbe::Url), "sqs:GetQueueUrl", &["GetQueueUrl"], On::Quarantine),
    required(Probe::Queue(QueueProbe::Send), "sqs:SendMessage", &["SendMessageBatch"], On::Quarantine),
    optional(
        Probe::Queue(QueueProbe::Attributes),
        "sqs:GetQueueAttributes",
        &["GetQueueAttributes"],
        On::Quarantine,
        "sees whether the queue that it was given exists and is of the same type",
    ),
];

/// To put events on a bus.
pub const BUS: &[Permission] = &[
    required(Probe::Bus(BusProbe::Describe), "events:DescribeEventBus", &["DescribeEventBus"], On::Bus),
    required(Probe::Bus(BusProbe::Rules), "events:ListRules", &["ListRules"], On::Rules),
    required(Probe::Bus(BusProbe::Targets), "events:ListTargetsByRule", &["ListTargetsByRule"], On::Rules),
    required(Probe::Bus(BusProbe::Put), "events:PutEvents", &["PutEvents"], On::Bus),
    optional(
        Probe::Bus(BusProbe::TestPattern),
        "events:TestEventPattern",
        &["TestEventPattern"],
        On::Everything,
        "decides about patterns that this program does not know",
    ),
];

/// To invoke a function.
pub const FUNCTION: &[Permission] = &[
    required(Probe::Function(FunctionProbe::Invoke), "lambda:InvokeFunction", &["Invoke"], On::Function),
    optional(
        Probe::Function(FunctionProbe::Arn),
        "lambda:GetFunctionConfiguration",
        &["GetFunctionConfiguration"],
        On::Function,
        "looks up the ARN of a function name; without it, pass the ARN",
    ),
];

/// For `replay` to queues.
pub const REPLAY_TO_QUEUE: &[&[Permission]] = &[SCAN, DELETE, SOURCES, SEND];

/// For `replay --to-bus`.
pub const REPLAY_TO_BUS: &[&[Permission]] = &[SCAN, DELETE, BUS];

/// For `replay --to-lambda`.
pub const REPLAY_TO_FUNCTION: &[&[Permission]] = &[SCAN, DELETE, FUNCTION];

/// For `move`.
pub const MOVE: &[&[Permission]] = &[SCAN, DELETE, SEND];

/// For `purge`.
pub const PURGE: &[&[Permission]] = &[SCAN, DELETE];

/// What a command does, and the permissions for it, as the runbook shows them.
pub const TABLE: &[(&str, &[&[Permission]])] = &[
    ("`triage`, `list`, `show`, `export`, `pull`, every dry run", &[SCAN]),
    ("`replay` to the source, `replay --to`", REPLAY_TO_QUEUE),
    ("`replay --to-bus`", REPLAY_TO_BUS),
    ("`replay --to-lambda`", REPLAY_TO_FUNCTION),
    ("`--quarantine`", &[QUARANTINE]),
    ("`move`", MOVE),
    ("`purge`", PURGE),
    ("`import`", &[SEND]),
    ("`watch`", &[COUNTS]),
];

/// The action that an operation needs.
pub fn action(operation: &str) -> Option<&'static str> {
    let all = TABLE.iter().flat_map(|(_, groups)| groups.iter().copied().flatten());
    all.into_iter().find(|permission| permission.operations.contains(&operation)).map(|permission| permission.action)
}

/// The table in Markdown: a line for each resource of a command.
pub fn markdown() -> String {
    let mut out = "| command | on | required | optional |\n| --- | --- | --- | --- |\n".to_owned();
    for (command, groups) in TABLE {
        let all: Vec<_> = groups.iter().copied().flatten().collect();
        let mut resources: Vec<_> = all.iter().map(|permission| permission.on).collect();
        resources.sort();
        resources.dedup();
        for (at, on) in resources.into_iter().enumerate() {
            let command = if at == 0 { command } else { "" };
            let here = || all.iter().filter(|permission| permission.on == on);
            let needed = here().filter(|permission| permission.need == Need::Required);
            let needed: Vec<_> = needed.map(|permission| format!("`{}`", permission.action)).collect();
            let optional: Vec<_> = here().filter_map(|permission| permission.optional()).collect();
            // Writing to a String does not fail.
            let _ = writeln!(out, "| {command} | {} | {} | {} |", on.text(), needed.join(", "), optional.join("; "));
        }
    }
    out
}

impl Permission {
    /// The action and what it is for, where the command works without it.
    fn optional(&self) -> Option<String> {
        match self.need {
            Need::Required => None,
            Need::Optional(what_for) => Some(format!("`{}`: {what_for}", self.action)),
        }
    }
}
