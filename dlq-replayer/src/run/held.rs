//! Messages that an earlier run may still hold: they come back when their visibility timeout is over, and the run waits for them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::{
    journal::holders::Holder,
    report::output::{at_most, messages},
};

/// Time for messages to come when they are visible again.
const TO_COME: Duration = Duration::from_secs(1);

/// Which runs may hold messages, and until when.
#[derive(Debug)]
pub struct Held {
    runs: Vec<String>,
    until: Instant,
    told: bool,
}

impl Held {
    /// What these runs may hold at the beginning of this one, which they do not outlive; `usual` is the visibility timeout of runs
    /// that do not say theirs. None without such a run.
    pub fn by(holders: Vec<Holder>, usual: Duration, now: Instant) -> Option<Self> {
        let longest = holders.iter().map(|holder| holder.visibility.unwrap_or(usual)).max()?;
        let runs = holders.into_iter().map(|holder| holder.run).collect();
        Some(Self { runs, until: now + longest + TO_COME, told: false })
    }

    /// How long they may still hold something.
    pub fn left(&self, now: Instant) -> Duration {
        self.until.saturating_duration_since(now)
    }

    /// What the run waits for, the first time that it waits.
    pub fn told(&mut self, missing: u64, now: Instant) -> Option<String> {
        if std::mem::replace(&mut self.told, true) {
            return None;
        }
        let left = self.left(now);
        let until = SignedDuration::try_from(left).ok().and_then(|left| Timestamp::now().checked_add(left).ok())?;
        let newest = self.runs.last()?;
        let (runs, were) = match self.runs.len() {
            1 => (format!("the run {newest}"), "was"),
            2 => (format!("the runs {} and {newest}", self.runs.first()?), "were"),
            count => (format!("the run {newest} and {} others", count - 1), "were"),
        };
        let them = if missing == 1 { "it" } else { "them" };
        Some(format!(
            "waiting for {} until {}, at most {}: {runs} {were} killed or failed, and may still hold {them}",
            messages(missing),
            until.strftime("%H:%M:%S UTC"),
            at_most(left)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(run: &str, visibility: Option<u64>) -> Holder {
        Holder { run: run.to_owned(), visibility: visibility.map(Duration::from_secs) }
    }

    #[tokio::test]
    async fn it_says_once_which_runs_how_many_messages_and_until_when() {
        let now = Instant::now();
        let usual = Duration::from_secs(50);
        assert!(Held::by(Vec::new(), usual, now).is_none());
        let mut held = Held::by(vec![holder("a", None)], usual, now).unwrap();
        let text = held.told(1, now).unwrap();
        assert!(
            text.starts_with("waiting for 1 message until ") && text.contains(" UTC, at most 51 s: the run a was"),
            "{text}"
        );
        assert!(text.ends_with("may still hold it"), "{text}");
        assert_eq!(held.told(1, now), None);
        let mut held = Held::by(vec![holder("a", Some(100)), holder("b", None)], usual, now).unwrap();
        assert_eq!(held.left(now), Duration::from_secs(101));
        let text = held.told(40, now).unwrap();
        assert!(text.contains(" UTC, at most 1 min 41 s: "), "one minute would be too little: {text}");
        assert!(text.contains("40 messages") && text.contains("the runs a and b were killed"), "{text}");
        assert_eq!(held.left(now + Duration::from_secs(200)), Duration::ZERO);
        let mut held = Held::by(vec![holder("a", None), holder("b", None), holder("c", None)], usual, now).unwrap();
        assert!(held.told(2, now).unwrap().contains("the run c and 2 others were"));
    }
}
