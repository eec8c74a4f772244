//! `triage`.

use jiff::Timestamp;

use super::{
    arguments,
    letters::Letters,
    session::{Session, reveal},
};
use crate::{
    report::{
        exit::Exit,
        triage::{Triage, TriageOptions},
    },
    rules::{decide::MAX_REPLAYS, jq::Jq},
    run::engine::Look,
};

/// Shows what is in a queue or file.
///
/// # Errors
///
/// A call failed, or an expression is not jq.
pub async fn triage(session: &Session<'_>, arguments: &arguments::Triage) -> anyhow::Result<Exit> {
    let selection = arguments.filters.selection(Timestamp::now())?.compile()?;
    let letters = Letters::find(session, &arguments.source).await?;
    let mut triage = Triage::new(TriageOptions {
        triaged: letters.triaged(&arguments.source)?,
        group_by: arguments.group_by.as_deref().map(Jq::compile).transpose()?,
        contract: arguments.contract.into(),
        max_replays: session.config.defaults.max_replays.unwrap_or(MAX_REPLAYS),
        fifo: letters.is_fifo(),
        reveal: reveal(arguments.reveal),
    });
    let most = arguments.filters.limit.unwrap_or(u64::MAX);
    let facts = letters.facts().await?;
    let scanned = letters
        .scan(session, |message| {
            if selection.matches(message) {
                triage.add(message);
            }
            if triage.matched() >= most || selection.is_complete_with(triage.matched()) {
                Look::Enough
            } else {
                Look::On
            }
        })
        .await?;
    let numbers = (scanned.scanned, scanned.not_seen);
    let report = triage.report(letters.name(), facts.as_ref(), numbers, Timestamp::now());
    session.print(&report)?;
    Ok(session.end_of_scan(scanned, report.matched, letters.is_fifo()))
}
