//! What libpq's variables say has no effect on our binaries, and what our sessions are set to.

use pipeline_tests::{messages::about, runtime_api};
use serde_json::json;
use sqlx::Row;
use uuid::Uuid;

use crate::{
    bench_consumer::{Bench, database, obliging, pool_to, server},
    existing_table::run_migrate,
};

/// Each of them would lead away from the database, or fail the connection.
const VARIABLES: [(&str, &str); 12] = [
    ("PGHOST", "192.0.2.1"),
    ("PGHOSTADDR", "192.0.2.1"),
    ("PGPORT", "1"),
    ("PGUSER", "stranger"),
    ("PGPASSWORD", "stranger"),
    ("PGDATABASE", "stranger"),
    ("PGSSLMODE", "verify-full"),
    ("PGSSLROOTCERT", "/no/such/root.pem"),
    ("PGSSLCERT", "/no/such/client.pem"),
    ("PGSSLKEY", "/no/such/client.key"),
    ("PGAPPNAME", "stranger"),
    ("PGOPTIONS", "-c search_path=nowhere -c default_transaction_read_only=on"),
];

/// Over TLS, where `PGSSLCERT` and its like would be read.
fn by_name(url: &str) -> String {
    let port = server().port();
    let name = url.rsplit('/').next().unwrap().split('?').next().unwrap();
    format!("postgres://rollcall@localhost:{port}/{name}")
}

fn ca() -> &'static str {
    server().ca().to_str().unwrap()
}

#[tokio::test]
async fn migrate_goes_where_its_own_variables_say_and_nowhere_else() {
    let url = by_name(&database().await);
    let variables = [&VARIABLES[..], &[("DATABASE_URL", &url), ("DATABASE_CA", ca())]].concat();
    let (code, said) = run_migrate(&variables, &["--check"]);
    assert_eq!((code, said.as_str()), (0, "the consumer can store users in the table `users`\n"));
}

#[tokio::test]
async fn the_consumer_goes_where_its_own_variables_say_and_nowhere_else() {
    let url = database().await;
    let own = by_name(&url);
    let lambda = [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("QUEUE_URL", "http://127.0.0.1:1/queue"),
        ("DLQ_URL", "http://127.0.0.1:1/dlq"),
        ("DATABASE_URL", &own),
        ("DATABASE_CA", ca()),
    ];
    let sub = Uuid::new_v4();
    let event = json!({ "Records": [{ "messageId": "m0", "receiptHandle": "r0", "body": about(sub, &json!({})) }] });
    let function = runtime_api::binary("consumer").unwrap();
    let variables = [&VARIABLES[..], &lambda].concat();
    let invocation = runtime_api::invoke(&function, &variables, &event.to_string()).await.unwrap();
    assert_eq!(invocation.answer.unwrap(), r#"{"batchItemFailures":[]}"#);
    let rows = sqlx::query("select cognito_sub from users").fetch_all(&pool_to(&url)).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.get::<Uuid, _>(0)).collect::<Vec<_>>(), [sub]);
}

#[tokio::test]
async fn a_session_ends_what_nobody_continues_and_receives_no_notices() {
    let bench = Bench::with(&database().await, obliging);
    let mut connection = bench.consumer.database.connect(std::time::SystemTime::now()).await.unwrap();
    let settings = "select current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout'), \
                    current_setting('client_min_messages')";
    let row = sqlx::query(settings).fetch_one(&mut connection).await.unwrap();
    let settings: [&str; 3] = [row.get(0), row.get(1), row.get(2)];
    assert_eq!(settings, ["5s", "10s", "error"]);
}
