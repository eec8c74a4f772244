//! One start of one program, and what is asked of all of them.

use pipeline_tests::cold_start::Program;
use serde::Serialize;

use super::name;
use crate::statistics::Spread;

/// What the programs run under. Figures are compared within one of them only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Conditions {
    /// Nothing is limited, and PutEvents answers at once.
    Whole,
    /// PutEvents takes its time.
    Delayed,
    /// From the moment when it asks for its first event, a program has the share of a processor that Lambda gives to 256 MB.
    Limited,
}

/// What a deployment of a program uploads.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Size {
    pub(crate) program: Program,
    pub(crate) zip_bytes: u64,
}

/// A start, its first event, and some more.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Run {
    pub(crate) conditions: Conditions,
    pub(crate) program: Program,
    pub(crate) repetition: u32,
    /// From the start of the process until it asked for its first event.
    pub(crate) init_ms: f64,
    /// From the first event handed out until its answer.
    pub(crate) first_ms: f64,
    /// Processor time during init, and until the first answer.
    pub(crate) init_processor_ms: f64,
    pub(crate) cold_processor_ms: f64,
    pub(crate) warm_median_ms: f64,
    #[serde(skip)]
    pub(crate) warm_ms: Vec<f64>,
    pub(crate) peak_mib: f64,
    /// Events that were handed out, and that the endpoint took.
    pub(crate) events: u32,
    pub(crate) published: u32,
    /// More than one where a program lets its client open several connections.
    pub(crate) handshakes: u32,
}

impl Run {
    /// What a person waits for who signs up when no process is there.
    pub(crate) fn cold_ms(&self) -> f64 {
        self.init_ms + self.first_ms
    }

    /// What makes its figures worthless, or worse.
    pub(crate) fn complaint(&self) -> Option<String> {
        let Self { events, published, repetition, conditions, .. } = self;
        let program = name(self.program);
        (events != published)
            .then(|| format!("{program}, {conditions:?}, {repetition}: {published} of {events} events published"))
    }
}

/// The starts of one program under the same conditions.
pub(crate) struct Series<'a>(Vec<&'a Run>);

impl<'a> Series<'a> {
    pub(crate) fn of(runs: &'a [Run], conditions: Conditions, program: Program) -> Self {
        Self(runs.iter().filter(|run| run.conditions == conditions && run.program == program).collect())
    }

    /// A figure of each start.
    pub(crate) fn spread(&self, figure: impl Fn(&Run) -> f64) -> Option<Spread> {
        Spread::of(self.0.iter().map(|run| figure(run)))
    }

    /// The same, each with its repetition.
    pub(crate) fn each(&self, figure: impl Fn(&Run) -> f64) -> Vec<(u32, f64)> {
        self.0.iter().map(|run| (run.repetition, figure(run))).collect()
    }

    /// What 99 of 100 invocations of a process that has answered before do not exceed.
    pub(crate) fn warm_p99(&self) -> Option<f64> {
        let mut all: Vec<f64> = self.0.iter().flat_map(|run| run.warm_ms.iter().copied()).collect();
        all.sort_by(f64::total_cmp);
        // The smallest that at least 99 % of them do not exceed.
        all.get((all.len() * 99).div_ceil(100).checked_sub(1)?).copied()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A start in which everything was published.
    pub(crate) fn run(conditions: Conditions, program: Program, repetition: u32, cold_ms: f64) -> Run {
        Run {
            conditions,
            program,
            repetition,
            init_ms: cold_ms * 0.75,
            first_ms: cold_ms * 0.25,
            init_processor_ms: cold_ms * 0.5,
            cold_processor_ms: cold_ms * 0.625,
            warm_median_ms: 1.0,
            warm_ms: vec![1.0, 2.0],
            peak_mib: 7.0,
            events: 3,
            published: 3,
            handshakes: 1,
        }
    }

    #[test]
    fn the_99th_percentile_is_taken_over_all_starts() {
        let mut runs = [1, 2].map(|repetition| run(Conditions::Whole, Program::Node, repetition, 1.0));
        runs[0].warm_ms = (1..=98).map(f64::from).collect();
        runs[1].warm_ms = vec![1_000.0, 500.0];
        assert_eq!(Series::of(&runs, Conditions::Whole, Program::Node).warm_p99(), Some(500.0));
        assert_eq!(Series::of(&runs, Conditions::Delayed, Program::Node).warm_p99(), None);
    }

    #[test]
    fn an_event_that_was_not_published_once_is_a_complaint() {
        let good = run(Conditions::Whole, Program::Python, 1, 1.0);
        assert_eq!(good.complaint(), None);
        for published in [2, 4] {
            assert!(Run { published, ..good.clone() }.complaint().is_some());
        }
    }
}
