//! The Lambda function `producer`.

use lambda_runtime::{Error, run, service_fn};
use producer::{config::Config, handle, publish::Publisher};
use rollcall_aws_runtime::{environment::Environment, lambda_sdk, logging, metrics::Metrics};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let environment = Environment::of_process();
    logging::init(&environment);
    let config = Config::read(&environment)?;
    let publisher = Publisher::new(&lambda_sdk::sdk_config(&environment)?, config);
    let metrics = Metrics::of_function(&environment);
    // Boxed, because the SDK's futures and the runtime's, nested in one type, are too deep for the compiler.
    run(service_fn(|event| Box::pin(handle(event, &publisher, &metrics)))).await
}
