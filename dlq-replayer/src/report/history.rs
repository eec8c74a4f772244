//! `history`: what earlier runs did, from their journals.

use std::fmt::Write;

use schemars::JsonSchema;
use serde::Serialize;

use super::output::{Report, Style, grouped, lines, messages, table};
use crate::journal::past::{NotedMessages, PastRun, RunDetails};

/// Earlier runs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct HistoryReport {
    /// The runs, the newest first.
    pub runs: Vec<PastRun>,
}

/// How a run ended, in words.
fn outcome(run: &PastRun) -> &str {
    match &run.end {
        Some(end) => &end.outcome,
        None if run.is_live => "running",
        None => "killed",
    }
}

impl Report for HistoryReport {
    fn text(&self, _: Style) -> String {
        if self.runs.is_empty() {
            return "no runs yet\n".to_owned();
        }
        let mut rows = table(&["run", "command", "queue", "sent", "deleted", "unconfirmed", "outcome"]);
        for run in &self.runs {
            let queue = run.begin.queue.rsplit([':', '/']).next().unwrap_or_default();
            let [sent, deleted, unconfirmed] = [run.sent, run.deleted, run.unconfirmed].map(grouped);
            rows.add_row([&run.begin.run, &run.begin.command, queue, &sent, &deleted, &unconfirmed, outcome(run)]);
        }
        lines(&rows)
    }
}

/// One run with its messages.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RunHistoryReport {
    /// The run.
    #[serde(flatten)]
    pub details: RunDetails,
}

impl RunHistoryReport {
    fn write(&self, out: &mut String) -> std::fmt::Result {
        let RunDetails { run, noted } = &self.details;
        writeln!(out, "{} {}: {}", run.begin.command, run.begin.run, outcome(run))?;
        writeln!(out, "from {}\nto   {}\n", run.begin.queue, run.begin.destination)?;
        writeln!(out, "{} sent\n{} deleted", messages(run.sent), messages(run.deleted))?;
        for NotedMessages { what, why, ids } in noted {
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            writeln!(out, "\n{} {}{why}", messages(ids.len() as u64), what.text())?;
            ids.iter().try_for_each(|id| writeln!(out, "  {id}"))?;
        }
        Ok(())
    }
}

impl Report for RunHistoryReport {
    fn text(&self, _: Style) -> String {
        let mut out = String::new();
        // Writing to a String does not fail.
        let _ = self.write(&mut out);
        out
    }
}
