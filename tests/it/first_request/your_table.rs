//! The function's text for an existing table, as it stands in the documentation, beside a consumer that is configured as it stands there.

use std::{fs, path::Path};

use consumer::{insert_statement::InsertStatement, table::Table};
use serde_json::json;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::{connect, execute};
use crate::{
    bench_consumer::{Bench, batch, obliging, user},
    existing_table::database_with,
};

/// The table of the example, with an address that has to be unique.
pub(super) const ACCOUNTS: &str = "\
create schema app; \
create table app.accounts (id bigint generated always as identity primary key, auth_id text not null unique, \
  email_address text unique, given text, active boolean not null default false, source text not null, \
  plan text not null default 'free')";

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)).unwrap()
}

/// The block of a page that begins with this line.
fn block(page: &str, first_line: &str) -> String {
    let (_, rest) = page.split_once(&format!("{first_line}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// The function's text for this table.
pub(super) fn function_for_accounts() -> String {
    block(&page("first-request.md"), "```sql existing-table")
}

/// The value that a page exports under this name.
fn exported(page: &str, name: &str) -> String {
    let (_, rest) = page.split_once(&format!("export {name}=")).unwrap();
    rest.lines().next().unwrap().trim_matches('"').to_owned()
}

/// One call; gives back everything of the row but its two keys.
pub(super) async fn ensure_account(
    connection: &mut PgConnection,
    sub: Uuid,
    email: Option<&str>,
    first_name: Option<&str>,
) -> String {
    const CALL: &str =
        "select auth_id, concat_ws('|', email_address, given, active, source, plan) from app.ensure_user($1, $2, $3)";
    let row = sqlx::query(CALL).bind(sub).bind(email).bind(first_name).fetch_one(connection).await.unwrap();
    assert_eq!(row.get::<&str, _>(0), sub.to_string());
    row.get(1)
}

#[tokio::test]
async fn both_sides_make_the_same_row_of_your_table_and_only_one() {
    let url = database_with(ACCOUNTS).await;
    let mut connection = connect(&url).await;
    execute(&mut connection, &function_for_accounts()).await;
    let deploying = page("deploying/existing-table.md");
    let variables = ["USERS_TABLE", "USERS_COLUMNS"].map(|name| (name, exported(&deploying, name)));
    let table = Table::read(&variables.iter().map(|(name, value)| (*name, value.as_str())).collect()).unwrap();
    let mut bench = Bench::with(&url, obliging);
    bench.consumer.insert = InsertStatement::into(&table);

    let [by_a_request, by_the_consumer] = [(); 2].map(|()| Uuid::new_v4());
    let address = |sub: Uuid| format!("{sub}@example.com");
    let ada = |sub| format!("{}|Ada|t|cognito|free", address(sub));
    let returned = ensure_account(&mut connection, by_a_request, Some(&address(by_a_request)), Some("Ada")).await;
    assert_eq!(returned, ada(by_a_request));
    let bodies =
        [by_a_request, by_the_consumer].map(|sub| user(sub, &json!({ "email": address(sub), "first_name": "Ada" })));
    assert!(bench.failed(batch(bodies)).await.is_empty() && bench.buried().is_empty());
    let returned = ensure_account(&mut connection, by_the_consumer, Some("eve@example.com"), Some("")).await;
    assert_eq!(returned, ada(by_the_consumer));
    assert_eq!(ensure_account(&mut connection, Uuid::new_v4(), None, Some("")).await, "t|cognito|free");
    let rows = sqlx::query("select count(*) from app.accounts").fetch_one(&mut connection).await.unwrap();
    assert_eq!(rows.get::<i64, _>(0), 3);
}

#[tokio::test]
async fn the_grants_of_the_page_are_enough() {
    let url = crate::bench_consumer::database().await;
    let role = format!("app_{}", Uuid::new_v4().simple());
    let grants = block(&page("first-request.md"), "```sql grants").replace("to app;", &format!("to {role};"));
    execute(&mut connect(&url).await, &format!("create role {role} login; {grants}")).await;
    let mut as_role = connect(&url.replace("rollcall@", &format!("{role}@"))).await;
    let sub = Uuid::new_v4();
    assert_eq!(super::ensure_ada(&mut as_role, sub).await.unwrap(), super::ada(sub));
}
