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
mod bench_replay;
mod classification;
mod concurrency;
mod connection_errors;
mod connections;
mod dead_letter_copies;
mod deadlines;
mod deployment;
mod deployment_rollback;
mod doubtful_rows;
mod environments;
mod existing_table;
mod failures;
mod first_request;
mod from_check_to_rows;
mod grants;
mod kill_points;
mod killed;
mod libpq;
mod local_stack;
mod locked_rows;
mod mapped_table;
mod markers;
mod migrations;
mod outage;
mod packages;
mod polling;
mod polling_stalls;
mod polling_stops;
mod pre_sign_up;
mod producer_start;
mod publishing;
mod replay_cli;
mod replay_hazards;
mod replay_large;
mod replay_local_stack;
mod replay_operator;
mod replay_run;
mod replay_stop_points;
mod round_trips;
mod schema;
mod schema_rollback;
mod sign_ups;
mod silent_peers;
mod table_faults;
mod trigger_events;
mod user_pools;
mod wiring;
mod wiring_faults;
mod wiring_moves;
mod wiring_rollback;
mod wiring_schedule;
mod workspace;
