//! An existing table `users`: what works with it as it is, and what `migrate --check` prints about the rest.

use std::process::Command;

use consumer::{
    migrations::{Migrated, migrate},
    table::Table,
    table_check::{Finding, Weight, check, fits},
};
use pipeline_tests::Stack;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use uuid::Uuid;

use crate::bench_consumer::{Bench, batch, obliging, people, user};

/// A database with this table and nothing else.
pub(crate) async fn database_with(table: &str) -> String {
    let name = format!("test_{}", Uuid::new_v4().simple());
    let url = Stack::shared().unwrap().postgres.create_database(&name).unwrap();
    run(&url, table).await;
    url
}

pub(crate) async fn run(url: &str, statements: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut connection).await.unwrap();
}

pub(crate) async fn findings(url: &str) -> Vec<Finding> {
    findings_of(url, &Table::default()).await
}

pub(crate) async fn findings_of(url: &str, table: &Table) -> Vec<Finding> {
    check(&mut PgConnection::connect(url).await.unwrap(), table).await.unwrap().unwrap()
}

/// A table of an application's own, with its key of this type.
fn table_with_key(sql_type: &str) -> String {
    format!(
        "create table users (id bigint generated always as identity primary key, cognito_sub {sql_type} not null unique, \
         email varchar(2048) unique, first_name text, last_name text, is_active boolean not null default false, \
         plan text not null default 'free', created_at timestamptz not null default now())"
    )
}

#[tokio::test]
async fn a_table_with_more_columns_and_a_key_of_any_fitting_type_gets_exactly_one_row_for_each_user() {
    for sql_type in ["uuid", "text", "varchar(36)", "varchar(64)", "char(36)"] {
        let url = database_with(&table_with_key(sql_type)).await;
        assert!(fits(&findings(&url).await), "{sql_type}");
        let bench = Bench::with(&url, obliging);
        let sub = Uuid::new_v4();
        let twice = [user(sub, &json!({ "first_name": "Ada" })), user(sub, &json!({}))];
        assert!(bench.failed(batch(twice.clone())).await.is_empty(), "{sql_type}");
        assert!(bench.failed(batch(twice)).await.is_empty(), "{sql_type}");
        assert!(bench.buried().is_empty(), "{sql_type}");
        let rows = sqlx::query("select cognito_sub::text, first_name, is_active, plan from users");
        let rows = rows.fetch_all(&bench.pool).await.unwrap();
        assert_eq!(rows.len(), 1, "{sql_type}");
        assert_eq!(rows[0].get::<&str, _>(0), sub.to_string());
        assert_eq!((rows[0].get::<&str, _>(1), rows[0].get::<bool, _>(2)), ("Ada", true));
        assert_eq!(rows[0].get::<&str, _>(3), "free");
    }
}

#[tokio::test]
async fn each_problem_is_printed_with_the_sql_that_makes_the_table_fit() {
    let table = "create table users (id serial primary key, cognito_sub varchar(20), email int, tenant text not null, \
                 last_name text generated always as ('x') stored)";
    let url = database_with(table).await;
    let found = findings(&url).await;
    let problems: Vec<_> = found.iter().filter(|finding| finding.weight == Weight::Problem).collect();
    let said: Vec<_> = problems.iter().map(|finding| finding.what.as_str()).collect();
    assert_eq!(
        said,
        [
            "`cognito_sub` is character varying(20), which cannot hold the attribute `cognito_sub`",
            "`email` is integer, which cannot hold the attribute `email`",
            "there is no column `first_name`",
            "`last_name` is generated, so nothing can be inserted into it; map another column, or leave the attribute out",
            "there is no column `is_active`",
            "`tenant` may not be null and has no default, and nothing is mapped to it",
            "no unique index covers `cognito_sub` alone, so a repeated event would make a second row",
        ]
    );
    for finding in problems {
        assert!(!finding.sql.contains("drop column"), "{}", finding.sql);
        run(&url, &finding.sql).await;
    }
    run(&url, "alter table users drop column last_name, add column last_name text").await;
    assert_eq!(findings(&url).await, []);
    let bench = Bench::with(&url, obliging);
    assert!(bench.failed(batch(people(3))).await.is_empty());
    assert_eq!(bench.rows().await, 3);
}

#[tokio::test]
async fn an_index_that_does_not_stop_a_second_row_does_not_count() {
    for index in [
        "create unique index on users (cognito_sub, email)",
        "create unique index on users (cognito_sub) where is_active",
        "create unique index on users (lower(cognito_sub::text))",
        "create index on users (cognito_sub)",
        "alter table users add constraint late unique (cognito_sub) deferrable initially deferred",
    ] {
        let table =
            "create table users (cognito_sub uuid, email text, first_name text, last_name text, is_active boolean)";
        let url = database_with(&format!("{table}; {index}")).await;
        assert!(!fits(&findings(&url).await), "{index}");
        run(&url, "create unique index on users (cognito_sub) include (email)").await;
        assert!(fits(&findings(&url).await), "{index}");
    }
}

#[tokio::test]
async fn what_costs_only_some_users_their_row_is_a_warning() {
    let table = "create table users (cognito_sub text primary key, email varchar(255) not null unique, first_name text, \
                 last_name text, is_active boolean)";
    let url = database_with(table).await;
    let found = findings(&url).await;
    assert!(fits(&found));
    let said: Vec<_> = found.iter().map(|finding| finding.what.as_str()).collect();
    assert_eq!(
        said,
        [
            "`cognito_sub` is a text; existing rows must hold the `sub` as Cognito writes it, in lower case",
            "`email` holds 255 characters, but Cognito allows 2048; a user with a longer `email` is retried, and becomes a dead letter once another user has a row",
            "`email` may not be null; a user without `email` becomes a dead letter",
            "the index `users_email_key` makes `email` unique, but Cognito does not; the second user with the same value becomes a dead letter",
        ]
    );
}

#[tokio::test]
async fn what_a_role_may_not_do_is_a_problem() {
    let url = database_with(&table_with_key("uuid")).await;
    let role = format!("app_{}", Uuid::new_v4().simple());
    run(&url, &format!("create role {role} login; alter table users enable row level security")).await;
    let as_role = url.replace("rollcall@", &format!("{role}@"));
    let problems = findings(&as_role).await.into_iter().filter(|finding| finding.weight == Weight::Problem);
    let problems: Vec<_> = problems.collect();
    assert_eq!(problems.len(), 7, "five columns to write, one to read, row security: {problems:?}");
    for finding in problems {
        run(&url, &finding.sql).await;
    }
    assert!(fits(&findings(&as_role).await));
    let bench = Bench::logged_in(&url, &[("DATABASE_URL", &as_role)], obliging);
    assert!(bench.failed(batch(people(2))).await.is_empty());
    assert_eq!(bench.rows().await, 2);
}

/// Everything that a dump of the schema would show, roughly: enough to see that nothing was changed.
async fn schema(url: &str) -> String {
    const OBJECTS: &str = "\
select string_agg(format('%s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod)), e'\\n' \
  order by c.relname, a.attnum) \
from pg_class c left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 \
where c.relnamespace = 'public'::regnamespace";
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::query(OBJECTS).fetch_one(&mut connection).await.unwrap().get(0)
}

#[tokio::test]
async fn migrating_leaves_a_table_that_is_not_ours_as_it_is() {
    let url = database_with("create table users (id int)").await;
    let before = schema(&url).await;
    let found = migrate(&mut PgConnection::connect(&url).await.unwrap(), &Table::default()).await.unwrap();
    assert!(matches!(found, Ok(Migrated::Theirs(findings)) if !fits(&findings)));
    assert_eq!(schema(&url).await, before);
}

fn migrate_binary(url: &str, arguments: &[&str]) -> (i32, String) {
    run_migrate(&[("DATABASE_URL", url)], arguments)
}

/// Runs the real binary and returns its exit code and what it printed to stdout.
pub(crate) fn run_migrate(variables: &[(&str, &str)], arguments: &[&str]) -> (i32, String) {
    let binary = &Stack::shared().unwrap().binaries["migrate"];
    let output = Command::new(binary).args(arguments).env_clear().envs(variables.iter().copied()).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

#[tokio::test]
async fn migrate_check_prints_precisely_what_is_missing_and_changes_nothing() {
    let url = database_with("create table users (cognito_sub uuid primary key, email text, first_name text)").await;
    let before = schema(&url).await;
    let (code, said) = migrate_binary(&url, &["--check"]);
    assert_eq!(code, 1);
    assert_eq!(
        said,
        "problem: there is no column `last_name`\n    alter table users add column last_name text;\n\
         problem: there is no column `is_active`\n    alter table users add column is_active boolean;\n\
         the consumer cannot store users in the table `users` until each problem is solved\n"
    );
    assert_eq!(schema(&url).await, before);

    let empty = database_with("").await;
    let (code, said) = migrate_binary(&empty, &["--check"]);
    assert_eq!((code, said.contains("no table `users`")), (1, true));
    let applied = "0001 users: applied\n0002 ensure_user: applied\n0003 ensure_user_looks_again: applied\n";
    assert_eq!(migrate_binary(&empty, &[]), (0, applied.to_owned()));
    assert_eq!(
        migrate_binary(&empty, &["--check"]),
        (0, "the consumer can store users in the table `users`\n".to_owned())
    );
    assert_eq!(migrate_binary(&empty, &["--chekc"]).0, 2);
}

#[test]
fn migrate_says_its_version_and_needs_no_database_for_it() {
    let version = concat!("migrate ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(run_migrate(&[], &["--version"]), (0, version.to_owned()));
}
