//! `move`: messages to another queue, unchanged.

use anyhow::Context;

use super::{
    arguments,
    changing::{Change, apply, elsewhere},
    session::Session,
    written::Written,
};
use crate::{
    journal::folder,
    report::exit::Exit,
    rules::decide::Treatment,
    run::{routes::Routes, source::Source},
    sqs::destination::Destination,
};

/// Moves messages, or shows what would happen.
///
/// # Errors
///
/// A call failed, an expression is not jq, or the journal cannot be written.
pub async fn move_messages(session: &Session<'_>, arguments: &arguments::Move) -> anyhow::Result<Exit> {
    let written = Written { to: arguments.to.clone(), ..Written::of_filters(&arguments.filters)? };
    let queue = session.queue(&arguments.queue).await?;
    let journals = folder::of_queue(&folder::root()?, &queue.address.arn);
    let written = written.or_resumed(&journals, arguments.run.resume.as_deref(), "move")?;
    let to = session.other_queue(written.to.as_deref().context("the run has no destination")?).await?;
    elsewhere(&queue, &to)?;
    let written = Written { to: Some(to.address.arn.clone()), ..written };
    let change = Change {
        command: "move",
        selection: written.selection.compile()?,
        treatment: Treatment::Move,
        bodies: None,
        destination: to.address.arn.clone(),
        routes: Routes::to(Destination::Queue(to)),
        written,
        archive: None,
        once: false,
    };
    apply(session, Source::Queue(queue), change, &arguments.run, Some(&arguments.stop)).await
}
