//! How far a run is, on standard error: a moving line on a terminal, a line now and then anywhere else.

use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use super::{
    counts::Counts,
    output::{age, grouped, say},
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

/// What is shown while a run goes on.
pub struct Progress {
    bar: Option<ProgressBar>,
    shown: Shown,
    expected: u64,
    began: Instant,
    last_line: Instant,
}

impl Progress {
    /// For a run that will scan about `expected` messages.
    pub fn begin(expected: u64, shown: Shown) -> Self {
        let bar = (shown == Shown::Yes && io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(expected);
            if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, shown, expected, began: Instant::now(), last_line: Instant::now() }
    }

    /// Shows how far it is; `limit` is the rate that the run is held to, in messages per second.
    pub fn show(&mut self, counts: &Counts, limit: Option<f64>) {
        let line_due = self.shown == Shown::Yes && self.last_line.elapsed() >= LINE_EVERY;
        if self.bar.is_none() && !line_due {
            return;
        }
        let done = counts.scanned;
        let elapsed = self.began.elapsed();
        #[expect(clippy::cast_precision_loss, reason = "counts of messages are far below 2^52")]
        let (left, rate) = (
            elapsed.mul_f64(self.expected.saturating_sub(done) as f64 / done.max(1) as f64),
            (counts.sent + counts.quarantined) as f64 / elapsed.as_secs_f64().max(0.001),
        );
        let held = limit.map(|limit| format!(" (at most {limit:.0}/s)")).unwrap_or_default();
        let text = format!(
            "{} sent, {} not sent, {} returned, {rate:.0}/s{held}, about {} left",
            grouped(counts.sent + counts.quarantined),
            grouped(counts.not_sent()),
            grouped(counts.returned),
            age(left)
        );
        if let Some(bar) = &self.bar {
            bar.set_length(self.expected.max(done));
            bar.set_position(done);
            bar.set_message(text);
        } else {
            self.last_line = Instant::now();
            say(&format!("{} of about {} scanned, {text}", grouped(done), grouped(self.expected)));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
