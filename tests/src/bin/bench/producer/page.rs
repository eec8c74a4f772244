//! The generated part of the page.

use pipeline_tests::cold_start::Program;

use super::{
    PROGRAMS, Report, name,
    runs::{Conditions, Run, Series},
    targets::megabytes,
};
use crate::{
    statistics::Spread,
    table::{one_decimal, spread, table, two_decimals},
    target::target_table,
};

/// In the order of the page.
const CONDITIONS: [Conditions; 3] = [Conditions::Whole, Conditions::Delayed, Conditions::Limited];

pub(crate) fn render(report: &Report) -> String {
    let mut sections = vec![provenance(report), format!("## Targets\n\n{}", target_table(&report.targets))];
    for conditions in CONDITIONS {
        let rows: Vec<_> = PROGRAMS.iter().filter_map(|program| row(&report.runs, conditions, *program)).collect();
        if !rows.is_empty() {
            let header = [
                "program",
                "cold start, ms",
                "of it init, ms",
                "of it the first event, ms",
                "processor ms, cold start",
                "of it init",
                "warm, ms",
                "warm, 99th percentile, ms",
                "peak MiB",
            ];
            sections.push(format!("## {}\n\n{}", conditions.title(), table(&header, rows.into_iter())));
        }
    }
    sections.push(format!("## What ran\n\n{}", what_ran(report)));
    sections.join("\n")
}

fn provenance(report: &Report) -> String {
    let commit = report.commit.as_ref().map(|commit| format!(", commit `{commit}`")).unwrap_or_default();
    let machine = &report.machine;
    format!(
        "Measured on {} with `{}`{commit}.\n\
         {} cores ({}), Linux {}, load average before the run {}.\n\
         Each figure is the median of {} interleaved starts, with the smallest and the largest in parentheses.\n\
         A ratio is taken within each repetition, and then the median.\n\
         All figures are in [producer.json](producer.json).\n",
        report.date,
        report.command,
        machine.cores,
        machine.processor,
        machine.kernel,
        machine.load_before,
        report.repetitions,
    )
}

fn row(runs: &[Run], conditions: Conditions, program: Program) -> Option<Vec<String>> {
    let series = Series::of(runs, conditions, program);
    let show = |value: Option<Spread>, show: fn(f64) -> String| value.map(|value| spread(value, show));
    Some(vec![
        name(program).to_owned(),
        show(series.spread(Run::cold_ms), one_decimal)?,
        show(series.spread(|run| run.init_ms), one_decimal)?,
        show(series.spread(|run| run.first_ms), one_decimal)?,
        show(series.spread(|run| run.cold_processor_ms), one_decimal)?,
        show(series.spread(|run| run.init_processor_ms), one_decimal)?,
        show(series.spread(|run| run.warm_median_ms), two_decimals)?,
        two_decimals(series.warm_p99()?),
        show(series.spread(|run| run.peak_mib), one_decimal)?,
    ])
}

fn what_ran(report: &Report) -> String {
    let sizes =
        report.sizes.iter().map(|size| vec![name(size.program).to_owned(), two_decimals(megabytes(size.zip_bytes))]);
    let versions = report.versions.iter().map(|(name, version)| vec![name.clone(), version.clone()]);
    format!("{}\n{}", table(&["program", "zip, MB"], sizes), table(&["version of", ""], versions))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            runs::{Size, tests::run},
            targets::targets,
        },
        *,
    };
    use crate::machine::Machine;

    #[test]
    fn the_page_has_the_targets_the_starts_and_what_ran() {
        let runs = vec![
            run(Conditions::Whole, Program::Producer, 1, 8.0),
            run(Conditions::Whole, Program::Python, 1, 400.0),
            run(Conditions::Whole, Program::Producer, 2, 16.0),
            run(Conditions::Whole, Program::Python, 2, 400.0),
        ];
        let sizes = vec![Size { program: Program::Producer, zip_bytes: 2_250_000 }];
        let text = render(&Report {
            date: "2026-11-29".to_owned(),
            command: "cargo xtask bench producer".to_owned(),
            commit: Some("abc1234".to_owned()),
            machine: Machine {
                cores: 2,
                processor: "Example CPU".to_owned(),
                kernel: "6.18.0".to_owned(),
                load_before: "0.05".to_owned(),
            },
            versions: vec![("boto3".to_owned(), "1.43.106".to_owned())],
            repetitions: 2,
            targets: targets(&runs, &sizes),
            sizes,
            runs,
        });
        for part in [
            "Measured on 2026-11-29 with `cargo xtask bench producer`, commit `abc1234`.",
            "| cold start: Python with boto3 takes | ≥ 40.0 × | 37.5 × (25.0 ×–50.0 ×) | **no** |",
            "| largest peak memory of the producer | ≤ 8.0 MiB | 7.0 MiB | yes |",
            "## A whole processor\n",
            "| producer, as packaged | 12.0 (8.0–16.0) | 9.0 (6.0–12.0) | 3.0 (2.0–4.0) | 7.5 (5.0–10.0) | 6.0 (4.0–8.0) | 1.00 | 2.00 | 7.0 |",
            "| producer, as packaged | 2.25 |",
            "| boto3 | 1.43.106 |",
        ] {
            assert!(text.contains(part), "{part}\nis not in\n{text}");
        }
        assert!(!text.contains("256 MB\n"), "there were no such runs:\n{text}");
    }
}
