//! What commands that change something have in common: a dry run, a question, a run.

use super::{
    confirm::{Question, confirm},
    hints::{going_on, hinted, of_calls},
    options::{RunOptions, StopOptions},
    preview::dry_run,
    session::Session,
    written::Written,
};
use crate::{
    journal::folder,
    report::{
        exit::Exit,
        output::read_or_not,
        progress::{Doing, Progress},
    },
    rules::{decide::Treatment, select::Selection},
    run::{
        job::{Ended, Job, OpenArchive, run},
        plan::Plan,
        routes::Routes,
        settings::Settings,
        source::Source,
    },
    sqs::{
        archive::Bodies,
        probe::{self, QueueProbe},
        queue::{Depth, Queue},
    },
};

/// What is changed.
pub struct Change {
    /// The command.
    pub command: &'static str,
    /// Which messages.
    pub selection: Selection,
    /// What is done to them.
    pub treatment: Treatment,
    /// Repaired bodies.
    pub bodies: Option<Bodies>,
    /// Where they go.
    pub routes: Routes,
    /// The same, as it is shown.
    pub destination: String,
    /// All this as it was written.
    pub written: Written,
    /// How the archive that messages go to is opened after the operator has agreed.
    pub archive: Option<OpenArchive>,
    /// Whether it is refused when an earlier run has done all of it.
    pub once: bool,
}

/// Applies a change to a source, or shows what would happen.
///
/// # Errors
///
/// A call failed, the operator said no, or the journal cannot be written.
pub async fn apply(
    session: &Session<'_>,
    source: Source,
    change: Change,
    options: &RunOptions,
    stop: Option<&StopOptions>,
) -> anyhow::Result<Exit> {
    if !options.execute {
        return dry_run(session, source, change, options.reveal).await;
    }
    let (expected, depth) = source.count().await?;
    if let Source::Queue(queue) = &source {
        may_delete(session, queue).await?;
    }
    let ids = change.selection.ids.as_ref().map_or(u64::MAX, |ids| ids.len() as u64);
    let limit = change.written.limit.unwrap_or(u64::MAX);
    let question = Question {
        command: change.command,
        count: expected.unwrap_or(u64::MAX).min(limit).min(ids),
        depth,
        from: source.shown(),
        to: &change.destination,
    };
    if question.is_asked(options.yes) {
        if let Some(exit) = confirm(&question, &session.interrupt).await? {
            return Ok(exit);
        }
        if let Some(bus) = change.routes.changed().await? {
            let text = format!("the rules of {bus} have changed since they were read; nothing was sent");
            return Err(hinted(text, "run the command again, and see what its dry run says"));
        }
    }
    let settings = Settings { expected: depth.map(Depth::total), ..session.run_settings(options, stop)? };
    let command = change.command;
    let job = change.job(source, settings)?;
    let progress = Progress::begin(expected, Doing::of(command), session.shown());
    let Ended { report, exit, fault, refused } =
        run(job, session.clients.clone(), &folder::root()?, &session.interrupt, progress).await?;
    // The summary first, and then what stopped the run.
    let printed = read_or_not(session.print(&report));
    for hint in of_calls(&refused, &session.asked) {
        session.global.hint(&hint);
    }
    match fault {
        Some(fault) => Err(going_on(fault, report.safe(), &report.then())),
        None => printed.map(|()| exit),
    }
}

impl Change {
    fn job(self, source: Source, settings: Settings) -> anyhow::Result<Job> {
        let plan = Plan {
            selection: self.selection,
            treatment: self.treatment,
            bodies: self.bodies,
            routes: self.routes,
            after: source.after(),
            fifo_source: source.is_fifo(),
            limit: self.written.limit.unwrap_or(u64::MAX),
        };
        Ok(Job {
            command: self.command,
            source,
            plan,
            settings,
            destination: self.destination,
            written: serde_json::to_value(&self.written)?,
            archive: self.archive,
            once: self.once,
        })
    }
}

/// Asks for the right to delete before anything is sent: without it, every message would be sent and stay.
async fn may_delete(session: &Session<'_>, queue: &Queue) -> anyhow::Result<()> {
    match probe::queue(&session.clients, queue, QueueProbe::Delete).await {
        Err(error) if error.is_denied() => Err(error.into()),
        // The receipt that is asked with does not exist, which may be an error of its own.
        _ => Ok(()),
    }
}

/// A queue that is sent to itself never ends.
///
/// # Errors
///
/// Both are the same queue.
pub fn elsewhere(queue: &Queue, destination: &Queue) -> anyhow::Result<()> {
    if queue.address.arn == destination.address.arn {
        let text = format!("queue {} is also the destination", queue.address);
        return Err(hinted(text, "choose another queue"));
    }
    Ok(())
}
