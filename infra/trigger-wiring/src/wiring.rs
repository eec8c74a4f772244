//! Carrying out a request: describe, change if needed, and look whether anything else has changed.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rollcall_aws_runtime::retry::{self, GaveUp, Pace, Refusal};
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::{
    call_error::CallError,
    image::{Image, NotAPool},
    merge::{Changes, Taken, attach, detach},
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

/// What became of a request that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was as it should be, and nothing was sent.
    Unchanged,
    /// The pool was updated, and nothing else in it has changed.
    Changed {
        /// What was done.
        changes: Changes,
        /// Templates that had to be left out because Cognito refused the pool's own settings.
        left_out: Vec<String>,
    },
    /// The pool to detach from is not there any more.
    PoolGone,
    /// A deletion of what was never attached.
    NeverAttached,
}

/// Why a request failed. The text is for whoever deploys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// There is no such pool.
    #[error("the user pool {pool} does not exist in {region}")]
    NoPool {
        /// Its id.
        pool: PoolId,
        /// Where it was looked for.
        region: String,
    },
    /// A call failed for good.
    #[error(transparent)]
    Call(#[from] CallError),
    /// An answer that no request can be made from.
    #[error(transparent)]
    NotAPool(#[from] NotAPool),
    /// Somebody else's trigger is in the way.
    #[error("the user pool {pool} was not changed: {taken}")]
    Taken {
        /// The pool.
        pool: PoolId,
        /// Whose.
        taken: Taken,
    },
    /// Settings that nobody meant to change are not what they were.
    #[error(
        "these settings of the user pool {pool} changed together with its triggers, which they must not: {}; compare them with what they should be, and see whether somebody else changed the pool at the same time",
        settings.join(", ")
    )]
    OthersChanged {
        /// The pool.
        pool: PoolId,
        /// Their names.
        settings: Vec<String>,
    },
    /// The update was accepted, and the pool does not show it.
    #[error("the user pool {pool} took the update and does not show it in {}; somebody else may have changed it at the same time", settings.join(", "))]
    NotVisible {
        /// The pool.
        pool: PoolId,
        /// Our entries.
        settings: Vec<String>,
    },
    /// The function's time was used up.
    #[error("there was no time left to try again{}", after(.0.as_deref()))]
    OutOfTime(Option<Box<Failure>>),
}

fn after(last: Option<&Failure>) -> String {
    last.map(|last| format!("; the last attempt failed: {last}")).unwrap_or_default()
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unchanged => f.write_str("the triggers were as they should be; nothing was sent to Cognito"),
            Self::Changed { changes, left_out } if left_out.is_empty() => write!(f, "{changes}"),
            Self::Changed { changes, left_out } => {
                write!(
                    f,
                    "{changes}; left out because Cognito refused them and they are not in use: {}",
                    left_out.join(", ")
                )
            }
            Self::PoolGone => f.write_str("the user pool does not exist any more"),
            Self::NeverAttached => f.write_str("nothing was attached with these properties"),
        }
    }
}

/// Carries out a request before the deadline.
///
/// # Errors
///
/// [`Failure`]. Unless it is [`Failure::OthersChanged`] or out of time, the pool is as it was.
pub async fn carry_out(request: &Request, cognito: &Cognito, deadline: Instant) -> Result<Outcome, Failure> {
    match request {
        Request::Create(to) => connect(to, &Triggers::new(), cognito, deadline).await,
        Request::Update { to, from } => {
            // In another pool nothing of ours can be there to be replaced; CloudFormation deletes the old resource by itself.
            let same_pool = from.as_ref().filter(|from| from.pool == to.pool);
            let before = same_pool.map(|from| from.triggers.clone()).unwrap_or_default();
            connect(to, &before, cognito, deadline).await
        }
        Request::Delete(None) => Ok(Outcome::NeverAttached),
        Request::Delete(Some(wiring)) => {
            let plan = |config: &Map<String, Value>| Ok(detach(config, &wiring.triggers));
            match change(&wiring.pool, plan, cognito, deadline).await {
                Err(Failure::NoPool { .. }) => Ok(Outcome::PoolGone),
                done => done,
            }
        }
    }
}

async fn connect(to: &Wiring, before: &Triggers, cognito: &Cognito, deadline: Instant) -> Result<Outcome, Failure> {
    let plan = |config: &Map<String, Value>| attach(config, &to.triggers, before, to.foreign);
    change(&to.pool, plan, cognito, deadline).await
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

async fn change(
    pool: &PoolId,
    plan: impl Fn(&Map<String, Value>) -> Result<Changes, Taken>,
    cognito: &Cognito,
    deadline: Instant,
) -> Result<Outcome, Failure> {
    // Outlives an attempt: an update whose answer was lost may have been carried out, and is then verified all the same.
    let sent = Mutex::new(None);
    retry::until(deadline, &PACE, || attempt(pool, &plan, cognito, &sent)).await.map_err(final_failure)?;
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
