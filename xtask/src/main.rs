//! The project's commands: `cargo xtask demo | bench | runbook | test | up | down | lint | package`.
//!
//! No dependencies, so that it starts in seconds on a fresh clone; whatever needs more is a binary of the workspace that it builds and runs.

mod lint;
mod package;
mod step;
mod test;

use std::process::ExitCode;

use step::{Failure, build, hand_over, program, say};

const USAGE: &str = "\
usage: cargo xtask <command>

  demo [--users N] [--keep] [--json]   sign users up and watch each become a row, on real parts on this machine
  bench outage [--minutes N]           stop the database while people sign up, and count whom two deployments lose
  bench concurrency                    let eight consumers take 50,000 messages with duplicates, and count rows and deadlocks
  test                                 run every test, Rust and CDK
  up                                   start the local stack, leave it running, print its environment
  down                                 stop it
  runbook                              play a night with 1,000 dead letters, and write it into docs/runbook.md
  lint                                 format, clippy, docs, dependencies, TypeScript, template
  package                              build the functions for deployment into target/lambda/";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let done = match (command.as_str(), rest.as_slice()) {
        ("demo" | "bench", rest) => run(&command, rest),
        ("test", []) => test::test(),
        ("up" | "down", []) => run("local-stack", &[command]),
        ("runbook", []) => run("runbook", &[]),
        ("lint", []) => lint::lint(),
        ("package", []) => package::package(),
        ("help" | "--help" | "-h", _) => {
            say(USAGE);
            Ok(())
        }
        _ => return usage_error(),
    };
    done.map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS)
}

fn usage_error() -> ExitCode {
    const USAGE_ERROR: u8 = 2;
    say(USAGE);
    ExitCode::from(USAGE_ERROR)
}

/// Builds the workspace's binaries and runs one of them; its exit code becomes ours.
fn run(name: &str, arguments: &[String]) -> Result<(), Failure> {
    build()?;
    hand_over(program(name)?.args(arguments))
}
