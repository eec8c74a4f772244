//! What a start reports while it works, so that a person sees what takes how long.

use std::fmt;
use std::time::{Duration, Instant};

/// One thing a start does. Several may be under way at the same time.
#[derive(Clone, Debug)]
pub enum Step {
    /// It begins.
    Started(&'static str),
    /// It has succeeded after this time.
    Finished(&'static str, Duration),
    /// It has failed after this time; the reason is in the error that the start returns.
    Failed(&'static str, Duration),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started(name) => write!(f, "{name} ..."),
            Self::Finished(name, took) => write!(f, "{name}: {:.1} s", took.as_secs_f32()),
            Self::Failed(name, took) => write!(f, "{name}: failed after {:.1} s", took.as_secs_f32()),
        }
    }
}

/// Is told of each step, from several threads.
pub type Progress<'a> = &'a (dyn Fn(Step) + Sync);

/// Does `work` and reports it under `name`.
pub(crate) fn step<T>(
    progress: Progress<'_>,
    name: &'static str,
    work: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let began = Instant::now();
    progress(Step::Started(name));
    let result = work();
    let took = began.elapsed();
    progress(match result {
        Ok(_) => Step::Finished(name, took),
        Err(_) => Step::Failed(name, took),
    });
    result
}
