//! What `export` has written.

use schemars::JsonSchema;
use serde::Serialize;

use crate::report::output::{Report, Style, messages};

/// What `export` has written.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ExportReport {
    /// The queue.
    pub queue: String,
    /// The file.
    pub file: String,
    /// Messages that were written, and read back.
    pub exported: u64,
}

impl Report for ExportReport {
    fn text(&self, _: Style) -> String {
        format!("{} written to {} and read back; they are still in the queue\n", messages(self.exported), self.file)
    }
}
