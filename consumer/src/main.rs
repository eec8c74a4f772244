//! The Lambda function `consumer`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use consumer::{Consumer, database::Database, handle, queues::Queues};
use lambda_runtime::{Context, Error, LambdaEvent, run, service_fn};
use rollcall_aws_runtime::{environment::Environment, lambda_sdk::sdk_config, logging, metrics::Metrics};
use tokio::time::Instant;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let environment = Environment::of_process();
    logging::init(&environment);
    let consumer = consumer(&environment)?;
    run(service_fn(|event: LambdaEvent<_>| Box::pin(handle(event.payload, deadline(&event.context), &consumer)))).await
}

fn consumer(environment: &Environment) -> Result<Consumer, Error> {
    let aws = sdk_config(environment)?;
    Ok(Consumer {
        database: Database::read(environment, &aws)?,
        sqs: aws_sdk_sqs::Client::new(&aws),
        queues: Queues::read(environment)?,
        metrics: Metrics::of_function(environment),
    })
}

/// When Lambda ends this invocation, on the clock that time-outs use.
fn deadline(context: &Context) -> Instant {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Instant::now() + Duration::from_millis(context.deadline).saturating_sub(now)
}
