//! The Lambda function `producer`.

use lambda_runtime::{Error, run, service_fn};
use producer::{Producer, handle};
use rollcall_aws_runtime::{environment::Environment, logging};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let environment = Environment::of_process();
    logging::init(&environment);
    let producer = Producer::new(&environment);
    producer.warm_up().await;
    // Boxed, because the SDK's futures and the runtime's, nested in one type, are too deep for the compiler.
    run(service_fn(|event| Box::pin(handle(event, &producer)))).await
}
