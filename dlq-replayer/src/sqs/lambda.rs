//! Replays to a Lambda function: each body becomes the payload of an asynchronous invocation.

use aws_sdk_lambda::{
    Client, config::retry::RetryConfig, operation::RequestId, primitives::Blob, types::InvocationType,
};
use futures_util::future::join_all;

use super::{
    arn::Arn,
    call_error::{CallError, Effect, call_error},
    clients::Clients,
    outgoing::Outgoing,
    queue::{Entry, Retry},
};

/// The status that says that Lambda has queued the event.
/// Source: Invoke in the AWS Lambda API reference.
const ACCEPTED: i32 = 202;

/// A function and the client that talks to it.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its ARN, by which journals know it: a name alone is another function in another Region or account.
    pub arn: String,
    lambda: Client,
}

impl Function {
    /// A function by name or ARN, in the Region that the ARN names. Lambda is asked whether it may be invoked, and does not invoke it.
    ///
    /// # Errors
    ///
    /// [`CallError`] when it does not exist, may not be invoked, or its name cannot be resolved.
    pub async fn find(clients: &Clients, name: &str) -> Result<Self, CallError> {
        may_be_invoked(clients, name).await?;
        let arn = if Arn::parse(name).is_some() { name.to_owned() } else { arn_of(clients, name).await? };
        Ok(Self { arn, lambda: clients.lambda(Arn::region_of(name)) })
    }

    /// Invokes the function once for each message, and says what became of each, in order.
    ///
    /// # Errors
    ///
    /// [`CallError`] when nothing was accepted because the function does not exist or may not be invoked, or when no invocation had an answer.
    pub async fn invoke(&self, batch: &[&Outgoing]) -> Result<Vec<Entry>, CallError> {
        let answers = join_all(batch.iter().map(|outgoing| self.invoke_once(outgoing))).await;
        let nothing_was_done =
            answers.iter().all(|answer| matches!(answer, Err(error) if error.effect == Effect::None));
        let for_all = |error: &&CallError| error.is_denied() || error.is_missing() || error.is_about_the_caller();
        if nothing_was_done && let Some(error) = answers.iter().filter_map(|answer| answer.as_ref().err()).find(for_all)
        {
            return Err(error.clone());
        }
        if let Some(error) = without_any_answer(&answers) {
            return Err(error.clone());
        }
        let fate = |answer: Result<Entry, CallError>| match answer {
            Ok(entry) => entry,
            Err(error) => match error.effect {
                Effect::None => Entry::Refused { code: error.code, retry: Retry::Never },
                Effect::NoConnection => Entry::Refused { code: error.code, retry: Retry::Soon },
                Effect::Throttled => Entry::Refused { code: error.code, retry: Retry::Slower },
                Effect::Unknown => Entry::Unanswered(error.code),
            },
        };
        Ok(answers.into_iter().map(fate).collect())
    }

    async fn invoke_once(&self, outgoing: &Outgoing) -> Result<Entry, CallError> {
        let once = aws_sdk_lambda::config::Builder::default().retry_config(RetryConfig::disabled());
        let ask = self
            .lambda
            .invoke()
            .function_name(&self.arn)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(outgoing.message.body.as_str()))
            .customize()
            .config_override(once)
            .send()
            .await;
        let answer = ask.map_err(|error| call_error("Invoke", &self.arn, &error))?;
        Ok(match answer.status_code() {
            // The status is the proof; an answer without a request id, as emulators give, still needs a name of its own in the journal.
            ACCEPTED => {
                let unnamed = || format!("invocation of {}", outgoing.message.id);
                Entry::Sent(answer.request_id().map_or_else(unnamed, str::to_owned))
            }
            other => Entry::Unanswered(format!("status {other}")),
        })
    }
}

/// The error of a batch none of whose invocations had an answer. What is in doubt about one of them is in doubt about the batch.
fn without_any_answer(answers: &[Result<Entry, CallError>]) -> Option<&CallError> {
    let errors = || answers.iter().filter_map(|answer| answer.as_ref().err());
    let silent = errors().filter(|error| matches!(error.effect, Effect::Unknown | Effect::NoConnection)).count();
    let in_doubt = errors().find(|error| error.effect == Effect::Unknown);
    in_doubt.or(errors().next()).filter(|_| silent == answers.len())
}

/// Asks Lambda whether a function may be invoked, and does not invoke it.
///
/// # Errors
///
/// [`CallError`] when it does not exist or may not be invoked.
pub async fn may_be_invoked(clients: &Clients, name: &str) -> Result<(), CallError> {
    let lambda = clients.lambda(Arn::region_of(name));
    let ask = lambda.invoke().function_name(name).invocation_type(InvocationType::DryRun).send().await;
    ask.map(|_| ()).map_err(|error| call_error("Invoke", name, &error))
}

/// The ARN of a function.
///
/// # Errors
///
/// [`CallError`] when it does not exist or may not be read.
pub async fn arn_of(clients: &Clients, name: &str) -> Result<String, CallError> {
    let ask = clients.lambda(Arn::region_of(name)).get_function_configuration().function_name(name).send().await;
    let answer = ask.map_err(|error| call_error("GetFunctionConfiguration", name, &error))?;
    Ok(answer.function_arn.unwrap_or_else(|| name.to_owned()))
}
