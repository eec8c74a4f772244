//! `list`: messages, one per line.

use jiff::Timestamp;

use super::{
    arguments,
    letters::Letters,
    pull::incomplete_file,
    session::{Session, reveal},
};
use crate::{
    report::{
        exit::Exit,
        list::{Line, ListReport},
        output::{messages as counted, print_text},
    },
    run::engine::Look,
};

/// Messages that `list` shows when nothing else is said: a few screens.
const LISTED: u64 = 100;

/// Lists messages.
///
/// # Errors
///
/// A call failed, or an expression is not jq.
pub async fn list(session: &Session<'_>, arguments: &arguments::List) -> anyhow::Result<Exit> {
    let selection = arguments.filters.selection(Timestamp::now())?.compile()?;
    let most = arguments.filters.limit.unwrap_or(LISTED);
    let letters = Letters::find(session, &arguments.source).await?;
    let (mut messages, mut truncated) = (Vec::new(), false);
    let scanned = letters
        .scan(session, |message| {
            if selection.matches(message) {
                messages.push(Line::of(message, Timestamp::now(), reveal(arguments.reveal)));
            }
            let found = messages.len() as u64;
            let complete = selection.is_complete_with(found);
            truncated = found >= most && !complete;
            if truncated || complete { Look::Enough } else { Look::On }
        })
        .await?;
    let undecided = selection.undecided();
    let report = ListReport { messages, truncated, undecided, not_seen: scanned.not_seen, stopped: scanned.stopped };
    if arguments.csv {
        print_text(&report.csv()?)?;
    } else {
        session.print(&report)?;
    }
    if let Some(text) = incomplete_file(&letters)? {
        session.note(&text);
    }
    session.note_undecided(undecided);
    if truncated {
        session.note(&format!("stopped at {}, and there may be more; `-n` sets the limit", counted(most)));
    }
    Ok(session.end_of_scan(scanned, report.messages.len() as u64, letters.is_fifo()))
}
