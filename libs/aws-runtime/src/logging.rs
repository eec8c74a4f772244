//! Logs as JSON lines on standard output, which Lambda carries to CloudWatch Logs.
//!
//! E-mail addresses, names, phone numbers, bodies and whole events never reach a log.
//! The contract's types hide their text in `Debug`; whoever logs a field by hand logs ids.

use tracing::level_filters::LevelFilter;

use crate::environment::Environment;

/// Turns logging on for this process. The level comes from `AWS_LAMBDA_LOG_LEVEL` (Lambda's advanced logging controls set it), then `LOG_LEVEL`, then is INFO.
///
/// A second call changes nothing.
pub fn init(environment: &Environment) {
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_target(false)
        .with_max_level(level(environment))
        .finish();
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

/// An error and everything that caused it in one line: each operation's words once, outermost first.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lambdas_own_setting_decides_the_level_and_nonsense_means_info() {
        let of = |name, value| level(&Environment::from_iter([(name, value)]));
        assert_eq!(of("AWS_LAMBDA_LOG_LEVEL", "DEBUG"), LevelFilter::DEBUG);
        assert_eq!(of("LOG_LEVEL", "warn"), LevelFilter::WARN);
        assert_eq!(of("LOG_LEVEL", "loud"), LevelFilter::INFO);
    }
}
