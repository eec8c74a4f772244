//! What the deployed consumer says about its invocations: the summary lines of its log.

use std::{fs, time::Duration};

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::Stack;

/// The summary of one invocation, as far as it is needed here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The process that ran it.
    pub pid: u32,
    /// Messages of the batch.
    pub size: u64,
    /// Rows that it made.
    pub inserted: u64,
    /// Messages about somebody who had a row already, or who came twice in the batch.
    pub duplicates: u64,
    /// Messages that come back.
    pub retry: u64,
    /// When it was done, to the microsecond.
    pub ended: Timestamp,
    /// From the batch's arrival to the answer.
    pub took: Duration,
}

/// One line of the log; a summary is the one that has these members.
#[derive(Deserialize)]
struct Line {
    timestamp: Timestamp,
    #[serde(rename = "batch.size")]
    size: u64,
    #[serde(rename = "batch.inserted")]
    inserted: u64,
    #[serde(rename = "batch.duplicates")]
    duplicates: u64,
    #[serde(rename = "batch.retry")]
    retry: u64,
    duration_ms: u64,
}

/// The summaries of every invocation so far, killed ones left out.
///
/// # Errors
///
/// There is no log: the consumer has not run yet.
pub fn read(stack: &Stack) -> anyhow::Result<Vec<Summary>> {
    Ok(log(stack)?.lines().filter_map(summary).collect())
}

/// All that the consumer has written, each line behind its process id in brackets.
///
/// # Errors
///
/// There is no log: the consumer has not run yet.
pub fn log(stack: &Stack) -> anyhow::Result<String> {
    let path = stack.logs.join("functions").join(format!("{}.log", stack.outputs.consumer_function_name));
    fs::read_to_string(&path).with_context(|| format!("reading the consumer's log, {}", path.display()))
}

/// How many of these ran at the same time, when it was most of them.
pub fn most_at_once(summaries: &[Summary]) -> usize {
    let began = |summary: &Summary| summary.ended - SignedDuration::try_from(summary.took).unwrap_or_default();
    // The number rises only where one begins.
    let at_once = |moment| summaries.iter().filter(|other| began(other) <= moment && moment < other.ended).count();
    summaries.iter().map(|summary| at_once(began(summary))).max().unwrap_or_default()
}

fn summary(line: &str) -> Option<Summary> {
    let (pid, json) = line.strip_prefix('[')?.split_once("] ")?;
    let Line { timestamp, size, inserted, duplicates, retry, duration_ms } = serde_json::from_str(json).ok()?;
    Some(Summary {
        pid: pid.parse().ok()?,
        size,
        inserted,
        duplicates,
        retry,
        ended: timestamp,
        took: Duration::from_millis(duration_ms),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_told_from_the_other_lines() {
        let line = r#"[17] {"timestamp":"1970-01-01T00:00:26.000001Z","level":"INFO","message":"batch processed","batch.size":10,"batch.inserted":7,"batch.duplicates":2,"batch.poison":1,"batch.retry":0,"batch.statements":1,"duration_ms":26000}"#;
        let expected = Summary {
            pid: 17,
            size: 10,
            inserted: 7,
            duplicates: 2,
            retry: 0,
            ended: Timestamp::from_microsecond(26_000_001).unwrap(),
            took: Duration::from_secs(26),
        };
        assert_eq!(summary(line), Some(expected));
        assert_eq!(summary(r#"[17] {"level":"WARN","not_held":3}"#), None);
        assert_eq!(summary("[17] panicked"), None);
    }

    #[test]
    fn those_that_overlap_are_counted_together_and_those_that_follow_each_other_are_not() {
        let run = |began: i64, ended: i64| Summary {
            pid: 1,
            size: 1,
            inserted: 1,
            duplicates: 0,
            retry: 0,
            ended: Timestamp::from_second(ended).unwrap(),
            took: Duration::from_secs(u64::try_from(ended - began).unwrap()),
        };
        assert_eq!(most_at_once(&[run(0, 2), run(2, 4), run(4, 6)]), 1);
        assert_eq!(most_at_once(&[run(0, 5), run(1, 3), run(2, 4), run(4, 6)]), 3);
        assert_eq!(most_at_once(&[]), 0);
    }
}
