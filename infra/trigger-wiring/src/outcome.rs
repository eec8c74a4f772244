//! How a request ended, in the words that whoever deploys reads.

use std::fmt;

use crate::{
    call_error::CallError,
    image::NotAPool,
    merge::{Changes, Taken},
    request::PoolId,
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
    /// The stack is rolling back, and triggers that are somebody else's by now were left.
    RolledBack {
        /// Whose.
        left: Taken,
        /// What became of the others.
        rest: Box<Outcome>,
    },
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
    /// The resource was about another pool, which the function could not detach any more.
    #[error(
        "the user pool cannot change from {from} to {to} at once, because {from} could then not be detached: deploy with `PreviousUserPoolId` set to {from}, and once more without it"
    )]
    OtherPool {
        /// The pool before.
        from: PoolId,
        /// The pool that is asked for.
        to: PoolId,
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
    /// A scheduled check would have changed the pool while a deployment may do the same.
    #[error("the user pool was not changed: CloudFormation is changing the stack, or does not say whether it is")]
    UnderWay,
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
            Self::RolledBack { left, rest } => {
                write!(f, "{rest}; warning: {}; it was left as it is, because the stack is rolling back", left.facts())
            }
        }
    }
}
