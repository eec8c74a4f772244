//! SDK clients for the parts of a stack.

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
}

impl Clients {
    /// Clients of this stack, made anew for each test: a client belongs to the runtime that first used it.
    ///
    /// # Errors
    ///
    /// None in practice; the configuration is complete.
    pub fn of(stack: &Stack) -> anyhow::Result<Self> {
        let environment = Environment::from_iter([
            ("AWS_REGION", stack.region),
            ("AWS_ACCESS_KEY_ID", stack.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", stack.secret_access_key),
        ]);
        let aws = lambda_sdk::sdk_config(&environment)?.into_builder().endpoint_url(&stack.aws_endpoint).build();
        let cognito = aws.to_builder().endpoint_url(&stack.cognito_endpoint).build();
        Ok(Self {
            cognito: aws_sdk_cognitoidentityprovider::Client::new(&cognito),
            eventbridge: aws_sdk_eventbridge::Client::new(&aws),
            sqs: aws_sdk_sqs::Client::new(&aws),
        })
    }
}
