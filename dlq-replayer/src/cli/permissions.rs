//! The permissions that each command needs: what `preflight` checks, and the table in `docs/runbook.md`.
//!
//! A test runs the commands and compares the calls that they make with this.

use std::fmt::Write;

/// A permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
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

const fn required(action: &'static str, operations: &'static [&'static str], on: On) -> Permission {
    Permission { action, operations, on, need: Need::Required }
}

const fn optional(
    action: &'static str,
    operations: &'static [&'static str],
    on: On,
    what_for: &'static str,
) -> Permission {
    Permission { action, operations, on, need: Need::Optional(what_for) }
}

/// To look: `triage`, `list`, `show`, `export`, `pull`, and every dry run.
pub const SCAN: &[Permission] = &[
    required("sqs:GetQueueUrl", &["GetQueueUrl"], On::DeadLetterQueue),
    required("sqs:GetQueueAttributes", &["GetQueueAttributes"], On::DeadLetterQueue),
    required("sqs:ReceiveMessage", &["ReceiveMessage"], On::DeadLetterQueue),
    required("sqs:ChangeMessageVisibility", &["ChangeMessageVisibilityBatch"], On::DeadLetterQueue),
    optional("sqs:ListQueues", &["ListQueues"], On::Everything, "suggests names when a queue is not found"),
];

/// To read counts: `watch`.
pub const COUNTS: &[Permission] = &[
    required("sqs:GetQueueUrl", &["GetQueueUrl"], On::DeadLetterQueue),
    required("sqs:GetQueueAttributes", &["GetQueueAttributes"], On::DeadLetterQueue),
];

/// To take messages out of the dead-letter queue: `replay`, `move`, `purge`.
pub const DELETE: &[Permission] =
    &[required("sqs:DeleteMessage", &["DeleteMessage", "DeleteMessageBatch"], On::DeadLetterQueue)];

/// To find the source queue of messages about which SQS does not say it.
pub const SOURCES: &[Permission] = &[optional(
    "sqs:ListDeadLetterSourceQueues",
    &["ListDeadLetterSourceQueues"],
    On::DeadLetterQueue,
    "finds the source of messages that SQS did not redrive itself",
)];

/// To send to a queue: `replay`, `move`, `import`.
pub const SEND: &[Permission] = &[
    required("sqs:GetQueueUrl", &["GetQueueUrl"], On::Destination),
    required("sqs:SendMessage", &["SendMessageBatch"], On::Destination),
    optional(
        "sqs:GetQueueAttributes",
        &["GetQueueAttributes"],
        On::Destination,
        "slows down for a destination that falls behind, and watches a canary",
    ),
];

/// To move messages to a quarantine.
pub const QUARANTINE: &[Permission] = &[
    required("sqs:GetQueueUrl", &["GetQueueUrl"], On::Quarantine),
    required("sqs:SendMessage", &["SendMessageBatch"], On::Quarantine),
    optional(
        "sqs:GetQueueAttributes",
        &["GetQueueAttributes"],
        On::Quarantine,
        "sees whether the queue that it was given exists and is of the same type",
    ),
];

/// To put events on a bus.
pub const BUS: &[Permission] = &[
    required("events:DescribeEventBus", &["DescribeEventBus"], On::Bus),
    required("events:ListRules", &["ListRules"], On::Rules),
    required("events:ListTargetsByRule", &["ListTargetsByRule"], On::Rules),
    required("events:PutEvents", &["PutEvents"], On::Bus),
    optional(
        "events:TestEventPattern",
        &["TestEventPattern"],
        On::Everything,
        "decides about patterns that this program does not know",
    ),
];

/// To invoke a function.
pub const FUNCTION: &[Permission] = &[
    required("lambda:InvokeFunction", &["Invoke"], On::Function),
    optional(
        "lambda:GetFunctionConfiguration",
        &["GetFunctionConfiguration"],
        On::Function,
        "looks up the ARN of a function name; without it, pass the ARN",
    ),
];

/// What a command does, and the permissions for it, as the runbook shows them.
pub const TABLE: &[(&str, &[&[Permission]])] = &[
    ("`triage`, `list`, `show`, `export`, `pull`, every dry run", &[SCAN]),
    ("`replay` to the source, `replay --to`", &[SCAN, DELETE, SOURCES, SEND]),
    ("`replay --to-bus`", &[SCAN, DELETE, BUS]),
    ("`replay --to-lambda`", &[SCAN, DELETE, FUNCTION]),
    ("`--quarantine`", &[QUARANTINE]),
    ("`move`", &[SCAN, DELETE, SEND]),
    ("`purge`", &[SCAN, DELETE]),
    ("`import`", &[SEND]),
    ("`watch`", &[COUNTS]),
];

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
