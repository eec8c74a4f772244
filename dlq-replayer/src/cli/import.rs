//! `import`: the messages of a file to a queue; the file stays as it is.

use std::{fs, path::Path};

use anyhow::Context;

use super::{
    arguments,
    changing::{Change, apply},
    hints::hinted,
    pull::incomplete,
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
        source::{FileSource, Repeats, Source},
    },
    sqs::destination::Destination,
};

/// Imports messages, or shows what would happen.
///
/// # Errors
///
/// The file cannot be read, a call failed, or the journal cannot be written.
pub async fn import(session: &Session<'_>, arguments: &arguments::Import) -> anyhow::Result<Exit> {
    check_file(&arguments.file)?;
    let source = Source::File(FileSource::open(&arguments.file, Repeats::Refused)?);
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

/// The file is read twice, first to find faults before anything is sent, and a pipe can be read only once.
fn check_file(path: &Path) -> anyhow::Result<()> {
    let data = fs::metadata(path).with_context(|| format!("cannot read the file {}", path.display()))?;
    if data.is_file() {
        return Ok(());
    }
    Err(hinted(format!("{} is not a regular file", path.display()), "write the messages to a file, and import that"))
}
