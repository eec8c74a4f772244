//! How long the producer's clients take to make, by where their trust roots come from.
//!
//! `cargo run --release -p producer --example client_start`; the figures are in `docs/decisions/0003-trust-roots.md`.
#![expect(clippy::print_stdout, reason = "the output is what it is for")]

use std::{
    process::Command,
    time::{Duration, Instant},
};

use producer::{config::Config, publish::Publisher};
use rollcall_aws_runtime::{environment::Environment, lambda_sdk::sdk_config};

/// Enough for a median that does not move between runs.
const ROUNDS: usize = 51;

/// A Region whose endpoints chain to the compiled-in roots, and one that gets the system's.
const REGIONS: [(&str, &str); 2] = [("compiled in", "eu-west-1"), ("native", "us-gov-west-1")];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Some(region) = std::env::args().nth(1) {
        println!("{}", start(&region)?.as_nanos());
        return Ok(());
    }
    let mut times = REGIONS.map(|(roots, region)| (roots, region, Vec::with_capacity(ROUNDS)));
    // Each in a process of its own, because the SDK keeps what it has loaded; interleaved, so that a busy moment of the machine hits both alike.
    for _ in 0..ROUNDS {
        for (_, region, times) in &mut times {
            let output = Command::new(std::env::current_exe()?).arg(region).output()?;
            times.push(Duration::from_nanos(String::from_utf8(output.stdout)?.trim().parse()?));
        }
    }
    for (roots, _, times) in &mut times {
        times.sort_unstable();
        println!("{roots}: median {:?}, least {:?}", times.get(ROUNDS / 2), times.first());
    }
    Ok(())
}

fn start(region: &str) -> Result<Duration, Box<dyn std::error::Error>> {
    let environment = Environment::from_iter([
        ("EVENT_BUS_NAME", "bus"),
        ("AWS_REGION", region),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "key"),
    ]);
    let config = Config::read(&environment)?;
    let start = Instant::now();
    let publisher = Publisher::new(&sdk_config(&environment)?, config);
    let took = start.elapsed();
    drop(publisher);
    Ok(took)
}
