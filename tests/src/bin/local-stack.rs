//! `local-stack up` and `local-stack down`: the local stack for as long as a person wants it.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use pipeline_tests::standing::{self, Down, Standing, Up};
use pipeline_tests::{Options, Stack};

/// The pipeline on this machine: LocalStack, Postgres and cognito-local, with the CDK app deployed.
#[derive(Parser)]
#[command(name = "local-stack")]
struct Arguments {
    #[command(subcommand)]
    command: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Starts the stack, leaves it running, and prints the environment to use it with.
    Up,
    /// Stops the stack that `up` has started.
    Down,
    /// Starts a stack of its own, prints its environment, and stops it at Ctrl-C or when its input ends.
    Run,
    /// Holds a stack until it is killed: what `up` leaves running.
    #[command(name = standing::HOLD, hide = true)]
    Hold,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Action::Up => up(),
        Action::Down => down(),
        Action::Run => run(),
        Action::Hold => standing::hold(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn up() -> anyhow::Result<()> {
    let program = std::env::current_exe()?;
    match standing::up(&program, say)? {
        Up::Started(stack) => print(&stack, "the stack is up; `cargo xtask down` stops it"),
        Up::AlreadyUp(stack) => print(&stack, "the stack is already up; `cargo xtask down` stops it"),
    }
}

fn down() -> anyhow::Result<()> {
    match standing::down()? {
        Down::Stopped => say("the stack has stopped"),
        Down::AlreadyDown => say("no stack is up"),
    }
    Ok(())
}

fn run() -> anyhow::Result<()> {
    let stack = Stack::start(&Options::default(), &|step| say(&step.to_string()))?;
    say(&format!("logs: {}", stack.logs.display()));
    export(stack.environment())?;
    // Ctrl-C ends this process at once; the services notice by themselves.
    io::copy(&mut io::stdin(), &mut io::sink())?;
    stack.stop();
    Ok(())
}

fn print(stack: &Standing, message: &str) -> anyhow::Result<()> {
    say(message);
    say(&format!("logs: {}", stack.logs.display()));
    export(stack.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

/// Ready to paste into a shell.
fn export<'a>(environment: impl IntoIterator<Item = (&'a str, &'a str)>) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    for (name, value) in environment {
        writeln!(stdout, "export {name}='{value}'")?;
    }
    Ok(())
}

/// Progress and messages: stdout is for the environment alone.
fn say(line: &str) {
    // Nobody reads it: nothing to be done.
    let _ = writeln!(io::stderr(), "{line}");
}
