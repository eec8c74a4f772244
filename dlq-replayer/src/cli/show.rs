//! `show`: one message.

use super::{
    arguments,
    letters::Letters,
    pull::incomplete_file,
    session::{Session, reveal},
};
use crate::{
    report::{exit::Exit, output::say, show::ShowReport},
    rules::select::Selection,
    run::engine::Look,
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
    let scanned = letters
        .scan(session, |message| {
            if !selection.matches(message) {
                return Look::On;
            }
            shown = Some(ShowReport::of(message, reveal(arguments.reveal)));
            Look::Enough
        })
        .await?;
    match &shown {
        Some(report) => session.print(report)?,
        None => say(&format!("message `{}` not found in {}", arguments.id, letters.name())),
    }
    if let (None, Some(text)) = (&shown, incomplete_file(&letters)?) {
        session.note(&text);
    }
    Ok(session.end_of_scan(scanned, u64::from(shown.is_some()), letters.is_fifo()))
}
