//! A CloudFormation custom resource that attaches triggers to a Cognito user pool which another stack, or another team, owns, and checks on a schedule that they still are.
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
//! | `PreviousUserPoolId` | an id, or absent | the pool before this one, which the function may still change |
//! | `PreSignUp` | a function's ARN, or absent | what the trigger calls; absent or empty: rollcall does not use it |
//! | `PostConfirmation` | the same | the same |
//! | `PostAuthentication` | the same | the same; it may call the function of `PostConfirmation` |
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
//! - An *Update* by which CloudFormation rolls back succeeds even if somebody else's trigger has taken our place, or the pool is gone: that trigger is left, and the answer warns of it.
//! - *Delete* removes our triggers where they are still ours. A pool that is gone is a success.
//! - When everything is as it should be, nothing is sent to Cognito.
//! - Afterwards the pool is described again: a setting that changed besides our entries fails the deployment, by name.
//!
//! The physical id is `cognito-triggers:<pool id>`.
//! Another `UserPoolId` therefore is a new resource to CloudFormation: the new pool is attached first, and then a Delete comes for the old one.
//! By then the role's policy names the new pool alone, unless it is told otherwise, so another pool is refused unless `PreviousUserPoolId` is the old one.
//! Use one resource for each pool, and do not rename its logical id: CloudFormation would create the new one, which finds nothing to do, and then delete the old one, which detaches the pool.
//!
//! # The scheduled check
//!
//! The same function compares the pool with what is expected when a rule of EventBridge calls it, every 15 minutes, with this constant input:
//!
//! ```json
//! { "AttachmentCheck": {
//!     "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/backend/1",
//!     "UserPoolId": "eu-west-1_Ab12Cd34E",
//!     "PostConfirmation": "arn:aws:lambda:eu-west-1:123456789012:function:rollcall-producer",
//!     "Heal": "no" } }
//! ```
//!
//! An event with `RequestType` or `ResponseURL` is a request of CloudFormation, whatever else it holds.
//! The variable `ATTACHMENT_CHECK` holds the same JSON, and an event that differs from it is skipped, because it is of another deployment.
//!
//! | what it finds | `TriggersAttached` | what it does |
//! | --- | --- | --- |
//! | every trigger calls our function | 1 | nothing |
//! | a trigger is missing | 0 | with `Heal` `"yes"`, it attaches again as an Update would, and otherwise nothing |
//! | a trigger calls somebody else's function | 0 | nothing, and its log says whose |
//! | the pool is gone | 0 | nothing |
//! | CloudFormation is changing or deleting the stack | no data | nothing |
//! | Cognito does not answer | no data | nothing, and its log says why |
//!
//! When CloudFormation does not say what it is doing, a missing trigger is reported and not attached.
//!
//! # What the function needs
//!
//! - `cognito-idp:DescribeUserPool`, `cognito-idp:UpdateUserPool` and `cognito-idp:GetUserPoolMfaConfig` on the pool's ARN;
//!   `cloudformation:DescribeStacks` on its own stack, which says whether it is rolling back;
//!   `iam:PassRole` for the pool's SMS role and `kms:CreateGrant` for the key of its custom senders, where it has them, because an update names them again.
//! - A time-out of 120 seconds: an update that meets another one waits for it, and a role that was just made takes seconds to be known.
//!   Whatever happens, CloudFormation is answered before it ends; what is kept back for that is a third of the time, and 10 seconds at most.
//! - `ServiceTimeout` longer than the time-out, so that CloudFormation does not wait an hour should the function not even start.
//! - For the scheduled check the variable `ATTACHMENT_CHECK`, and no other permission.
//! - No environment variables besides that and Lambda's own; `AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER`, `AWS_ENDPOINT_URL_CLOUDFORMATION`, `AWS_ENDPOINT_URL` and `AWS_CA_BUNDLE` are honoured.
//!
//! Each function named by a trigger must let Cognito call it: `lambda:InvokeFunction` for `cognito-idp.amazonaws.com`, with the pool's ARN as `SourceArn` and the account as `SourceAccount`.

pub mod call_error;
pub mod check;
pub mod image;
pub mod merge;
pub mod outcome;
pub mod pool;
pub mod request;
pub mod triggers;
pub mod verify;
pub mod wiring;

use std::time::Duration;

use lambda_runtime::LambdaEvent;
use rollcall_aws_runtime::lambda_clock::{before_end_of_invocation, end_of_invocation};
use rollcall_custom_resource::{NotAnswered, respond, stack::Stack};
use serde_json::Value;

use crate::{
    check::{Schedule, is_check},
    pool::Cognito,
    request::{Request, physical_id},
    wiring::carry_out,
};

/// Kept back from a scheduled check: the longest that a question to CloudFormation may take, and something for the log.
const CHECK_MARGIN: Duration = Duration::from_secs(10);

/// Handles one invocation, whoever has called: the schedule or CloudFormation.
///
/// # Errors
///
/// As [`handle`]. A scheduled check never fails.
pub async fn invoked(event: LambdaEvent<Value>, cognito: &Cognito, schedule: &Schedule) -> Result<(), NotAnswered> {
    if !is_check(&event.payload) {
        return handle(event, cognito).await;
    }
    let deadline = before_end_of_invocation(event.context.deadline, CHECK_MARGIN);
    schedule.carry_out(&event.payload, cognito, deadline).await;
    Ok(())
}

/// Handles a request of CloudFormation: carries it out and answers it, whatever becomes of it.
///
/// # Errors
///
/// [`NotAnswered`], and nothing else: a request that fails is answered with its reason.
pub async fn handle(event: LambdaEvent<Value>, cognito: &Cognito) -> Result<(), NotAnswered> {
    let LambdaEvent { payload, context } = event;
    let end = end_of_invocation(context.deadline);
    respond(&payload, physical_id(&payload), end, cognito.connector(), async |deadline| {
        let request = Request::read(&payload).map_err(|error| error.to_string())?;
        let stack = Stack::of(&payload, cognito.sdk(), cognito.connector());
        let outcome = carry_out(&request, &stack, cognito, deadline).await;
        outcome.map(|outcome| outcome.to_string()).map_err(|failure| failure.to_string())
    })
    .await
}
