//! What `export` and `pull` have written.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    counts::Stopped,
    output::{Report, Style, messages},
};
use crate::rules::select::Undecided;

/// What was written.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ExportReport {
    /// The queue.
    pub queue: String,
    /// The file; without messages there is none.
    pub file: String,
    /// Messages that were written, synced to the disk and read back.
    pub exported: u64,
    /// Messages that a filter could not decide about.
    #[serde(flatten)]
    pub undecided: Undecided,
    /// Messages that the queue counts and that were not seen.
    pub not_seen: u64,
    /// Whether it was stopped before its end.
    #[serde(flatten)]
    pub stopped: Stopped,
}

impl Report for ExportReport {
    fn text(&self, _: Style) -> String {
        if self.exported == 0 {
            return "no message was written, so there is no file\n".to_owned();
        }
        format!("{} written to {} and read back; the queue is unchanged\n", messages(self.exported), self.file)
    }
}
