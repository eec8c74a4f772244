//! Metrics in CloudWatch's Embedded Metric Format: one JSON line in the log becomes a metric, without an API call in the request.
//!
//! Source: "Specification: Embedded metric format" in the Amazon CloudWatch user guide.

use std::io::Write;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::environment::{Environment, VariableError};

/// The namespace of every metric of this project.
pub const NAMESPACE: &str = "rollcall";

/// What a worker's metrics are called unless `METRICS_NAME` says otherwise.
const WORKER: &str = "consumer-worker";

const NAME_HOLDS: &str = "a name for the worker's metrics, such as the name of the deployed consumer function: up to 1,024 printable ASCII characters, the first one not a colon";

/// Characters of a dimension's value, CloudWatch's own limit.
const NAME_CHARACTERS: usize = 1_024;

/// Values of one metric that one line may hold, the format's own limit.
const VALUES: usize = 100;

#[derive(Clone, Copy, Debug)]
enum Unit {
    Count,
    Milliseconds,
}

/// A metric with its data points.
#[derive(Clone, Copy, Debug)]
pub struct Metric<'a> {
    name: &'a str,
    unit: Unit,
    values: &'a [f64],
}

impl Unit {
    fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
        }
    }
}

/// Where the metrics of one function or worker go: the dimension is its name, one per deployment, so that it costs one metric each.
pub struct Metrics {
    function: String,
    write: Box<dyn Fn(&str) + Send + Sync>,
}

impl Metrics {
    /// To standard output, for the function that this process is (`AWS_LAMBDA_FUNCTION_NAME`), or `local` outside Lambda.
    pub fn of_function(environment: &Environment) -> Self {
        Self::written_by(environment, to_stdout)
    }

    /// To standard output, for a worker outside Lambda: under the name that `METRICS_NAME` gives it, or `consumer-worker`.
    ///
    /// # Errors
    ///
    /// [`VariableError`] if CloudWatch would reject the name, and with it every metric.
    pub fn of_worker(environment: &Environment) -> Result<Self, VariableError> {
        let name = environment.optional("METRICS_NAME").unwrap_or(WORKER);
        match fault_of(name) {
            None => Ok(Self { function: name.to_owned(), write: Box::new(to_stdout) }),
            Some(why) => {
                Err(VariableError::Unreadable { name: "METRICS_NAME", holds: NAME_HOLDS, why: why.to_owned() })
            }
        }
    }

    /// To wherever `write` puts a line.
    pub fn written_by(environment: &Environment, write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        let function = environment.optional("AWS_LAMBDA_FUNCTION_NAME").unwrap_or("local").to_owned();
        Self { function, write: Box::new(write) }
    }

    /// Writes these metrics, under the function's name alone.
    pub fn emit(&self, metrics: &[Metric<'_>]) {
        self.emit_with(None, metrics);
    }

    /// Writes these metrics under one more dimension, and in all, because an alarm cannot search. Every value of the dimension is a metric that is paid for: use closed vocabularies only.
    pub fn emit_by(&self, name: &str, value: &str, metrics: &[Metric<'_>]) {
        self.emit_with(Some((name, value)), metrics);
    }

    fn emit_with(&self, dimension: Option<(&str, &str)>, metrics: &[Metric<'_>]) {
        let longest = metrics.iter().map(|metric| metric.values.len()).max().unwrap_or(0);
        for line in 0..longest.div_ceil(VALUES) {
            let part: Vec<_> = metrics.iter().filter_map(|metric| metric.part(line)).collect();
            (self.write)(&self.document(dimension, &part, Timestamp::now()).to_string());
        }
    }

    fn document(&self, dimension: Option<(&str, &str)>, metrics: &[Metric<'_>], at: Timestamp) -> Value {
        let definitions: Vec<Value> =
            metrics.iter().map(|metric| json!({ "Name": metric.name, "Unit": metric.unit.as_str() })).collect();
        let dimensions: Vec<Vec<&str>> =
            dimension.map(|(name, _)| vec!["FunctionName", name]).into_iter().chain([vec!["FunctionName"]]).collect();
        let mut document = Map::new();
        document.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": at.as_millisecond(),
                "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": definitions }],
            }),
        );
        document.insert("FunctionName".to_owned(), json!(self.function));
        document.extend(dimension.map(|(name, value)| (name.to_owned(), json!(value))));
        document.extend(metrics.iter().map(|metric| (metric.name.to_owned(), metric.value())));
        Value::Object(document)
    }
}

fn to_stdout(line: &str) {
    // A closed standard output is nothing that a sign-up should fail for.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Why CloudWatch would reject a dimension's value.
///
/// Source: `Dimension` in the Amazon CloudWatch API reference.
fn fault_of(name: &str) -> Option<&'static str> {
    if name.starts_with(':') {
        Some("it begins with a colon")
    } else if name.trim().is_empty() {
        Some("it is blank")
    } else if name.len() > NAME_CHARACTERS {
        Some("it is too long")
    } else if name.bytes().any(|byte| !matches!(byte, b' '..=b'~')) {
        Some("it has other characters than printable ASCII")
    } else {
        None
    }
}

impl<'a> Metric<'a> {
    /// A number of things.
    pub fn count(name: &'a str, value: &'a f64) -> Self {
        Self { name, unit: Unit::Count, values: std::slice::from_ref(value) }
    }

    /// Times, each a data point.
    pub fn milliseconds(name: &'a str, values: &'a [f64]) -> Self {
        Self { name, unit: Unit::Milliseconds, values }
    }

    fn part(&self, line: usize) -> Option<Self> {
        let values = self.values.chunks(VALUES).nth(line)?;
        Some(Self { name: self.name, unit: self.unit, values })
    }

    fn value(&self) -> Value {
        match self.values {
            [one] => json!(one),
            many => json!(many),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(emit: impl Fn(&Metrics)) -> Vec<Value> {
        let (line, lines) = std::sync::mpsc::channel();
        let environment = Environment::from_iter([("AWS_LAMBDA_FUNCTION_NAME", "rollcall-producer")]);
        emit(&Metrics::written_by(&environment, move |text| line.send(serde_json::from_str(text).unwrap()).unwrap()));
        lines.try_iter().collect()
    }

    #[test]
    fn a_line_has_the_shape_that_cloudwatch_reads() {
        let mut lines = lines(|metrics| metrics.emit_by("Reason", "panic", &[Metric::count("Poison", &2.0)]));
        assert!(lines[0]["_aws"]["Timestamp"].take().is_i64());
        assert_eq!(
            lines[0],
            json!({
                "_aws": {
                    "Timestamp": null,
                    "CloudWatchMetrics": [{
                        "Namespace": "rollcall",
                        "Dimensions": [["FunctionName", "Reason"], ["FunctionName"]],
                        "Metrics": [{ "Name": "Poison", "Unit": "Count" }],
                    }],
                },
                "FunctionName": "rollcall-producer",
                "Reason": "panic",
                "Poison": 2.0,
            })
        );
    }

    #[test]
    fn a_workers_metrics_have_the_name_that_the_operator_gives() {
        let of = |name: &str| Metrics::of_worker(&Environment::from_iter([("METRICS_NAME", name)]));
        let function = |name: &str| of(name).map(|metrics| metrics.function).map_err(|error| error.to_string());
        assert_eq!(function("").unwrap(), "consumer-worker");
        assert_eq!(function("rollcall-consumer").unwrap(), "rollcall-consumer");
        for (name, why) in [
            (":x", "begins with a colon"),
            ("  ", "is blank"),
            ("zählung", "has other characters"),
            ("a\tb", "has other characters"),
            (&"x".repeat(1_025), "is too long"),
        ] {
            let error = function(name).unwrap_err();
            assert!(error.starts_with("the environment variable `METRICS_NAME` is not valid: it "), "{error}");
            assert!(error.contains(why), "{name:.9}: {error}");
        }
        let environment = Environment::from_iter([("METRICS_NAME", "mine"), ("AWS_LAMBDA_FUNCTION_NAME", "function")]);
        assert_eq!(
            Metrics::of_function(&environment).function,
            "function",
            "a function is called what Lambda calls it"
        );
    }

    #[test]
    fn more_values_than_a_line_may_hold_make_more_lines() {
        let times = vec![1.5; 250];
        let lines =
            lines(|metrics| metrics.emit(&[Metric::count("Inserted", &250.0), Metric::milliseconds("Ms", &times)]));
        let counts: Vec<_> = lines.iter().map(|line| line["Ms"].as_array().unwrap().len()).collect();
        assert_eq!(counts, [100, 100, 50]);
        assert_eq!(lines[0]["Inserted"], 250.0);
        assert!(lines[1]["Inserted"].is_null(), "a count is counted once");
    }
}
