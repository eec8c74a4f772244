//! `dlq-replayer`: triage, fix and replay dead letters.

use std::{io, process::ExitCode};

use anyhow::Context;
use clap::Parser;
use dlq_replayer::{
    cli::{
        command_line::{Cli, Command},
        commands, manual,
    },
    report::{exit::Exit, output::say},
    run::interrupt::Interrupt,
};

fn main() -> ExitCode {
    let exit = run(&Cli::parse()).unwrap_or_else(|error| {
        say(&format!("error: {error:#}"));
        Exit::Error
    });
    ExitCode::from(exit.byte())
}

fn run(cli: &Cli) -> anyhow::Result<Exit> {
    match cli.command {
        Command::Completions { shell } => manual::completions(shell, &mut io::stdout().lock()),
        Command::Man => manual::man(&mut io::stdout().lock())?,
        // One thread works, so that nothing is shared; the other one listens to signals and the network.
        _ => {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
            return runtime.context("starting the runtime")?.block_on(async {
                let interrupt = Interrupt::listen().context("listening to signals")?;
                Box::pin(commands::execute(cli, interrupt)).await
            });
        }
    }
    Ok(Exit::Done)
}
