//! `dlq-replayer`: triage, fix and replay dead letters.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use dlq_replayer::{
    cli::{command_line::Cli, execute, hints},
    report::exit::Exit,
};

fn main() -> ExitCode {
    let exit = run(&Cli::parse()).unwrap_or_else(|error| hints::explain(&error));
    ExitCode::from(exit.byte())
}

fn run(cli: &Cli) -> anyhow::Result<Exit> {
    // One thread does everything: the program waits for the network, and threads would only wake each other.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("starting the runtime")?.block_on(execute(cli))
}
