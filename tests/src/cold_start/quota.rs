//! The share of a processor that Lambda gives a function of 256 MB, as a control group of Linux.
//!
//! Lambda gives one whole processor to 1,769 MB and less in proportion ("Configure Lambda function memory" in its developer guide).

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use uuid::Uuid;

/// Microseconds in which the share is counted.
const PERIOD: u32 = 20_000;

/// 256 of 1,769 MB, in microseconds of each period.
const SHARE: u32 = PERIOD * 256 / 1_769;

/// Where control groups with a limit on the processor can be: those of version 1, and of version 2.
const ROOTS: [&str; 2] = ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup"];

/// A control group. It goes when this is dropped; its processes must have ended.
pub struct Quota(PathBuf);

impl Quota {
    /// Makes one.
    ///
    /// # Errors
    ///
    /// This user may not, or the kernel has no such limit.
    pub fn create() -> anyhow::Result<Self> {
        let name = format!("rollcall-{}", Uuid::new_v4().simple());
        for root in ROOTS {
            let group = Path::new(root).join(&name);
            if fs::create_dir(&group).is_err() {
                continue;
            }
            let group = Self(group);
            if group.limit().is_ok() {
                return Ok(group);
            }
        }
        bail!("this machine lets this user limit no process")
    }

    fn limit(&self) -> anyhow::Result<()> {
        let write = |file: &str, text: String| fs::write(self.0.join(file), text);
        if self.0.join("cpu.cfs_quota_us").exists() {
            write("cpu.cfs_period_us", PERIOD.to_string())?;
            write("cpu.cfs_quota_us", SHARE.to_string())?;
        } else if self.0.join("cpu.max").exists() {
            write("cpu.max", format!("{SHARE} {PERIOD}"))?;
        } else {
            bail!("a control group without a limit on the processor");
        }
        Ok(())
    }

    /// Limits a process from now on, with all its threads.
    pub(super) fn hold(&self, pid: u32) -> anyhow::Result<()> {
        fs::write(self.0.join("cgroup.procs"), pid.to_string()).context("limiting the process")
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        // A group that something still runs in stays; nothing is left that would free it.
        let _ = fs::remove_dir(&self.0);
    }
}
