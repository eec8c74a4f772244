//! What to type next for a group of messages: a command that acts on these and on no others, or none.

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
    /// A pipe, which cannot be read again.
    Stream,
}

/// Messages of a group that a command names one by one.
pub const NAMED: usize = 10;

/// Where a group's messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// Each to its source queue.
    Source,
    /// To this target.
    Target(Target),
    /// To the function whose dead-letter queue this is; its messages do not name it.
    Function,
    /// To a queue that the messages do not name.
    Queue,
    /// To different places, so that no single replay takes all of them.
    Several,
}

impl To {
    /// Where the messages of a cause go.
    pub fn of(cause: &Cause) -> Self {
        match (cause, cause.target()) {
            (_, Some(target)) => Self::Target(target),
            (Cause::LambdaQueue { .. }, None) => Self::Function,
            (Cause::Sns { .. } | Cause::EventBridge { .. } | Cause::Scheduler { .. }, None) => Self::Queue,
            (_, None) => Self::Source,
        }
    }

    /// The flag of a replay; none when there is none for all of them.
    fn flag(&self) -> Option<String> {
        Some(match self {
            Self::Source => String::new(),
            Self::Target(target) => format!(" {} {}", target.flag(), quoted(target.arn())),
            Self::Function => " --to-lambda <function>".to_owned(),
            Self::Queue => " --to <queue>".to_owned(),
            Self::Several => return None,
        })
    }
}

/// What was typed beside the source. The next command repeats it, or it would act on other messages, or on another queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// Reasons.
    pub reasons: Vec<String>,
    /// The jq filter.
    pub filter: Option<String>,
    /// The other filters as flags, each with a space before it.
    pub filters: String,
    /// Whether the number of messages was limited.
    pub is_limited: bool,
    /// The contract, where it was typed.
    pub contract: Option<&'static str>,
    /// The flags that say how AWS is reached, each with a space before it.
    pub global: String,
}

/// What makes a message one of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Member {
    /// Its reason.
    Of(String),
    /// This jq expression holds.
    Where(String),
    /// A value that is masked, or that could not be told: no filter can say it.
    Untold,
}

/// How a group of messages is told from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// By attributes, which a file has as the queue has them.
    ByAttributes,
    /// By bodies, which are different in a file that was edited.
    ByBodies,
    /// Not by its reason, because that of another group begins with it.
    ByNothing,
}

/// A group of messages.
pub struct Wanted<'a> {
    /// What makes a message one of them.
    pub member: Member,
    /// How its reason is told.
    pub told: Told,
    /// How many there are.
    pub count: u64,
    /// The ids of the first [`NAMED`].
    pub ids: &'a [String],
    /// Whether they are all messages of their file.
    pub is_whole_file: bool,
    /// What to do.
    pub verdict: Verdict,
    /// One of them.
    pub sample_id: &'a str,
    /// Where they go.
    pub to: &'a To,
    /// Whether jq cannot change their bodies.
    pub needs_editor: bool,
}

/// The next command; none when there is no command that takes exactly these messages.
pub fn next(triaged: &Triaged, typed: &Typed, wanted: &Wanted<'_>) -> Option<String> {
    let &Wanted { verdict, sample_id, to, needs_editor, .. } = wanted;
    let needs_fix = verdict == Verdict::NeedsAFix && matches!(to, To::Source | To::Several);
    let (id, global) = (quoted(sample_id), &typed.global);
    if verdict == Verdict::LookFirst {
        return Some(match triaged {
            Triaged::Queue(queue) => format!("dlq-replayer show {} {id}{global}", quoted(queue)),
            Triaged::Snapshot { file, .. } | Triaged::File(file) => format!("dlq-replayer show {} {id}", quoted(file)),
            Triaged::Stream => return None,
        });
    }
    let contract = typed.contract.map(|contract| format!(" --contract {contract}")).unwrap_or_default();
    let command = match triaged {
        Triaged::Stream => return None,
        Triaged::Queue(queue) => {
            let (queue, these) = (quoted(queue), typed.in_queue(wanted)?);
            match verdict {
                Verdict::DoNotReplay => format!("move {queue}{these} --to <quarantine>{global}"),
                _ if needs_fix && needs_editor => format!("pull {queue} messages.ndjson{these}{global}"),
                _ if needs_fix => format!("replay {queue}{these}{} --edit '<jq>'{contract}{global}", to.flag()?),
                _ => format!("replay {queue}{these}{}{contract}{global}", to.flag()?),
            }
        }
        Triaged::Snapshot { file, queue } => {
            let (file, queue) = (quoted(file), quoted(queue));
            match verdict {
                // `move` knows nothing of the file, and there may be others like these in the queue.
                Verdict::DoNotReplay => format!("move {queue}{} --to <quarantine>{global}", wanted.by_id()?),
                _ if needs_fix => format!("edit {file}{}", typed.in_file(wanted)?),
                _ => {
                    let these = typed.of_snapshot(wanted)?;
                    format!("replay {queue} --from {file}{these}{}{contract}{global}", to.flag()?)
                }
            }
        }
        Triaged::File(file) => match verdict {
            Verdict::NeedsAFix => format!("edit {}{}", quoted(file), typed.in_file(wanted)?),
            Verdict::DoNotReplay => format!("list {}{}", quoted(file), typed.in_file(wanted)?),
            // `import` has no filters.
            _ if !wanted.is_whole_file || !typed.selects_everything() => return None,
            _ => format!("import <queue> {}{global}", quoted(file)),
        },
    };
    Some(format!("dlq-replayer {command}"))
}

impl Wanted<'_> {
    /// Flags that name each message; none when there are too many.
    fn by_id(&self) -> Option<String> {
        let all = self.ids.len() as u64 == self.count;
        all.then(|| self.ids.iter().map(|id| format!(" --id {}", quoted(id))).collect::<Vec<_>>().concat())
    }
}

impl Typed {
    /// Whether no filter was typed.
    fn selects_everything(&self) -> bool {
        self.reasons.is_empty() && self.filter.is_none() && self.filters.is_empty() && !self.is_limited
    }

    /// The flags that select a group in the file that was triaged, from its beginning.
    fn in_file(&self, wanted: &Wanted<'_>) -> Option<String> {
        let limit = if self.is_limited { format!(" -n {}", wanted.count) } else { String::new() };
        self.filters(wanted).map(|filters| filters + &limit).or_else(|| wanted.by_id())
    }

    /// The flags that select a group in the queue that was triaged, which gives its messages in any order.
    fn in_queue(&self, wanted: &Wanted<'_>) -> Option<String> {
        if self.is_limited { wanted.by_id() } else { self.filters(wanted).or_else(|| wanted.by_id()) }
    }

    /// The flags that select a group of a snapshot in its queue, where a message may have another body.
    fn of_snapshot(&self, wanted: &Wanted<'_>) -> Option<String> {
        if wanted.is_whole_file && self.selects_everything() && wanted.told != Told::ByAttributes {
            return Some(String::new());
        }
        let by_bodies =
            self.filter.is_some() || wanted.told == Told::ByBodies || matches!(wanted.member, Member::Where(_));
        if by_bodies { wanted.by_id() } else { self.in_queue(wanted) }
    }

    /// The filters that select a group among what was selected before; none when no filter can.
    fn filters(&self, wanted: &Wanted<'_>) -> Option<String> {
        let (reasons, filter) = match (&wanted.member, &self.filter) {
            (Member::Untold, _) => return None,
            (Member::Of(_), _) if wanted.told == Told::ByNothing => return None,
            (Member::Of(reason), filter) => (vec![reason.clone()], filter.clone()),
            (Member::Where(jq), None) => (self.reasons.clone(), Some(jq.clone())),
            (Member::Where(jq), Some(filter)) => {
                (self.reasons.clone(), Some(format!("{} and ({jq})", in_parentheses(filter))))
            }
        };
        let reasons: Vec<_> = reasons.iter().map(|reason| format!(" --reason {}", quoted(reason))).collect();
        let filter = filter.map(|jq| format!(" --where {}", quoted(&jq))).unwrap_or_default();
        Some(format!("{}{}{filter}", reasons.concat(), self.filters))
    }
}

/// A jq expression as part of another one. A comment in it ends with its line.
pub fn in_parentheses(jq: &str) -> String {
    if jq.contains('#') { format!("({jq}\n)") } else { format!("({jq})") }
}

#[cfg(test)]
mod tests;
