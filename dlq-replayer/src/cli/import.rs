//! `import`: the messages of a file to a queue; the file stays as it is.

use super::{
    arguments,
    changing::{Change, apply},
    files::{check_regular, incomplete},
    session::Session,
    written::Written,
};
use crate::{
    journal::folder,
    report::exit::Exit,
    rules::{decide::Treatment, select::Selection},
    run::{
        job::check_repetition,
        routes::Routes,
        source::{FileSource, Source},
    },
    sqs::destination::Destination,
};

/// Imports messages, or shows what would happen.
///
/// # Errors
///
/// The file cannot be read, a call failed, or the journal cannot be written.
pub async fn import(session: &Session<'_>, arguments: &arguments::Import) -> anyhow::Result<Exit> {
    check_regular(&arguments.file)?;
    let source = Source::File(FileSource::checked(&arguments.file)?);
    if let Some(text) = incomplete(&arguments.file)? {
        session.note(&text);
    }
    let journals = folder::of_queue(&folder::root()?, source.name());
    let written = Written::default().or_resumed(&journals, arguments.run.resume.as_deref(), "import")?;
    let queue = session.queue(&arguments.queue).await?;
    if !arguments.again
        && let Err(repetition) = check_repetition(&journals, &queue.address.arn)?
    {
        if arguments.run.execute {
            return Err(repetition.into());
        }
        session.note(&format!("{repetition}; `--execute` needs `--again`"));
    }
    let change = Change {
        command: "import",
        selection: Selection::default(),
        treatment: Treatment::Move,
        bodies: None,
        destination: queue.address.arn.clone(),
        routes: Routes::to(Destination::Queue(queue)),
        written,
        archive: None,
        once: !arguments.again,
    };
    apply(session, source, change, &arguments.run, None).await
}
