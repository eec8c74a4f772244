//! A CloudFormation custom resource that attaches triggers to a Cognito user pool which another stack, or another team, owns.
//!
//! It changes our entries of the pool's `LambdaConfig` and nothing else in the pool (promise P8).
//!
//! # The resource
//!
//! ```yaml
//! Triggers:
//!   Type: Custom::CognitoTriggers
//!   DependsOn: [InvokePermission]     # exists before the triggers are attached, and is removed after they are gone
//!   Properties:
//!     ServiceToken: arn:aws:lambda:eu-west-1:123456789012:function:rollcall-trigger-wiring
//!     ServiceTimeout: "180"
//!     UserPoolId: eu-west-1_Ab12Cd34E
//!     PreSignUp: arn:aws:lambda:eu-west-1:123456789012:function:rollcall-pre-sign-up
//!     PostConfirmation: arn:aws:lambda:eu-west-1:123456789012:function:rollcall-producer
//!     PoolDefinition: 9f86d081884c7d65…
//! ```
//!
//! | property | must be | meaning |
//! | --- | --- | --- |
//! | `UserPoolId` | an id, not an ARN | the pool, in the function's own Region |
//! | `PreSignUp` | a function's ARN, or absent | what the trigger calls; absent or empty: rollcall does not use it |
//! | `PostConfirmation` | the same | the same |
//! | `Force` | `"true"` or `"false"` (default) | whether a trigger that calls somebody else's function is replaced, or refused with its name |
//! | `PoolDefinition` | any text | not read: when it changes, CloudFormation runs the resource again |
//!
//! Any other property is refused, because it may be a misspelt one.
//!
//! `PoolDefinition` is there because CloudFormation clears triggers that it does not know when it updates the pool, and does not run a resource whose properties are the same as before.
//! Give it a hash of the pool's definition when both are in one app, and otherwise a text of your own to change after the pool's stack was deployed.
//!
//! # What it does
//!
//! - *Create* attaches our triggers; it refuses one that calls a function of somebody else.
//! - *Update* does the same, and removes a trigger that was ours and is not named any more, if it is still ours.
//! - *Delete* removes our triggers where they are still ours. A pool that is gone is a success.
//! - When everything is as it should be, nothing is sent to Cognito.
//! - Afterwards the pool is described again: a setting that changed besides our entries fails the deployment, by name.
//!
//! The physical id is `cognito-triggers:<pool id>`.
//! Another `UserPoolId` therefore is a new resource to CloudFormation: the new pool is attached first, and then a Delete comes for the old one.
//! Use one resource for each pool, and do not rename its logical id: CloudFormation would create the new one, which finds nothing to do, and then delete the old one, which detaches the pool.
//!
//! # What the function needs
//!
//! - `cognito-idp:DescribeUserPool`, `cognito-idp:UpdateUserPool` and `cognito-idp:GetUserPoolMfaConfig` on the pool's ARN;
//!   `iam:PassRole` for the pool's SMS role and `kms:CreateGrant` for the key of its custom senders, where it has them, because an update names them again.
//! - A time-out of 120 seconds: an update that meets another one waits for it, and a role that was just made takes seconds to be known.
//!   Whatever happens, CloudFormation is answered before it ends; what is kept back for that is a third of the time, and 10 seconds at most.
//! - `ServiceTimeout` longer than the time-out, so that CloudFormation does not wait an hour should the function not even start.
//! - No environment variables besides Lambda's own; `AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER`, `AWS_ENDPOINT_URL` and `AWS_CA_BUNDLE` are honoured.
//!
//! Each function named by a trigger must let Cognito call it: `lambda:InvokeFunction` for `cognito-idp.amazonaws.com`, with the pool's ARN as `SourceArn` and the account as `SourceAccount`.

pub mod answer;
pub mod call_error;
pub mod image;
pub mod merge;
pub mod pool;
pub mod request;
pub mod triggers;
pub mod verify;
pub mod wiring;

use std::{
    panic::AssertUnwindSafe,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::FutureExt;
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::{
    answer::{Addressee, NotAddressed, Undelivered},
    pool::Cognito,
    request::Request,
    wiring::{Outcome, carry_out},
};

/// The most that is kept back from the invocation for the answer: three attempts at it.
const ANSWER_RESERVE: Duration = Duration::from_secs(10);

/// The share of the invocation that is kept back when it is short.
const ANSWER_SHARE: u32 = 3;

/// Kept back from the answer's own time, so that Lambda does not end the function between two attempts.
const MARGIN: Duration = Duration::from_millis(200);

/// CloudFormation was not answered. Lambda then calls the function again, twice at most, and the triggers are found as they should be.
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

/// Handles one invocation: carries out CloudFormation's request and answers it, whatever becomes of it.
///
/// # Errors
///
/// [`NotAnswered`], and nothing else: a request that fails is answered with its reason.
pub async fn handle(event: LambdaEvent<Value>, cognito: &Cognito) -> Result<(), NotAnswered> {
    let LambdaEvent { payload, context } = event;
    let addressee = Addressee::read(&payload)?;
    let resource = addressee.physical_id();
    let end = end_of(&context);
    let reserve = ANSWER_RESERVE.min(end.saturating_duration_since(Instant::now()) / ANSWER_SHARE);
    let outcome = outcome_of(&payload, cognito, end - reserve).await;
    let outcome = match &outcome {
        Ok(outcome) => {
            tracing::info!(resource, %outcome, "carried out");
            Ok(outcome.to_string())
        }
        Err(reason) => {
            tracing::error!(resource, reason, "not carried out");
            Err(reason.clone())
        }
    };
    let outcome = outcome.as_deref().map_err(String::as_str);
    addressee.answer(outcome, cognito.connector(), end - MARGIN.min(reserve)).await?;
    Ok(())
}

/// What became of the request; the error is the reason for whoever deploys.
async fn outcome_of(event: &Value, cognito: &Cognito, deadline: Instant) -> Result<Outcome, String> {
    let work = async {
        let request = Request::read(event).map_err(|error| error.to_string())?;
        carry_out(&request, cognito, deadline).await.map_err(|failure| failure.to_string())
    };
    match timeout_at(deadline, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err("trigger-wiring panicked, which is a flaw in it; its log says where".to_owned()),
        Err(_) => Err("trigger-wiring had no time left; its log says what it did".to_owned()),
    }
}

/// When Lambda ends this invocation, on the clock that time-outs use.
fn end_of(context: &Context) -> Instant {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Instant::now() + Duration::from_millis(context.deadline).saturating_sub(now)
}
