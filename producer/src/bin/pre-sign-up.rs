//! The Lambda function `pre-sign-up`. It calls no AWS service, so its start is the runtime's alone.

use lambda_runtime::{Error, run, service_fn};
use producer::pre_sign_up::handle;
use rollcall_aws_runtime::{environment::Environment, logging, metrics::Metrics};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let environment = Environment::of_process();
    logging::init(&environment);
    let metrics = Metrics::of_function(&environment);
    run(service_fn(async |event| handle(event, &metrics))).await
}
