//! The history of our migrations beside an application's own, and the time-outs that they run with.

use consumer::{
    migrations::{Migrated, migrate, migrator},
    table::Table,
};
use sqlx::{Connection, PgConnection, Row, postgres::PgRow};

use crate::existing_table::{database_with, run, run_migrate};

/// The table that sqlx makes for an application that uses it, with the application's first migration in it.
const HISTORY_OF_AN_APPLICATION: &str = "\
create table _sqlx_migrations (version bigint primary key, description text not null, \
  installed_on timestamptz not null default now(), success boolean not null, checksum bytea not null, \
  execution_time bigint not null); \
insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
values (1, 'invoices', true, '\\x01', 7)";

async fn rows(url: &str, query: &'static str) -> Vec<PgRow> {
    sqlx::query(query).fetch_all(&mut PgConnection::connect(url).await.unwrap()).await.unwrap()
}

/// Each migration of a history, as version and description.
async fn history(url: &str, query: &'static str) -> Vec<(i64, String)> {
    rows(url, query).await.iter().map(|row| (row.get("version"), row.get("description"))).collect()
}

async fn ours(url: &str) -> Vec<(i64, String)> {
    history(url, "select version, description from _rollcall_migrations order by version").await
}

async fn of_sqlx(url: &str) -> Vec<(i64, String)> {
    history(url, "select version, description from _sqlx_migrations order by version").await
}

fn steps() -> Vec<(i64, String)> {
    migrator().iter().map(|step| (step.version, step.description.to_string())).collect()
}

async fn migrated(url: &str) -> Migrated {
    migrate(&mut PgConnection::connect(url).await.unwrap(), &Table::default()).await.unwrap().unwrap()
}

#[tokio::test]
async fn an_applications_history_of_the_same_number_is_left_alone() {
    let url = database_with(HISTORY_OF_AN_APPLICATION).await;
    let (code, said) = run_migrate(&[("DATABASE_URL", &url)], &[]);
    assert_eq!((code, said.contains("0001 users: applied")), (0, true), "{said}");
    assert_eq!(ours(&url).await, steps());
    assert_eq!(of_sqlx(&url).await, [(1, "invoices".to_owned())]);
    assert!(matches!(migrated(&url).await, Migrated::Ours(_)), "and again");
}

#[tokio::test]
async fn a_history_that_an_application_hides_from_our_role_is_no_obstacle() {
    let url = database_with(HISTORY_OF_AN_APPLICATION).await;
    let role = format!("migrator_{}", uuid::Uuid::new_v4().simple());
    run(&url, &format!("create role {role} login; grant create, usage on schema public to {role}")).await;
    let as_role = url.replace("rollcall@", &format!("{role}@"));
    assert!(matches!(migrated(&as_role).await, Migrated::Ours(_)));
}

#[tokio::test]
async fn an_installation_of_an_earlier_version_is_carried_over() {
    let url = database_with("").await;
    migrated(&url).await;
    // Earlier versions used sqlx's default table.
    run(&url, "alter table _rollcall_migrations rename to _sqlx_migrations").await;
    run(&url, "insert into _sqlx_migrations select 2026, 'invoices', now(), true, '\\x01', 7").await;
    let before = rows(&url, "select installed_on::text from _sqlx_migrations where version = 1").await;
    assert!(matches!(migrated(&url).await, Migrated::Ours(_)));
    assert_eq!(ours(&url).await, steps());
    let after = rows(&url, "select installed_on::text from _rollcall_migrations where version = 1").await;
    assert_eq!(after[0].get::<String, _>(0), before[0].get::<String, _>(0));
    let kept = of_sqlx(&url).await;
    assert_eq!(kept.first(), steps().first(), "an older version that a rollback runs still finds its rows");
    assert!(kept.contains(&(2026, "invoices".to_owned())));
}

#[tokio::test]
async fn a_table_that_was_dropped_after_it_was_made_is_not_made_anew_in_silence() {
    let url = database_with("").await;
    migrated(&url).await;
    run(&url, "drop table users cascade").await;
    let (code, said) = run_migrate(&[("DATABASE_URL", &url)], &[]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("hint: restore the table, or run `drop table _rollcall_migrations`"), "{said}");
    run(&url, "drop table _rollcall_migrations").await;
    let (code, said) = run_migrate(&[("DATABASE_URL", &url)], &[]);
    assert_eq!((code, said.contains("0001 users: applied")), (0, true), "the hint helps: {said}");
}

#[tokio::test]
async fn a_column_that_was_dropped_from_our_table_fails_the_migration() {
    let url = database_with("").await;
    migrated(&url).await;
    run(&url, "alter table users drop column last_name cascade").await;
    let (code, said) = run_migrate(&[("DATABASE_URL", &url)], &[]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("problem: there is no column `last_name`"), "{said}");
}

#[tokio::test]
async fn columns_of_ones_own_come_after_the_table_was_made_without_them() {
    let url = database_with("").await;
    let columns = "cognito_sub=cognito_sub,email=email,user_pool_id=user_pool_id";
    let mapped = [("DATABASE_URL", url.as_str()), ("USERS_COLUMNS", columns)];
    let (code, said) = run_migrate(&mapped, &[]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("hint: create the table, correct USERS_TABLE, or run `migrate` once without both"), "{said}");
    migrated(&url).await;
    run(&url, "alter table users add column user_pool_id text").await;
    let (code, said) = run_migrate(&mapped, &[]);
    assert_eq!(code, 0, "{said}");
}

#[tokio::test]
async fn a_table_of_users_beside_an_applications_history_is_not_ours() {
    let url = database_with(HISTORY_OF_AN_APPLICATION).await;
    run(&url, "create table users (id int)").await;
    assert!(matches!(migrated(&url).await, Migrated::Theirs(_)));
    assert_eq!(rows(&url, "select from pg_class where relname = '_rollcall_migrations'").await.len(), 0);
}

#[tokio::test]
async fn a_migration_may_take_long_but_does_not_wait_long_for_a_lock() {
    let url = database_with(
        "create table settings (statement_timeout text, lock_timeout text); \
         create function note() returns event_trigger language plpgsql as $$ begin \
           insert into settings values (current_setting('statement_timeout'), current_setting('lock_timeout')); end $$; \
         create event trigger note on ddl_command_end execute function note()",
    )
    .await;
    let (code, said) = run_migrate(&[("DATABASE_URL", &url)], &[]);
    assert_eq!(code, 0, "{said}");
    let settings = rows(&url, "select distinct statement_timeout, lock_timeout from settings").await;
    let settings: Vec<(String, String)> = settings.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(settings, [("0".to_owned(), "5s".to_owned())]);
}
