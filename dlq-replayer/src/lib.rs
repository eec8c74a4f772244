//! Triage, fix and replay the messages of any SQS dead-letter queue, safe at every step (promise P5).
//!
//! `commands` has a function per command; `transfer` takes messages from a queue, `replay` decides about each,
//! and `delivery` is the only way in which one leaves.
//!
//! Architecture invariant: no queue is a trait; what SQS does wrong is made at the wire, in the tests.

pub mod cli;
pub mod journal;
pub mod report;
pub mod rules;
pub mod run;
pub mod sqs;
