//! What to type next for a group of messages.

use super::output::quoted;
use crate::rules::cause::{Cause, Target, Verdict};

/// What was triaged, as the next command has to name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Triaged {
    /// A queue, as the operator wrote it.
    Queue(String),
    /// A file of `pull`, whose messages are still in the queue.
    Snapshot {
        /// The file, as the operator wrote it.
        file: String,
        /// The ARN of the queue.
        queue: String,
    },
    /// Another file of messages, which belongs to no queue.
    File(String),
}

/// Where a group's messages go when that is not their source queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// To this target.
    Target(Target),
    /// To the function whose dead-letter queue this is; its messages do not name it.
    Function,
    /// To a queue that the messages do not name.
    Queue,
}

impl To {
    /// Where the messages of a cause go; none for their source queue.
    pub fn of(cause: &Cause) -> Option<Self> {
        match cause {
            Cause::LambdaQueue { .. } => Some(Self::Function),
            Cause::Sns { .. } | Cause::EventBridge { .. } | Cause::Scheduler { .. } => {
                Some(cause.target().map_or(Self::Queue, Self::Target))
            }
            cause => cause.target().map(Self::Target),
        }
    }

    fn flag(&self) -> String {
        match self {
            Self::Target(target) => format!(" {} {}", target.flag(), quoted(target.arn())),
            Self::Function => " --to-lambda <function>".to_owned(),
            Self::Queue => " --to <queue>".to_owned(),
        }
    }
}

/// The next command. `filter` is the flag that selects the group, and `needs_editor` says that jq cannot change its bodies.
pub fn next(triaged: &Triaged, verdict: Verdict, filter: &str, target: Option<&To>, needs_editor: bool) -> String {
    let to = target.map(To::flag).unwrap_or_default();
    match triaged {
        Triaged::Queue(queue) => in_queue(&quoted(queue), verdict, filter, &to, needs_editor),
        Triaged::Snapshot { file, queue } => {
            let (file, queue) = (quoted(file), quoted(queue));
            match verdict {
                Verdict::ReplayAsIs => format!("dlq-replayer replay {queue} --from {file}{filter}{to}"),
                Verdict::NeedsAFix if target.is_some() => {
                    format!("dlq-replayer replay {queue} --from {file}{filter}{to}")
                }
                Verdict::NeedsAFix => format!("dlq-replayer edit {file}{filter}"),
                Verdict::DoNotReplay => format!("dlq-replayer move {queue}{filter} --to <quarantine>"),
            }
        }
        Triaged::File(file) => match verdict {
            Verdict::ReplayAsIs => format!("dlq-replayer import <queue> {}", quoted(file)),
            Verdict::NeedsAFix => format!("dlq-replayer edit {}{filter}", quoted(file)),
            Verdict::DoNotReplay => format!("dlq-replayer list {}{filter}", quoted(file)),
        },
    }
}

fn in_queue(queue: &str, verdict: Verdict, filter: &str, to: &str, needs_editor: bool) -> String {
    match verdict {
        Verdict::ReplayAsIs => format!("dlq-replayer replay {queue}{filter}{to}"),
        Verdict::NeedsAFix if !to.is_empty() => format!("dlq-replayer replay {queue}{filter}{to}"),
        Verdict::NeedsAFix if needs_editor => format!("dlq-replayer pull {queue} letters.ndjson{filter}"),
        Verdict::NeedsAFix => format!("dlq-replayer replay {queue}{filter} --edit '<jq>'"),
        Verdict::DoNotReplay => format!("dlq-replayer move {queue}{filter} --to <quarantine>"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_never_named_as_a_queue() {
        let arn = "arn:aws:sqs:eu-west-1:111122223333:orders-dlq";
        let pulled = Triaged::Snapshot { file: "letters.ndjson".into(), queue: arn.into() };
        let of = |triaged: &Triaged, verdict| next(triaged, verdict, " --reason r", None, true);
        assert_eq!(
            of(&pulled, Verdict::ReplayAsIs),
            format!("dlq-replayer replay {arn} --from letters.ndjson --reason r")
        );
        assert_eq!(of(&pulled, Verdict::NeedsAFix), "dlq-replayer edit letters.ndjson --reason r");
        assert_eq!(of(&pulled, Verdict::DoNotReplay), format!("dlq-replayer move {arn} --reason r --to <quarantine>"));
        let file = Triaged::File("old.ndjson".into());
        assert_eq!(of(&file, Verdict::ReplayAsIs), "dlq-replayer import <queue> old.ndjson");
        let queue = Triaged::Queue("q".into());
        assert_eq!(of(&queue, Verdict::NeedsAFix), "dlq-replayer pull q letters.ndjson --reason r");
    }

    #[test]
    fn a_message_of_another_service_goes_to_the_target_of_that_service() {
        let queue = Triaged::Queue("q".into());
        let target = To::Target(Target::of("arn:aws:sqs:eu-west-1:111122223333:orders").unwrap());
        let of = |to: &To| next(&queue, Verdict::NeedsAFix, "", Some(to), false);
        assert_eq!(of(&target), "dlq-replayer replay q --to arn:aws:sqs:eu-west-1:111122223333:orders");
        assert_eq!(of(&To::Function), "dlq-replayer replay q --to-lambda <function>");
    }
}
