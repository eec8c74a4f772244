//! Your existing table under its own names: `USERS_TABLE` and `USERS_COLUMNS`.

use std::collections::BTreeMap;

use consumer::{
    insert_statement::InsertStatement,
    table::Table,
    table_check::{Weight, fits},
};
use serde_json::json;
use sqlx::Row;
use uuid::Uuid;

use crate::{
    bench_consumer::{Bench, batch, obliging, people, user},
    existing_table::{database_with, findings, findings_of, run, run_migrate},
};

/// A table that shares no name with ours; its key is of this type.
fn accounts(key: &str) -> String {
    format!(
        "create schema app; \
         create type app.origin as enum ('admin', 'cognito'); \
         create table app.\"Accounts\" (\
           id bigint generated always as identity primary key, auth_id {key} not null unique, \
           email_address varchar(2048), \"givenName\" text, phone text, pool text not null, verified boolean not null, \
           login text not null, active boolean not null default false, source app.origin not null, \
           quota numeric not null, path text, tenant varchar(2048))"
    )
}

const COLUMNS: &str = r#"email=email_address, cognito_sub=auth_id, first_name="givenName", phone_number=phone,
    user_pool_id=pool, email_verified=verified, username=login, active=true, source='cognito', quota=2.5, custom:tenant=tenant, path='C:\new'"#;

pub(crate) fn table(name: &str, columns: &str) -> Table {
    Table::read(&[("USERS_TABLE", name), ("USERS_COLUMNS", columns)].into_iter().collect()).unwrap()
}

fn bench(url: &str, table: &Table) -> Bench {
    let mut bench = Bench::with(url, obliging);
    bench.consumer.insert = InsertStatement::into(table);
    bench
}

#[tokio::test]
async fn each_attribute_and_each_constant_goes_into_the_column_that_is_named() {
    for key in ["uuid", "text", "char(36)"] {
        let url = database_with(&accounts(key)).await;
        let bench = bench(&url, &table(r#"app."Accounts""#, COLUMNS));
        let sub = Uuid::new_v4();
        let ada = json!({
            "email": "ada@example.com", "first_name": "Ada", "last_name": "not mapped", "phone_number": "+49151",
            "email_verified": true, "username": "ada.lovelace", "user_pool_id": "eu-west-1_Ab12Cd34E",
            "custom_attributes": { "custom:tenant": "acme", "custom:other": "not mapped" },
        });
        assert!(bench.failed(batch([user(sub, &ada), user(sub, &json!({}))])).await.is_empty(), "{key}");
        assert!(bench.failed(batch([user(sub, &json!({ "first_name": "Eve" }))])).await.is_empty(), "{key}");
        assert!(bench.buried().is_empty(), "{key}");
        let rows = sqlx::query(
            "select concat_ws('|', auth_id, email_address, \"givenName\", phone, pool, verified, login, active, source, quota, path, tenant) \
             from app.\"Accounts\"",
        );
        let rows: Vec<String> =
            rows.fetch_all(&bench.pool).await.unwrap().iter().map(|row| row.get::<String, _>(0)).collect();
        assert_eq!(
            rows,
            [format!(r"{sub}|ada@example.com|Ada|+49151|eu-west-1_Ab12Cd34E|t|ada.lovelace|t|cognito|2.5|C:\new|acme")],
            "{key}"
        );
    }
}

#[tokio::test]
async fn a_backslash_is_kept_where_the_server_reads_escapes_too() {
    let url = database_with("create table t (id uuid primary key, path text)").await;
    run(
        &url,
        "do $$ begin execute format('alter database %I set standard_conforming_strings = off', current_database()); end $$",
    )
    .await;
    let bench = bench(&url, &table("t", r"cognito_sub=id,path='C:\new''s'"));
    assert!(bench.failed(batch(people(1))).await.is_empty());
    let row = sqlx::query("select path from t").fetch_one(&bench.pool).await.unwrap();
    assert_eq!(row.get::<&str, _>(0), r"C:\new's");
}

/// What is found, by weight.
async fn said(url: &str, table: &Table) -> BTreeMap<Weight, Vec<String>> {
    let mut said = BTreeMap::<_, Vec<_>>::new();
    for finding in findings_of(url, table).await {
        said.entry(finding.weight).or_default().push(finding.what);
    }
    said
}

#[tokio::test]
async fn the_check_speaks_of_the_names_that_are_mapped() {
    let columns = r#"cognito_sub=auth_id, email="eMail", email_verified=verified, active=true, source='cognito'"#;
    let table = table("app.accounts", columns);
    let url = database_with(
        "create schema app; create table app.accounts (id int, auth_id bigint, \"eMail\" jsonb, verified int, \
         active boolean, \"order\" int not null)",
    )
    .await;
    let problems = findings_of(&url, &table).await;
    let said: Vec<_> = problems.iter().map(|finding| finding.what.as_str()).collect();
    assert_eq!(
        said,
        [
            "`auth_id` is bigint, which cannot hold the attribute `cognito_sub`",
            "`\"eMail\"` is jsonb, which cannot hold the attribute `email`",
            "`verified` is integer, which cannot hold the attribute `email_verified`",
            "there is no column `source`",
            "`\"order\"` may not be null and has no default, and nothing is mapped to it",
            "no unique index covers `auth_id` alone, so a repeated event would make a second row",
        ]
    );
    run(&url, "alter table app.accounts drop column auth_id, add column auth_id text").await;
    for finding in findings_of(&url, &table).await.into_iter().filter(|finding| finding.weight == Weight::Problem) {
        run(&url, &finding.sql.replace("using verified::boolean", "using verified = 1")).await;
    }
    assert!(fits(&findings_of(&url, &table).await));
    let bench = bench(&url, &table);
    assert!(bench.failed(batch(people(3))).await.is_empty());
}

#[tokio::test]
async fn the_server_plans_the_insert_so_a_constant_that_its_column_rejects_is_found() {
    for (column, constant, why) in [
        ("text check (true)", "'x'", None),
        ("int", "'x'", Some("invalid input syntax for type integer: \"x\"")),
        ("varchar(3)", "'long'", Some("value too long for type character varying(3)")),
        ("smallint", "70000", Some("smallint out of range")),
        ("boolean", "1", Some("column \"c\" is of type boolean but expression is of type integer")),
    ] {
        let url = database_with(&format!("create table t (id uuid primary key, c {column})")).await;
        let said = said(&url, &table("t", &format!("cognito_sub=id,c={constant}"))).await;
        let expected: Vec<_> = why.iter().map(|why| format!("Postgres rejects the INSERT: {why}")).collect();
        assert_eq!(said.into_values().flatten().collect::<Vec<_>>(), expected, "{column}");
    }
}

#[tokio::test]
async fn triggers_that_may_skip_a_row_are_warnings_and_rules_are_problems() {
    let url = database_with(
        "create table users (cognito_sub uuid primary key, email text, first_name text, last_name text, is_active boolean); \
         create function f() returns trigger language plpgsql as 'begin return null; end'; \
         create trigger skips before insert or update on users for each row execute function f(); \
         create trigger later after insert on users for each row execute function f(); \
         create trigger whole before insert on users for each statement execute function f(); \
         create trigger updates before update on users for each row execute function f(); \
         create trigger off before insert on users for each row execute function f(); \
         alter table users disable trigger off",
    )
    .await;
    let users = Table::default();
    let trigger = "the trigger `skips` runs for each row; a user whose row it skips or rejects is retried, and becomes a dead letter once another user has a row";
    assert_eq!(said(&url, &users).await, BTreeMap::from([(Weight::Warning, vec![trigger.to_owned()])]));

    run(&url, "create rule notes as on update to users do also select 1").await;
    let rule = "the rule `notes` rewrites statements, and Postgres allows no `on conflict` beside it; a trigger can do the same";
    assert_eq!(said(&url, &users).await[&Weight::Problem], [rule]);
    let refusal = sqlx::query("insert into users (cognito_sub) values (gen_random_uuid()) on conflict do nothing");
    let refusal = refusal.execute(&Bench::with(&url, obliging).pool).await.unwrap_err().to_string();
    assert!(refusal.contains("ON CONFLICT clause cannot be used"), "{refusal}");
    for finding in findings(&url).await.into_iter().filter(|finding| finding.weight == Weight::Problem) {
        assert!(finding.sql.starts_with("select "), "what a rule does is the application's: {}", finding.sql);
        run(&url, &finding.sql).await;
    }
    run(&url, "drop rule notes on users").await;
    assert!(fits(&findings(&url).await));
}

#[tokio::test]
async fn an_expression_that_makes_attributes_unique_is_a_warning_and_an_index_with_the_key_is_none() {
    let url = database_with(
        "create table users (id int, cognito_sub uuid primary key, email text, first_name text, last_name text, is_active boolean); \
         create unique index on users (lower(email)); create unique index on users (cognito_sub, email); \
         create unique index on users (id, email)",
    )
    .await;
    let said = said(&url, &Table::default()).await;
    let what = "the index `users_lower_idx` makes `email` unique, but Cognito does not; the second user with the same value becomes a dead letter";
    assert_eq!(said, BTreeMap::from([(Weight::Warning, vec![what.to_owned()])]));
}

#[tokio::test]
async fn migrate_creates_no_mapped_table_and_grants_what_the_mapping_needs() {
    let url = database_with("").await;
    let role = format!("app_{}", Uuid::new_v4().simple());
    let variables = [
        ("DATABASE_URL", url.as_str()),
        ("USERS_TABLE", r#"app."Accounts""#),
        ("USERS_COLUMNS", COLUMNS),
        ("DATABASE_GRANT_TO", &role),
    ];
    assert_eq!(
        run_migrate(&variables, &["--check"]),
        (1, "problem: there is no table `app.\"Accounts\"`\n    create it, or correct USERS_TABLE\n".to_owned())
    );
    let (code, said) = run_migrate(&variables, &[]);
    assert_eq!(code, 1, "{said}");
    assert!(said.starts_with("error: the table `app.\"Accounts\"` was not found"), "{said}");

    run(&url, &accounts("uuid")).await;
    let (code, said) = run_migrate(&variables, &[]);
    assert_eq!(code, 0, "{said}");
    assert!(said.starts_with("the table `app.\"Accounts\"` was not made by rollcall; it is left as it is\n"), "{said}");
    let as_role = url.replace("rollcall@", &format!("{role}@"));
    let of_role = [("DATABASE_URL", as_role.as_str()), variables[1], variables[2]];
    let (code, said) = run_migrate(&of_role, &["--check"]);
    assert_eq!(code, 0, "{said}");
    let mut bench = Bench::logged_in(&url, &of_role[..1], obliging);
    bench.consumer.insert = InsertStatement::into(&table(r#"app."Accounts""#, COLUMNS));
    assert!(bench.failed(batch(people(2))).await.is_empty());
    let tables = sqlx::query("select count(*) from pg_tables where schemaname in ('app', 'public')");
    assert_eq!(tables.fetch_one(&bench.pool).await.unwrap().get::<i64, _>(0), 1, "no table of ours");
}
