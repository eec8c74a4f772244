//! `history`: what earlier runs did, from their journals.

use std::fmt::Write;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    journal::read::PastRun,
    report::output::{Report, Style, grouped, lines, table},
};

/// Earlier runs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct HistoryReport {
    /// The runs, the newest first.
    pub runs: Vec<PastRun>,
}

impl Report for HistoryReport {
    fn text(&self, _: Style) -> String {
        if self.runs.is_empty() {
            return "no run has been journaled yet\n".to_owned();
        }
        let mut rows = table(&["run", "command", "queue", "sent", "deleted", "unknown", "outcome"]);
        for run in &self.runs {
            let queue = run.begin.queue.rsplit([':', '/']).next().unwrap_or_default();
            let outcome = run.end.as_ref().map_or("killed, or still running", |end| end.outcome.as_str());
            let numbers = [run.sent, run.deleted, run.unknown].map(grouped);
            let [sent, deleted, unknown] = &numbers;
            rows.add_row([&run.begin.run, &run.begin.command, queue, sent, deleted, unknown, outcome]);
        }
        let mut out = lines(&rows);
        if self.runs.iter().any(|run| run.end.is_none()) {
            // Writing to a String does not fail.
            let _ = writeln!(out, "\na run without an end is finished with `--resume RUN`");
        }
        out
    }
}
