//! One run of one tool, and what is asked of all runs.

use serde::Serialize;

use super::tool::Tool;
use crate::statistics::Spread;

/// Processor time is given for so many messages.
const PER: f64 = 100_000.0;

/// Messages of a batch.
pub(crate) const SIZES: [u32; 5] = [1, 10, 100, 1_000, 4_000];

/// Messages of a batch where only one size is measured.
pub(crate) const LARGE: u32 = 1_000;

/// What the tools run under. Figures are compared within one of them only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Conditions {
    /// Users without rows.
    New,
    /// One of each batch is refused by the table.
    OneBad,
    /// Users who have rows.
    Redelivered,
    /// From the start of the process, over TLS, one message.
    Cold,
}

impl Conditions {
    /// The tools that are compared under them.
    pub(crate) fn tools(self) -> &'static [Tool] {
        use Tool::{AnswerOnly, AwsExample, BareLoop, Consumer, Node, ParseThenInsert, Python, PythonBoto3};
        match self {
            Self::New => &[Consumer, BareLoop, AnswerOnly, ParseThenInsert, AwsExample, Python, Node],
            Self::OneBad => &[Consumer, AwsExample, Python, Node],
            Self::Redelivered => &[Consumer, BareLoop, AwsExample, Python, Node],
            Self::Cold => &[Consumer, AwsExample, Python, PythonBoto3, Node],
        }
    }

    /// The sizes of batches under them.
    pub(crate) fn sizes(self) -> &'static [u32] {
        match self {
            Self::New => &SIZES,
            Self::OneBad | Self::Redelivered => &[LARGE],
            Self::Cold => &[1],
        }
    }
}

/// A run of a tool.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Run {
    pub(crate) conditions: Conditions,
    pub(crate) tool: Tool,
    pub(crate) repetition: u32,
    /// Messages of a batch.
    pub(crate) batch: u32,
    pub(crate) batches: u32,
    pub(crate) seconds: f64,
    pub(crate) processor_seconds: f64,
    /// What Postgres needed, login and first batch included.
    pub(crate) database_processor_seconds: f64,
    pub(crate) peak_mib: f64,
    /// Messages that came back.
    pub(crate) failed: u64,
    /// Messages that became dead letters.
    pub(crate) buried: u64,
    /// Users who should have a row in the end and have none, and rows that nobody should have.
    pub(crate) wrong_rows: u64,
}

impl Run {
    pub(crate) fn messages(&self) -> f64 {
        f64::from(self.batch) * f64::from(self.batches)
    }

    /// What makes its figures worthless, or worse.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let bad = if self.conditions == Conditions::OneBad { u64::from(self.batches) } else { 0 };
        let (failed, buried) = if self.tool == Tool::Consumer { (0, bad) } else { (bad, 0) };
        let wrong = [
            (self.wrong_rows > 0, format!("{} rows too few or too many", self.wrong_rows)),
            (self.failed != failed, format!("{} messages came back instead of {failed}", self.failed)),
            (self.buried != buried, format!("{} dead letters instead of {buried}", self.buried)),
        ];
        let about =
            |what: String| format!("{}, {:?}, batches of {}: {what}", self.tool.name(), self.conditions, self.batch);
        wrong.into_iter().filter(|(is_so, _)| *is_so).map(|(_, what)| about(what)).collect()
    }
}

/// The runs of one tool under the same conditions.
pub(crate) struct Series<'a>(Vec<&'a Run>);

impl<'a> Series<'a> {
    pub(crate) fn of(runs: &'a [Run], conditions: Conditions, tool: Tool, batch: u32) -> Self {
        let wanted = |run: &&Run| run.conditions == conditions && run.tool == tool && run.batch == batch;
        Self(runs.iter().filter(wanted).collect())
    }

    /// Messages per second of each repetition.
    pub(crate) fn rates(&self) -> Vec<(u32, f64)> {
        self.each(|run| run.messages() / run.seconds)
    }

    /// Seconds of each repetition.
    pub(crate) fn seconds(&self) -> Vec<(u32, f64)> {
        self.each(|run| run.seconds)
    }

    /// Seconds for each batch, of each repetition.
    pub(crate) fn seconds_per_batch(&self) -> Vec<(u32, f64)> {
        self.each(|run| run.seconds / f64::from(run.batches))
    }

    /// Processor seconds per 100,000 messages.
    pub(crate) fn processor(&self) -> Option<Spread> {
        self.spread(|run| run.processor_seconds / run.messages() * PER)
    }

    /// Processor seconds of the whole run.
    pub(crate) fn whole_processor(&self) -> Option<Spread> {
        self.spread(|run| run.processor_seconds)
    }

    /// Postgres's processor seconds per 100,000 messages.
    pub(crate) fn database_processor(&self) -> Option<Spread> {
        self.spread(|run| run.database_processor_seconds / run.messages() * PER)
    }

    /// Largest resident set, in MiB.
    pub(crate) fn peak(&self) -> Option<Spread> {
        self.spread(|run| run.peak_mib)
    }

    fn each(&self, value: impl Fn(&Run) -> f64) -> Vec<(u32, f64)> {
        self.0.iter().map(|run| (run.repetition, value(run))).collect()
    }

    fn spread(&self, value: impl Fn(&Run) -> f64) -> Option<Spread> {
        Spread::of(self.0.iter().map(|run| value(run)))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A run that lost nobody.
    pub(crate) fn run(conditions: Conditions, tool: Tool, repetition: u32, batch: u32, seconds: f64) -> Run {
        let bad = if conditions == Conditions::OneBad { 10 } else { 0 };
        let (failed, buried) = if tool == Tool::Consumer { (0, bad) } else { (bad, 0) };
        Run {
            conditions,
            tool,
            repetition,
            batch,
            batches: 10,
            seconds,
            processor_seconds: seconds / 2.0,
            database_processor_seconds: seconds / 4.0,
            peak_mib: 7.0,
            failed,
            buried,
            wrong_rows: 0,
        }
    }

    #[test]
    fn a_user_without_a_row_and_a_message_that_came_back_are_complaints() {
        for (conditions, tool) in [(Conditions::New, Tool::Node), (Conditions::OneBad, Tool::Consumer)] {
            let good = run(conditions, tool, 1, 10, 1.0);
            assert!(good.complaints().is_empty(), "{:?}", good.complaints());
            let broken: [fn(&mut Run); 3] = [|run| run.wrong_rows = 1, |run| run.failed += 1, |run| run.buried += 1];
            for break_it in broken {
                let mut run = good.clone();
                break_it(&mut run);
                assert_eq!(run.complaints().len(), 1, "{run:?}");
            }
        }
    }

    #[test]
    fn figures_are_per_message() {
        let runs = [run(Conditions::New, Tool::Consumer, 3, 10, 2.0)];
        let series = Series::of(&runs, Conditions::New, Tool::Consumer, 10);
        assert_eq!(series.rates(), [(3, 50.0)]);
        assert_eq!(series.processor().unwrap().median.to_string(), "1000");
        assert!(Series::of(&runs, Conditions::New, Tool::Consumer, 100).peak().is_none());
    }
}
