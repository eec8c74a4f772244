//! The samples of a dry run: messages as they would be sent, and messages that would be refused.

use std::fmt::Write;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    dry_run::DryRunReport,
    output::{Style, grouped},
    summary::done,
};
use crate::sqs::message::REPLAY_COUNT;

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
    /// What the samples are; none when there are none.
    fn heading_of_samples(&self) -> Option<String> {
        let shown = self.samples.len() as u64;
        let (some, they) = match (shown, self.would_send) {
            (0, _) => return None,
            (_, 1) => (String::new(), "it"),
            (shown, all) if shown < all => (format!("{} of them, ", grouped(shown)), "they"),
            _ => (String::new(), "they"),
        };
        let counts_replays = self.command == "replay"
            && self.samples.iter().any(|sample| sample.attributes.iter().any(|name| name == REPLAY_COUNT));
        let why =
            if counts_replays { format!(" (`{REPLAY_COUNT}` is set to count the replays)") } else { String::new() };
        Some(format!("{some}as {they} would be {}{why}:", done(&self.command)))
    }

    pub(super) fn write_samples(&self, out: &mut String, style: Style) -> std::fmt::Result {
        if let Some(heading) = self.heading_of_samples() {
            writeln!(out, "\n{heading}")?;
        }
        for sample in &self.samples {
            if sample.diff.is_empty() {
                writeln!(out, "  {}, body unchanged, {}", sample.id, listed(&sample.attributes))?;
                continue;
            }
            writeln!(out, "\n{}, {}", sample.id, listed(&sample.attributes))?;
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
    if names.is_empty() { "no attributes".to_owned() } else { format!("attributes: {}", names.join(", ")) }
}
