//! `history`: what earlier runs did.

use super::{arguments, command_line::Global, hints::hinted};
use crate::{
    journal::{
        folder,
        past::{self, PastRun},
    },
    report::{
        exit::Exit,
        history::{HistoryReport, RunHistoryReport},
        output::{Format, print},
    },
};

/// Shows earlier runs, or one of them with its messages.
///
/// # Errors
///
/// There is no such run, or a journal cannot be read.
pub fn history(arguments: &arguments::History, global: &Global) -> anyhow::Result<Exit> {
    let root = folder::root()?;
    let format = if global.json { Format::Json } else { Format::Text };
    if let Some(run) = &arguments.run {
        let Some(mut details) = past::find(&root, run)? else {
            return Err(hinted(format!("there is no run `{run}`"), "`dlq-replayer history` lists them"));
        };
        details.run = without_plan(details.run);
        print(&RunHistoryReport { details }, format)?;
        return Ok(Exit::Done);
    }
    for unreadable in past::unreadable(&root)? {
        global.note(&unreadable.to_string());
    }
    let runs: Vec<_> = past::newest_runs(&root, arguments.limit)?.into_iter().map(without_plan).collect();
    let exit = if runs.is_empty() { Exit::NothingMatched } else { Exit::Done };
    print(&HistoryReport { runs }, format)?;
    Ok(exit)
}

/// A run without its arguments, which may hold personal data: `--where '.body.email == "ada@example.com"'`.
fn without_plan(mut run: PastRun) -> PastRun {
    run.begin.plan = serde_json::Value::Null;
    run
}
