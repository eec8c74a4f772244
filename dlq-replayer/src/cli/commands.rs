//! One function per command: from its arguments to its report on standard output.

mod changing;
mod looking;

use std::time::Duration;

use crate::{
    cli::arguments::{self, Filters},
    cli::command_line::{Cli, Command, Global},
    cli::connect::Aws,
    journal::read::past_runs,
    journal::write as journal,
    report::exit::Exit,
    report::history::HistoryReport,
    report::masking::Reveal,
    report::output::{Report, print},
    rules::jq::Jq,
    rules::select::{Selection, age},
    run::intake::Taking,
    run::interrupt::Interrupt,
    run::scan::Scan,
    sqs::address::QueueArgument,
    sqs::message::MessageKey,
    sqs::queue::Queue,
};

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
        Command::Triage(arguments::Triage { queue, .. })
        | Command::List(arguments::List { queue, .. })
        | Command::Show(arguments::Show { queue, .. })
        | Command::Replay(arguments::Replay { queue, .. })
        | Command::Move(arguments::Move { queue, .. })
        | Command::Export(arguments::Export { queue, .. })
        | Command::Import(arguments::Import { queue, .. })
        | Command::Purge(arguments::Purge { queue, .. })
        | Command::Watch(arguments::Watch { queue, .. }) => queue,
        Command::History(arguments) => return history(arguments, cli.global.json),
        // Those that need neither AWS nor a runtime.
        Command::Completions { .. } | Command::Man => return Ok(Exit::Usage),
    };
    let aws = Aws::connect(&cli.global, &QueueArgument::parse(queue)).await?;
    let region = aws.region().map(str::to_owned);
    let session = Session { global: &cli.global, aws, interrupt };
    let done = session.execute(queue, &cli.command).await;
    done.map_err(|error| {
        match error.downcast_ref().and_then(|call| crate::cli::hints::advice(call, region.as_deref())) {
            Some(advice) => error.context(advice),
            None => error,
        }
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

    pub(super) fn scan<'a>(&'a self, queue: &'a Queue) -> Scan<'a> {
        Scan { queue, taking: self.taking(), workers: self.global.concurrency.into(), interrupt: &self.interrupt }
    }

    pub(super) fn taking(&self) -> Taking {
        Taking { hidden: Duration::from_secs(self.global.visibility.into()), ..Taking::default() }
    }

    pub(super) fn print(&self, report: &impl Report, found: u64) -> anyhow::Result<Exit> {
        print(report, self.global.json)?;
        Ok(match found {
            _ if self.interrupt.is_asked() => Exit::Interrupted,
            0 => Exit::NothingMatched,
            _ => Exit::Done,
        })
    }
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

fn history(arguments: &arguments::History, json: bool) -> anyhow::Result<Exit> {
    let mut runs = past_runs(&journal::folder()?)?;
    runs.truncate(arguments.limit);
    let exit = if runs.is_empty() { Exit::NothingMatched } else { Exit::Done };
    print(&HistoryReport { runs }, json)?;
    Ok(exit)
}
