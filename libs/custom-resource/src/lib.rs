//! A custom resource of CloudFormation, as a Lambda function: [`respond`] does the work and answers, whatever becomes of it.
//!
//! CloudFormation waits an hour for an answer that does not come, so a panic and the end of the function's time are answered too.
//! What is left is a function that does not even start: give the resource a `ServiceTimeout`.
//!
//! Architecture invariant: nothing of the domain in here; it does not know what the resource is.

pub mod answer;
pub mod signed;
pub mod stack;

use std::{panic::AssertUnwindSafe, time::Duration};

use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use futures_util::FutureExt;
use lambda_runtime::Diagnostic;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::answer::{Addressee, NotAddressed, Undelivered};

/// The most that is kept back from the invocation for the answer: three attempts at it.
const ANSWER_RESERVE: Duration = Duration::from_secs(10);

/// The share of the invocation that is kept back when it is short.
const ANSWER_SHARE: u32 = 3;

/// Kept back from the answer's own time, so that Lambda does not end the function between two attempts.
const MARGIN: Duration = Duration::from_millis(200);

/// CloudFormation was not answered. Lambda then calls the function again, twice at most.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnswered {
    /// There was nobody to answer.
    #[error(transparent)]
    NotAddressed(#[from] NotAddressed),
    /// The answer was not taken.
    #[error(transparent)]
    Undelivered(#[from] Undelivered),
}

impl From<NotAnswered> for Diagnostic {
    fn from(error: NotAnswered) -> Self {
        Self { error_type: "NotAnswered".to_owned(), error_message: error.to_string() }
    }
}

/// Has `work` carry out one request of CloudFormation, and answers with what it says: what was done, or the reason why not.
///
/// `physical_id` is the resource's id when the work succeeds. It must follow from what the resource is: an id that changes makes CloudFormation delete the old resource.
/// When the work fails, the resource keeps the id that it had.
/// Lambda ends the invocation at `end`; `work` is given an earlier time and is dropped then, so that there is time to answer.
/// Both texts of `work` are shown to whoever deploys, so neither may hold a secret or personal data.
///
/// # Errors
///
/// [`NotAnswered`], and nothing else: work that fails is answered with its reason.
pub async fn respond<W>(
    event: &Value,
    physical_id: String,
    end: Instant,
    connector: &SharedHttpConnector,
    work: impl FnOnce(Instant) -> W,
) -> Result<(), NotAnswered>
where
    W: Future<Output = Result<String, String>>,
{
    let addressee = Addressee::read(event, physical_id)?;
    let reserve = ANSWER_RESERVE.min(end.saturating_duration_since(Instant::now()) / ANSWER_SHARE);
    let outcome = outcome_of(work, end - reserve).await;
    let resource = addressee.physical_id(outcome.is_ok());
    match &outcome {
        Ok(outcome) => tracing::info!(resource, outcome, "carried out"),
        Err(reason) => tracing::error!(resource, reason, "not carried out"),
    }
    let outcome = outcome.as_deref().map_err(String::as_str);
    addressee.answer(outcome, connector, end - MARGIN.min(reserve)).await?;
    Ok(())
}

async fn outcome_of<W>(work: impl FnOnce(Instant) -> W, deadline: Instant) -> Result<String, String>
where
    W: Future<Output = Result<String, String>>,
{
    // Made inside, so that a panic before the first await is caught as well.
    let work = async { work(deadline).await };
    match timeout_at(deadline, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err("the function panicked, which is a flaw in it; its log says where".to_owned()),
        Err(_) => Err("the function had no time left; its log says what it did".to_owned()),
    }
}
