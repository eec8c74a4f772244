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

/// Messages that are shown of each kind: the first ones of the queue.
const SAMPLES: usize = 3;

/// A message that would be sent.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Sample {
    /// Its place among the messages that were scanned.
    #[serde(skip)]
    pub place: u64,
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
    /// Its place among the messages that were scanned.
    #[serde(skip)]
    pub place: u64,
    /// Its id.
    pub id: String,
    /// Why.
    pub why: String,
}

/// Keeps the first messages of the queue, in its order: one that waits for a lookup is decided about later.
fn keep<T>(samples: &mut Vec<T>, sample: T, place: impl Fn(&T) -> u64) {
    let at = samples.partition_point(|known| place(known) < place(&sample));
    samples.insert(at, sample);
    samples.truncate(SAMPLES);
}

impl DryRunReport {
    /// Whether the body of the message at this place is needed for a sample.
    pub fn wants_sample(&self, place: u64) -> bool {
        self.samples.len() < SAMPLES || self.samples.iter().any(|sample| sample.place > place)
    }

    pub(super) fn keep_sample(&mut self, sample: Sample) {
        keep(&mut self.samples, sample, |sample| sample.place);
    }

    pub(super) fn keep_refused(&mut self, refused: RefusedSample) {
        keep(&mut self.refusals, refused, |refused| refused.place);
    }

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
        for RefusedSample { id, why, .. } in &self.refusals {
            writeln!(out, "\n{id} {} {why}", style.warning("refused:"))?;
        }
        Ok(())
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "no attributes".to_owned() } else { format!("attributes: {}", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_messages_of_the_queue_are_kept_in_its_order_whenever_they_are_decided_about() {
        let (mut report, why) = (DryRunReport::default(), crate::rules::refusal::Refusal::NoSource);
        for place in [4, 0, 6, 2, 5] {
            report.refused(place, &place.to_string(), &why);
        }
        assert_eq!(report.refusals.iter().map(|refused| refused.place).collect::<Vec<_>>(), [0, 2, 4]);
        let sample = |place| Sample { place, id: place.to_string(), diff: Vec::new(), attributes: Vec::new() };
        report.keep_sample(sample(4));
        report.keep_sample(sample(6));
        assert!(report.wants_sample(7), "there is room");
        report.keep_sample(sample(2));
        assert!(report.wants_sample(5) && !report.wants_sample(7));
    }
}
