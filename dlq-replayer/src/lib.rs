//! Triage, fix and replay the messages of any SQS dead-letter queue, safe at every step (promise P5).
//!
//! Six rooms, and imports go one way: `cli` → `run` → `report` → `rules` → `journal` → `sqs`.
//!
//! Architecture invariant: no queue is a trait; what SQS does wrong is made at the wire, in the tests.

pub mod cli;
pub mod journal;
pub mod report;
pub mod rules;
pub mod run;
pub mod sqs;
