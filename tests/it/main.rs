//! The tests of the whole path and of its parts against the real thing. They share one local stack, which the first one starts.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::case_sensitive_file_extension_comparisons,
    reason = "a test says what must hold by panicking, its helper functions included"
)]

mod batches;
mod bench_consumer;
mod classification;
mod connections;
mod existing_table;
mod failures;
mod kill_points;
mod local_stack;
mod outage;
mod polling;
mod pre_sign_up;
mod publishing;
mod sign_ups;
mod wiring;
mod wiring_faults;
mod workspace;
