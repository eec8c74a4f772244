//! What an operator sees: results on standard output, everything else on standard error.

pub mod canary;
pub mod counts;
pub mod diff;
pub mod dry_run;
pub mod exit;
pub mod export;
pub mod group;
pub mod history;
pub mod list;
pub mod masking;
pub mod next;
pub mod output;
pub mod preflight;
pub mod progress;
pub mod samples;
#[cfg(test)]
mod schema;
pub mod show;
pub mod summary;
pub mod triage;
pub mod watch;
