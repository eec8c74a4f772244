//! The triggers of a user pool.
//!
//! The PostConfirmation trigger, [`handle`], tells EventBridge that a user is confirmed, and answers Cognito with the very event it was given.
//! The optional PreSignUp trigger, [`pre_sign_up`], refuses a sign-up that could never become a row.
//!
//! Cognito waits 5 seconds, calls up to three times, and shows the person whatever goes wrong.
//! So nothing behind the producer may fail a sign-up (promise P6), and everything it does has a deadline.
//! Source: "Post confirmation Lambda trigger" in the Amazon Cognito developer guide.

pub mod config;
mod event;
pub mod pre_sign_up;
pub mod publish;
pub mod trigger;

use std::{
    panic::AssertUnwindSafe,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::FutureExt;
use jiff::Timestamp;
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use rollcall_aws_runtime::metrics::{Metric, Metrics};
use rollcall_events::{CognitoSub, Detail, DetailData, Origin};
use serde_json::value::{RawValue, to_raw_value};

use crate::{
    config::OnPublishFailure,
    publish::{Publication, Publisher, Road},
    trigger::Meaning,
};

/// Kept back from the invocation's deadline for the answer itself.
const ANSWER_MARGIN: Duration = Duration::from_millis(300);

/// The error that `ON_PUBLISH_FAILURE=fail` asks for.
///
/// Cognito shows its text to the person, in a callback URL even: it must stay fit for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Your account is confirmed, but setting it up failed. Please sign in again later.")]
pub struct SignUpNotRecorded;

impl From<SignUpNotRecorded> for Diagnostic {
    fn from(error: SignUpNotRecorded) -> Self {
        Self { error_type: "SignUpNotRecorded".to_owned(), error_message: error.to_string() }
    }
}

/// Handles one invocation: publishes if a user was confirmed, and gives back the event, byte for byte.
///
/// # Errors
///
/// [`SignUpNotRecorded`] when nobody took the event and the configuration asks for an error; never otherwise.
pub async fn handle(
    event: LambdaEvent<Box<RawValue>>,
    publisher: &Publisher,
    metrics: &Metrics,
) -> Result<Box<RawValue>, SignUpNotRecorded> {
    let LambdaEvent { payload, context } = event;
    match trigger::meaning_of(&payload) {
        Meaning::Confirmed(sub, data) => announce(sub, data, &context, publisher, metrics).await?,
        Meaning::NothingToPublish => tracing::info!("not a confirmed sign-up; nothing to publish"),
        Meaning::Unusable(why) => {
            tracing::error!(why, "a confirmed sign-up that names no user");
            metrics.emit(&[Metric::count("UserConfirmedUnusable", &1.0)]);
        }
    }
    Ok(payload)
}

async fn announce(
    sub: CognitoSub,
    data: DetailData<'_>,
    context: &Context,
    publisher: &Publisher,
    metrics: &Metrics,
) -> Result<(), SignUpNotRecorded> {
    let trace_id = context.xray_trace_id.as_deref().map(trace_id);
    let detail = Detail::new(sub, data, Origin::SignUp, Timestamp::now(), trace_id);
    let event_id = detail.metadata.event_id.as_ref();
    // A panic below is a flaw of ours or of a library; the person signing up has nothing to do with it.
    let publishing = AssertUnwindSafe(publish(&detail, context, publisher)).catch_unwind();
    match publishing.await.unwrap_or_else(|_| Err("publishing panicked".to_owned())) {
        Ok(road) => {
            tracing::info!(event.id = event_id, user.sub = %sub, road = road.as_str(), "published");
            metrics.emit(&[Metric::count("UserConfirmedPublished", &1.0)]);
            Ok(())
        }
        Err(error) => {
            tracing::error!(event.id = event_id, user.sub = %sub, error, "not published: this user has no row until the event is published again");
            metrics.emit(&[Metric::count("UserConfirmedUnpublished", &1.0)]);
            match publisher.config().on_publish_failure {
                OnPublishFailure::Succeed => Ok(()),
                OnPublishFailure::Fail => Err(SignUpNotRecorded),
            }
        }
    }
}

/// Publishes within what is left of the invocation. The error is a text for the log.
async fn publish(detail: &Detail<'_>, context: &Context, publisher: &Publisher) -> Result<Road, String> {
    let publication = Publication {
        detail: &to_raw_value(detail).map_err(|error| error.to_string())?,
        event_id: &detail.metadata.event_id,
        account: account(&context.invoked_function_arn),
        trace_header: context.xray_trace_id.as_deref(),
    };
    publisher.publish(&publication, time_left(context)).await.map_err(|error| error.to_string())
}

impl Road {
    /// The word for logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bus => "bus",
            Self::Queue => "queue",
        }
    }
}

/// The trace's own id out of `Root=1-…;Parent=…;Sampled=1`.
fn trace_id(header: &str) -> &str {
    header.split(';').find_map(|part| part.trim().strip_prefix("Root=")).unwrap_or(header)
}

/// The account out of `arn:aws:lambda:<region>:<account>:function:<name>`.
fn account(function_arn: &str) -> &str {
    function_arn.split(':').nth(4).unwrap_or_default()
}

/// What is left of the invocation, less what the answer needs.
fn time_left(context: &Context) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Duration::from_millis(context.deadline).saturating_sub(now).saturating_sub(ANSWER_MARGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trace_id_is_the_root_of_the_header() {
        assert_eq!(
            trace_id("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"),
            "1-5759e988-bd862e3fe1be46a994272793"
        );
        assert_eq!(trace_id("odd"), "odd");
    }

    #[test]
    fn the_account_is_read_from_the_functions_own_arn() {
        assert_eq!(account("arn:aws:lambda:eu-west-1:123456789012:function:rollcall-producer"), "123456789012");
        assert_eq!(account(""), "");
    }

    #[test]
    fn what_a_person_may_see_names_no_internals() {
        let text = SignUpNotRecorded.to_string().to_lowercase();
        for word in ["eventbridge", "sqs", "queue", "lambda", "database", "rollcall"] {
            assert!(!text.contains(word), "{text}");
        }
    }
}
