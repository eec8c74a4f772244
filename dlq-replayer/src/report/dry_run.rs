//! What a run would do, decided by the same code and without doing it.

use std::{collections::BTreeMap, fmt::Write};

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    counts::{Named, Stopped},
    diff::{DiffLine, diff},
    masking::Reveal,
    output::{Report, Style, messages, scanned},
    samples::{RefusedSample, Sample},
    summary::{SHOWN_IDS, done, finished, not_seen, undecided},
};
use crate::{
    rules::{decide::Route, refusal::Refusal, select::Undecided},
    sqs::{arn::Arn, outgoing::Outgoing, queue_argument::is_fifo},
};

/// What a run would do.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct DryRunReport {
    /// The command, such as `replay`.
    pub command: String,
    /// The queue or file that would be read.
    pub from: String,
    /// Where messages would go.
    pub destination: String,
    /// Of a bus: how many of them each rule would pass on to all of its targets.
    pub rules: BTreeMap<String, u64>,
    /// Messages that were scanned.
    pub scanned: u64,
    /// Messages that a filter could not decide about.
    #[serde(flatten)]
    pub undecided: Undecided,
    /// Messages that would be sent.
    pub would_send: u64,
    /// The same for each destination.
    pub would_send_to: BTreeMap<String, u64>,
    /// Messages that would go to quarantine.
    pub would_quarantine: u64,
    /// Messages that an earlier run has sent: of a queue they would be deleted, of a file left out, and none sent again.
    pub would_finish: u64,
    /// Messages that would be refused, by reason.
    pub would_refuse: BTreeMap<String, u64>,
    /// Messages of a FIFO group that would be left because one before them would not be sent.
    pub would_leave_for_order: u64,
    /// Messages that would be sent to another queue than the one they came from, by the queue they came from.
    pub from_other_source: BTreeMap<String, u64>,
    /// Messages with a message group that would go to a standard queue, which keeps no order.
    pub would_lose_order: u64,
    /// Messages of the file of `--from` that are not in the queue.
    pub not_in_queue: Named,
    /// Messages that the queue counts and that were not seen.
    pub not_seen: u64,
    /// Whether it was stopped before its end.
    #[serde(flatten)]
    pub stopped: Stopped,
    /// A few of those that would be sent.
    pub samples: Vec<Sample>,
    /// A few of those that would be refused.
    pub refusals: Vec<RefusedSample>,
    /// A run that left something unfinished on this queue.
    pub unfinished_run: Option<String>,
}

impl DryRunReport {
    /// A dry run without messages.
    pub fn new(command: &str, from: String, destination: String) -> Self {
        Self { command: command.to_owned(), from, destination, ..Self::default() }
    }

    /// Messages that the selection matched.
    pub fn matched(&self) -> u64 {
        self.would_send + self.would_quarantine + self.would_leave_for_order + self.would_refuse.values().sum::<u64>()
    }

    /// Whether a message that matched would stay, or one of the file is missing.
    pub fn would_leave_some(&self) -> bool {
        !self.would_refuse.is_empty() || self.not_in_queue.count > 0
    }

    /// Adds a message that would be refused, by its place among those that were scanned.
    pub fn refused(&mut self, place: u64, id: &str, refusal: &Refusal) {
        *self.would_refuse.entry(refusal.word().to_owned()).or_default() += 1;
        self.keep_refused(RefusedSample { place, id: id.to_owned(), why: refusal.to_string() });
    }

    /// Adds a message that would be sent to `to`; `before` is its place and its body in the queue, and `carried` says whether its attributes go along.
    pub fn sent(
        &mut self,
        to: &str,
        route: Route,
        before: Option<(u64, &str)>,
        outgoing: &Outgoing,
        carried: bool,
        reveal: Reveal,
    ) {
        if route == Route::Quarantine {
            self.would_quarantine += 1;
            return;
        }
        self.would_send += 1;
        self.would_lose_order += u64::from(is_standard(to) && outgoing.message.is_of_fifo_queue());
        *self.would_send_to.entry(to.to_owned()).or_default() += 1;
        for rule in &outgoing.rules {
            *self.rules.entry(rule.clone()).or_default() += 1;
        }
        if let Some((place, before)) = before {
            let lines = diff(before, &outgoing.message.body, reveal);
            let diff = lines.into_iter().map(|DiffLine { sign, text }| format!("{sign} {text}")).collect();
            let attributes = outgoing.message.attributes.keys().filter(|_| carried).cloned().collect();
            self.keep_sample(Sample { place, id: outgoing.message.id.clone(), diff, attributes });
        }
    }

    fn write(&self, out: &mut String, style: Style) -> std::fmt::Result {
        let Self { command, from, destination, .. } = self;
        writeln!(out, "dry run of {command}: nothing was sent or deleted; add `--execute` to apply the changes")?;
        writeln!(out, "from {from}\nto   {destination}\n\n{}", scanned(self.scanned, self.matched()))?;
        writeln!(out, "{} would be {}", messages(self.would_send), done(command))?;
        if self.would_send_to.len() > 1 {
            self.would_send_to.iter().try_for_each(|(to, count)| writeln!(out, "  {} to {to}", messages(*count)))?;
        }
        if self.would_quarantine > 0 {
            writeln!(out, "{} would go to quarantine", messages(self.would_quarantine))?;
        }
        if self.would_finish > 0 {
            writeln!(out, "{} would be {}", messages(self.would_finish), finished(command))?;
        }
        for (word, count) in &self.would_refuse {
            writeln!(out, "{} would be refused: {word}", messages(*count))?;
        }
        if self.would_leave_for_order > 0 {
            writeln!(out, "{} would be left to keep the order of their group", messages(self.would_leave_for_order))?;
        }
        self.write_notes(out, style)?;
        self.write_samples(out, style)
    }

    fn write_notes(&self, out: &mut String, style: Style) -> std::fmt::Result {
        let note = style.warning("note:");
        for (source, count) in &self.from_other_source {
            writeln!(out, "{note} {} came from another queue, {source}", messages(*count))?;
        }
        if self.would_lose_order > 0 {
            writeln!(out, "{note} {}", loses_order(self.would_lose_order))?;
        }
        for (rule, count) in &self.rules {
            writeln!(out, "{note} {} would go to every target of rule {rule} again", messages(*count))?;
        }
        if let Some(text) = self.stopped.text(self.scanned) {
            writeln!(out, "{note} {text}")?;
        }
        for text in undecided(self.undecided) {
            writeln!(out, "{note} {text}")?;
        }
        if let Some(run) = &self.unfinished_run {
            writeln!(out, "{note} the run {run} left messages unfinished; this run would resume them first")?;
        }
        if self.not_in_queue.count > 0 {
            writeln!(out, "{note} {} of the file not found in the queue", messages(self.not_in_queue.count))?;
            self.not_in_queue.ids.iter().take(SHOWN_IDS).try_for_each(|id| writeln!(out, "  {id}"))?;
        }
        if self.not_seen > 0 {
            writeln!(out, "{note} {}", not_seen(self.not_seen, is_fifo(&self.from)))?;
        }
        Ok(())
    }
}

/// Whether an ARN is that of a standard queue.
fn is_standard(arn: &str) -> bool {
    Arn::of_queue(arn).is_some() && !is_fifo(arn)
}

/// What it means that messages go from a FIFO queue to a standard one.
fn loses_order(count: u64) -> String {
    format!(
        "{} would go from a FIFO queue to a standard queue, which neither keeps the order of a message group nor removes duplicates",
        messages(count)
    )
}

impl Report for DryRunReport {
    fn text(&self, style: Style) -> String {
        let mut out = String::new();
        // Writing to a String does not fail.
        let _ = self.write(&mut out, style);
        out
    }
}
