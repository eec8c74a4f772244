//! The schema as a custom resource of CloudFormation: a deployment brings the table before a consumer runs, and fails with the reason when it cannot.
//!
//! The variables are read with each request, because a function that ends at its start answers nobody.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use lambda_runtime::LambdaEvent;
use rollcall_aws_runtime::{
    environment::{Environment, VariableError},
    lambda_clock::end_of_invocation,
    lambda_sdk, logging,
    retry::{self, GaveUp, Pace, Refusal},
};
use rollcall_custom_resource::{NotAnswered, respond};
use serde_json::Value;
use tokio::time::Instant;

use crate::schema::{Schema, SchemaError};

/// There is one schema to a stack, and it is never replaced.
const PHYSICAL_ID: &str = "rollcall-schema";

/// How attempts follow each other. An Aurora that was asleep takes some 15 s to wake, and a new role some seconds to be known.
const PACE: Pace = Pace {
    first_wait: Duration::from_millis(500),
    longest_wait: Duration::from_secs(5),
    attempt: Duration::from_mins(1),
};

/// Handles one invocation: migrates on Create and Update, and leaves everything as it is on Delete.
///
/// # Errors
///
/// [`NotAnswered`], and nothing else: a migration that fails is answered with its reason.
pub async fn handle(
    event: LambdaEvent<Value>,
    environment: &Environment,
    connector: &SharedHttpConnector,
) -> Result<(), NotAnswered> {
    let LambdaEvent { payload, context } = event;
    let end = end_of_invocation(context.deadline);
    respond(&payload, PHYSICAL_ID.to_owned(), end, connector, async |deadline| {
        match payload.get("RequestType").and_then(Value::as_str) {
            Some("Create" | "Update") => bring(environment, deadline).await,
            // Rows outlive the pipeline that wrote them.
            Some("Delete") => Ok("the table and what is in it stay as they are".to_owned()),
            _ => Err("the event's `RequestType` is not Create, Update or Delete".to_owned()),
        }
    })
    .await
}

async fn bring(environment: &Environment, deadline: Instant) -> Result<String, String> {
    let schema = schema(environment).map_err(|error| error.to_string())?;
    let brought = retry::until(deadline, &PACE, async || {
        schema
            .bring()
            .await
            .map_err(|error| if error.is_transient() { Refusal::Transient(error) } else { Refusal::Permanent(error) })
    });
    match brought.await {
        Ok(brought) => Ok(brought.to_string()),
        Err(GaveUp::Refused(error)) => Err(logging::chain(&error)),
        Err(GaveUp::OutOfTime(last)) => Err(format!("there was no time left to try again{}", after(last.as_ref()))),
    }
}

fn schema(environment: &Environment) -> Result<Schema, VariableError> {
    Schema::read(environment, &lambda_sdk::sdk_config(environment)?)
}

fn after(last: Option<&SchemaError>) -> String {
    last.map(|last| format!("; the last attempt failed: {}", logging::chain(last))).unwrap_or_default()
}
