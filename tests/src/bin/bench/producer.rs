//! Compares the producer's start with its peers', and with its targets.

mod page;
mod runs;
mod targets;
mod trials;

use std::{
    io::{self, Write},
    path::PathBuf,
};

use jiff::Timestamp;
use pipeline_tests::cold_start::{Program, Programs};
use runs::{Conditions, Run, Size};
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::{
    Verdict,
    machine::{self, Machine},
    page_file::Page,
    say,
    target::{Target, name_missed, target_table},
};

/// Starts of each program, unless the caller says otherwise.
const REPETITIONS: u32 = 21;

/// The page that is written, and its figures beside it.
const PAGE: Page = Page { name: "producer", title: "How fast the producer starts" };

/// The programs, in the order of the tables.
const PROGRAMS: [Program; 6] =
    [Program::Producer, Program::FirstUse, Program::ForSpeed, Program::Rust, Program::Node, Program::Python];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often each program is started under the same conditions.
    #[arg(long, default_value_t = REPETITIONS, value_parser = clap::value_parser!(u32).range(1..=200))]
    repetitions: u32,
    /// The folder that `producer.md` and `producer.json` are written to.
    #[arg(long, default_value = "docs/benchmarks")]
    into: PathBuf,
}

/// Everything that was measured, and on what; `producer.json` is this.
#[derive(Serialize)]
struct Report {
    date: String,
    command: String,
    commit: Option<String>,
    machine: Machine,
    versions: Vec<(String, String)>,
    repetitions: u32,
    targets: Vec<Target>,
    sizes: Vec<Size>,
    runs: Vec<Run>,
}

/// Measures, writes the page, and says which targets were missed.
///
/// A missed target is a result, not a failure; an event that was not published once is one.
pub(crate) fn run(arguments: &Arguments, runtime: &Runtime) -> anyhow::Result<Verdict> {
    PAGE.check(&arguments.into)?;
    // Before the builds, which would count as a load of the machine.
    let machine = Machine::here();
    say("installing the peers, building them and the producer for release");
    let programs = Programs::prepare()?;
    let runs = runtime.block_on(trials::all(&programs, arguments.repetitions))?;
    let sizes = PROGRAMS
        .into_iter()
        .map(|program| Ok(Size { program, zip_bytes: programs.zip_bytes(program)? }))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let report = Report {
        date: Timestamp::now().strftime("%Y-%m-%d").to_string(),
        command: command(arguments.repetitions),
        commit: machine::commit(),
        machine,
        versions: programs.versions()?,
        repetitions: arguments.repetitions,
        targets: targets::targets(&runs, &sizes),
        sizes,
        runs,
    };
    PAGE.write(&arguments.into, &page::render(&report), &report)?;
    show(&report)
}

/// What the caller would type to get the same again.
fn command(repetitions: u32) -> String {
    let option = if repetitions == REPETITIONS { String::new() } else { format!(" --repetitions {repetitions}") };
    format!("cargo xtask bench producer{option}")
}

fn show(report: &Report) -> anyhow::Result<Verdict> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "\n{}", target_table(&report.targets))?;
    name_missed(&report.targets, &mut stdout)?;
    let complaints: Vec<_> = report.runs.iter().filter_map(Run::complaint).collect();
    for complaint in &complaints {
        writeln!(stdout, "✗ {complaint}")?;
    }
    if !complaints.is_empty() {
        return Ok(Verdict::Broken);
    }
    writeln!(stdout, "✓ {} starts, and every event was published once", report.runs.len())?;
    Ok(Verdict::Kept)
}

impl Conditions {
    /// What stands above its table.
    fn title(self) -> &'static str {
        match self {
            Self::Whole => "A whole processor",
            Self::Delayed => "A whole processor, 10 ms until PutEvents answers",
            Self::Limited => "A whole processor during init, then the share of 256 MB",
        }
    }
}

/// Its name in tables.
fn name(program: Program) -> &'static str {
    match program {
        Program::Producer => "producer, as packaged",
        Program::FirstUse => "producer, handshake at first use",
        Program::ForSpeed => "producer, optimized for speed",
        Program::Python => "Python with boto3",
        Program::Node => "JavaScript with the AWS SDK",
        Program::Rust => "Rust after AWS's example",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_names_what_is_not_the_default() {
        assert_eq!(command(REPETITIONS), "cargo xtask bench producer");
        assert_eq!(command(5), "cargo xtask bench producer --repetitions 5");
    }
}
