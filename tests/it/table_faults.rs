//! Tables that do more than hold rows: what becomes of a user whose row they skip or refuse (promises P2, P3 and P7).

use serde_json::{Value, json};
use uuid::Uuid;

use crate::bench_consumer::{Bench, batch, people, somebody, until_somebody_waits_for_a_lock, user};

/// A row-level trigger that runs before each insert; `body` is the text of its function.
async fn before_insert(bench: &Bench, body: &'static str) {
    let function = format!("create function before_insert() returns trigger language plpgsql as $$ {body} $$");
    sqlx::raw_sql(sqlx::AssertSqlSafe(function)).execute(&bench.pool).await.unwrap();
    bench
        .sql("create trigger before_insert before insert on users for each row execute function before_insert()")
        .await;
}

fn reasons(bench: &Bench) -> Vec<String> {
    let reason =
        |entry: &Value| entry["MessageAttributes"]["failure_reason"]["StringValue"].as_str().unwrap().to_owned();
    bench.buried().iter().map(reason).collect()
}

// ── rows that the table skips

#[tokio::test]
async fn a_user_whose_row_a_trigger_skips_is_a_dead_letter_and_not_acknowledged_as_present() {
    let bench = Bench::new().await;
    before_insert(&bench, "begin if new.first_name = 'Eve' then return null; end if; return new; end").await;
    let present = Uuid::new_v4();
    assert!(bench.failed(batch([user(present, &json!({}))])).await.is_empty());
    let eve = somebody(&json!({ "first_name": "Eve" }));
    let bodies = [people(8), vec![eve.clone(), user(present, &json!({}))]].concat();
    assert!(bench.failed(batch(bodies)).await.is_empty(), "every message has a row or a copy");
    assert_eq!(bench.rows().await, 9, "the others have rows");
    assert_eq!(reasons(&bench), ["row_not_stored"]);
    assert_eq!(bench.buried()[0]["MessageBody"], eve.as_str());
}

#[tokio::test]
async fn a_key_of_any_kind_of_text_is_found_again_among_the_rows_that_are_there() {
    for kind in ["text", "varchar(36)", "char(36)", "varchar"] {
        let bench = Bench::new().await;
        let change = format!("alter table users alter column cognito_sub type {kind}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(change)).execute(&bench.pool).await.unwrap();
        let bodies = people(3);
        assert!(bench.failed(batch(bodies.clone())).await.is_empty(), "{kind}");
        assert!(bench.failed(batch(bodies)).await.is_empty(), "{kind}");
        assert_eq!(bench.rows().await, 3, "{kind}");
        assert!(bench.buried().is_empty(), "{kind}: users who have a row are not dead letters");
    }
}

#[tokio::test]
async fn a_row_that_another_transaction_commits_while_the_insert_waits_for_it_counts_as_present() {
    let bench = Bench::new().await;
    let sub = Uuid::new_v4();
    let mut other = bench.pool.begin().await.unwrap();
    sqlx::query("insert into users (cognito_sub) values ($1)").bind(sub).execute(&mut *other).await.unwrap();
    let (failed, ()) = tokio::join!(bench.failed(batch([user(sub, &json!({}))])), async {
        until_somebody_waits_for_a_lock(&bench.pool).await;
        other.commit().await.unwrap();
    });
    assert!(failed.is_empty());
    assert!(bench.buried().is_empty());
    assert_eq!(bench.rows().await, 1);
}
