//! What every binary does at start: read its variables, configure the SDK, set up logging and metrics.
//!
//! Architecture invariant: nothing of the domain in here; a function that publishes invoices could use this crate as it is.

#[cfg(feature = "cli")]
pub mod cli_sdk;
pub mod environment;
pub mod lambda_clock;
pub mod lambda_sdk;
pub mod logging;
pub mod metrics;
pub mod retry;
