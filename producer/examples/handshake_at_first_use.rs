//! The producer as it would be if it opened its connection with the first event: what `cargo xtask bench producer` compares it with.

use lambda_runtime::{Error, run, service_fn};
use producer::{Producer, handle};
use rollcall_aws_runtime::{environment::Environment, logging};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let environment = Environment::of_process();
    logging::init(&environment);
    let producer = Producer::new(&environment);
    run(service_fn(|event| Box::pin(handle(event, &producer)))).await
}
