//! A group of a triage: messages with the same reason, and what to do about them.

use std::fmt::Write;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    masking::{self, Reveal},
    next::{NAMED, To},
    output::{Style, grouped, messages},
};
use crate::{
    rules::cause::{Cause, Verdict},
    sqs::message::Message,
};

/// Longest sample, in characters.
const SAMPLE: usize = 320;

/// Messages with the same reason, or with the same value of `--group-by`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Group {
    /// The reason, which `--reason` takes, or the value, masked unless revealed.
    pub reason: String,
    /// A sentence about it, from one of the messages.
    pub detail: String,
    /// How many there are.
    pub count: u64,
    /// How many of them are validated against rollcall's contract.
    pub validated: u64,
    /// How many of those match the contract now.
    pub valid: u64,
    /// How many were replayed so often that the loop guard refuses them.
    pub replayed_too_often: u64,
    /// What to do.
    pub verdict: Verdict,
    /// What to type next; none where no command takes exactly these messages, such as many whose value is masked.
    pub next: Option<String>,
    /// The id of the message that the sample shows.
    pub sample_id: String,
    /// One body, masked unless revealed.
    pub sample: String,
    /// Where its messages go.
    #[serde(skip)]
    pub(super) to: To,
    /// The ids of the first messages.
    #[serde(skip)]
    pub(super) ids: Vec<String>,
}

impl Group {
    /// A group that has no message yet; `message` is its sample.
    pub(super) fn new(cause: &Cause, message: &Message, reveal: Reveal) -> Self {
        Self {
            reason: cause.reason(),
            detail: cause.detail(),
            count: 0,
            validated: 0,
            valid: 0,
            replayed_too_often: 0,
            verdict: cause.verdict(),
            next: None,
            sample_id: message.id.clone(),
            sample: masking::sample(&message.body, reveal, SAMPLE),
            to: To::of(cause),
            ids: Vec::new(),
        }
    }

    /// Adds a message and its cause: the verdict is that of the message with the least hope.
    pub(super) fn joined(&mut self, cause: &Cause, message: &Message) {
        self.count += 1;
        self.verdict = self.verdict.max(cause.verdict());
        if self.to != To::of(cause) {
            self.to = To::Several;
        }
        if self.ids.len() < NAMED {
            self.ids.push(message.id.clone());
        }
    }

    pub(super) fn write(&self, out: &mut String, style: Style, max_replays: u32) -> std::fmt::Result {
        let verdict = match self.verdict {
            Verdict::ReplayAsIs => style.good(self.verdict.text()),
            Verdict::LookFirst | Verdict::NeedsAFix => style.warning(self.verdict.text()),
            Verdict::DoNotReplay => style.bad(self.verdict.text()),
        };
        writeln!(out, "\n{}: {}, {verdict}", self.reason, messages(self.count))?;
        writeln!(out, "  why     {}", self.detail)?;
        if self.validated > 0 {
            writeln!(
                out,
                "  now     {} of {} match rollcall's contract",
                grouped(self.valid),
                grouped(self.validated)
            )?;
        }
        if self.replayed_too_often > 0 {
            writeln!(out, "  loop    {} replayed {max_replays} times or more", messages(self.replayed_too_often))?;
        }
        writeln!(out, "  sample  {} {}", self.sample_id, self.sample)?;
        self.next.iter().try_for_each(|next| writeln!(out, "  next    {next}"))
    }
}

/// Whether a key of a group tells why there is no value.
pub(super) fn is_fault(key: &str) -> bool {
    key.starts_with('(')
}

/// Whether a value tells nothing about a person.
pub(super) fn is_plain(json: &str) -> bool {
    matches!(json, "true" | "false" | "null")
}

/// A value of `--group-by` as it is shown: it may be anything that is in a body. Masked ones have a number, so that groups can be told apart.
pub(super) fn value(at: usize, json: &str, reveal: Reveal) -> String {
    if reveal == Reveal::Everything || is_plain(json) || is_fault(json) {
        return json.to_owned();
    }
    let characters = json.trim_matches('"').chars().count();
    format!("‹value {}, {characters} {}›", at + 1, if characters == 1 { "character" } else { "characters" })
}
