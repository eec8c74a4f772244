//! Earlier runs that may still hold messages: they were killed, or failed and could not release them.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use super::{
    past::end_of,
    record::FAILED,
    settled::{EarlierRuns, Scope, begin_of},
};

/// The longest that a message can be held, however often its visibility timeout is extended.
/// Source: "Amazon SQS visibility timeout" in the Amazon SQS developer guide: 12 hours.
const LONGEST_HELD: Duration = Duration::from_hours(12);

/// An earlier run that may still hold messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its name.
    pub run: String,
    /// The visibility timeout of what it received; none in a journal that does not say it.
    pub visibility: Option<Duration>,
}

/// The runs of a queue that may still hold messages, the oldest first.
///
/// # Errors
///
/// A journal cannot be read.
pub fn holders(folder: &Path, now: SystemTime) -> anyhow::Result<Vec<Holder>> {
    let mut holders = Vec::new();
    for path in EarlierRuns::find(folder, Scope::Queue)?.since {
        let written = fs::metadata(&path).and_then(|file| file.modified()).unwrap_or(now);
        let released = end_of(&path).is_some_and(|end| end.outcome != FAILED);
        if released || now.duration_since(written).unwrap_or_default() > LONGEST_HELD {
            continue;
        }
        if let Some(begin) = begin_of(&path)? {
            let visibility = begin.visibility_seconds.map(Duration::from_secs);
            holders.push(Holder { run: begin.run, visibility });
        }
    }
    Ok(holders)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::write::file_of;

    #[test]
    fn a_run_that_was_killed_or_failed_may_hold_messages_for_twelve_hours_and_one_that_ended_in_order_not() {
        let folder = std::env::temp_dir().join(format!("holders-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&folder).unwrap();
        let write = |run: &str, more: &str, outcome: Option<&str>| {
            let end = outcome.map(|outcome| {
                format!(
                    r#"{{"step":"end","at":"2026-11-22T21:00:00Z","outcome":"{outcome}","sent":1,"not_sent":0,"returned":0,"unfinished":1,"saw_everything":false}}"#
                )
            });
            let begin = format!(
                r#"{{"step":"begin","run":"{run}","at":"2026-11-22T21:00:00Z","command":"replay","queue":"q","destination":"d"{more}}}"#
            );
            fs::write(file_of(&folder, run), [begin, end.unwrap_or_default()].join("\n")).unwrap();
        };
        write("1", r#","visibility_seconds":300"#, None);
        write("2", "", Some("interrupted"));
        write("3", "", Some(FAILED));
        let holder = |run: &str, visibility| Holder { run: run.to_owned(), visibility };
        let now = SystemTime::now();
        let found = holders(&folder, now).unwrap();
        assert_eq!(found, [holder("1", Some(Duration::from_mins(5))), holder("3", None)]);
        assert_eq!(holders(&folder, now + LONGEST_HELD + Duration::from_mins(1)).unwrap(), []);
        fs::remove_dir_all(&folder).unwrap();
    }
}
