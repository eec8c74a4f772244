//! Carrying out a request: describe, change if needed, and look whether anything else has changed.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rollcall_aws_runtime::retry::{self, GaveUp, Pace, Refusal};
use rollcall_custom_resource::stack::Stack;
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::{
    call_error::CallError,
    image::Image,
    merge::{Changes, Foreign, Taken, attach, detach},
    outcome::{Failure, Outcome},
    pool::Cognito,
    request::{PoolId, Request, Wiring},
    triggers::{Trigger, Triggers},
    verify::{differences, differences_below},
};

/// How attempts follow each other. Another update of the pool takes a second or two, and Cognito's throttling is per second.
/// An attempt is at most four calls, each with a limit of its own.
const PACE: Pace = Pace {
    first_wait: Duration::from_millis(250),
    longest_wait: Duration::from_secs(4),
    attempt: Duration::from_secs(40),
};

/// Carries out a request before the deadline.
///
/// # Errors
///
/// [`Failure`]. Unless it is [`Failure::OthersChanged`] or out of time, the pool is as it was.
pub async fn carry_out(
    request: &Request,
    stack: &Stack<'_>,
    cognito: &Cognito,
    deadline: Instant,
) -> Result<Outcome, Failure> {
    match request {
        Request::Create(to) => connect(to, &Triggers::new(), to.foreign, cognito, deadline).await,
        Request::Update { to, from } => update(to, from.as_ref(), stack, cognito, deadline).await,
        Request::Delete(None) => Ok(Outcome::NeverAttached),
        Request::Delete(Some(wiring)) => {
            let plan = |config: &Map<String, Value>| Ok(detach(config, &wiring.triggers));
            match change(&wiring.pool, plan, always, cognito, deadline).await {
                Err(Failure::NoPool { .. }) => Ok(Outcome::PoolGone),
                done => done,
            }
        }
    }
}

/// An Update may be the way back from one that failed, perhaps from this very one.
///
/// What is somebody else's business is then no reason to refuse, because a person would have to clear the stack by hand.
/// Everything else still is: as long as the pool may call a function of the failed update, that function must not be deleted.
async fn update(
    to: &Wiring,
    from: Option<&Wiring>,
    stack: &Stack<'_>,
    cognito: &Cognito,
    deadline: Instant,
) -> Result<Outcome, Failure> {
    // CloudFormation deletes the old resource by itself, but only after the role's policy has forgotten its pool.
    if let Some(from) = from.filter(|from| from.pool != to.pool && to.previous.as_ref() != Some(&from.pool))
        && stack.is_rolling_back().await != Some(true)
    {
        return Err(Failure::OtherPool { from: from.pool.clone(), to: to.pool.clone() });
    }
    // In another pool nothing of ours can be there to be replaced.
    let same_pool = from.filter(|from| from.pool == to.pool);
    let before = same_pool.map(|from| from.triggers.clone()).unwrap_or_default();
    let moves = from.is_some() && same_pool.is_none();
    match connect(to, &before, to.foreign, cognito, within(moves, deadline)).await {
        Err(Failure::Taken { pool, taken }) => {
            if stack.is_rolling_back().await != Some(true) {
                return Err(Failure::Taken { pool, taken });
            }
            let rest = Box::new(connect(to, &before, Foreign::Leave, cognito, deadline).await?);
            Ok(Outcome::RolledBack { left: taken, rest })
        }
        Err(Failure::NoPool { .. }) if stack.is_rolling_back().await == Some(true) => Ok(Outcome::PoolGone),
        Err(failure) if moves => {
            leave(to, cognito, deadline).await;
            Err(failure)
        }
        done => done,
    }
}

/// What a move needs at its end to take itself back.
const LEAVING: Duration = Duration::from_secs(20);

/// The deadline of attaching, which in a move leaves time for detaching.
fn within(moves: bool, deadline: Instant) -> Instant {
    let half = Instant::now() + deadline.saturating_duration_since(Instant::now()) / 2;
    if moves { half.max(deadline.checked_sub(LEAVING).unwrap_or(half)) } else { deadline }
}

/// Detaches the new pool of a move that has failed. After a failed Update, CloudFormation keeps the id of the old pool and never cleans this one up.
async fn leave(to: &Wiring, cognito: &Cognito, deadline: Instant) {
    let plan = |config: &Map<String, Value>| Ok(detach(config, &to.triggers));
    if let Err(failure) = change(&to.pool, plan, always, cognito, deadline).await {
        tracing::error!(pool = %to.pool, error = %failure, "the pool that the stack could not move to may still call the functions: detach it by hand");
    }
}

async fn connect(
    to: &Wiring,
    before: &Triggers,
    foreign: Foreign,
    cognito: &Cognito,
    deadline: Instant,
) -> Result<Outcome, Failure> {
    let plan = |config: &Map<String, Value>| attach(config, &to.triggers, before, foreign);
    change(&to.pool, plan, always, cognito, deadline).await
}

/// CloudFormation waits for what it has asked for, so nothing else can be under way.
async fn always() -> Result<(), Failure> {
    Ok(())
}

/// The pool's `LambdaConfig`, as it is.
pub(crate) async fn look(pool: &PoolId, cognito: &Cognito, deadline: Instant) -> Result<Map<String, Value>, Failure> {
    let described = retry::until(deadline, &PACE, || describe(pool, cognito)).await;
    described.map(|image| image.lambda_config()).map_err(final_failure)
}

/// A pool at one moment.
#[derive(Clone)]
struct Snapshot {
    image: Image,
    mfa: Map<String, Value>,
}

/// An update that was sent: what the pool must look like from then on.
#[derive(Clone)]
struct Sent {
    expected: Snapshot,
    changes: Changes,
    left_out: Vec<String>,
}

/// Makes the planned changes and no others, if `may_send` still says so right before each update.
pub(crate) async fn change(
    pool: &PoolId,
    plan: impl Fn(&Map<String, Value>) -> Result<Changes, Taken>,
    may_send: impl AsyncFn() -> Result<(), Failure>,
    cognito: &Cognito,
    deadline: Instant,
) -> Result<Outcome, Failure> {
    // Outlives an attempt: an update whose answer was lost may have been carried out, and is then verified all the same.
    let sent = Mutex::new(None);
    retry::until(deadline, &PACE, || attempt(pool, &plan, &may_send, cognito, &sent)).await.map_err(final_failure)?;
    let Some(sent) = sent.into_inner().unwrap_or_else(PoisonError::into_inner) else { return Ok(Outcome::Unchanged) };
    retry::until(deadline, &PACE, || verify(pool, &sent, cognito)).await.map_err(final_failure)?;
    Ok(Outcome::Changed { changes: sent.changes, left_out: sent.left_out })
}

fn final_failure(gave_up: GaveUp<Failure>) -> Failure {
    match gave_up {
        GaveUp::Refused(failure) => failure,
        GaveUp::OutOfTime(last) => Failure::OutOfTime(last.map(Box::new)),
    }
}

/// One attempt, from a fresh description: there is no other way to know that nobody was faster.
async fn attempt(
    pool: &PoolId,
    plan: &impl Fn(&Map<String, Value>) -> Result<Changes, Taken>,
    may_send: &impl AsyncFn() -> Result<(), Failure>,
    cognito: &Cognito,
    sent: &Mutex<Option<Sent>>,
) -> Result<(), Refusal<Failure>> {
    let image = describe(pool, cognito).await?;
    let taken = |taken| Refusal::Permanent(Failure::Taken { pool: pool.clone(), taken });
    let changes = plan(&image.lambda_config()).map_err(taken)?;
    if changes.is_empty() {
        return Ok(());
    }
    if !image.names_its_tier() {
        tracing::warn!(%pool, "the pool does not say its feature plan, so none is sent, which Cognito takes for ESSENTIALS");
    }
    let mfa = cognito.mfa(pool).await.map_err(|error| refusal(pool, cognito, error))?;
    let expected = Snapshot { image: image.with(&changes), mfa };
    may_send().await.map_err(Refusal::Permanent)?;
    let update = Sent { expected, changes, left_out: Vec::new() };
    match (send(update.clone(), cognito, sent).await, update.expected.image.without_unused_messages()) {
        (Err(error), Some((image, left_out))) if error.is("InvalidParameterException") => {
            let rest = Sent { expected: Snapshot { image, ..update.expected }, left_out, ..update };
            // Whatever is wrong with the rest, the first complaint was about the pool as it is.
            let retried = send(rest, cognito, sent).await;
            retried.map_err(|second| refusal(pool, cognito, if second.is_transient() { second } else { error }))
        }
        (done, _) => done.map_err(|error| refusal(pool, cognito, error)),
    }
}

/// Sends an update, and remembers it before it is on its way unless it certainly came to nothing.
async fn send(update: Sent, cognito: &Cognito, sent: &Mutex<Option<Sent>>) -> Result<(), CallError> {
    let remember = |update| std::mem::replace(&mut *sent.lock().unwrap_or_else(PoisonError::into_inner), update);
    let request = update.expected.image.request().clone();
    let earlier = remember(Some(update));
    let done = cognito.update(&request).await;
    if done.as_ref().is_err_and(|error| !error.may_have_happened()) {
        remember(earlier);
    }
    done
}

/// Compares the pool with what was sent.
async fn verify(pool: &PoolId, sent: &Sent, cognito: &Cognito) -> Result<(), Refusal<Failure>> {
    let image = describe(pool, cognito).await?;
    let mfa = cognito.mfa(pool).await.map_err(|error| refusal(pool, cognito, error))?;
    let mut different = differences(&sent.expected.image, &image);
    different.extend(differences_below("MfaConfig", &sent.expected.mfa, &mfa));
    let entry = |trigger: Trigger| format!("LambdaConfig.{trigger}");
    let (ours, others): (Vec<_>, Vec<_>) =
        different.into_iter().partition(|name| Trigger::ALL.iter().any(|trigger| *name == entry(*trigger)));
    if !others.is_empty() {
        return Err(Refusal::Permanent(Failure::OthersChanged { pool: pool.clone(), settings: others }));
    }
    if !ours.is_empty() {
        return Err(Refusal::Transient(Failure::NotVisible { pool: pool.clone(), settings: ours }));
    }
    Ok(())
}

async fn describe(pool: &PoolId, cognito: &Cognito) -> Result<Image, Refusal<Failure>> {
    let description = cognito.describe(pool).await.map_err(|error| refusal(pool, cognito, error))?;
    Image::of(description).map_err(|error| Refusal::Permanent(error.into()))
}

fn refusal(pool: &PoolId, cognito: &Cognito, error: CallError) -> Refusal<Failure> {
    if error.is("ResourceNotFoundException") {
        return Refusal::Permanent(Failure::NoPool { pool: pool.clone(), region: cognito.region().to_owned() });
    }
    error.into_refusal()
}
