//! TODO

pub mod counts;
pub mod diff;
pub mod dry_run;
pub mod exit;
pub mod export;
pub mod history;
pub mod list;
pub mod masking;
pub mod output;
pub mod progress;
#[cfg(test)]
mod schema;
pub mod summary;
pub mod triage;
pub mod watch;
