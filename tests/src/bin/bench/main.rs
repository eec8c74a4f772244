//! `bench`: the long proofs of the consumer, each really run on local stacks of its own, and the measurements of the replayer, the producer and the consumer.
//!
//! Figures go to standard output, progress to standard error; the exit code says whether the promise held.

mod concurrency;
mod consumer;
mod figures;
mod graph;
mod ink;
mod machine;
mod outage;
mod page_file;
mod panel;
mod producer;
mod replay;
mod setup;
mod statistics;
mod table;
mod target;
mod track;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::Context;
use clap::{Parser, Subcommand};

/// Proves what takes minutes.
#[derive(Parser)]
#[command(name = "cargo xtask bench")]
struct Arguments {
    #[command(subcommand)]
    proof: Proof,
}

#[derive(Subcommand)]
enum Proof {
    /// Stops the database for minutes under two deployments, the usual one and rollcall's own, while people sign up, and counts whom each of them loses.
    Outage(outage::Arguments),
    /// Lets eight consumers take messages with duplicates among them at the same time, and counts rows and deadlocks.
    Concurrency(concurrency::Arguments),
    /// Compares dlq-replayer with lumigo-cli, a boto3 script and a bare client, and writes docs/benchmarks/replay.md.
    Replay(replay::Arguments),
    /// Starts the producer, and triggers for the same job in Python, JavaScript and Rust, and writes docs/benchmarks/producer.md.
    Producer(producer::Arguments),
    /// Compares the consumer with functions in Python, Node.js and Rust that do the same, and writes docs/benchmarks/consumer.md.
    Consumer(consumer::Arguments),
}

/// Whether the promise held in this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Kept,
    Broken,
}

fn main() -> ExitCode {
    match prove(&Arguments::parse().proof) {
        Ok(Verdict::Kept) => ExitCode::SUCCESS,
        Ok(Verdict::Broken) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn prove(proof: &Proof) -> anyhow::Result<Verdict> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    match proof {
        Proof::Outage(arguments) => outage::run(arguments, &runtime),
        Proof::Concurrency(arguments) => concurrency::run(arguments, &runtime),
        Proof::Replay(arguments) => replay::run(arguments),
        Proof::Producer(arguments) => producer::run(arguments, &runtime),
        Proof::Consumer(arguments) => consumer::run(arguments, &runtime),
    }
}

/// Tells a person what goes on.
fn say(line: &str) {
    // Nobody reads it: nothing to be done.
    let _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_usage_of_xtask_has_every_option_of_every_bench() {
        let usage = include_str!("../../../../xtask/src/main.rs");
        let arguments = Arguments::command();
        for bench in arguments.get_subcommands() {
            let begin = format!("  bench {} ", bench.get_name());
            let line = usage.lines().find(|line| line.starts_with(&begin)).unwrap_or_else(|| panic!("no `{begin}`"));
            for option in
                bench.get_arguments().filter_map(|argument| argument.get_long()).filter(|name| *name != "help")
            {
                assert!(line.contains(&format!("[--{option} ")), "`--{option}` is missing in: {line}");
            }
        }
    }
}
