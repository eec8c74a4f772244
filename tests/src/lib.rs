//! The local stack as a library, and what the tests of the whole path share.
//!
//! [`Stack::start`] gives a running pipeline without Docker: `toolbox` finds Python, Node.js and Postgres, `cache`
//! installs LocalStack and cognito-local once, `run` holds what one stack writes, `leash` keeps a service from
//! outliving its owner, `pipeline` builds what `deployment` deploys, and [`standing`] keeps a stack up between commands.

mod cache;
mod certificates;
pub mod clients;
mod cognito;
pub mod cold_start;
pub mod consumer_peers;
pub mod dead_letters;
pub mod deadlocks;
mod deployment;
pub mod first_request;
pub mod functions;
mod hint;
mod http_request;
mod leash;
pub mod lint_tools;
mod localstack;
mod loopback;
pub mod mailbox;
pub mod messages;
pub mod moto;
pub mod peers;
pub mod people;
mod pgbouncer;
mod pipeline;
mod postgres;
mod progress;
pub mod queues;
pub mod relay;
pub mod replayer;
mod run;
pub mod runtime_api;
pub mod scripted_http;
pub mod sqs_model;
mod stack;
pub mod standing;
pub mod summaries;
pub mod tap;
pub mod target;
pub mod tcp_proxy;
mod toolbox;
pub mod user_pool;
pub mod wait;

use std::path::{Path, PathBuf};

pub use localstack::LocalStack;
pub use pgbouncer::PgBouncer;
pub use pipeline::Outputs;
pub use postgres::Postgres;
pub use progress::{Progress, Step};
pub use stack::{Options, Stack};

/// The one region of the local stack.
const REGION: &str = "us-east-1";

/// Access key id and secret of the local stack.
const CREDENTIAL: &str = "test";

/// The folder of the workspace.
fn clone() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_owned)
}

/// What the local stack is made of besides Rust: the plugin, the scripts and the lock files.
fn assets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("local-stack")
}
