//! The queues, as the environment names them.

use rollcall_aws_runtime::environment::{Environment, VariableError};

/// The queues of the consumer.
#[derive(Clone, Debug)]
pub struct Queues {
    /// `QUEUE_URL`: where batches come from, for holding messages back.
    pub queue_url: String,
    /// `DLQ_URL`: where poison goes.
    pub dlq_url: String,
}

impl Queues {
    /// Reads the variables.
    ///
    /// # Errors
    ///
    /// [`VariableError`] names the one that is missing.
    pub fn read(environment: &Environment) -> Result<Self, VariableError> {
        Ok(Self {
            queue_url: environment.required("QUEUE_URL", "the URL of the queue that batches come from")?.to_owned(),
            dlq_url: environment.required("DLQ_URL", "the URL of the queue that poison goes to")?.to_owned(),
        })
    }
}
