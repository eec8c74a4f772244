//! One function per command: from its arguments to its report on standard output.

use std::{fs, path::Path, time::Duration};

use anyhow::Context;
use jiff::Timestamp;

use crate::{
    address::{self, QueueArgument},
    archive::ArchiveFile,
    cli,
    cli::{Cli, Command, Filters, Global, Running},
    connect::Aws,
    destination::Destination,
    dry_run::DryRunReport,
    edit::Edit,
    exit::Exit,
    exported::ExportReport,
    history::HistoryReport,
    import::{count, import},
    intake::Taking,
    interrupt::Interrupt,
    journal,
    jq::Jq,
    mask::Reveal,
    message::{Message, MessageKey},
    outgoing::FailureAttributes,
    output::{Report, print},
    past::past_runs,
    queue::Queue,
    replay::{Carries, Repeaters, Replay, Treatment, Validation},
    run::{Job, confirm, run},
    scan::{Look, Scan},
    select::{Selection, age},
    show::{Line, ListReport, ShowReport},
    triage::Triage,
    watch::watch,
};

/// Messages that `list` shows when nothing else is said.
const LISTED: u64 = 100;

/// What every command has at hand.
struct Session<'a> {
    global: &'a Global,
    aws: Aws,
    interrupt: Interrupt,
}

/// Does what the command line says.
///
/// # Errors
///
/// Whatever went wrong; [`crate::advice`] says what to do about a call that failed.
pub async fn execute(cli: &Cli, interrupt: Interrupt) -> anyhow::Result<Exit> {
    let queue = match &cli.command {
        Command::Triage(cli::Triage { queue, .. })
        | Command::List(cli::List { queue, .. })
        | Command::Show(cli::Show { queue, .. })
        | Command::Replay(cli::Replay { queue, .. })
        | Command::Move(cli::Move { queue, .. })
        | Command::Export(cli::Export { queue, .. })
        | Command::Import(cli::Import { queue, .. })
        | Command::Purge(cli::Purge { queue, .. })
        | Command::Watch(cli::Watch { queue, .. }) => queue,
        Command::History(arguments) => return history(arguments, cli.global.json),
        // Those that need neither AWS nor a runtime.
        Command::Completions { .. } | Command::Man => return Ok(Exit::Usage),
    };
    let aws = Aws::connect(&cli.global, &QueueArgument::parse(queue)).await?;
    let region = aws.region().map(str::to_owned);
    let session = Session { global: &cli.global, aws, interrupt };
    let done = session.execute(queue, &cli.command).await;
    done.map_err(|error| match error.downcast_ref().and_then(|call| crate::advice::advice(call, region.as_deref())) {
        Some(advice) => error.context(advice),
        None => error,
    })
}

impl Session<'_> {
    async fn execute(&self, queue: &str, command: &Command) -> anyhow::Result<Exit> {
        let queue = self.aws.queue(queue).await?;
        match command {
            Command::Triage(arguments) => self.triage(&queue, arguments).await,
            Command::List(arguments) => self.list(&queue, arguments).await,
            Command::Show(arguments) => self.show(&queue, arguments).await,
            Command::Replay(arguments) => self.replay(&queue, arguments).await,
            Command::Move(arguments) => self.move_to(&queue, arguments).await,
            Command::Export(arguments) => self.export(&queue, arguments).await,
            Command::Import(arguments) => self.import(queue, arguments).await,
            Command::Purge(arguments) => self.purge(&queue, arguments).await,
            Command::Watch(arguments) => self.watch(&queue, arguments).await,
            Command::History(_) | Command::Completions { .. } | Command::Man => Ok(Exit::Usage),
        }
    }

    async fn triage(&self, queue: &Queue, arguments: &cli::Triage) -> anyhow::Result<Exit> {
        let selection = selection(&arguments.filters)?;
        let facts = queue.facts().await?;
        let mut triage = Triage::new(arguments.parse, reveal(arguments.reveal));
        let most = arguments.filters.limit.unwrap_or(arguments.most);
        self.scan(queue)
            .visit(|message| {
                if selection.takes(message, Timestamp::now()) {
                    triage.add(message);
                } else {
                    triage.pass();
                }
                if triage.looked_at() < most { Look::On } else { Look::Enough }
            })
            .await?;
        let report = triage.report(queue.address.clone(), &facts, Timestamp::now());
        let found = report.meant;
        self.print(&report, found)
    }

    async fn list(&self, queue: &Queue, arguments: &cli::List) -> anyhow::Result<Exit> {
        let selection = selection(&arguments.filters)?;
        let most = arguments.filters.limit.unwrap_or(LISTED);
        let mut messages = Vec::new();
        self.visit(queue, &selection, most, |message| {
            messages.push(Line::of(message, Timestamp::now(), reveal(arguments.reveal)));
            Ok(())
        })
        .await?;
        let found = messages.len() as u64;
        self.print(&ListReport { messages }, found)
    }

    async fn show(&self, queue: &Queue, arguments: &cli::Show) -> anyhow::Result<Exit> {
        let selection = Selection { ids: [MessageKey::of(&arguments.id)].into(), ..Selection::default() };
        let mut shown = None;
        self.visit(queue, &selection, 1, |message| {
            shown = Some(ShowReport::of(message, reveal(arguments.reveal)));
            Ok(())
        })
        .await?;
        let report = shown.with_context(|| {
            format!("no message `{}` was seen in `{}`; somebody else may hold it", arguments.id, queue.address.name)
        });
        match report {
            Ok(report) => self.print(&report, 1),
            Err(error) => {
                crate::output::say(&format!("{error}"));
                Ok(Exit::NothingMatched)
            }
        }
    }

    async fn replay(&self, queue: &Queue, arguments: &cli::Replay) -> anyhow::Result<Exit> {
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
        let treatment = Treatment::Replay(Box::new(treatment(arguments)?));
        let work =
            Work { command: "replay", filters: &arguments.filters, running: &arguments.running, treatment: &treatment };
        if !arguments.running.execute {
            return self.dry_run(queue, &work, &destination.name()).await;
        }
        self.run(queue, &work, &destination, quarantine.as_ref()).await
    }

    async fn move_to(&self, queue: &Queue, arguments: &cli::Move) -> anyhow::Result<Exit> {
        let destination = Destination::Queue(self.aws.queue(&arguments.to).await?);
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

    async fn purge(&self, queue: &Queue, arguments: &cli::Purge) -> anyhow::Result<Exit> {
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

    async fn export(&self, queue: &Queue, arguments: &cli::Export) -> anyhow::Result<Exit> {
        let selection = selection(&arguments.filters)?;
        let file = ArchiveFile::create(&arguments.file)?;
        let mut exported = 0;
        let most = arguments.filters.limit.unwrap_or(u64::MAX);
        self.visit(queue, &selection, most, |message| {
            exported += 1;
            file.append(std::iter::once(message)).map(|_| ()).map_err(Into::into)
        })
        .await?;
        let report =
            ExportReport { queue: queue.address.arn.clone(), file: arguments.file.display().to_string(), exported };
        self.print(&report, exported)
    }

    async fn import(&self, queue: Queue, arguments: &cli::Import) -> anyhow::Result<Exit> {
        let (running, file) = (&arguments.running, &arguments.file);
        if !running.execute {
            let mut report = DryRunReport::new("import", &file.display().to_string(), &queue.address.arn);
            for message in crate::archive::read(file)? {
                report.add(&message?, &Selection::default(), &Treatment::Move, reveal(running.reveal));
            }
            let found = report.meant();
            return self.print(&report, found);
        }
        confirm(running, count(file)?, "import", &queue)?;
        let destination = Destination::Queue(queue);
        self.finish(import(file, &destination, running, &journal::folder()?, &self.interrupt).await?)
    }

    async fn watch(&self, queue: &Queue, arguments: &cli::Watch) -> anyhow::Result<Exit> {
        let every = Duration::from_secs(arguments.every);
        watch(queue, every, arguments.looks, &self.interrupt, |report| print(report, self.global.json)).await?;
        Ok(Exit::Done)
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

    async fn visit(
        &self,
        queue: &Queue,
        selection: &Selection,
        most: u64,
        mut visit: impl FnMut(&Message) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let (mut found, mut fault) = (0, None);
        self.scan(queue)
            .visit(|message| {
                if selection.takes(message, Timestamp::now()) {
                    found += 1;
                    fault = visit(message).err();
                }
                let enough = found >= most || fault.is_some() || selection.is_complete_with(found);
                if enough { Look::Enough } else { Look::On }
            })
            .await?;
        fault.map_or(Ok(()), Err)
    }

    fn scan<'a>(&'a self, queue: &'a Queue) -> Scan<'a> {
        Scan { queue, taking: self.taking(), workers: self.global.concurrency.into(), interrupt: &self.interrupt }
    }

    fn taking(&self) -> Taking {
        Taking { hidden: Duration::from_secs(self.global.visibility.into()), ..Taking::default() }
    }

    fn print(&self, report: &impl Report, found: u64) -> anyhow::Result<Exit> {
        print(report, self.global.json)?;
        Ok(match found {
            _ if self.interrupt.is_asked() => Exit::Interrupted,
            0 => Exit::NothingMatched,
            _ => Exit::Done,
        })
    }
}

/// What the commands that change something have in common.
struct Work<'a> {
    command: &'static str,
    filters: &'a Filters,
    running: &'a Running,
    treatment: &'a Treatment,
}

fn reveal(wanted: bool) -> Reveal {
    if wanted { Reveal::Everything } else { Reveal::Nothing }
}

fn selection(filters: &Filters) -> anyhow::Result<Selection> {
    Ok(Selection {
        reasons: filters.reason.clone(),
        attributes: filters.attribute.clone(),
        older_than: filters.older_than.as_deref().map(age).transpose()?,
        newer_than: filters.newer_than.as_deref().map(age).transpose()?,
        ids: filters.id.iter().map(|id| MessageKey::of(id)).collect(),
        filter: filters.filter.as_deref().map(Jq::compile).transpose()?,
    })
}

fn treatment(arguments: &cli::Replay) -> anyhow::Result<Replay> {
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

fn history(arguments: &cli::History, json: bool) -> anyhow::Result<Exit> {
    let mut runs = past_runs(&journal::folder()?)?;
    runs.truncate(arguments.limit);
    let exit = if runs.is_empty() { Exit::NothingMatched } else { Exit::Done };
    print(&HistoryReport { runs }, json)?;
    Ok(exit)
}
