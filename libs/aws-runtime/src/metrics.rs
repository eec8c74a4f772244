//! Metrics in CloudWatch's Embedded Metric Format: one JSON line in the log becomes a metric, without an API call in the request.
//!
//! Source: "Specification: Embedded metric format" in the Amazon CloudWatch user guide.

use std::io::Write;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::environment::Environment;

/// The namespace of every metric of this project.
pub const NAMESPACE: &str = "rollcall";

/// What a number counts.
#[derive(Clone, Copy, Debug)]
pub enum Unit {
    /// Things.
    Count,
    /// Milliseconds.
    Milliseconds,
}

impl Unit {
    fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
        }
    }
}

/// Where the metrics of one function go: the dimension is the function's name, one per deployment, so that it costs one metric each.
pub struct Metrics {
    function: String,
    write: Box<dyn Fn(&str) + Send + Sync>,
}

impl Metrics {
    /// To standard output, for the function that this process is (`AWS_LAMBDA_FUNCTION_NAME`), or `local` outside Lambda.
    pub fn of_function(environment: &Environment) -> Self {
        Self::written_by(environment, |line| {
            // A closed standard output is nothing that a sign-up should fail for.
            let _ = writeln!(std::io::stdout().lock(), "{line}");
        })
    }

    /// To wherever `write` puts a line.
    pub fn written_by(environment: &Environment, write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        let function = environment.optional("AWS_LAMBDA_FUNCTION_NAME").unwrap_or("local").to_owned();
        Self { function, write: Box::new(write) }
    }

    /// Writes one line with these metrics.
    pub fn emit(&self, metrics: &[(&str, Unit, f64)]) {
        (self.write)(&self.document(metrics, Timestamp::now()).to_string());
    }

    fn document(&self, metrics: &[(&str, Unit, f64)], at: Timestamp) -> Value {
        let definitions: Vec<Value> =
            metrics.iter().map(|(name, unit, _)| json!({ "Name": name, "Unit": unit.as_str() })).collect();
        let mut document = Map::new();
        document.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": at.as_millisecond(),
                "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [["FunctionName"]], "Metrics": definitions }],
            }),
        );
        document.insert("FunctionName".to_owned(), json!(self.function));
        for (name, _, value) in metrics {
            document.insert((*name).to_owned(), json!(value));
        }
        Value::Object(document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_shape_that_cloudwatch_reads() {
        let metrics =
            Metrics::of_function(&Environment::from_iter([("AWS_LAMBDA_FUNCTION_NAME", "rollcall-producer")]));
        let at = Timestamp::from_millisecond(1_763_845_200_123).unwrap();
        assert_eq!(
            metrics.document(&[("UserConfirmedUnpublished", Unit::Count, 1.0)], at),
            json!({
                "_aws": {
                    "Timestamp": 1_763_845_200_123_i64,
                    "CloudWatchMetrics": [{
                        "Namespace": "rollcall",
                        "Dimensions": [["FunctionName"]],
                        "Metrics": [{ "Name": "UserConfirmedUnpublished", "Unit": "Count" }],
                    }],
                },
                "FunctionName": "rollcall-producer",
                "UserConfirmedUnpublished": 1.0,
            })
        );
    }
}
