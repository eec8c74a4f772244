//! What must be reached, row by row, and whether it was.

use clap::ValueEnum;
use serde::Serialize;

use super::{
    runs::{Conditions, Run, Series},
    tool::Tool,
};
use crate::{
    statistics::{Spread, ratio},
    target::{Bound, Target, Unit},
};

/// Growth of the peak from the fewest to the most messages that still counts as flat, in MiB: what allocators differ by from run to run.
const FLAT_MIB: f64 = 4.0;

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Row {
    /// Default settings, from start to end.
    WholeRun,
    /// An unlimited rate, without start and end.
    Unlimited,
    /// With a network's latency, without start and end.
    Latency,
    /// FIFO with 1,000 groups against one serial loop.
    Fifo,
    /// Processor time per 10,000 messages.
    Processor,
    /// Peak memory at 1,000, 20,000 and 200,000 messages.
    Memory,
    /// Seconds that a run on an empty queue takes.
    End,
}

impl Row {
    /// Under which conditions its tools run.
    pub(crate) fn conditions(self) -> &'static [Conditions] {
        match self {
            Self::WholeRun | Self::Unlimited | Self::Processor | Self::End => &[Conditions::Local],
            Self::Latency => &[Conditions::Latency],
            Self::Fifo => &[Conditions::Fifo, Conditions::FifoLatency],
            Self::Memory => &[Conditions::Model],
        }
    }
}

/// All targets for which there are runs, each with its row, in the order of the rows.
pub(crate) fn targets(runs: &[Run]) -> Vec<(Row, Target)> {
    use Bound::{AtLeast, AtMost, None as NoBound};
    use Conditions::{Fifo, FifoLatency, Latency, Local, Model};
    use Tool::{Bare1, Bare16, Lumigo, Replayer, ReplayerUnlimited, ReplayerUnlimited16};
    use Unit::{Mebibytes, Percent, Seconds, Times};

    let whole = |conditions, tool| Series::of(runs, conditions, tool).whole_rates();
    let net = |conditions, tool| Series::of(runs, conditions, tool).net_rates();
    let processor = |tool| Series::of(runs, Local, tool).processor();
    let all = [
        (
            Row::WholeRun,
            "default settings, whole run: share of the bare client's rate (16 tasks)",
            (Percent, AtLeast(0.70)),
            ratio(&whole(Local, Replayer), &whole(Local, Bare16)),
        ),
        (
            Row::WholeRun,
            "default settings, whole run: times the rate of lumigo-cli",
            (Times, AtLeast(1.2)),
            ratio(&whole(Local, Replayer), &whole(Local, Lumigo)),
        ),
        (
            Row::Unlimited,
            "unlimited rate, net: share of the bare client's rate (16 tasks)",
            (Percent, AtLeast(0.95)),
            ratio(&net(Local, ReplayerUnlimited), &net(Local, Bare16)),
        ),
        (
            Row::Latency,
            "15 ms added to each call, unlimited rate, 16 calls, net: share of the bare client's rate (16 tasks)",
            (Percent, AtLeast(0.95)),
            ratio(&net(Latency, ReplayerUnlimited16), &net(Latency, Bare16)),
        ),
        (
            Row::Latency,
            "15 ms added to each call, default settings, net: times the rate of lumigo-cli",
            (Times, AtLeast(1.4)),
            ratio(&net(Latency, Replayer), &net(Latency, Lumigo)),
        ),
        (
            Row::Fifo,
            "FIFO, 1,000 groups, 15 ms added to each call, net: times the rate of one serial loop",
            (Times, AtLeast(5.0)),
            ratio(&net(FifoLatency, ReplayerUnlimited16), &net(FifoLatency, Bare1)),
        ),
        (
            Row::Fifo,
            "the same without latency, where the emulator's processor time limits both",
            (Times, NoBound),
            ratio(&net(Fifo, ReplayerUnlimited16), &net(Fifo, Bare1)),
        ),
        (
            Row::Processor,
            "default settings, net: processor time per 10,000 messages",
            (Seconds, AtMost(1.0)),
            processor(Replayer),
        ),
        (Row::Processor, "the same of the bare client (16 tasks)", (Seconds, NoBound), processor(Bare16)),
        (
            Row::Memory,
            "largest peak memory at 1,000, 20,000 and 200,000 messages",
            (Mebibytes, AtMost(40.0)),
            Series::of(runs, Model, ReplayerUnlimited).peak().map(|peak| Spread { median: peak.max, ..peak }),
        ),
        (Row::Memory, "growth of the peak from 1,000 to 200,000 messages", (Mebibytes, AtMost(FLAT_MIB)), growth(runs)),
        (
            Row::End,
            "default settings: a run on an empty queue",
            (Seconds, AtMost(1.5)),
            Series::of(runs, Local, Replayer).end(),
        ),
    ];
    all.into_iter()
        .filter_map(|(row, what, (unit, bound), measured)| Some((row, Target::of(what, unit, bound, measured)?)))
        .collect()
}

/// From the fewest to the most messages, median to median.
fn growth(runs: &[Run]) -> Option<Spread> {
    let series = Series::of(runs, Conditions::Model, Tool::ReplayerUnlimited);
    let peak =
        |messages: u32| Spread::of(series.full().iter().filter(|run| run.messages == messages).map(|run| run.peak_mib));
    let sizes = || series.full().iter().map(|run| run.messages);
    let growth = peak(sizes().max()?)?.median - peak(sizes().min()?)?.median;
    Spread::of([growth])
}

#[cfg(test)]
mod tests {
    use super::{super::runs::tests::run, *};

    #[test]
    fn a_target_is_judged_by_the_median_of_the_repetitions() {
        let local = |tool, repetition, seconds| run(Conditions::Local, tool, repetition, 1_000, seconds);
        let runs = [
            local(Tool::Replayer, 1, 1.3),
            local(Tool::Bare16, 1, 1.0),
            local(Tool::Replayer, 2, 1.4),
            local(Tool::Bare16, 2, 1.0),
            local(Tool::Replayer, 3, 9.0),
            local(Tool::Bare16, 3, 1.0),
        ];
        let reached = |runs: &[Run]| {
            let of_bare = targets(runs).into_iter().find(|(row, _)| *row == Row::WholeRun);
            of_bare.unwrap().1.reached
        };
        assert_eq!(reached(&runs), Some(true), "1 / 1.4 is 71 %");
        assert_eq!(reached(&runs[2..]), Some(false), "the median of 71 % and 11 %");
    }

    #[test]
    fn rows_without_runs_are_left_out() {
        assert!(targets(&[]).is_empty());
        let runs = [run(Conditions::Local, Tool::Replayer, 1, 0, 1.6)];
        let rows: Vec<_> = targets(&runs).iter().map(|(row, target)| (*row, target.reached)).collect();
        assert_eq!(rows, [(Row::End, Some(false))]);
    }

    #[test]
    fn memory_is_judged_by_the_largest_peak_and_by_its_growth() {
        let model = |messages, peak_mib| {
            let run = run(Conditions::Model, Tool::ReplayerUnlimited, 1, messages, 1.0);
            Run { peak_mib, ..run }
        };
        let rows: Vec<_> = targets(&[model(1_000, 20.0), model(20_000, 30.0), model(200_000, 41.0)])
            .into_iter()
            .map(|(_, target)| (target.measured.median, target.reached))
            .collect();
        assert_eq!(rows, [(41.0, Some(false)), (21.0, Some(false))]);
    }
}
