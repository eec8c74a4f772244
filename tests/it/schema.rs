//! The schema as a custom resource: a deployment waits for the table, and hears why there is none.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use consumer::{
    migrations::migrator,
    schema_resource::{SCHEMA_VERSION, handle},
};
use futures_util::future::join_all;
use lambda_runtime::{Context, LambdaEvent};
use pipeline_tests::{
    Postgres,
    mailbox::{Letter, Mailbox},
    runtime_api,
};
use rollcall_aws_runtime::{
    environment::Environment,
    lambda_sdk::{Roots, connector},
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use crate::{
    bench_consumer::{Bench, batch, obliging, people},
    existing_table::{database_with, run},
};

/// What a deployment says about the steps.
const APPLIED: &str = "0001 users: applied\n0002 ensure_user: applied\n0003 ensure_user_looks_again: applied";

async fn may(url: &str, statement: &str) -> bool {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.is_ok()
}

fn event(kind: &str, mailbox: &Mailbox) -> Value {
    json!({
        "RequestType": kind,
        "ResponseURL": mailbox.url(),
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Schema",
        "ResourceProperties": { "ServiceToken": "arn:…", "SchemaVersion": SCHEMA_VERSION.to_string(), "Database": "app" },
    })
}

fn lambda(more: &[(&str, &str)]) -> Environment {
    let base = [("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];
    base.iter().chain(more).copied().collect()
}

/// Has the custom resource carry out a request with `seconds` left, and gives back CloudFormation's letter.
async fn request(kind: &str, variables: &[(&str, &str)], seconds: u64) -> Letter {
    let mailbox = Mailbox::open().await.unwrap();
    let mut context = Context::default();
    let end = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(seconds);
    context.deadline = u64::try_from(end.as_millis()).unwrap();
    let environment = lambda(variables);
    let event = event(kind, &mailbox);
    handle(LambdaEvent::new(event, context), &environment, &connector(Roots::Amazon).unwrap()).await.unwrap();
    let letters = mailbox.letters();
    assert_eq!(letters.len(), 1, "one answer, and no more");
    assert_eq!(letters[0].body["PhysicalResourceId"], "rollcall-schema", "an id that changes is a replacement");
    letters[0].clone()
}

async fn succeed(kind: &str, variables: &[(&str, &str)]) -> String {
    let letter = request(kind, variables, 30).await;
    assert_eq!(letter.body["Status"], "SUCCESS", "{}", letter.body);
    letter.body["Reason"].as_str().unwrap().to_owned()
}

async fn fail(variables: &[(&str, &str)], seconds: u64) -> String {
    let letter = request("Create", variables, seconds).await;
    assert_eq!(letter.body["Status"], "FAILED", "{}", letter.body);
    letter.body["Reason"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_deployment_makes_the_table_once_and_a_deletion_leaves_it() {
    let url = database_with("").await;
    let variables = [("DATABASE_URL", url.as_str())];
    assert_eq!(succeed("Create", &variables).await, APPLIED);
    assert_eq!(succeed("Update", &variables).await, APPLIED);
    run(&url, &format!("insert into users (cognito_sub) values ('{}')", Uuid::new_v4())).await;
    assert!(succeed("Delete", &variables).await.contains("stay as they are"));
    assert_eq!(Bench::with(&url, obliging).rows().await, 1);
}

#[tokio::test]
async fn a_table_that_does_not_fit_fails_the_deployment_with_what_is_missing_and_its_sql() {
    let url =
        database_with("create table users (cognito_sub uuid primary key, email text, first_name text, last_name text)")
            .await;
    let reason = fail(&[("DATABASE_URL", &url)], 30).await;
    assert!(reason.contains("there is no column `is_active`"), "{reason}");
    assert!(reason.contains("alter table users add column is_active boolean;"), "{reason}");
    run(&url, "alter table users add column is_active boolean").await;
    assert!(succeed("Create", &[("DATABASE_URL", &url)]).await.contains("was not made by rollcall"));
}

#[tokio::test]
async fn a_variable_that_cannot_be_read_fails_the_deployment_with_its_name() {
    assert!(fail(&[], 30).await.contains("`DATABASE_URL` is not set"));
    let url = [("DATABASE_URL", "postgres://u:hunter2@127.0.0.1:1/x"), ("DATABASE_POOLER", "transaction")];
    let reason = fail(&url, 30).await;
    assert!(reason.contains("`DATABASE_POOLER` is not valid: it names a pooler"), "{reason}");
    let reason = fail(&[url[0], ("DATABASE_GRANT_TO", "Robert'); --")], 30).await;
    assert!(reason.contains("`DATABASE_GRANT_TO` is not valid") && !reason.contains("hunter2"), "{reason}");
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_fails_the_deployment_in_time_and_says_why() {
    // Nothing listens on port 1.
    let reason = fail(&[("DATABASE_URL", "postgres://u:hunter2@127.0.0.1:1/x?sslmode=disable")], 3).await;
    assert!(reason.contains("cannot connect to the database"), "{reason}");
    assert!(reason.contains("Connection refused") && !reason.contains("hunter2"), "{reason}");
}

#[tokio::test]
async fn a_database_that_does_not_exist_fails_the_deployment_at_once() {
    let url = database_with("").await.replace("/test_", "/no_such_");
    let start = std::time::Instant::now();
    assert!(fail(&[("DATABASE_URL", &url)], 30).await.contains("does not exist"));
    assert!(start.elapsed() < Duration::from_secs(10), "a time-out would hide the reason");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_still_starting_is_waited_for() {
    let postgres = Postgres::start_alone().unwrap();
    let url = postgres.create_database("app").unwrap();
    postgres.stop_immediately();
    let variables = [("DATABASE_URL", url.as_str())];
    let (reason, ()) = tokio::join!(succeed("Create", &variables), async {
        tokio::task::block_in_place(|| postgres.start_again().unwrap());
    });
    assert_eq!(reason, APPLIED);
}

#[tokio::test]
async fn the_consumers_own_role_is_made_and_may_do_what_the_consumer_does_and_nothing_else() {
    let url = database_with("").await;
    let role = format!("app_{}", Uuid::new_v4().simple());
    let variables = [("DATABASE_URL", url.as_str()), ("DATABASE_GRANT_TO", &role)];
    let reason = succeed("Create", &variables).await;
    assert_eq!(reason, format!("{APPLIED}\nrole `{role}` created; it can insert users"));
    assert!(succeed("Update", &variables).await.ends_with("already exists; it can insert users"));

    let as_role = url.replace("rollcall@", &format!("{role}@"));
    let bench = Bench::logged_in(&url, &[("DATABASE_URL", &as_role)], obliging);
    let users = people(3);
    assert!(bench.failed(batch(users.clone())).await.is_empty());
    assert!(bench.failed(batch(users)).await.is_empty(), "a duplicate needs no other right");
    assert_eq!(bench.rows().await, 3);
    for forbidden in [
        "select email from users",
        "update users set is_active = false",
        "delete from users",
        "truncate users",
        "create table theirs ()",
        "drop table users",
    ] {
        assert!(!may(&as_role, forbidden).await, "{forbidden}");
    }
    let mut connection = PgConnection::connect(&as_role).await.unwrap();
    for (setting, expected) in
        [("statement_timeout", "5s"), ("idle_in_transaction_session_timeout", "10s"), ("client_min_messages", "error")]
    {
        let value = sqlx::query_as("select current_setting($1)").bind(setting).fetch_one(&mut connection);
        let value: (String,) = value.await.unwrap();
        assert_eq!(value.0, expected, "a transaction pooler lets no connection set it");
    }
}

#[tokio::test]
async fn deployments_at_the_same_time_make_the_role_once_and_all_succeed() {
    let url = database_with("").await;
    let role = format!("app_{}", Uuid::new_v4().simple());
    let variables = [("DATABASE_URL", url.as_str()), ("DATABASE_GRANT_TO", &role)];
    let said = join_all((0..8).map(|_| succeed("Create", &variables))).await;
    assert_eq!(said.iter().filter(|said| said.contains("` created")).count(), 1, "{said:?}");
    assert!(may(&url.replace("rollcall@", &format!("{role}@")), "select cognito_sub from users").await);
}

#[tokio::test]
async fn on_rds_the_role_that_is_made_may_log_in_with_tokens() {
    let postgres = Postgres::start_alone().unwrap();
    let url = postgres.create_database("app").unwrap();
    // On RDS it is there from the start.
    run(&url, "create role rds_iam").await;
    succeed("Create", &[("DATABASE_URL", &url), ("DATABASE_GRANT_TO", "app")]).await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let member = sqlx::query_as("select pg_has_role('app', 'rds_iam', 'member')").fetch_one(&mut connection);
    let member: (bool,) = member.await.unwrap();
    assert!(member.0);
}

#[tokio::test]
async fn an_older_version_that_a_rollback_runs_accepts_the_steps_of_a_newer_one() {
    let url = database_with("").await;
    let variables = [("DATABASE_URL", url.as_str())];
    succeed("Create", &variables).await;
    let later = migrator().iter().map(|step| step.version).max().unwrap() + 1;
    let step = format!(
        "insert into _rollcall_migrations (version, description, success, checksum, execution_time) \
         values ({later}, 'later', true, '', 0)"
    );
    run(&url, &step).await;
    assert_eq!(succeed("Update", &variables).await, APPLIED);
}

#[tokio::test]
async fn the_function_migrates_and_answers_in_a_process_of_its_own() {
    let function = runtime_api::binary("migrate").unwrap();
    let (url, mailbox) = (database_with("").await, Mailbox::open().await.unwrap());
    let variables = [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("DATABASE_URL", &url),
    ];
    let event = event("Create", &mailbox).to_string();
    let invocation = runtime_api::invoke(&function, &variables, &event).await.unwrap();
    assert_eq!(invocation.answer.unwrap(), "null");
    assert_eq!(mailbox.letters()[0].body["Status"], "SUCCESS", "{}", mailbox.letters()[0].body);
    assert!(may(&url, "select from users").await);
}
