//! The tools.

use pipeline_tests::consumer_peers::Peer;
use serde::Serialize;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Tool {
    Consumer,
    BareLoop,
    AnswerOnly,
    ParseThenInsert,
    AwsExample,
    Python,
    PythonBoto3,
    Node,
}

impl Tool {
    /// Its name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Consumer => "consumer",
            Self::BareLoop => "bare `unnest` loop",
            Self::AnswerOnly => "delivery alone",
            Self::ParseThenInsert => "parse, then insert",
            Self::AwsExample => "Rust after AWS's example",
            Self::Python => "Python, Powertools, psycopg",
            Self::PythonBoto3 => "Python, Powertools, psycopg, boto3",
            Self::Node => "Node.js, Powertools, pg",
        }
    }

    /// What it is.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Consumer => "the product, as it is deployed, through the Runtime API",
            Self::BareLoop => "sqlx, a prepared statement, rows that are in memory: no Lambda, no parsing, no answer",
            Self::AnswerOnly => {
                "takes each event whole through the Runtime API, reads none of it, and answers: no row comes of it"
            }
            Self::ParseThenInsert => {
                "events that are in memory: parsed, sorted, inserted with one statement; no Lambda"
            }
            Self::AwsExample => {
                "lambda_runtime and a pool of one connection of sqlx, an insert for each message, through the Runtime API"
            }
            Self::Python => {
                "BatchProcessor, an insert for each message, one connection, through the Runtime API with awslambdaric"
            }
            Self::PythonBoto3 => "the same with a client of boto3 for SQS",
            Self::Node => {
                "BatchProcessor, an insert for each message, one connection, through the Runtime API with a plain loop"
            }
        }
    }

    pub(crate) fn peer(self) -> Peer {
        match self {
            Self::Consumer => Peer::Consumer,
            Self::BareLoop => Peer::BareLoop,
            Self::AnswerOnly => Peer::AnswerOnly,
            Self::ParseThenInsert => Peer::ParseThenInsert,
            Self::AwsExample => Peer::AwsExample,
            Self::Python => Peer::Python,
            Self::PythonBoto3 => Peer::PythonBoto3,
            Self::Node => Peer::Node,
        }
    }

    /// Whether it is done with a batch in few steps. The others take a commit for each message, and are given fewer of them.
    pub(crate) fn takes_batches(self) -> bool {
        matches!(self, Self::Consumer | Self::BareLoop | Self::AnswerOnly | Self::ParseThenInsert)
    }
}
