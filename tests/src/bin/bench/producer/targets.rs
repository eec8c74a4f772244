//! What must be reached, and whether it was.

use pipeline_tests::cold_start::Program;

use super::runs::{Conditions, Run, Series, Size};
use crate::{
    statistics::{Spread, ratio},
    target::{Bound, Target, Unit},
};

/// Bytes of the megabyte that a zip is measured in.
const MEGABYTE: u32 = 1_000_000;

/// All targets for which there are figures.
pub(crate) fn targets(runs: &[Run], sizes: &[Size]) -> Vec<Target> {
    use Bound::{AtLeast, AtMost, None as NoBound};
    use Conditions::{Limited, Whole};
    use Program::{FirstUse, Node, Producer, Python, Rust};
    use Unit::{Mebibytes, Megabytes, Times};

    // How many times as long another program takes.
    let times = |conditions, other, figure: fn(&Run) -> f64| {
        let each = |program| Series::of(runs, conditions, program).each(figure);
        ratio(&each(other), &each(Producer))
    };
    let all = [
        ("cold start: Python with boto3 takes", Times, AtLeast(40.0), times(Whole, Python, Run::cold_ms)),
        ("the same: JavaScript with the AWS SDK", Times, NoBound, times(Whole, Node, Run::cold_ms)),
        ("the same: Rust after AWS's example", Times, NoBound, times(Whole, Rust, Run::cold_ms)),
        (
            "processor time of a cold start: Python with boto3 takes",
            Times,
            NoBound,
            times(Whole, Python, |run| run.cold_processor_ms),
        ),
        ("the same: Rust after AWS's example", Times, NoBound, times(Whole, Rust, |run| run.cold_processor_ms)),
        (
            "first event with the share of 256 MB: Rust after AWS's example takes",
            Times,
            NoBound,
            times(Limited, Rust, |run| run.first_ms),
        ),
        ("cold start with the handshake at first use", Times, NoBound, times(Whole, FirstUse, Run::cold_ms)),
        ("first event with the handshake at first use", Times, NoBound, times(Whole, FirstUse, |run| run.first_ms)),
        (
            "cold start with the share of 256 MB and the handshake at first use",
            Times,
            NoBound,
            times(Limited, FirstUse, Run::cold_ms),
        ),
        ("largest peak memory of the producer", Mebibytes, AtMost(8.0), peak(runs)),
        ("zip of the producer", Megabytes, AtMost(2.5), zip(sizes)),
    ];
    all.into_iter().filter_map(|(what, unit, bound, measured)| Target::of(what, unit, bound, measured)).collect()
}

/// Over all conditions; judged by the largest.
fn peak(runs: &[Run]) -> Option<Spread> {
    let ours = runs.iter().filter(|run| run.program == Program::Producer);
    Spread::of(ours.map(|run| run.peak_mib)).map(|peak| Spread { median: peak.max, ..peak })
}

fn zip(sizes: &[Size]) -> Option<Spread> {
    let ours = sizes.iter().find(|size| size.program == Program::Producer)?;
    Spread::of([megabytes(ours.zip_bytes)])
}

/// Bytes as megabytes.
pub(crate) fn megabytes(bytes: u64) -> f64 {
    // Lambda takes no zip of 4 GB.
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / f64::from(MEGABYTE)
}

#[cfg(test)]
mod tests {
    use super::{super::runs::tests::run, *};

    #[test]
    fn a_target_is_judged_by_the_median_ratio_within_the_repetitions() {
        let whole = |program, repetition, cold_ms| run(Conditions::Whole, program, repetition, cold_ms);
        let runs = [
            whole(Program::Producer, 1, 10.0),
            whole(Program::Python, 1, 390.0),
            whole(Program::Producer, 2, 30.0),
            whole(Program::Python, 2, 1_230.0),
            whole(Program::Producer, 3, 10.0),
            whole(Program::Python, 3, 420.0),
        ];
        let reached = |runs: &[Run]| {
            let target = targets(runs, &[]).into_iter().find(|target| target.what.starts_with("cold start"));
            target.unwrap().reached
        };
        assert_eq!(reached(&runs), Some(true), "39, 41 and 42 times");
        assert_eq!(reached(&runs[..2]), Some(false));
    }

    #[test]
    fn memory_is_judged_by_the_largest_peak_and_the_zip_by_its_bytes() {
        let peaks = [7.0, 8.1].map(|peak_mib| Run { peak_mib, ..run(Conditions::Limited, Program::Producer, 1, 1.0) });
        let sizes = [Size { program: Program::Producer, zip_bytes: 2_400_000 }];
        let judged: Vec<_> =
            targets(&peaks, &sizes).iter().map(|target| (target.measured.median, target.reached)).collect();
        assert_eq!(judged, [(8.1, Some(false)), (2.4, Some(true))]);
    }
}
