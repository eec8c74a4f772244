//! What may follow `--poll` on the command line.

use std::{net::SocketAddr, ops::RangeInclusive, time::Duration};

use crate::usage;

/// Batches in work at the same time unless the command line says otherwise.
const WORKERS: usize = 2;

/// As many as one process may have; for more, run more processes.
const MOST_WORKERS: RangeInclusive<usize> = 1..=64;

/// A worker that makes no progress for so long is stalled: the sum of what one round may take, and some.
const STALLED_AFTER: Duration = Duration::from_secs(90);

/// Everything that `consumer` takes.
const KNOWN: [&str; 4] = ["--poll", "--workers", "--health", "--help"];

/// How the worker runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerOptions {
    /// Batches in work at the same time.
    pub workers: usize,
    /// Where checks of its health are answered, if anywhere.
    pub health: Option<SocketAddr>,
    /// How long a worker may make no progress before the check fails.
    pub stalled_after: Duration,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self { workers: WORKERS, health: None, stalled_after: STALLED_AFTER }
    }
}

impl WorkerOptions {
    /// Reads the command line of a worker, which begins with `--poll`.
    ///
    /// # Errors
    ///
    /// What is wrong and what to do, in two lines for the command line.
    pub fn parse(arguments: &[&str]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut rest = arguments.iter();
        match rest.next() {
            Some(&"--poll") => {}
            Some(&first) if KNOWN.contains(&first) => return Err(format!("`{first}` needs `--poll` before it")),
            first => return Err(usage::unknown(first.copied().unwrap_or_default(), &KNOWN, "consumer")),
        }
        while let Some(flag) = rest.next() {
            let value = rest.next().copied();
            match *flag {
                "--workers" => {
                    let workers = value.and_then(|value| value.parse().ok());
                    let workers = workers.filter(|workers| MOST_WORKERS.contains(workers));
                    options.workers = workers.ok_or_else(|| with_hint("`--workers` must be a number from 1 to 64"))?;
                }
                "--health" => {
                    let address = value.and_then(|value| value.parse().ok());
                    let wanted = "`--health` must be an address with a port, such as 127.0.0.1:8080";
                    options.health = Some(address.ok_or_else(|| with_hint(wanted))?);
                }
                other => return Err(usage::unknown(other, &KNOWN, "consumer")),
            }
        }
        Ok(options)
    }
}

fn with_hint(wrong: &str) -> String {
    format!("{wrong}\nhint: `consumer --help` lists the options")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_a_default() {
        let options = WorkerOptions::parse(&["--poll"]).unwrap();
        assert_eq!((options.workers, options.health), (2, None));
        let options = WorkerOptions::parse(&["--poll", "--health", "127.0.0.1:8080", "--workers", "8"]).unwrap();
        assert_eq!((options.workers, options.health), (8, Some(([127, 0, 0, 1], 8080).into())));
    }

    #[test]
    fn a_wrong_value_is_named_with_what_it_must_be() {
        const LISTED: &str = "`consumer --help` lists the options";
        for (arguments, error, hint) in [
            (&["--poll", "--workers", "0"][..], "`--workers` must be a number from 1 to 64", LISTED),
            (&["--poll", "--workers"], "`--workers` must be a number from 1 to 64", LISTED),
            (
                &["--poll", "--health", "8080"],
                "`--health` must be an address with a port, such as 127.0.0.1:8080",
                LISTED,
            ),
            (&["--poll", "--healht", "x"], "unknown argument `--healht`", "did you mean `--health`?"),
            (&["--pol"], "unknown argument `--pol`", "did you mean `--poll`?"),
            (&["run"], "unknown argument `run`", LISTED),
        ] {
            assert_eq!(WorkerOptions::parse(arguments).unwrap_err(), format!("{error}\nhint: {hint}"));
        }
        assert_eq!(WorkerOptions::parse(&["--workers", "2"]).unwrap_err(), "`--workers` needs `--poll` before it");
    }
}
