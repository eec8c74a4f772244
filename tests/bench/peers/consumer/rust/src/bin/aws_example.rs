//! A Lambda function after AWS's own examples for Rust: `advanced-sqs-partial-batch-failures` for the messages, and a `sqlx` pool as its example for RDS has one.
//!
//! Source: <https://github.com/aws/aws-lambda-rust-runtime/tree/main/examples>.

use std::env;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEventObj};
use consumer_peers::statement::ONE;
use futures::future::join_all;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, postgres::PgPoolOptions};
use uuid::Uuid;

#[derive(Deserialize, Serialize)]
struct Envelope {
    detail: Detail,
}

#[derive(Deserialize, Serialize)]
struct Detail {
    data: Data,
}

#[derive(Deserialize, Serialize)]
struct Data {
    cognito_sub: Uuid,
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let pool = PgPoolOptions::new().max_connections(1).connect(&env::var("DATABASE_URL")?).await?;
    let pool = &pool;
    run(service_fn(|event: LambdaEvent<SqsEventObj<serde_json::Value>>| handle(event, pool))).await
}

async fn handle(event: LambdaEvent<SqsEventObj<serde_json::Value>>, pool: &PgPool) -> Result<SqsBatchResponse, Error> {
    let tasks = event.payload.records.into_iter().map(|message| async move {
        let failed = insert(message.body, pool).await.is_err();
        failed.then(|| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = message.message_id.unwrap_or_default();
            failure
        })
    });
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = join_all(tasks).await.into_iter().flatten().collect();
    Ok(response)
}

async fn insert(body: serde_json::Value, pool: &PgPool) -> Result<(), Error> {
    let Data { cognito_sub, email, first_name, last_name } = serde_json::from_value::<Envelope>(body)?.detail.data;
    sqlx::query(ONE).bind(cognito_sub).bind(email).bind(first_name).bind(last_name).execute(pool).await?;
    Ok(())
}
