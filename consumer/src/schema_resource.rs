//! The schema as a custom resource of CloudFormation: a deployment brings the table before a consumer runs, and fails with the reason when it cannot.
//!
//! The variables are read with each request, because a function that ends at its start answers nobody.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use lambda_runtime::LambdaEvent;
use rollcall_aws_runtime::{
    environment::Environment,
    lambda_clock::end_of_invocation,
    lambda_sdk, logging,
    retry::{self, GaveUp, Pace, Refusal},
};
use rollcall_custom_resource::{NotAnswered, respond, stack::Stack};
use serde_json::Value;
use tokio::time::Instant;

use crate::schema::{Schema, SchemaError};

/// There is one schema to a stack, and it is never replaced.
const PHYSICAL_ID: &str = "rollcall-schema";

/// What a deployment may have to bring: it goes up by one with each step of `migrations.rs`, and with each change of what the consumer needs of the table.
///
/// The template says it too (`infra/construct/src/limits.ts`), so that a deployment runs the migration when there is something to run, and not because a zip was built again.
pub const SCHEMA_VERSION: u64 = 3;

/// How attempts follow each other. An Aurora that was asleep takes some 15 s to wake, and a new role some seconds to be known.
const PACE: Pace = Pace {
    first_wait: Duration::from_millis(500),
    longest_wait: Duration::from_secs(5),
    attempt: Duration::from_mins(1),
};

/// What an Update asks for, as far as its properties say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    /// To an earlier version in the same database, as in a rollback: steps only add, so there is nothing to do.
    Back {
        /// The version that is asked for.
        to: u64,
        /// The one before, which may have been brought or may have failed.
        from: u64,
    },
    /// To a version that this code does not know.
    Beyond(u64),
    /// Anything else. It may be a rollback all the same, which only the stack can tell.
    Forward,
}

impl Direction {
    fn of(event: &Value) -> Self {
        let member = |properties: &str, name: &str| event.get(properties).and_then(|of| of.get(name));
        // CloudFormation sends every scalar as a text.
        let version = |of: &str| member(of, "SchemaVersion").and_then(Value::as_str).and_then(|text| text.parse().ok());
        let (new, old) = ("ResourceProperties", "OldResourceProperties");
        match (version(new), version(old)) {
            (Some(to), Some(from)) if to < from && member(new, DATABASE) == member(old, DATABASE) => {
                Self::Back { to, from }
            }
            (Some(to), _) if to > SCHEMA_VERSION => Self::Beyond(to),
            _ => Self::Forward,
        }
    }
}

/// The property that says which database it is about.
const DATABASE: &str = "Database";

/// Handles one invocation: migrates on Create and Update, and leaves everything as it is on Delete and when the stack rolls back.
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
            Some("Create" | "Update") => create_or_update(&payload, environment, connector, deadline).await,
            // Rows outlive the pipeline that wrote them.
            Some("Delete") => Ok("the table and what is in it stay as they are".to_owned()),
            _ => Err("the event's `RequestType` is not Create, Update or Delete".to_owned()),
        }
    })
    .await
}

/// A rollback is never refused, and asks nothing of the database, which may be the reason for it.
async fn create_or_update(
    event: &Value,
    environment: &Environment,
    connector: &SharedHttpConnector,
    deadline: Instant,
) -> Result<String, String> {
    match Direction::of(event) {
        Direction::Back { to, from } => {
            return Ok(format!(
                "going back from schema version {from} to {to}: steps only add, so nothing was changed"
            ));
        }
        Direction::Beyond(version) => {
            return Err(format!(
                "the template expects schema version {version}, and this `migrate` brings {SCHEMA_VERSION}: deploy template and packages of one version"
            ));
        }
        Direction::Forward => {}
    }
    let sdk = lambda_sdk::sdk_config(environment).map_err(|error| error.to_string())?;
    let updates = event.get("OldResourceProperties").is_some();
    if updates && Stack::of(event, &sdk, connector).is_rolling_back().await == Some(true) {
        return Ok("the stack is rolling back: steps only add, so nothing was changed or checked".to_owned());
    }
    let schema = Schema::read(environment, &sdk).map_err(|error| error.to_string())?;
    bring(&schema, deadline).await
}

async fn bring(schema: &Schema, deadline: Instant) -> Result<String, String> {
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

fn after(last: Option<&SchemaError>) -> String {
    last.map(|last| format!("; the last attempt failed: {}", logging::chain(last))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::{AssertSqlSafe, SqlSafeStr, migrate::Migration, migrate::MigrationType};

    use super::*;
    use crate::{
        grants::{Role, table_grant},
        migrations::migrator,
        session::SETTINGS,
        table::Table,
    };

    fn direction(new: &Value, old: &Value) -> Direction {
        Direction::of(&json!({ "ResourceProperties": new, "OldResourceProperties": old }))
    }

    #[test]
    fn an_update_goes_back_when_its_version_is_earlier_and_its_database_is_the_same() {
        let of = |version: &str, database: &str| json!({ "SchemaVersion": version, "Database": database });
        assert_eq!(direction(&of("2", "a"), &of("3", "a")), Direction::Back { to: 2, from: 3 });
        assert_eq!(direction(&of("3", "a"), &of("2", "a")), Direction::Forward);
        assert_eq!(direction(&of("3", "a"), &of("3", "a")), Direction::Forward);
        assert_eq!(direction(&of("2", "b"), &of("3", "a")), Direction::Forward, "another database has no table yet");
        assert_eq!(direction(&of("9", "a"), &of("3", "a")), Direction::Beyond(9));
        // Ten is later than nine.
        assert_eq!(direction(&of("2", "a"), &of("10", "a")), Direction::Back { to: 2, from: 10 });
        // Deployed before there was a version.
        let digest = json!({ "Migrations": "9f86d081884c7d65", "Database": "a" });
        assert_eq!(direction(&of("3", "a"), &digest), Direction::Forward);
        assert_eq!(direction(&of("three", "a"), &of("4", "a")), Direction::Forward);
    }

    #[test]
    fn what_the_consumer_needs_of_the_table_has_the_version_that_it_had_when_it_was_pinned() {
        let steps = migrator();
        assert!(steps.iter().all(|step| step.version.unsigned_abs() <= SCHEMA_VERSION));
        let table = Table::default();
        let role = Role::parse("app").unwrap();
        let checksums: Vec<_> = steps.iter().map(|step| step.checksum.clone()).collect();
        let needs = format!("{SETTINGS:?} {} {checksums:?}", table_grant(&role, &table));
        let needs = AssertSqlSafe(needs).into_sql_str();
        let digest = Migration::new(0, "".into(), MigrationType::Simple, needs, false).checksum;
        let (first, _) = digest.split_first_chunk().unwrap();
        // When this fails, raise SCHEMA_VERSION here and in `infra/construct/src/limits.ts`, so that deployments run the migration.
        assert_eq!((SCHEMA_VERSION, u64::from_be_bytes(*first)), (3, 0x1d6f_5c4d_0c1f_548a));
    }
}
