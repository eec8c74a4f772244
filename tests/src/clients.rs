//! SDK clients for the parts of a stack.

use aws_types::SdkConfig;
use rollcall_aws_runtime::{environment::Environment, lambda_sdk};

use crate::Stack;

/// One client for each service that a test or the demo talks to.
#[derive(Clone)]
pub struct Clients {
    /// The user pool's service.
    pub cognito: aws_sdk_cognitoidentityprovider::Client,
    /// The bus's service.
    pub eventbridge: aws_sdk_eventbridge::Client,
    /// The queues' service.
    pub sqs: aws_sdk_sqs::Client,
    /// The passwords' service.
    pub secrets: aws_sdk_secretsmanager::Client,
}

impl Clients {
    /// Clients of this stack, made anew for each test: a client belongs to the runtime that first used it.
    ///
    /// # Errors
    ///
    /// None in practice; the configuration is complete.
    pub fn of(stack: &Stack) -> anyhow::Result<Self> {
        let aws = sdk_config(stack)?;
        Ok(Self {
            cognito: aws_sdk_cognitoidentityprovider::Client::new(&aws),
            eventbridge: aws_sdk_eventbridge::Client::new(&aws),
            sqs: aws_sdk_sqs::Client::new(&aws),
            secrets: aws_sdk_secretsmanager::Client::new(&aws),
        })
    }
}

/// What a Lambda function of this stack would make its clients from.
///
/// # Errors
///
/// None in practice; the configuration is complete.
pub fn sdk_config(stack: &Stack) -> anyhow::Result<SdkConfig> {
    Ok(lambda_sdk::sdk_config(&Environment::from_iter(stack.environment()))?)
}
