//! How far a run is, on standard error: a moving line on a terminal, a line now and then anywhere else.

use std::{
    fmt::Write,
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use super::{
    counts::Counts,
    output::{age, grouped, say},
    summary::done,
};

/// Time between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

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
    shown: Shown,
    doing: Doing,
    expected: u64,
    began: Instant,
    last_line: Instant,
}

impl Progress {
    /// For a command that will scan about `expected` messages.
    pub fn begin(expected: u64, doing: Doing, shown: Shown) -> Self {
        let bar = (shown == Shown::Yes && io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(expected);
            if let Ok(style) = ProgressStyle::with_template("{bar:20} {wide_msg}") {
                bar.set_style(style);
            }
            bar
        });
        // A terminal that cannot move its cursor gets lines.
        let bar = bar.filter(|bar| !bar.is_hidden());
        Self { bar, shown, doing, expected, began: Instant::now(), last_line: Instant::now() }
    }

    /// Shows how far it is; `limit` is the rate that the run is held to, in messages per second.
    pub fn show(&mut self, counts: &Counts, limit: Option<f64>) {
        let line_due = self.shown == Shown::Yes && self.last_line.elapsed() >= LINE_EVERY;
        if self.bar.is_none() && !line_due {
            return;
        }
        let text = self.text(counts, limit);
        if let Some(bar) = &self.bar {
            bar.set_length(self.expected.max(counts.scanned));
            bar.set_position(counts.scanned);
            bar.set_message(text);
        } else {
            self.last_line = Instant::now();
            say(&text);
        }
    }

    fn text(&self, counts: &Counts, limit: Option<f64>) -> String {
        let (scanned, elapsed) = (counts.scanned, self.began.elapsed());
        let passed = match self.doing {
            Doing::Looking => scanned,
            Doing::Passing(_) => counts.sent + counts.quarantined,
        };
        #[expect(clippy::cast_precision_loss, reason = "counts of messages are far below 2^52")]
        let (left, rate) = (
            elapsed.mul_f64(self.expected.saturating_sub(scanned) as f64 / scanned.max(1) as f64),
            passed as f64 / elapsed.as_secs_f64().max(0.001),
        );
        let mut text = format!("{} of about {} scanned", grouped(scanned), grouped(self.expected.max(scanned)));
        if let Doing::Passing(done) = self.doing {
            let some = [(counts.not_sent(), format!("not {done}")), (counts.returned, "returned".to_owned())];
            for (count, what) in
                std::iter::once((passed, done.to_owned())).chain(some.into_iter().filter(|(count, _)| *count > 0))
            {
                // Writing to a String does not fail.
                let _ = write!(text, ", {} {what}", grouped(count));
            }
        }
        let held = limit.map(|limit| format!(" (at most {limit:.0}/s)")).unwrap_or_default();
        format!("{text}, {rate:.0}/s{held}, about {} left", age(left))
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
        let said = |doing, counts: &Counts| Progress::begin(2_000, doing, Shown::Quiet).text(counts, None);
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
}
