//! Compares the consumer with its peers, and with its targets.

mod page;
mod processors;
mod runs;
mod targets;
mod tool;
mod trials;

use std::{
    io::{self, Write},
    path::PathBuf,
};

use jiff::Timestamp;
use pipeline_tests::consumer_peers::ConsumerPeers;
use runs::Run;
use serde::Serialize;
use targets::Row;
use tokio::runtime::Runtime;

use crate::{
    Verdict,
    machine::{self, Machine},
    page_file::Page,
    say,
    target::{Target, name_missed, target_table},
};

/// How often each tool runs, unless the caller says otherwise.
const REPETITIONS: u32 = 5;

/// The page that is written, and its figures beside it.
const PAGE: Page = Page { name: "consumer", title: "How fast the consumer is" };

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often each tool runs.
    #[arg(long, default_value_t = REPETITIONS, value_parser = clap::value_parser!(u32).range(1..=50))]
    repetitions: u32,
    /// Measure this row alone, print it, and write nothing.
    #[arg(long, value_name = "ROW")]
    only: Option<Row>,
    /// Measure this consumer instead of building one, for example the packaged one.
    #[arg(long, value_name = "FILE")]
    consumer: Option<PathBuf>,
    /// The folder that `consumer.md` and `consumer.json` are written to.
    #[arg(long, default_value = "docs/benchmarks")]
    into: PathBuf,
}

/// Everything that was measured, and on what; `consumer.json` is this.
#[derive(Serialize)]
struct Report {
    date: String,
    command: String,
    commit: Option<String>,
    machine: Machine,
    postgres: String,
    versions: Vec<(String, String)>,
    repetitions: u32,
    targets: Vec<Target>,
    runs: Vec<Run>,
}

/// Measures, writes the page, and says which targets were missed.
///
/// A missed target is a result, not a failure; a user without a row is one.
pub(crate) fn run(arguments: &Arguments, runtime: &Runtime) -> anyhow::Result<Verdict> {
    // A page that cannot be rewritten is better known before ten minutes of measuring.
    PAGE.check(&arguments.into)?;
    // Before the build, which would count as a load of the machine.
    let machine = Machine::here();
    say("installing the peers, building the consumer and the peers in Rust for release");
    let peers = ConsumerPeers::prepare(arguments.consumer.as_deref())?;
    let (runs, postgres) = trials::run(&peers, runtime, arguments.repetitions, arguments.only)?;
    let report = Report {
        date: Timestamp::now().strftime("%Y-%m-%d").to_string(),
        command: command(arguments),
        commit: machine::commit(),
        machine,
        postgres,
        versions: peers.versions()?,
        repetitions: arguments.repetitions,
        targets: targets::targets(&runs),
        runs,
    };
    if arguments.only.is_none() {
        PAGE.write(&arguments.into, &page::render(&report), &report)?;
    }
    show(arguments, &report)
}

/// What the caller would type to get the same again.
fn command(arguments: &Arguments) -> String {
    let changed = (arguments.repetitions != REPETITIONS).then(|| format!(" --repetitions {}", arguments.repetitions));
    let built = arguments.consumer.as_ref().map(|built| format!(" --consumer {}", built.display()));
    ["cargo xtask bench consumer".to_owned()].into_iter().chain(changed).chain(built).collect()
}

fn show(arguments: &Arguments, report: &Report) -> anyhow::Result<Verdict> {
    let mut stdout = io::stdout().lock();
    let text = if arguments.only.is_some() { page::render(report) } else { target_table(&report.targets) };
    writeln!(stdout, "\n{text}")?;
    name_missed(&report.targets, &mut stdout)?;
    let complaints: Vec<_> = report.runs.iter().flat_map(Run::complaints).collect();
    for complaint in &complaints {
        writeln!(stdout, "✗ {complaint}")?;
    }
    if !complaints.is_empty() {
        return Ok(Verdict::Broken);
    }
    writeln!(stdout, "✓ {} runs, and every user whom the table takes has a row", report.runs.len())?;
    Ok(Verdict::Kept)
}
