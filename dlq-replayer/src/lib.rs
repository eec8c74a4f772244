//! Triage, fix and replay the messages of any SQS dead-letter queue, safe at every step (promise P5).
//!
//! `commands` has a function per command; `transfer` takes messages from a queue, `replay` decides about each,
//! and `delivery` is the only way in which one leaves.
//!
//! Architecture invariant: no queue is a trait; what SQS does wrong is made at the wire, in the tests.

pub mod address;
pub mod advice;
pub mod archive;
pub mod arguments;
pub mod breaker;
pub mod bus;
pub mod call_error;
pub mod cause;
pub mod cli;
pub mod commands;
pub mod connect;
pub mod delivery;
pub mod destination;
pub mod dry_run;
pub mod edit;
pub mod exit;
pub mod exported;
pub mod history;
pub mod import;
pub mod intake;
pub mod interrupt;
pub mod journal;
pub mod jq;
pub mod lag;
pub mod manual;
pub mod mask;
pub mod memory;
pub mod message;
pub mod outgoing;
pub mod output;
pub mod pace;
pub mod past;
pub mod progress;
pub mod queue;
pub mod replay;
pub mod run;
pub mod scan;
#[cfg(test)]
mod schema;
pub mod select;
pub mod show;
pub mod summary;
pub mod tally;
pub mod transfer;
pub mod triage;
pub mod watch;
