//! `demo`: people sign up through the real Cognito API, and each becomes a row, on real parts on this machine.
//! In the second act the consumer is given messages that can never become rows, and an operator with the replayer puts that right.
//!
//! The result goes to standard output, progress to standard error; the exit code says whether every user got exactly one row.

mod journey;
mod preparation;
mod report;
mod show;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::Context;
use clap::Parser;
use pipeline_tests::{
    Options, Stack,
    dead_letters::{Scene, Story},
};

use crate::{preparation::Preparation, report::Report};

/// Most users of one run: above, the emulators are what is shown, and a run takes minutes.
const MOST_USERS: i64 = 10_000;

/// Dead letters of the second act: forty of each of five kinds, enough to see that a canary holds the rest back.
const POISON: usize = 200;

/// Signs users up on a local stack and watches each become exactly one row; then gives the consumer what can never be a row, and mends it with the replayer.
#[derive(Parser)]
#[command(name = "cargo xtask demo")]
struct Arguments {
    /// How many users sign up, one after the other.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=MOST_USERS))]
    users: u32,
    /// Leave the stack running afterwards, until Ctrl-C.
    #[arg(long)]
    keep: bool,
    /// Print one JSON document instead of pictures.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    match demo(&Arguments::parse()) {
        Ok(report) if report.every_user_has_exactly_one_row() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            // Nobody reads it: nothing to be done.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn demo(arguments: &Arguments) -> anyhow::Result<Report> {
    let preparation = Preparation::begin();
    let stack = Stack::start(&Options::default(), &|step| preparation.show(&step))?;
    let prepared = preparation.end();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    let mut report = runtime.block_on(journey::sign_up(&stack, arguments.users, prepared))?;
    let mut stdout = io::stdout().lock();
    if !arguments.json {
        show::show(&report, &mut stdout)?;
    }
    let mut tell = |scene: &Scene| {
        if !arguments.json {
            // Nobody reads it: nothing to be done.
            let _ = show::scene(scene, &mut stdout);
        }
        report.dead_letters.push(scene.clone());
    };
    runtime.block_on(Story::new(&stack, &mut tell)?.tell(POISON))?;
    if arguments.json {
        serde_json::to_writer(&mut stdout, &report)?;
        writeln!(stdout)?;
    } else {
        show::verdict(&report, &mut stdout)?;
    }
    if arguments.keep {
        keep(&stack)?;
    }
    stack.stop();
    Ok(report)
}

fn keep(stack: &Stack) -> anyhow::Result<()> {
    let mut stderr = io::stderr().lock();
    writeln!(stderr, "\nthe stack stays up until you press Ctrl-C; to use it from another terminal:")?;
    for (name, value) in stack.environment() {
        writeln!(stderr, "export {name}='{value}'")?;
    }
    drop(stderr);
    loop {
        std::thread::park();
    }
}
