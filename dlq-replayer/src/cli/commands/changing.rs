//! The commands that change something; each is a dry run unless it is told to execute.

use std::{fs, path::Path};

use anyhow::Context;

use super::{Session, reveal, selection};
use crate::{
    cli::arguments::{self, Filters, Running},
    journal::write as journal,
    report::dry_run::DryRunReport,
    report::exit::Exit,
    report::output::{Report, print},
    rules::decide::{Carries, Repeaters, Replay, Treatment, Validation},
    rules::edit::Edit,
    rules::select::Selection,
    run::import::{count, import},
    run::job::{Job, confirm, run},
    run::scan::Look,
    sqs::address,
    sqs::archive::ArchiveFile,
    sqs::destination::Destination,
    sqs::outgoing::FailureAttributes,
    sqs::queue::Queue,
};

/// What the commands that change something have in common.
struct Work<'a> {
    command: &'static str,
    filters: &'a Filters,
    running: &'a Running,
    treatment: &'a Treatment,
}

impl Session<'_> {
    pub(super) async fn replay(&self, queue: &Queue, arguments: &arguments::Replay) -> anyhow::Result<Exit> {
        let destination = match (&arguments.to, &arguments.to_bus) {
            (Some(name), _) => Destination::Queue(self.aws.queue(name).await?),
            (_, Some(name)) => Destination::Bus(self.aws.bus(name)),
            (None, None) => {
                let source = address::source(&self.aws.sqs, &queue.address).await?;
                Destination::Queue(Queue::new(self.aws.sqs.clone(), source))
            }
        };
        let quarantine = match &arguments.quarantine {
            Some(name) => Some(Destination::Queue(self.aws.queue(name).await?)),
            None => None,
        };
        for there in [Some(&destination), quarantine.as_ref()].into_iter().flatten() {
            elsewhere(queue, there)?;
        }
        let treatment = Treatment::Replay(Box::new(treatment(arguments)?));
        let work =
            Work { command: "replay", filters: &arguments.filters, running: &arguments.running, treatment: &treatment };
        if !arguments.running.execute {
            return self.dry_run(queue, &work, &destination.name()).await;
        }
        self.run(queue, &work, &destination, quarantine.as_ref()).await
    }

    pub(super) async fn move_to(&self, queue: &Queue, arguments: &arguments::Move) -> anyhow::Result<Exit> {
        let destination = Destination::Queue(self.aws.queue(&arguments.to).await?);
        elsewhere(queue, &destination)?;
        let work = Work {
            command: "move",
            filters: &arguments.filters,
            running: &arguments.running,
            treatment: &Treatment::Move,
        };
        if !arguments.running.execute {
            return self.dry_run(queue, &work, &destination.name()).await;
        }
        self.run(queue, &work, &destination, None).await
    }

    pub(super) async fn purge(&self, queue: &Queue, arguments: &arguments::Purge) -> anyhow::Result<Exit> {
        let work = Work {
            command: "purge",
            filters: &arguments.filters,
            running: &arguments.running,
            treatment: &Treatment::Move,
        };
        if !arguments.running.execute {
            return self.dry_run(queue, &work, &arguments.archive.display().to_string()).await;
        }
        let destination = Destination::Archive(ArchiveFile::create(&arguments.archive)?);
        self.run(queue, &work, &destination, None).await
    }

    pub(super) async fn import(&self, queue: Queue, arguments: &arguments::Import) -> anyhow::Result<Exit> {
        let (running, file) = (&arguments.running, &arguments.file);
        if !running.execute {
            let mut report = DryRunReport::new("import", &file.display().to_string(), &queue.address.arn);
            for message in crate::sqs::archive::read(file)? {
                report.add(&message?, &Selection::default(), &Treatment::Move, reveal(running.reveal));
            }
            let found = report.meant();
            return self.print(&report, found);
        }
        confirm(running, count(file)?, "import", &queue)?;
        let destination = Destination::Queue(queue);
        self.finish(import(file, &destination, running, &journal::folder()?, &self.interrupt).await?)
    }

    async fn dry_run(&self, queue: &Queue, work: &Work<'_>, destination: &str) -> anyhow::Result<Exit> {
        let selection = selection(work.filters)?;
        let mut report = DryRunReport::new(work.command, &queue.address.arn, destination);
        let most = work.filters.limit.unwrap_or(u64::MAX);
        self.scan(queue)
            .visit(|message| {
                report.add(message, &selection, work.treatment, reveal(work.running.reveal));
                let enough =
                    report.would_send + report.would_quarantine >= most || selection.is_complete_with(report.meant());
                if enough { Look::Enough } else { Look::On }
            })
            .await?;
        let found = report.meant();
        self.print(&report, found)
    }

    async fn run(
        &self,
        queue: &Queue,
        work: &Work<'_>,
        destination: &Destination,
        quarantine: Option<&Destination>,
    ) -> anyhow::Result<Exit> {
        let selection = selection(work.filters)?;
        let limit = work.filters.limit.unwrap_or(u64::MAX);
        let ids = if selection.ids.is_empty() { u64::MAX } else { selection.ids.len() as u64 };
        let count = queue.facts().await?.depth.visible.min(limit).min(ids);
        confirm(work.running, count, work.command, queue)?;
        let job = Job {
            command: work.command,
            queue,
            destination,
            quarantine,
            selection: &selection,
            treatment: work.treatment,
            limit,
            running: work.running,
            taking: self.taking(),
            workers: self.global.concurrency.into(),
        };
        self.finish(run(&job, &journal::folder()?, &self.interrupt).await?)
    }

    /// The summary first, and then what stopped the run, if something failed.
    fn finish(&self, (report, exit, fault): (impl Report, Exit, Option<anyhow::Error>)) -> anyhow::Result<Exit> {
        print(&report, self.global.json)?;
        fault.map_or(Ok(exit), Err)
    }
}

/// A queue that is sent to itself never ends.
fn elsewhere(queue: &Queue, destination: &Destination) -> anyhow::Result<()> {
    let name = &queue.address.name;
    anyhow::ensure!(destination.name() != queue.address.arn, "`{name}` cannot be sent to itself: choose another queue");
    Ok(())
}

fn treatment(arguments: &arguments::Replay) -> anyhow::Result<Replay> {
    let expression = match &arguments.edit_file {
        Some(path) => Some(read_expression(path)?),
        None => arguments.edit.clone(),
    };
    Ok(Replay {
        edit: expression.as_deref().map(Edit::new).transpose()?,
        validation: match (arguments.no_validate, arguments.validate) {
            (true, _) => Validation::Off,
            (_, true) => Validation::All,
            _ => Validation::Ours,
        },
        max_replays: arguments.max_replays,
        repeaters: if arguments.quarantine.is_some() { Repeaters::GoToQuarantine } else { Repeaters::Stay },
        failure: if arguments.to.is_some() { FailureAttributes::Kept } else { FailureAttributes::Removed },
        carries: match (&arguments.to_bus, arguments.drop_attributes) {
            (None, _) => Carries::Everything,
            (Some(_), false) => Carries::BodyOnly,
            (Some(_), true) => Carries::BodyOnlyAgreed,
        },
    })
}

fn read_expression(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read the edit in {}", path.display()))
}
