//! What a process has taken, from /proc.

use std::{fs, process};

/// The unit of the times in `/proc/<pid>/stat`, which Linux has fixed for programs whatever its own timer does.
const TICKS_PER_SECOND: f64 = 100.0;

/// User and system time of a process and all its threads, in seconds.
pub fn processor_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // "pid (name) state …", where the name may hold anything; `utime` and `stime` are the 14th and 15th field.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u32 = fields.skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum();
    f64::from(ticks) / TICKS_PER_SECOND
}

/// Largest resident set of a process so far, in KiB.
pub fn peak_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
    peak.unwrap_or_default()
}

/// A run that has come to its end; printed as JSON.
#[derive(Debug, serde::Serialize)]
pub struct Measured {
    /// From the first batch, handed out or begun, to the last one's answer or end.
    pub seconds: f64,
    /// Of the process, meanwhile.
    pub processor_seconds: f64,
    pub peak_kib: u64,
    /// Messages that the answers list: they come back.
    pub failed: usize,
}

impl Measured {
    /// Of this process.
    pub fn here(seconds: f64, processor_seconds_before: f64) -> Self {
        let pid = process::id();
        Self {
            seconds,
            processor_seconds: processor_seconds(pid) - processor_seconds_before,
            peak_kib: peak_kib(pid),
            failed: 0,
        }
    }
}
