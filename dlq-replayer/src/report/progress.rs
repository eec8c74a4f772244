//! How far a run is, on standard error: a moving line on a terminal, a line now and then anywhere else.

use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    report::counts::Tally,
    report::output::{age, grouped, say},
};

/// Time between two pictures on a terminal.
const PICTURE_EVERY: Duration = Duration::from_millis(200);

/// Time between two lines elsewhere.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// What is shown while a run goes on.
pub struct Progress {
    bar: Option<ProgressBar>,
    expected: u64,
    began: Instant,
}

impl Progress {
    /// For a run that will look at about `expected` messages.
    pub fn begin(expected: u64) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(expected);
            if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, expected, began: Instant::now() }
    }

    /// Time until the next call of [`Progress::show`].
    pub fn pause(&self) -> Duration {
        if self.bar.is_some() { PICTURE_EVERY } else { LINE_EVERY }
    }

    /// Shows how far it is.
    pub fn show(&self, tally: &Tally, pace: f64) {
        let done = tally.looked_at;
        let elapsed = self.began.elapsed();
        #[expect(clippy::cast_precision_loss, reason = "counts of messages are far below 2^52")]
        let left = elapsed.mul_f64(self.expected.saturating_sub(done) as f64 / done.max(1) as f64);
        let text = format!(
            "sent {}, not sent {}, came back {}, pace {pace:.0}/s, about {} left",
            grouped(tally.sent + tally.quarantined),
            grouped(tally.not_sent()),
            grouped(tally.bounced),
            age(left)
        );
        match &self.bar {
            Some(bar) => {
                bar.set_length(self.expected.max(done));
                bar.set_position(done);
                bar.set_message(text);
            }
            None => say(&format!("{} of about {} looked at, {text}", grouped(done), grouped(self.expected))),
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
