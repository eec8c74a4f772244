//! The project's commands: `cargo xtask demo | bench | adopt | runbook | test | up | down | lint | package | deploy | template | release`.
//!
//! No dependencies, so that it starts in seconds on a fresh clone; whatever needs more is a binary of the workspace that it builds and runs.

mod architecture;
mod cdk_arguments;
mod cdk_packages;
mod deploy;
mod files;
mod lint;
mod package;
mod release;
mod release_build;
mod second_build;
mod step;
mod template;
mod test;

use std::process::ExitCode;

use step::{Failure, USAGE_ERROR, build, hand_over, program, say};

const USAGE: &str = "\
usage: cargo xtask <command>

  demo [--users N] [--keep] [--json]   sign users up and watch each become a row, on real parts on this machine
  bench outage [--minutes N]           stop the database while people sign up, and count whom two deployments lose
  bench concurrency                    let eight consumers take 50,000 messages with duplicates, and count rows and deadlocks
  bench producer [--repetitions N]     start the producer and its peers, and write docs/benchmarks/producer.md
  bench replay [--repetitions N] [--messages N] [--only ROW]
                                       compare dlq-replayer with its peers, and write docs/benchmarks/replay.md
  bench consumer [--repetitions N] [--only ROW] [--consumer FILE]
                                       compare the consumer with its peers, and write docs/benchmarks/consumer.md
  test                                 run every test, Rust and CDK
  up                                   start the local stack, leave it running, print its environment
  down                                 stop it
  adopt [--only python|typescript]     install the construct library into a user's CDK app, deploy it, and wait for the row of a sign-up
  runbook                              play a night with 1,000 dead letters, and write it into docs/runbook.md
  lint                                 format, clippy, docs, dependencies, workflows, TypeScript, template
  package [--architecture arm64|x86_64] [--verify]
                                       build the functions for Lambda into target/lambda/; --verify: twice, and compare
  deploy [--plan] [-- OPTIONS]         package, and deploy to your AWS account; --plan: show what would change, and change nothing
                                       OPTIONS go to the cdk CLI: -c key=value, --parameters Name=value, --profile name
  template [--output DIR] [-- -c key=value]
                                       write CloudFormation templates and zips, for deploying without the CDK
  release --dry-run [--only programs|packages]
                                       make what a release holds into target/release-artefacts/, and try each piece";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let done = match (command.as_str(), rest.as_slice()) {
        ("demo" | "bench" | "adopt", rest) => Some(run(&command, rest)),
        ("test", []) => Some(test::test()),
        ("up" | "down", []) => Some(run("local-stack", &[command])),
        ("runbook", []) => Some(run("runbook", &[])),
        ("lint", []) => Some(lint::lint()),
        ("package", rest) => package::Options::parse(rest).map(|options| package::package(&options)),
        ("deploy", rest) => deploy::Options::parse(rest).map(|options| deploy::deploy(&options)),
        ("template", rest) => template::Options::parse(rest).map(|options| template::template(&options)),
        ("release", rest) => release::Options::parse(rest).map(|options| release::release(&options)),
        ("help" | "--help" | "-h", _) => {
            say(USAGE);
            Some(Ok(()))
        }
        _ => None,
    };
    match done {
        None => usage_error(),
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(failure)) => failure.report(),
    }
}

fn usage_error() -> ExitCode {
    say(USAGE);
    ExitCode::from(USAGE_ERROR)
}

/// Builds the workspace's binaries and runs one of them; its exit code becomes ours.
fn run(name: &str, arguments: &[String]) -> Result<(), Failure> {
    build()?;
    hand_over(program(name)?.args(arguments))
}
