//! The triggers of a user pool.
//!
//! The PostConfirmation trigger, [`handle`], tells EventBridge that a user is confirmed, and responds to Cognito with the very event it was given.
//! The same function serves as the optional PostAuthentication trigger: users whom an administrator, an import or a migration made get their row at their next sign-in.
//! The optional PreSignUp trigger, [`pre_sign_up`], rejects a sign-up whose data would be lost.
//!
//! Cognito waits 5 seconds, may call again, and shows the user whatever goes wrong.
//! So nothing behind the producer may fail a sign-up (promise P6), a wrong variable included, and everything it does has a deadline.
//! Sources: "Post confirmation Lambda trigger" and "Post authentication Lambda trigger" in the Amazon Cognito developer guide.

pub mod config;
mod event;
pub mod pre_sign_up;
pub mod publish;
pub mod trigger;

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use jiff::Timestamp;
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use rollcall_aws_runtime::{
    environment::{Environment, VariableError},
    lambda_clock::before_end_of_invocation,
    lambda_sdk, logging,
    metrics::{Metric, Metrics},
};
use rollcall_events::{CognitoSub, Detail, DetailData, Origin};
use serde_json::value::RawValue;

use crate::{
    config::{Config, OnPublishFailure},
    publish::{Path, Publication, PublishError, Publisher},
    trigger::{Meaning, Occasion},
};

/// Kept back from the invocation's deadline for the answer itself.
const ANSWER_MARGIN: Duration = Duration::from_millis(300);

/// Everything that an event is handled with.
pub struct Producer {
    /// Where events go, or what is wrong with the configuration.
    pub publisher: Result<Publisher, VariableError>,
    /// Where figures go.
    pub metrics: Metrics,
}

impl Producer {
    /// Reads the configuration. A wrong one is logged here and with each event, and never fails a sign-up.
    pub fn new(environment: &Environment) -> Self {
        let publisher = Config::read(environment)
            .and_then(|config| Ok(Publisher::new(&lambda_sdk::sdk_config(environment)?, config)));
        if let Err(error) = &publisher {
            tracing::error!(%error, "wrong configuration: events are not published");
        }
        Self { publisher, metrics: Metrics::of_function(environment) }
    }

    /// Does what need not wait for an event. It may fail, but it must be quick, because a user may be waiting for this start.
    pub async fn warm_up(&self) {
        if let Ok(publisher) = &self.publisher {
            // A panic is a flaw of ours or of a library, and the first event would meet it too, where it is counted.
            let _ = AssertUnwindSafe(publisher.connect()).catch_unwind().await;
        }
    }

    /// The custom attributes that travel.
    fn forward_attributes(&self) -> &[String] {
        self.publisher.as_ref().map_or(&[], |publisher| &publisher.config().forward_attributes)
    }

    /// Whether Cognito gets an error for an event that was not published.
    fn fails(&self, occasion: Occasion) -> bool {
        let asked = self.publisher.as_ref().is_ok_and(|it| it.config().on_publish_failure == OnPublishFailure::Fail);
        asked && occasion == Occasion::SignUp
    }
}

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

/// Handles one invocation: publishes if the event tells of a confirmed user, and returns the event, byte for byte.
///
/// # Errors
///
/// [`SignUpNotRecorded`] when the event of a sign-up was not published and the configuration asks for an error; never otherwise.
pub async fn handle(
    event: LambdaEvent<Box<RawValue>>,
    producer: &Producer,
) -> Result<Box<RawValue>, SignUpNotRecorded> {
    let LambdaEvent { payload, context } = event;
    match trigger::meaning_of(&payload, producer.forward_attributes()) {
        Meaning::Confirmed(occasion, sub, data) => announce(occasion, sub, *data, &context, producer).await?,
        Meaning::NothingToPublish => tracing::info!("event returned: it tells of no confirmed user"),
        Meaning::Unusable(why) => {
            tracing::error!(why, "event returned: it has no usable sub of the confirmed user");
            producer.metrics.emit(&[Metric::count("UserConfirmedUnusable", &1.0)]);
        }
    }
    Ok(payload)
}

async fn announce(
    occasion: Occasion,
    sub: CognitoSub,
    data: DetailData<'_>,
    context: &Context,
    producer: &Producer,
) -> Result<(), SignUpNotRecorded> {
    let trace_id = context.xray_trace_id.as_deref().map(trace_id);
    let detail = Detail::new(sub, data, Origin::SignUp, Timestamp::now(), trace_id);
    let event_id = detail.metadata.event_id.as_ref();
    // A panic below is a flaw of ours or of a library; the user has nothing to do with it.
    let publishing = AssertUnwindSafe(publish(&detail, context, producer)).catch_unwind();
    match publishing.await.unwrap_or(Err(PublishError::Panicked)) {
        Ok(path) => {
            tracing::info!(event.id = event_id, user.sub = %sub, path = path.as_str(), "event published");
            producer.metrics.emit(&[Metric::count("UserConfirmedPublished", &1.0)]);
            Ok(())
        }
        Err(error) => {
            let error = logging::chain(&error);
            tracing::error!(event.id = event_id, user.sub = %sub, error, "event not published: this user has no row until it is published again");
            producer.metrics.emit(&[Metric::count("UserConfirmedUnpublished", &1.0)]);
            if producer.fails(occasion) { Err(SignUpNotRecorded) } else { Ok(()) }
        }
    }
}

/// Publishes within what is left of the invocation.
async fn publish(detail: &Detail<'_>, context: &Context, producer: &Producer) -> Result<Path, PublishError> {
    let publisher = producer.publisher.as_ref().map_err(|error| PublishError::Unconfigured(error.clone()))?;
    let publication = Publication {
        detail: &detail.to_json()?,
        event_id: &detail.metadata.event_id,
        account: account(&context.invoked_function_arn),
        trace_header: context.xray_trace_id.as_deref(),
    };
    publisher.publish(&publication, before_end_of_invocation(context.deadline, ANSWER_MARGIN)).await
}

/// The trace's own id out of `Root=1-…;Parent=…;Sampled=1`.
fn trace_id(header: &str) -> &str {
    header.split(';').find_map(|part| part.trim().strip_prefix("Root=")).unwrap_or(header)
}

/// The account out of `arn:aws:lambda:<region>:<account>:function:<name>`.
fn account(function_arn: &str) -> &str {
    function_arn.split(':').nth(4).unwrap_or_default()
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
