//! Your existing table under its own names: `USERS_TABLE` and `USERS_COLUMNS`.

use consumer::{insert_statement::InsertStatement, table::Table};
use serde_json::json;
use sqlx::Row;
use uuid::Uuid;

use crate::{
    bench_consumer::{Bench, batch, obliging, people, user},
    existing_table::database_with,
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
           quota numeric not null, path text)"
    )
}

const COLUMNS: &str = r#"email=email_address, cognito_sub=auth_id, first_name="givenName", phone_number=phone,
    user_pool_id=pool, email_verified=verified, username=login, active=true, source='cognito', quota=2.5, path='C:\new'"#;

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
        });
        assert!(bench.failed(batch([user(sub, &ada), user(sub, &json!({}))])).await.is_empty(), "{key}");
        assert!(bench.failed(batch([user(sub, &json!({ "first_name": "Eve" }))])).await.is_empty(), "{key}");
        assert!(bench.buried().is_empty(), "{key}");
        let rows = sqlx::query(
            "select concat_ws('|', auth_id, email_address, \"givenName\", phone, pool, verified, login, active, source, quota, path) \
             from app.\"Accounts\"",
        );
        let rows: Vec<String> =
            rows.fetch_all(&bench.pool).await.unwrap().iter().map(|row| row.get::<String, _>(0)).collect();
        assert_eq!(
            rows,
            [format!(r"{sub}|ada@example.com|Ada|+49151|eu-west-1_Ab12Cd34E|t|ada.lovelace|t|cognito|2.5|C:\new")],
            "{key}"
        );
    }
}

#[tokio::test]
async fn a_backslash_is_kept_where_the_server_reads_escapes_too() {
    let url = database_with("create table t (id uuid primary key, path text)").await;
    crate::existing_table::run(
        &url,
        "do $$ begin execute format('alter database %I set standard_conforming_strings = off', current_database()); end $$",
    )
    .await;
    let bench = bench(&url, &table("t", r"cognito_sub=id,path='C:\new''s'"));
    assert!(bench.failed(batch(people(1))).await.is_empty());
    let row = sqlx::query("select path from t").fetch_one(&bench.pool).await.unwrap();
    assert_eq!(row.get::<&str, _>(0), r"C:\new's");
}
