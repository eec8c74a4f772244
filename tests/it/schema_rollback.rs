//! The schema while CloudFormation rolls back, or deploys something else during an outage: the database may be down.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use consumer::schema_resource::{SCHEMA_VERSION, handle};
use lambda_runtime::{Context, LambdaEvent};
use pipeline_tests::scripted_http::{Answer, ScriptedHttp};
use rollcall_aws_runtime::environment::Environment;
use serde_json::{Value, json};

use crate::existing_table::{database_with, run};

/// Nothing listens on port 1.
const DOWN: &str = "postgres://u@127.0.0.1:1/x?sslmode=disable";

fn properties(version: u64, more: &Value) -> Value {
    let mut properties = json!({ "SchemaVersion": version.to_string(), "Database": "app", "Run": "1" });
    properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    properties
}

/// CloudFormation's Update within `seconds`, while its `DescribeStacks` answers this; the answer was yes or no, with its reason.
async fn update(url: &str, stack: Answer, (new, old): (&Value, &Value), seconds: u64) -> Result<String, String> {
    let http = ScriptedHttp::new(move |call, _| match call.operation.as_str() {
        "CloudFormation.DescribeStacks" => stack.clone(),
        _ => Answer::Reply(200, json!(null)),
    });
    let event = json!({
        "RequestType": "Update",
        "ResponseURL": "https://example.com/answer",
        "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/backend/1",
        "RequestId": "request",
        "LogicalResourceId": "Schema",
        "PhysicalResourceId": "rollcall-schema",
        "ResourceProperties": new,
        "OldResourceProperties": old,
    });
    let variables = [
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("DATABASE_URL", url),
    ];
    let mut context = Context::default();
    let end = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(seconds);
    context.deadline = u64::try_from(end.as_millis()).unwrap();
    let environment = Environment::from_iter(variables);
    handle(LambdaEvent::new(event, context), &environment, &http.connector()).await.unwrap();
    let letter = http.calls().last().unwrap().body.clone();
    println!("{letter}");
    let reason = letter["Reason"].as_str().unwrap().to_owned();
    if letter["Status"] == "SUCCESS" { Ok(reason) } else { Err(reason) }
}

fn stack_is(status: &str) -> Answer {
    Answer::Reply(200, json!(format!("<StackStatus>{status}</StackStatus>")))
}

fn unknown() -> Answer {
    Answer::Reply(400, json!("<Code>ValidationError</Code>"))
}

#[tokio::test]
async fn going_back_to_an_earlier_schema_version_succeeds_without_a_database() {
    let (older, newer) =
        (properties(SCHEMA_VERSION - 1, &json!({})), properties(SCHEMA_VERSION, &json!({ "Run": "2" })));
    let begun = Instant::now();
    let said = update(DOWN, unknown(), (&older, &newer), 6).await.unwrap();
    let wanted = format!("going back from schema version {SCHEMA_VERSION} to {}", SCHEMA_VERSION - 1);
    assert!(said.starts_with(&wanted) && said.contains("nothing was changed"), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(2), "no database is waited for");
}

#[tokio::test]
async fn a_stack_that_is_rolling_back_gets_its_yes_without_a_database() {
    let (new, old) = (properties(SCHEMA_VERSION, &json!({})), properties(SCHEMA_VERSION, &json!({ "Run": "2" })));
    let said = update(DOWN, stack_is("UPDATE_ROLLBACK_IN_PROGRESS"), (&new, &old), 6).await.unwrap();
    assert!(said.starts_with("the stack is rolling back"), "{said}");
    for forward in [stack_is("UPDATE_IN_PROGRESS"), unknown()] {
        let refused = update(DOWN, forward, (&new, &old), 4).await.unwrap_err();
        assert!(refused.contains("cannot connect to the database"), "{refused}");
    }
}

#[tokio::test]
async fn a_rollback_succeeds_although_the_table_does_not_fit() {
    let url = database_with("").await;
    let (one, two) = (properties(SCHEMA_VERSION, &json!({})), properties(SCHEMA_VERSION, &json!({ "Run": "2" })));
    update(&url, stack_is("UPDATE_IN_PROGRESS"), (&one, &two), 30).await.unwrap();
    run(&url, "alter table users drop column is_active").await;
    let refused = update(&url, stack_is("UPDATE_IN_PROGRESS"), (&two, &one), 30).await.unwrap_err();
    assert!(refused.contains("there is no column `is_active`"), "{refused}");
    update(&url, stack_is("UPDATE_ROLLBACK_IN_PROGRESS"), (&one, &two), 30).await.unwrap();
}

#[tokio::test]
async fn another_database_is_migrated_whatever_the_version() {
    let url = database_with("").await;
    let (new, old) =
        (properties(SCHEMA_VERSION - 1, &json!({ "Database": "other" })), properties(SCHEMA_VERSION, &json!({})));
    assert!(update(&url, unknown(), (&new, &old), 30).await.unwrap().contains("0001 users: applied"));
}

#[tokio::test]
async fn a_template_of_a_newer_version_is_refused_before_anything_is_changed() {
    let (new, old) = (properties(SCHEMA_VERSION + 1, &json!({})), properties(SCHEMA_VERSION, &json!({})));
    let refused = update(DOWN, unknown(), (&new, &old), 6).await.unwrap_err();
    let wanted = format!(
        "the template expects schema version {}, and this `migrate` brings {SCHEMA_VERSION}",
        SCHEMA_VERSION + 1
    );
    assert!(refused.starts_with(&wanted), "{refused}");
}
