//! `list`: messages, one per line.

use jiff::Timestamp;

use super::{
    arguments,
    letters::Letters,
    session::{Session, reveal},
};
use crate::{
    report::{
        exit::Exit,
        list::{Line, ListReport},
        output::print_text,
        summary::stopped_at,
    },
    run::state::Look,
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
    let mut scanned = letters
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
    let (found, fault) = (messages.len() as u64, scanned.fault.take());
    let report = ListReport { messages, truncated, undecided, not_seen: scanned.not_seen, stopped: scanned.stopped };
    if fault.is_some() && found == 0 {
        // Whether there is none is not known.
    } else if arguments.csv {
        print_text(&report.csv()?)?;
    } else {
        session.print(&report)?;
    }
    let exit = letters.end_of_scan(session, &scanned, found, truncated)?;
    session.note_undecided(undecided);
    if truncated {
        session.note(&stopped_at(most));
    }
    // What was found comes first, and then what stopped it.
    fault.map_or(Ok(exit), Err)
}
