//! Compares `dlq-replayer` with its peers, and with its targets.

mod page;
mod runs;
mod targets;
mod tool;
mod trials;

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::ValueEnum;
use jiff::Timestamp;
use pipeline_tests::peers::Peers;
use runs::{Conditions, Run};
use serde::Serialize;
use targets::Row;

use crate::{
    Verdict,
    machine::{self, Machine},
    page_file::Page,
    say,
    target::{Target, name_missed, target_table},
};

/// Conditions in the order in which they run; the model is apart, because it needs no emulator.
const EMULATED: [Conditions; 4] = [Conditions::Local, Conditions::Latency, Conditions::Fifo, Conditions::FifoLatency];

/// Messages of a run, and repetitions, unless the caller says otherwise.
const MESSAGES: u32 = 2_000;
const REPETITIONS: u32 = 5;

/// The page that is written, and its figures beside it.
const PAGE: Page = Page { name: "replay", title: "How fast dlq-replayer is" };

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often each tool runs.
    #[arg(long, default_value_t = REPETITIONS, value_parser = clap::value_parser!(u32).range(1..=50))]
    repetitions: u32,
    /// How many messages each run moves, but for the memory row.
    #[arg(long, default_value_t = MESSAGES, value_parser = clap::value_parser!(u32).range(100..=20_000))]
    messages: u32,
    /// Measure this row alone, print it, and write nothing.
    #[arg(long, value_name = "ROW")]
    only: Option<Row>,
    /// The folder that `replay.md` and `replay.json` are written to.
    #[arg(long, default_value = "docs/benchmarks")]
    into: PathBuf,
}

/// How much is measured.
struct Plan {
    repetitions: u32,
    messages: u32,
}

/// Everything that was measured, and on what; `replay.json` is this.
#[derive(Serialize)]
struct Report {
    date: String,
    command: String,
    commit: Option<String>,
    machine: Machine,
    versions: Vec<(String, String)>,
    repetitions: u32,
    messages: u32,
    latency_ms: u128,
    targets: Vec<Target>,
    runs: Vec<Run>,
}

/// Measures, writes the page, and says which targets were missed.
///
/// A missed target is a result, not a failure; a message that did not arrive whole and once is one.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Verdict> {
    let plan = Plan { repetitions: arguments.repetitions, messages: arguments.messages };
    // A page that cannot be rewritten is better known before ten minutes of measuring.
    PAGE.check(&arguments.into)?;
    // Before the build, which would count as a load of the machine.
    let machine = Machine::here();
    say("installing the peers, building dlq-replayer and the bare client for release");
    let peers = Peers::prepare()?;
    let report = measure(arguments, &plan, &peers, machine)?;
    if arguments.only.is_none() {
        PAGE.write(&arguments.into, &page::render(&report), &report)?;
    }
    show(arguments, &report)
}

fn measure(arguments: &Arguments, plan: &Plan, peers: &Peers, machine: Machine) -> anyhow::Result<Report> {
    let wanted: Vec<_> = match arguments.only {
        Some(row) => row.conditions().to_vec(),
        None => Row::value_variants().iter().flat_map(|row| row.conditions()).copied().collect(),
    };
    let emulated: Vec<_> = EMULATED.into_iter().filter(|conditions| wanted.contains(conditions)).collect();
    let mut runs = Vec::new();
    if !emulated.is_empty() {
        runs.extend(trials::emulated(peers, plan, &emulated)?);
    }
    if wanted.contains(&Conditions::Model) {
        runs.extend(trials::memory(peers, plan)?);
    }
    let wanted = |row| arguments.only.is_none_or(|only| only == row);
    let targets =
        targets::targets(&runs).into_iter().filter(|(row, _)| wanted(*row)).map(|(_, target)| target).collect();
    Ok(Report {
        date: Timestamp::now().strftime("%Y-%m-%d").to_string(),
        command: command(arguments),
        commit: machine::commit(),
        machine,
        versions: peers.versions()?,
        repetitions: plan.repetitions,
        messages: plan.messages,
        latency_ms: trials::LATENCY.as_millis(),
        targets,
        runs,
    })
}

/// What the caller would type to get the same again.
fn command(arguments: &Arguments) -> String {
    let numbers = [("repetitions", arguments.repetitions, REPETITIONS), ("messages", arguments.messages, MESSAGES)];
    let changed = numbers.into_iter().filter(|(_, value, default)| value != default);
    let options = changed.map(|(name, value, _)| format!(" --{name} {value}"));
    ["cargo xtask bench replay".to_owned()].into_iter().chain(options).collect()
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
    writeln!(stdout, "✓ {} runs, and every message arrived whole and once", report.runs.len())?;
    Ok(Verdict::Kept)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn the_command_names_what_is_not_the_default() {
        let shown = |arguments: &[&str]| {
            let all = ["replay"].iter().chain(arguments);
            command(&CommandLine::try_parse_from(all).unwrap().arguments)
        };
        assert_eq!(shown(&[]), "cargo xtask bench replay");
        assert_eq!(shown(&["--messages", "500"]), "cargo xtask bench replay --messages 500");
    }

    #[test]
    fn every_row_runs_under_conditions_with_tools() {
        for row in Row::value_variants() {
            assert!(row.conditions().iter().all(|conditions| !conditions.tools().is_empty()), "{row:?}");
        }
    }
}
