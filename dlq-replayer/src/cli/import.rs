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
    journal::{folder, past::settled_run},
    report::{exit::Exit, output::messages},
    rules::{decide::Treatment, select::Selection},
    run::{
        routes::Routes,
        source::{FileSource, Repeats, Source},
    },
    sqs::{destination::Destination, queue::Queue},
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
    if !arguments.again {
        refuse_repetition(session, &journals, &queue, arguments.run.execute)?;
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
    };
    apply(session, source, change, &arguments.run, None).await
}

/// A standard queue takes every message of a file a second time, and says nothing.
fn refuse_repetition(session: &Session<'_>, journals: &Path, queue: &Queue, execute: bool) -> anyhow::Result<()> {
    let Some(run) = settled_run(journals, &queue.address.arn)? else { return Ok(()) };
    let imported = messages(run.sent);
    let text = format!("the run {} has imported this file to {} already: {imported}", run.begin.run, queue.address);
    if execute {
        return Err(hinted(text, "pass `--again` to send its messages a second time"));
    }
    session.note(&format!("{text}; `--execute` needs `--again`"));
    Ok(())
}

/// The file is read twice, first to find faults before anything is sent, and a pipe can be read only once.
fn check_file(path: &Path) -> anyhow::Result<()> {
    let data = fs::metadata(path).with_context(|| format!("cannot read the file {}", path.display()))?;
    if data.is_file() {
        return Ok(());
    }
    Err(hinted(format!("{} is not a regular file", path.display()), "write the messages to a file, and import that"))
}
