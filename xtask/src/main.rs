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
  bench outage [--minutes N] [--batch-size N] [--batch-window SECONDS] [--into FOLDER]
                                       stop the database while people sign up, and count whom two deployments lose
  bench concurrency [--messages N] [--batch-size N] [--batch-window SECONDS] [--seed N]
                                       let eight consumers take messages with duplicates, and count rows and deadlocks
  bench producer [--repetitions N] [--into FOLDER]
                                       start the producer and its peers, and write docs/benchmarks/producer.md
  bench replay [--repetitions N] [--messages N] [--only ROW] [--into FOLDER]
                                       compare dlq-replayer with its peers, and write docs/benchmarks/replay.md
  bench consumer [--repetitions N] [--only ROW] [--consumer FILE] [--into FOLDER]
                                       compare the consumer with its peers, and write docs/benchmarks/consumer.md
  test                                 run every test, Rust and CDK
  up                                   start the local stack, leave it running, print its environment
  down                                 stop it
  adopt [--only python|typescript]     install the construct library into a user's CDK app, deploy it, and wait for the row of a sign-up
  runbook                              play a night with 1,000 dead letters, and write it into docs/runbook.md
  lint                                 format, clippy, docs, dependencies, workflows, TypeScript, template
  package [--architecture arm64|x86_64] [--verify]
                                       build the functions for Lambda into target/lambda/; --verify: twice, and compare
  deploy [--plan] [--architecture arm64|x86_64] [--verify] [-- OPTIONS]
                                       package, and deploy to your AWS account; --plan: show what would change, and change nothing
                                       OPTIONS go to the cdk CLI: -c key=value, --parameters Name=value, --profile name
  template [--output DIR] [-- -c key=value]
                                       write CloudFormation templates and zips, for deploying without the CDK
  release --dry-run [--only programs|packages]
                                       make what a release holds into target/release-artefacts/, and try each piece";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    match dispatch(&command, &rest) {
        Err(wrong) => usage_error(&wrong),
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(failure)) => failure.report(),
    }
}

/// Runs a command; or says what is wrong with the command line.
fn dispatch(command: &str, rest: &[String]) -> Result<Result<(), Failure>, String> {
    Ok(match (command, rest) {
        ("demo" | "bench" | "adopt", rest) => run(command, rest),
        ("test", []) => test::test(),
        ("up" | "down", []) => run("local-stack", &[command.to_owned()]),
        ("runbook", []) => run("runbook", &[]),
        ("lint", []) => lint::lint(),
        ("package", rest) => package::package(&package::Options::parse(rest)?),
        ("deploy", rest) => deploy::deploy(&deploy::Options::parse(rest)?),
        ("template", rest) => template::template(&template::Options::parse(rest)?),
        ("release", rest) => release::release(&release::Options::parse(rest)?),
        ("help" | "--help" | "-h", _) => {
            say(USAGE);
            Ok(())
        }
        ("test" | "up" | "down" | "runbook" | "lint", [first, ..]) => {
            return Err(format!("`{command}` takes no options, and not `{first}`"));
        }
        ("", _) => return Err("there is no command".to_owned()),
        _ => return Err(format!("there is no command `{command}`")),
    })
}

/// What is wrong comes last, where it is seen.
fn usage_error(wrong: &str) -> ExitCode {
    say(USAGE);
    say(&format!("\nerror: {wrong}"));
    ExitCode::from(USAGE_ERROR)
}

/// Builds the workspace's binaries and runs one of them; its exit code becomes ours.
fn run(name: &str, arguments: &[String]) -> Result<(), Failure> {
    build()?;
    hand_over(program(name)?.args(arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(arguments: &[&str]) -> String {
        let mut words = arguments.iter().map(ToString::to_string);
        let command = words.next().unwrap_or_default();
        match dispatch(&command, &words.collect::<Vec<_>>()) {
            Err(wrong) => wrong,
            Ok(_) => panic!("{arguments:?} was run"),
        }
    }

    #[test]
    fn the_wrong_word_is_named() {
        for (arguments, said) in [
            (&[][..], "there is no command"),
            (&["tset"], "there is no command `tset`"),
            (&["up", "--keep"], "`up` takes no options, and not `--keep`"),
            (&["package", "--verfy"], "`package` does not take `--verfy`"),
            (&["package", "--architecture", "arm"], "`--architecture` must be arm64 or x86_64, and not `arm`"),
            (&["package", "--architecture"], "`--architecture` must be arm64 or x86_64, and not nothing"),
            (&["deploy", "--paln"], "`deploy` does not take `--paln`; options for the cdk CLI come after `--`"),
            (&["template", "out"], "`template` does not take `out`; options for the CDK app come after `--`"),
            (&["template", "--output"], "`--output` needs a folder"),
            (&["template", "--", "--profile", "x"], "`template` takes nothing but `-c key=value` after `--`"),
        ] {
            assert_eq!(wrong(arguments), said);
        }
    }
}
