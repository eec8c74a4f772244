//! An existing table under other names, from `migrate --check` to rows, with the real binaries.
//!
//! What is printed on the way stands in `docs/deploying/existing-table.md`.

use std::fmt::Write;

use pipeline_tests::{messages::about, runtime_api};
use serde_json::{Value, json};
use sqlx::Row;
use uuid::Uuid;

use crate::{
    bench_consumer::pool_to,
    existing_table::{database_with, run, run_migrate},
};

const ADA: &str = "7d4a1f0e-2c5b-4a8e-9d61-0b3f6a9c1e22";
const GRACE: &str = "1b0e6f2a-93c4-4d57-8e21-5a7c9d3f4b60";

const TABLE: &str = "\
create schema app;
create table app.accounts (
    id            bigint generated always as identity primary key,
    auth_id       text not null,
    email_address varchar(320) unique,
    given         text,
    plan          text not null,
    active        boolean not null default false
);";

const COLUMNS: &str =
    "cognito_sub=auth_id,email=email_address,first_name=given,phone_number=phone,active=true,source='cognito'";

/// What an operator types, and what is printed.
#[derive(Default)]
struct Transcript(String);

impl Transcript {
    fn migrate(&mut self, variables: &[(&str, &str)], shown: &str, arguments: &[&str]) -> (i32, String) {
        let (code, said) = run_migrate(variables, arguments);
        write!(self.0, "$ {shown}\n{said}").unwrap();
        (code, said)
    }
}

/// The SQL below each problem.
fn solutions(said: &str) -> Vec<&str> {
    let lines: Vec<_> = said.lines().collect();
    lines.windows(2).filter(|pair| pair[0].starts_with("problem: ")).map(|pair| pair[1].trim()).collect()
}

/// Starts the consumer as Lambda does and gives it one batch.
async fn consume(variables: &[(&str, &str)], bodies: &[String]) -> String {
    let lambda = [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("QUEUE_URL", "http://127.0.0.1:1/queue"),
        ("DLQ_URL", "http://127.0.0.1:1/dlq"),
    ];
    let records: Vec<Value> = bodies
        .iter()
        .enumerate()
        .map(|(at, body)| json!({ "messageId": format!("m{at}"), "receiptHandle": "r", "body": body }))
        .collect();
    let function = runtime_api::binary("consumer").unwrap();
    let event = json!({ "Records": records }).to_string();
    runtime_api::invoke(&function, &[&lambda[..], variables].concat(), &event).await.unwrap().answer.unwrap()
}

#[tokio::test]
async fn an_existing_table_with_other_names_goes_from_the_check_to_rows() {
    let url = database_with(TABLE).await;
    let existing = format!(
        "insert into app.accounts (auth_id, email_address, given, plan) values ('{GRACE}', 'grace@example.com', 'Grace', 'pro')"
    );
    run(&url, &existing).await;
    let role = format!("app_{}", Uuid::new_v4().simple());
    let as_role = url.replace("rollcall@", &format!("{role}@"));
    let mapping = [("USERS_TABLE", "app.accounts"), ("USERS_COLUMNS", COLUMNS)];
    let of_owner = [&mapping[..], &[("DATABASE_URL", url.as_str()), ("DATABASE_GRANT_TO", &role)]].concat();
    let of_role = [&mapping[..], &[("DATABASE_URL", as_role.as_str())]].concat();

    let mut transcript = Transcript::default();
    write!(transcript.0, "$ export USERS_TABLE=app.accounts\n$ export USERS_COLUMNS=\"{COLUMNS}\"\n").unwrap();
    let (code, said) = transcript.migrate(&of_owner[..3], "migrate --check", &["--check"]);
    assert_eq!(code, 1, "{said}");
    let solutions = solutions(&said);
    assert_eq!(solutions.len(), 4, "{said}");
    for sql in solutions {
        run(&url, sql).await;
        writeln!(transcript.0, "$ psql -c \"{sql}\"").unwrap();
    }
    let (code, said) = transcript.migrate(&of_owner, "DATABASE_GRANT_TO=rollcall_app migrate", &[]);
    assert_eq!(code, 0, "{said}");
    let (code, said) = run_migrate(&of_role, &["--check"]);
    assert_eq!(code, 0, "{said}");

    let user = |sub: &str, more: &Value| about(sub.parse().unwrap(), more);
    let ada = json!({ "email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace", "phone_number": "+4915112345" });
    let bodies = [user(ADA, &ada), user(ADA, &json!({})), user(GRACE, &json!({ "first_name": "Somebody else" }))];
    assert_eq!(consume(&of_role, &bodies).await, r#"{"batchItemFailures":[]}"#);

    let select = "select auth_id, email_address, given, phone, plan, active, source from app.accounts order by id";
    let shown = "select concat_ws(' | ', auth_id, email_address, given, coalesce(phone, '-'), coalesce(plan, '-'), active, \
                 coalesce(source, '-')) from app.accounts order by id";
    let rows = sqlx::query(shown).fetch_all(&pool_to(&url)).await.unwrap();
    let rows: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        rows,
        [
            format!("{GRACE} | grace@example.com | Grace | - | pro | f | -"),
            format!("{ADA} | ada@example.com | Ada | +4915112345 | - | t | cognito"),
        ]
    );
    write!(transcript.0, "$ psql -c \"{select}\"\n{}\n", rows.join("\n")).unwrap();

    let transcript = transcript.0.replace(&role, "rollcall_app");
    println!("{transcript}");
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/deploying/existing-table.md"));
    assert!(page.unwrap().contains(&transcript), "docs/deploying/existing-table.md does not show:\n{transcript}");
}
