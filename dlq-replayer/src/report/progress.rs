//! How far a run is, on standard error: a moving line on a terminal, and nothing anywhere else.

use std::{
    fmt::Write,
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use super::{
    counts::Counts,
    output::{age, grouped},
    summary::done,
};

/// Whether progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Yes.
    Yes,
    /// Not at all: `--quiet`.
    Quiet,
}

/// What a command does with the messages that it scans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// It only looks at them.
    Looking,
    /// It sends or writes them, which this word says.
    Passing(&'static str),
}

impl Doing {
    /// What a command does.
    pub fn of(command: &str) -> Self {
        Self::Passing(done(command))
    }
}

/// What is shown while a run or a scan goes on.
pub struct Progress {
    bar: Option<ProgressBar>,
    doing: Doing,
    expected: Option<u64>,
    began: Instant,
}

impl Progress {
    /// For a command that will scan about `expected` messages, if that is known.
    pub fn begin(expected: Option<u64>, doing: Doing, shown: Shown) -> Self {
        let bar = (shown == Shown::Yes && io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(expected.unwrap_or_default());
            let template = if expected.is_some() { "{bar:20} {wide_msg}" } else { "{wide_msg}" };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        });
        // A terminal that cannot move its cursor gets nothing.
        let bar = bar.filter(|bar| !bar.is_hidden());
        Self { bar, doing, expected, began: Instant::now() }
    }

    /// Shows how far it is; `limit` is the rate that the run is held to, in messages per second.
    pub fn show(&self, counts: &Counts, limit: Option<f64>) {
        let Some(bar) = &self.bar else { return };
        bar.set_length(self.expected.unwrap_or_default().max(counts.scanned));
        // What was scanned and waits to be sent is not done.
        bar.set_position(counts.scanned.saturating_sub(self.waiting(counts)));
        bar.set_message(self.text(counts, limit));
    }

    /// Messages that were scanned and wait to be sent.
    fn waiting(&self, counts: &Counts) -> u64 {
        if self.doing == Doing::Looking { 0 } else { counts.left_by_the_end() }
    }

    fn text(&self, counts: &Counts, limit: Option<f64>) -> String {
        let (scanned, elapsed) = (counts.scanned, self.began.elapsed());
        let passed = match self.doing {
            Doing::Looking => scanned,
            Doing::Passing(_) => counts.sent + counts.quarantined,
        };
        let mut text = match self.expected {
            Some(expected) => format!("{} of about {} scanned", grouped(scanned), grouped(expected.max(scanned))),
            None => format!("{} scanned", grouped(scanned)),
        };
        if let Doing::Passing(done) = self.doing {
            let some = [(counts.not_sent(), format!("not {done}")), (counts.returned, "returned".to_owned())];
            for (count, what) in
                std::iter::once((passed, done.to_owned())).chain(some.into_iter().filter(|(count, _)| *count > 0))
            {
                // Writing to a String does not fail.
                let _ = write!(text, ", {} {what}", grouped(count));
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "counts of messages are far below 2^52")]
        let reached = passed as f64 / elapsed.as_secs_f64().max(0.001);
        // A run begins with a few messages at once, and a limit that is far away holds nothing.
        let rate = reached.min(limit.unwrap_or(f64::MAX));
        let held = limit.filter(|limit| rate * 2.0 >= *limit);
        let held = held.map(|limit| format!(" (at most {limit:.0}/s)")).unwrap_or_default();
        let left = self.left(counts, passed, elapsed);
        let left = left.map(|left| format!(", about {} left", age(left))).unwrap_or_default();
        format!("{text}, {rate:.0}/s{held}{left}")
    }

    /// The time that is left, by what takes longer: to scan what is expected, or to send what waits. None as long as there is nothing to judge by.
    fn left(&self, counts: &Counts, passed: u64, elapsed: Duration) -> Option<Duration> {
        let waiting = self.waiting(counts);
        let of = |left: u64, done: u64| {
            #[expect(clippy::cast_precision_loss, reason = "counts of messages are far below 2^52")]
            let share = left as f64 / done as f64;
            (left == 0).then_some(Duration::ZERO).or((done > 0).then(|| elapsed.mul_f64(share)))
        };
        let scan = of(self.expected?.saturating_sub(counts.scanned), counts.scanned)?;
        Some(scan.max(of(waiting, passed)?))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_says_what_it_does() {
        let counts = Counts { scanned: 1_100, sent: 1_000, ..Counts::default() };
        let said = |doing, counts: &Counts| Progress::begin(Some(2_000), doing, Shown::Quiet).text(counts, None);
        assert!(said(Doing::Looking, &counts).starts_with("1,100 of about 2,000 scanned, "));
        for (command, word) in [
            ("replay", "sent"),
            ("move", "moved"),
            ("purge", "archived"),
            ("import", "imported"),
            ("pull", "written"),
            ("export", "written"),
        ] {
            let text = said(Doing::of(command), &counts);
            assert!(text.starts_with(&format!("1,100 of about 2,000 scanned, 1,000 {word}, ")), "{text}");
            assert!(!text.contains("returned") && !text.contains("not "), "{text}");
        }
        let some = Counts { returned: 3, left_for_order: 2, ..counts };
        let text = said(Doing::of("move"), &some);
        assert!(text.contains("1,000 moved, 2 not moved, 3 returned, "), "{text}");
    }
    #[test]
    fn the_time_left_is_that_of_what_takes_longer_and_none_before_anything_was_done() {
        let began = Instant::now().checked_sub(Duration::from_secs(10)).unwrap();
        let said = |expected, counts: &Counts, limit| {
            let mut progress = Progress::begin(expected, Doing::of("replay"), Shown::Quiet);
            progress.began = began;
            progress.text(counts, limit)
        };
        let nothing = Counts::default();
        assert_eq!(said(Some(3_000), &nothing, Some(20.0)), "0 of about 3,000 scanned, 0 sent, 0/s");
        assert_eq!(said(None, &nothing, None), "0 scanned, 0 sent, 0/s");
        let all_scanned = Counts { scanned: 300, matched: 300, sent: 60, ..Counts::default() };
        let text = said(Some(300), &all_scanned, Some(5.0));
        assert_eq!(text, "300 of about 300 scanned, 60 sent, 5/s (at most 5/s), about 40 s left");
        assert!(!said(Some(300), &all_scanned, Some(3_717.0)).contains("at most"), "it holds nothing");
    }
}
