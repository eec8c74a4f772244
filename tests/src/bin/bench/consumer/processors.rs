//! Which processor does what: the database has one to itself, as it has a machine to itself where the consumer is deployed.
//!
//! Otherwise Linux moves the database, which has just been sent a statement, to the processor of who has sent it, and what that was about to do meanwhile waits, although another processor idles.

use anyhow::Context;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The processors that this process may use.
pub(super) struct Processors {
    database: CpuSet,
    tools: CpuSet,
}

impl Processors {
    /// Where there is only one, all share it.
    pub(super) fn here() -> anyhow::Result<Self> {
        let all = sched_getaffinity(None).context("asking for this process's processors")?;
        let (mut database, mut tools) = (CpuSet::new(), all);
        let last = (0..CpuSet::MAX_CPU).rev().find(|processor| all.is_set(*processor));
        match last {
            Some(last) if all.count() > 1 => {
                database.set(last);
                tools.unset(last);
            }
            _ => database = all,
        }
        Ok(Self { database, tools })
    }

    /// What this thread starts from now on has the database's.
    pub(super) fn of_the_database(&self) -> anyhow::Result<()> {
        sched_setaffinity(None, &self.database).context("choosing the database's processor")
    }

    /// What this thread starts from now on has the others.
    pub(super) fn of_the_tools(&self) -> anyhow::Result<()> {
        sched_setaffinity(None, &self.tools).context("choosing the tools' processors")
    }
}
