//! What is shown while the stack starts: what is under way, and how long everything took.

use std::{
    io::{self, IsTerminal, Write},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use pipeline_tests::Step;

use crate::report::Prepared;

/// Time between two pictures of the spinner.
const TICK: Duration = Duration::from_millis(100);

/// The preparation as it is shown on standard error: a moving line on a terminal, a line for each finished step anywhere else.
pub(crate) struct Preparation {
    began: Instant,
    spinner: Option<ProgressBar>,
    under_way: Mutex<Vec<&'static str>>,
    finished: Mutex<Vec<(String, Duration)>>,
}

impl Preparation {
    pub(crate) fn begin() -> Self {
        let spinner = io::stderr().is_terminal().then(|| {
            let spinner = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg} ({elapsed})") {
                spinner.set_style(style);
            }
            spinner.enable_steady_tick(TICK);
            spinner
        });
        let preparation =
            Self { began: Instant::now(), spinner, under_way: Mutex::default(), finished: Mutex::default() };
        preparation.say("preparing a stack on this machine");
        preparation
    }

    /// Shows one step; called from several threads.
    pub(crate) fn show(&self, step: &Step) {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        match step {
            Step::Started(name) => under_way.push(name),
            Step::Finished(name, took) | Step::Failed(name, took) => {
                under_way.retain(|other| other != name);
                let mark = if matches!(step, Step::Finished(..)) { '✓' } else { '✗' };
                self.say(&format!("  {mark} {name:<36} {:>6.1} s", took.as_secs_f32()));
                self.finished.lock().unwrap_or_else(PoisonError::into_inner).push(((*name).to_owned(), *took));
            }
        }
        if let Some(spinner) = &self.spinner {
            spinner.set_message(under_way.join(", "));
        }
    }

    pub(crate) fn end(self) -> Prepared {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
        let took = self.began.elapsed();
        let _ = writeln!(io::stderr(), "ready after {:.1} s", took.as_secs_f32());
        let steps = self.finished.into_inner().unwrap_or_else(PoisonError::into_inner);
        Prepared::new(took, steps)
    }

    fn say(&self, line: &str) {
        match &self.spinner {
            Some(spinner) => spinner.println(line),
            // Nobody reads it: nothing to be done.
            None => drop(writeln!(io::stderr(), "{line}")),
        }
    }
}
