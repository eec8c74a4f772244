//! From flags to clients and queues.

use std::time::Duration;

use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use rollcall_aws_runtime::{
    cli_sdk::{CliOptions, sdk_config},
    environment::Environment,
};

use crate::{
    cli::command_line::Global,
    sqs::address::{QueueArgument, find},
    sqs::bus::Bus,
    sqs::queue::Queue,
};

/// Longest wait for one answer: a long poll of 20 seconds, and time to spare.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Longest wait for a connection.
const CONNECTED_WITHIN: Duration = Duration::from_secs(5);

/// The clients of one process.
pub struct Aws {
    config: SdkConfig,
    /// The client for SQS.
    pub sqs: aws_sdk_sqs::Client,
}

impl Aws {
    /// Clients as the flags say; the Region that the queue's own URL or ARN names wins over the profile's.
    ///
    /// # Errors
    ///
    /// An unusable `AWS_CA_BUNDLE`.
    pub async fn connect(global: &Global, queue: &QueueArgument) -> anyhow::Result<Self> {
        let options = CliOptions {
            profile: global.profile.clone(),
            region: global.region.clone().or_else(|| queue.region().map(str::to_owned)),
            endpoint_url: global.endpoint_url.clone(),
        };
        let timeouts =
            TimeoutConfig::builder().operation_attempt_timeout(ANSWER_WITHIN).connect_timeout(CONNECTED_WITHIN).build();
        let config = sdk_config(options, &Environment::of_process()).await?;
        let config = config.into_builder().timeout_config(timeouts).build();
        Ok(Self { sqs: aws_sdk_sqs::Client::new(&config), config })
    }

    /// The Region that is asked.
    pub fn region(&self) -> Option<&str> {
        self.config.region().map(AsRef::as_ref)
    }

    /// Finds a queue.
    ///
    /// # Errors
    ///
    /// It is not there, or SQS says no.
    pub async fn queue(&self, argument: &str) -> anyhow::Result<Queue> {
        Ok(Queue::new(self.sqs.clone(), find(&self.sqs, &QueueArgument::parse(argument)).await?))
    }

    /// A bus by name or ARN.
    pub fn bus(&self, name: &str) -> Bus {
        Bus::new(aws_sdk_eventbridge::Client::new(&self.config), name.to_owned())
    }
}
