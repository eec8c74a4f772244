//! What must be reached, row by row, and whether it was.

use clap::ValueEnum;
use serde::Serialize;

use super::{
    runs::{Conditions, LARGE, Run, Series},
    tool::Tool,
};
use crate::{
    statistics::{Spread, ratio},
    target::{Bound, Target, Unit},
};

/// A row of the table, or several that come from the same runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Row {
    /// Rate and processor time of each size of batches.
    Batches,
    /// The same for batches of 10 alone.
    Ten,
    /// The same for batches of 1,000 alone.
    Thousand,
    /// One bad row in 1,000 against a clean batch.
    OneBad,
    /// Rows that are there already.
    Redelivery,
    /// Cold start over TLS and peak memory.
    Cold,
}

impl Row {
    /// Whether its figures come from these runs.
    pub(crate) fn needs(self, conditions: Conditions) -> bool {
        match self {
            Self::Batches | Self::Ten | Self::Thousand => conditions == Conditions::New,
            Self::OneBad => matches!(conditions, Conditions::New | Conditions::OneBad),
            Self::Redelivery => conditions == Conditions::Redelivered,
            Self::Cold => conditions == Conditions::Cold,
        }
    }

    /// Whether it is about batches of this size.
    pub(crate) fn needs_size(self, size: u32) -> bool {
        match self {
            Self::Ten => size == 10,
            Self::Thousand | Self::OneBad => size == LARGE,
            Self::Batches | Self::Redelivery | Self::Cold => true,
        }
    }
}

/// All targets for which there are runs.
pub(crate) fn targets(runs: &[Run]) -> Vec<Target> {
    use Bound::{AtLeast, AtMost, None as NoBound};
    use Conditions::{Cold, New, OneBad};
    use Tool::{AnswerOnly, AwsExample, BareLoop, Consumer, Node, ParseThenInsert, Python, PythonBoto3};
    use Unit::{Mebibytes, Milliseconds, Percent, Seconds, Times};

    let rates = |tool, size| Series::of(runs, New, tool, size).rates();
    let share = |size| ratio(&rates(Consumer, size), &rates(BareLoop, size));
    let per_batch_of = |tool, size| Series::of(runs, New, tool, size).seconds_per_batch();
    let bound = |size| {
        ratio(&both(&per_batch_of(BareLoop, size), &per_batch_of(AnswerOnly, size)), &per_batch_of(Consumer, size))
    };
    let times = |tool, size| ratio(&rates(Consumer, size), &rates(tool, size));
    let processor = |tool| Series::of(runs, New, tool, LARGE).processor();
    let cold = |tool| Series::of(runs, Cold, tool, 1);
    let faster = |tool| ratio(&cold(tool).seconds(), &cold(Consumer).seconds());
    let per_batch = |conditions| Series::of(runs, conditions, Consumer, LARGE).seconds_per_batch();
    let start = |tool| Spread::of(cold(tool).seconds().into_iter().map(|(_, seconds)| seconds));
    let all = [
        ("batches of 4,000: share of the bare loop's rate", (Percent, AtLeast(0.70)), share(4_000)),
        ("batches of 1,000: share of the bare loop's rate", (Percent, AtLeast(0.70)), share(LARGE)),
        ("batches of 100: share of the bare loop's rate", (Percent, AtLeast(0.60)), share(100)),
        ("batches of 10: share of the bare loop's rate", (Percent, AtLeast(0.60)), share(10)),
        ("batches of 1: share of the bare loop's rate", (Percent, NoBound), share(1)),
        (
            "batches of 4,000: time of the bare loop and of the delivery alone, of the consumer's",
            (Percent, NoBound),
            bound(4_000),
        ),
        ("batches of 1,000: the same", (Percent, NoBound), bound(LARGE)),
        ("batches of 100: the same", (Percent, NoBound), bound(100)),
        ("batches of 10: the same", (Percent, NoBound), bound(10)),
        ("batches of 1,000: processor time per 100,000", (Seconds, AtMost(0.7)), processor(Consumer)),
        ("the same of the bare loop", (Seconds, NoBound), processor(BareLoop)),
        ("the same of parsing and inserting in one process", (Seconds, NoBound), processor(ParseThenInsert)),
        ("batches of 10: times the rate of Rust after AWS's example", (Times, NoBound), times(AwsExample, 10)),
        ("batches of 10: times the rate of Python", (Times, NoBound), times(Python, 10)),
        ("batches of 1,000: times the rate of Python", (Times, NoBound), times(Python, LARGE)),
        ("batches of 1,000: times the rate of Node.js", (Times, NoBound), times(Node, LARGE)),
        (
            "one bad row in 1,000: times the time of a clean batch",
            (Times, AtMost(2.0)),
            ratio(&per_batch(OneBad), &per_batch(New)),
        ),
        ("cold start over TLS: times as fast as Python with boto3", (Times, AtLeast(40.0)), faster(PythonBoto3)),
        ("the same without boto3", (Times, NoBound), faster(Python)),
        ("cold start over TLS, from the start of the process to the answer", (Milliseconds, NoBound), start(Consumer)),
        ("peak memory after that", (Mebibytes, AtMost(8.0)), cold(Consumer).peak()),
        ("peak memory with batches of 1,000", (Mebibytes, NoBound), Series::of(runs, New, Consumer, LARGE).peak()),
    ];
    all.into_iter().filter_map(|(what, (unit, bound), measured)| Target::of(what, unit, bound, measured)).collect()
}

/// The seconds of two tools that cannot do without each other's work, of the repetitions that have both.
fn both(one: &[(u32, f64)], other: &[(u32, f64)]) -> Vec<(u32, f64)> {
    let with = |repetition| other.iter().find(|(also, _)| *also == repetition).map(|(_, seconds)| *seconds);
    one.iter().filter_map(|(repetition, seconds)| Some((*repetition, seconds + with(*repetition)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::runs::tests::run, *};

    #[test]
    fn a_target_is_judged_by_the_median_of_the_repetitions() {
        let new = |tool, repetition, seconds| run(Conditions::New, tool, repetition, LARGE, seconds);
        let runs = [
            new(Tool::Consumer, 1, 1.3),
            new(Tool::BareLoop, 1, 1.0),
            new(Tool::Consumer, 2, 1.4),
            new(Tool::BareLoop, 2, 1.0),
            new(Tool::Consumer, 3, 9.0),
            new(Tool::BareLoop, 3, 1.0),
        ];
        let reached = |runs: &[Run]| targets(runs).into_iter().next().unwrap().reached;
        assert_eq!(reached(&runs), Some(true), "1 / 1.4 is 71 %");
        assert_eq!(reached(&runs[2..]), Some(false), "the median of 71 % and 11 %");
    }

    #[test]
    fn a_bad_batch_is_compared_with_a_clean_one_of_the_same_size_however_many_there_are() {
        let bad = Run { batches: 20, ..run(Conditions::OneBad, Tool::Consumer, 1, LARGE, 15.0) };
        let runs = [run(Conditions::New, Tool::Consumer, 1, LARGE, 2.5), bad];
        let target = targets(&runs).into_iter().find(|target| target.what.starts_with("one bad")).unwrap();
        assert_eq!((target.measured.median.to_string().as_str(), target.reached), ("3", Some(false)));
    }

    #[test]
    fn rows_without_runs_are_left_out() {
        assert!(targets(&[]).is_empty());
    }
}
