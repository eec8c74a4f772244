//! The Lambda function `trigger-wiring`.

use lambda_runtime::{Error, run, service_fn};
use rollcall_aws_runtime::{
    environment::Environment,
    lambda_sdk::{self, Roots},
    logging,
    metrics::Metrics,
};
use trigger_wiring::{check::Schedule, invoked, pool::Cognito};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let environment = Environment::of_process();
    logging::init(&environment);
    let sdk = lambda_sdk::sdk_config(&environment)?;
    let region = sdk.region().map(AsRef::as_ref).unwrap_or_default();
    let connector = lambda_sdk::connector(Roots::choose(&environment, region))?;
    let cognito = Cognito::new(&sdk, connector);
    let schedule = Schedule::new(&environment, Metrics::of_function(&environment));
    run(service_fn(|event| Box::pin(invoked(event, &cognito, &schedule)))).await
}
