//! The Lambda function `consumer`.

use consumer::{
    config::{connect_options, pool_options},
    handle,
};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use rollcall_aws_runtime::{environment::Environment, logging};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let environment = Environment::of_process();
    logging::init(&environment);
    let pool = pool_options().connect_lazy_with(connect_options(&environment)?);
    run(service_fn(|event: LambdaEvent<_>| handle(event.payload, &pool))).await
}
