//! Logs as JSON lines on standard output, which Lambda carries to CloudWatch Logs.
//!
//! E-mail addresses, names, phone numbers, bodies and whole events never reach a log.
//! The contract's types hide their text in `Debug`; code that logs a field by hand logs ids.
//! Other crates do not know this rule: the SDK and the runtime log whole requests at TRACE, and sqlx logs the server's notices, in which a table's trigger can quote a row.
//! So a variable raises rollcall's own events only.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{filter::Targets, fmt, layer::SubscriberExt};

use crate::environment::Environment;

/// The crates that keep the rule. A test compares them with the workspace.
pub const OWN_CRATES: [&str; 7] = [
    "consumer",
    "migrate",
    "pre_sign_up",
    "producer",
    "rollcall_aws_runtime",
    "rollcall_custom_resource",
    "trigger_wiring",
];

/// Where sqlx logs what the server says to a client, word for word.
const SERVER_NOTICES: &str = "sqlx::postgres::notice";

/// The most that other crates may log.
const OTHERS: LevelFilter = LevelFilter::WARN;

/// Turns logging on for this process. The level comes from `AWS_LAMBDA_LOG_LEVEL` (Lambda's advanced logging controls set it), then `LOG_LEVEL`, then is INFO.
///
/// A second call changes nothing.
pub fn init(environment: &Environment) {
    let lines = fmt::layer().json().flatten_event(true).with_current_span(false).with_target(false);
    let subscriber = tracing_subscriber::registry().with(targets(level(environment))).with(lines);
    // Fails only when logging is on already, which is what was asked for.
    let _ = tracing::subscriber::set_global_default(subscriber);
    // The usual text of a panic can quote what was being read.
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string);
        tracing::error!(at, "panicked");
    }));
}

fn level(environment: &Environment) -> LevelFilter {
    ["AWS_LAMBDA_LOG_LEVEL", "LOG_LEVEL"]
        .iter()
        .find_map(|name| environment.optional(name)?.to_ascii_lowercase().parse().ok())
        .unwrap_or(LevelFilter::INFO)
}

/// What is logged when the variables say `level`.
fn targets(level: LevelFilter) -> Targets {
    Targets::new()
        .with_default(level.min(OTHERS))
        .with_targets(OWN_CRATES.map(|name| (name, level)))
        .with_target(SERVER_NOTICES, LevelFilter::OFF)
}

/// An error and everything that caused it in one line: each operation's words once, outermost first.
///
/// Some errors of libraries, sqlx's among them, end with the words of their cause.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn the_words_of_a_cause_are_said_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("{words}")]
        struct Failed {
            words: &'static str,
            source: Option<Box<Failed>>,
        }
        let refused = || Some(Box::new(Failed { words: "connection refused", source: None }));
        let repeats = Failed { words: "io: connection refused", source: refused() };
        assert_eq!(chain(&repeats), "io: connection refused");
        assert_eq!(chain(&Failed { words: "cannot connect", source: refused() }), "cannot connect: connection refused");
    }

    #[test]
    fn lambdas_own_setting_decides_the_level_and_nonsense_means_info() {
        let of = |name, value| level(&Environment::from_iter([(name, value)]));
        assert_eq!(of("AWS_LAMBDA_LOG_LEVEL", "DEBUG"), LevelFilter::DEBUG);
        assert_eq!(of("LOG_LEVEL", "warn"), LevelFilter::WARN);
        assert_eq!(of("LOG_LEVEL", "loud"), LevelFilter::INFO);
    }

    #[test]
    fn a_variable_raises_only_our_own_events() {
        let everything = targets(LevelFilter::TRACE);
        assert!(everything.would_enable("consumer::store", &Level::TRACE));
        for other in ["lambda_runtime", "aws_smithy_runtime::client", "hyper", "sqlx::query"] {
            assert!(everything.would_enable(other, &Level::WARN), "{other}");
            assert!(!everything.would_enable(other, &Level::INFO), "{other}");
        }
        assert!(!everything.would_enable(SERVER_NOTICES, &Level::ERROR));
        let errors = targets(LevelFilter::ERROR);
        assert!(!errors.would_enable("consumer", &Level::WARN) && !errors.would_enable("sqlx::query", &Level::WARN));
    }
}
