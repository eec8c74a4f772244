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
    /// [`VariableError`] names the one that is missing, or `DLQ_URL` if both are the same queue.
    pub fn read(environment: &Environment) -> Result<Self, VariableError> {
        let queue_url = environment.required("QUEUE_URL", "the URL of the queue that batches come from")?.to_owned();
        let dlq_url = environment.required("DLQ_URL", "the URL of the queue that poison goes to")?.to_owned();
        if queue_url == dlq_url {
            // Each copy of a poison message would be a new message, and come again without end.
            let why = "it is the queue of `QUEUE_URL`".to_owned();
            return Err(VariableError::Unreadable {
                name: "DLQ_URL",
                holds: "the URL of another queue, for poison",
                why,
            });
        }
        Ok(Self { queue_url, dlq_url })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poison_does_not_go_back_to_where_it_came_from() {
        let read =
            |dlq: &'static str| Queues::read(&[("QUEUE_URL", "https://q"), ("DLQ_URL", dlq)].into_iter().collect());
        assert_eq!(read("https://d").unwrap().dlq_url, "https://d");
        assert!(read("https://q").unwrap_err().to_string().contains("`DLQ_URL` is not valid"));
    }
}
