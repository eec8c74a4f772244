//! What a run would do, decided by the same code and without doing it.

use std::{collections::BTreeMap, fmt::Write};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    report::diff::{DiffLine, diff},
    report::masking::Reveal,
    report::output::{Report, Style, messages},
    rules::decide::{Decision, Route, Treatment, decide},
    rules::select::Selection,
    sqs::message::Message,
};

/// Messages that are shown of each kind.
const SAMPLES: usize = 3;

/// What a run would do.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DryRunReport {
    /// The command, such as `replay`.
    pub command: String,
    /// The queue or file that would be read.
    pub from: String,
    /// Where messages would go.
    pub destination: String,
    /// Messages that were looked at.
    pub looked_at: u64,
    /// Messages that would be sent.
    pub would_send: u64,
    /// Messages that would go to quarantine.
    pub would_quarantine: u64,
    /// Messages that would be refused, by reason.
    pub would_refuse: BTreeMap<String, u64>,
    /// A few of those that would be sent.
    pub samples: Vec<Sample>,
    /// A few of those that would be refused.
    pub refusals: Vec<RefusedSample>,
}

/// A message that would be sent.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Sample {
    /// Its id.
    pub id: String,
    /// What would change in its body, masked unless revealed; lines begin with `-`, `+` or a space.
    pub diff: Vec<String>,
    /// The attributes it would have.
    pub attributes: Vec<String>,
}

/// A message that would be refused.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RefusedSample {
    /// Its id.
    pub id: String,
    /// Why.
    pub why: String,
}

impl DryRunReport {
    /// A report to add messages to.
    pub fn new(command: &str, from: &str, destination: &str) -> Self {
        Self {
            command: command.to_owned(),
            from: from.to_owned(),
            destination: destination.to_owned(),
            looked_at: 0,
            would_send: 0,
            would_quarantine: 0,
            would_refuse: BTreeMap::new(),
            samples: Vec::new(),
            refusals: Vec::new(),
        }
    }

    /// Messages that the selection meant.
    pub fn meant(&self) -> u64 {
        self.would_send + self.would_quarantine + self.would_refuse.values().sum::<u64>()
    }

    /// Adds a message: it is decided about as a run would.
    pub fn add(&mut self, message: &Message, selection: &Selection, treatment: &Treatment, reveal: Reveal) {
        self.looked_at += 1;
        match decide(message, selection, treatment, Timestamp::now()) {
            Decision::NotMeant => {}
            Decision::Refused(refusal) => {
                *self.would_refuse.entry(refusal.word().to_owned()).or_default() += 1;
                if self.refusals.len() < SAMPLES {
                    self.refusals.push(RefusedSample { id: message.id.clone(), why: refusal.to_string() });
                }
            }
            Decision::Send(Route::Quarantine, _) => self.would_quarantine += 1,
            Decision::Send(Route::Destination, outgoing) => {
                self.would_send += 1;
                if self.samples.len() < SAMPLES {
                    let lines = diff(&message.body, &outgoing.body, reveal);
                    let diff = lines.into_iter().map(|DiffLine { sign, text }| format!("{sign} {text}")).collect();
                    let attributes = outgoing.attributes.keys().cloned().collect();
                    self.samples.push(Sample { id: message.id.clone(), diff, attributes });
                }
            }
        }
    }

    fn write(&self, out: &mut String, style: Style) -> std::fmt::Result {
        let Self { command, from, destination, .. } = self;
        writeln!(out, "dry run of {command}: nothing was sent or deleted; do it with --execute")?;
        writeln!(out, "from {from}\nto   {destination}\n\n{} looked at", messages(self.looked_at))?;
        writeln!(out, "{} would be sent", messages(self.would_send))?;
        if self.would_quarantine > 0 {
            writeln!(out, "{} would go to quarantine", messages(self.would_quarantine))?;
        }
        for (word, count) in &self.would_refuse {
            writeln!(out, "{} would be refused: {word}", messages(*count))?;
        }
        for sample in &self.samples {
            writeln!(out, "\n{} with {}", sample.id, listed(&sample.attributes))?;
            for line in &sample.diff {
                let painted = match line.chars().next() {
                    Some('-') => style.bad(line),
                    Some('+') => style.good(line),
                    _ => line.clone(),
                };
                writeln!(out, "  {}", painted.trim_end())?;
            }
        }
        for RefusedSample { id, why } in &self.refusals {
            writeln!(out, "\n{id} {} {why}", style.warning("refused:"))?;
        }
        Ok(())
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "no attributes".to_owned() } else { names.join(", ") }
}

impl Report for DryRunReport {
    fn text(&self, style: Style) -> String {
        let mut out = String::new();
        // Writing to a String does not fail.
        let _ = self.write(&mut out, style);
        out
    }
}
