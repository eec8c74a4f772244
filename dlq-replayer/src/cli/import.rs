//! `import`: the messages of a file to a queue; the file stays as it is.

use std::{fs, path::Path};

use anyhow::Context;

use super::{
    arguments,
    changing::{Change, Ends, execute},
    confirm::{Question, confirm},
    hints::hinted,
    preview::{Preview, end_of_preview},
    session::{Session, reveal},
    written::Written,
};
use crate::{
    journal::folder,
    report::exit::Exit,
    rules::{decide::Treatment, select::Selection},
    run::{
        routes::Routes,
        source::{After, FileSource, Source},
    },
    sqs::{archive, destination::Destination},
};

/// Imports messages, or shows what would happen.
///
/// # Errors
///
/// The file cannot be read, a call failed, or the journal cannot be written.
pub async fn import(session: &Session<'_>, arguments: &arguments::Import) -> anyhow::Result<Exit> {
    check_file(&arguments.file)?;
    let (source, count) = FileSource::open(&arguments.file)?;
    let journals = folder::of_queue(&folder::root()?, &source.path);
    let written = Written::default().or_resumed(&journals, arguments.run.resume.as_deref(), "import")?;
    let queue = session.queue(&arguments.queue).await?;
    let (from, to) = (source.path.clone(), queue.address.arn.clone());
    let change = Change {
        command: "import",
        selection: Selection::default(),
        treatment: Treatment::Move,
        bodies: None,
        destination: to.clone(),
        routes: Routes::to(Destination::Queue(queue)),
        written,
        archive: None,
    };
    if !arguments.run.execute {
        let mut preview = Preview::new(change, from, reveal(arguments.run.reveal));
        for message in archive::read(&arguments.file)? {
            preview.add(&message?)?;
            preview.report.scanned += 1;
        }
        session.print(&preview.report)?;
        return Ok(end_of_preview(session, &preview.report));
    }
    let question = Question { command: "import", count, depth: None, from, to: &to };
    if let Some(exit) = confirm(&question, arguments.run.yes, &session.interrupt).await? {
        return Ok(exit);
    }
    let settings = session.run_settings(&arguments.run, None)?;
    let ends = Ends { source: Source::File(source), after: After::Keep, archive: None };
    execute(session, change, ends, settings, count).await
}

/// The file is read twice, first to find faults before anything is sent, and a pipe can be read only once.
fn check_file(path: &Path) -> anyhow::Result<()> {
    let data = fs::metadata(path).with_context(|| format!("cannot read the file {}", path.display()))?;
    if data.is_file() {
        return Ok(());
    }
    Err(hinted(format!("{} is not a regular file", path.display()), "write the messages to a file, and import that"))
}
