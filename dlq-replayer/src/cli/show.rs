//! `show`: one message.

use super::{
    arguments,
    letters::Letters,
    session::{Session, reveal},
};
use crate::{
    report::{
        exit::Exit,
        output::{messages, say},
        show::ShowReport,
    },
    rules::select::Selection,
    run::state::Look,
    sqs::message::MessageKey,
};

/// Shows one message.
///
/// # Errors
///
/// A call failed.
pub async fn show(session: &Session<'_>, arguments: &arguments::Show) -> anyhow::Result<Exit> {
    let wanted = MessageKey::of(&arguments.id);
    let selection = Selection { ids: Some([wanted].into()), ..Selection::default() };
    let letters = Letters::find(session, &arguments.source).await?;
    let mut shown = None;
    let mut scanned = letters
        .scan(session, |message| {
            if !selection.matches(message) {
                return Look::On;
            }
            shown = Some(ShowReport::of(message, reveal(arguments.reveal)));
            Look::Enough
        })
        .await?;
    let fault = scanned.fault.take();
    let (id, everything) = (&arguments.id, scanned.not_seen == 0 && !scanned.stopped.interrupted);
    match &shown {
        Some(report) => session.print(report)?,
        None if fault.is_some() => {}
        None if everything => say(&format!("message `{id}` not found in {}", letters.name())),
        None => say(&format!("message `{id}` not found among the {} scanned", messages(scanned.scanned))),
    }
    let exit = letters.end_of_scan(session, &scanned, u64::from(shown.is_some()), shown.is_some())?;
    fault.map_or(Ok(exit), Err)
}
