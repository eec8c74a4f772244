//! The generated part of the page.

use super::{
    Report,
    runs::{Conditions, LARGE, Run, SIZES, Series},
    tool::Tool,
};
use crate::{
    statistics::{Spread, ratio},
    table::{one_decimal, spread, table, two_decimals, whole},
    target::target_table,
};

/// What a tool's runs with one size of batches come to, in a table.
type Cell = fn(&[Run], Tool, u32) -> Option<String>;

/// The generated part.
pub(crate) fn render(report: &Report) -> String {
    let runs = &report.runs;
    let mut sections = vec![provenance(report), format!("## Targets\n\n{}", target_table(&report.targets))];
    let of_sizes: [(&str, Cell); 4] = [
        ("New rows: messages per second", |runs, tool, size| {
            shown(rates(runs, tool, size).into_iter().map(|(_, rate)| rate), whole)
        }),
        ("New rows: share of the bare loop's rate", |runs, tool, size| {
            let share = ratio(&rates(runs, tool, size), &rates(runs, Tool::BareLoop, size))?;
            Some(spread(share, |share| format!("{:.0} %", share * 100.0)))
        }),
        ("New rows: processor seconds of the tool per 100,000", |runs, tool, size| {
            Some(spread(Series::of(runs, Conditions::New, tool, size).processor()?, two_decimals))
        }),
        ("New rows: processor seconds of Postgres per 100,000", |runs, tool, size| {
            Some(spread(Series::of(runs, Conditions::New, tool, size).database_processor()?, two_decimals))
        }),
    ];
    for (title, cell) in of_sizes {
        sections.extend(size_table(runs, cell).map(|table| format!("## {title}\n\n{table}")));
    }
    let others = [
        ("One bad row in each batch of 1,000", batch_table(runs, Conditions::OneBad)),
        ("Batches of 1,000 that were there already", batch_table(runs, Conditions::Redelivered)),
        ("Cold start over TLS, and memory", cold_table(runs)),
    ];
    sections.extend(others.into_iter().filter_map(|(title, table)| Some(format!("## {title}\n\n{}", table?))));
    sections.push(format!("## What ran\n\n{}", what_ran(report)));
    sections.join("\n")
}

fn provenance(report: &Report) -> String {
    format!(
        "{}\
         {} with its default durability (fsync), on the same machine, with a processor to itself.\n\
         All figures are in [consumer.json](consumer.json).\n",
        report.machine.provenance(&report.date, &report.command, report.commit.as_deref(), report.repetitions),
        report.postgres,
    )
}

fn rates(runs: &[Run], tool: Tool, size: u32) -> Vec<(u32, f64)> {
    Series::of(runs, Conditions::New, tool, size).rates()
}

fn shown(values: impl IntoIterator<Item = f64>, show: fn(f64) -> String) -> Option<String> {
    Some(spread(Spread::of(values)?, show))
}

/// A column for each size of batches.
fn size_table(runs: &[Run], cell: Cell) -> Option<String> {
    let sizes: Vec<u32> = SIZES.into_iter().filter(|size| !rates(runs, Tool::Consumer, *size).is_empty()).collect();
    let header: Vec<String> =
        ["batches of".to_owned()].into_iter().chain(sizes.iter().map(|size| whole(f64::from(*size)))).collect();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let row = |tool: &Tool| {
        let cells = sizes.iter().map(|size| cell(runs, *tool, *size).unwrap_or_default());
        [tool.name().to_owned()].into_iter().chain(cells).collect()
    };
    (!sizes.is_empty()).then(|| table(&header, Conditions::New.tools().iter().map(row)))
}

fn batch_table(runs: &[Run], conditions: Conditions) -> Option<String> {
    let row = |tool: &Tool| {
        let series = Series::of(runs, conditions, *tool, LARGE);
        let clean = Series::of(runs, Conditions::New, *tool, LARGE).seconds_per_batch();
        let of_clean = ratio(&series.seconds_per_batch(), &clean);
        Some(vec![
            tool.name().to_owned(),
            shown(series.rates().into_iter().map(|(_, rate)| rate), whole)?,
            of_clean.map_or_else(String::new, |ratio| spread(ratio, two_decimals)),
            spread(series.processor()?, two_decimals),
            spread(series.database_processor()?, two_decimals),
        ])
    };
    let rows: Vec<_> = conditions.tools().iter().filter_map(row).collect();
    let header = [
        "tool",
        "messages/s",
        "times the time of a batch of new rows",
        "processor s per 100,000",
        "Postgres's processor s per 100,000",
    ];
    (!rows.is_empty()).then(|| table(&header, rows.into_iter()))
}

fn cold_table(runs: &[Run]) -> Option<String> {
    let base = Series::of(runs, Conditions::Cold, Tool::Consumer, 1).seconds();
    let row = |tool: &Tool| {
        let cold = Series::of(runs, Conditions::Cold, *tool, 1);
        let peak = |size| Series::of(runs, Conditions::New, *tool, size).peak().map(|peak| spread(peak, one_decimal));
        Some(vec![
            tool.name().to_owned(),
            shown(cold.seconds().into_iter().map(|(_, seconds)| seconds * 1_000.0), one_decimal)?,
            spread(ratio(&cold.seconds(), &base)?, one_decimal),
            spread(cold.whole_processor()?, two_decimals),
            spread(cold.peak()?, one_decimal),
            peak(LARGE).unwrap_or_default(),
            peak(4_000).unwrap_or_default(),
        ])
    };
    let rows: Vec<_> = Conditions::Cold.tools().iter().filter_map(row).collect();
    let header = [
        "tool",
        "from the start of the process to the answer, ms",
        "times the consumer",
        "processor s",
        "peak MiB",
        "peak MiB with batches of 1,000",
        "peak MiB with batches of 4,000",
    ];
    (!rows.is_empty()).then(|| table(&header, rows.into_iter()))
}

fn what_ran(report: &Report) -> String {
    let versions = report.versions.iter().map(|(name, version)| vec![name.clone(), version.clone()]);
    let mut tools: Vec<Tool> = Vec::new();
    for run in &report.runs {
        if !tools.contains(&run.tool) {
            tools.push(run.tool);
        }
    }
    let described = tools.iter().map(|tool| vec![tool.name().to_owned(), tool.description().to_owned()]);
    let mut text = table(&["tool", "what it is"], described);
    text.push('\n');
    text.push_str(&table(&["version of", ""], versions));
    text
}

#[cfg(test)]
mod tests {
    use super::{
        super::{runs::tests::run, targets::targets},
        *,
    };
    use crate::machine::Machine;

    #[test]
    fn the_page_has_the_targets_the_sizes_and_what_ran() {
        let new = |tool, size, seconds| run(Conditions::New, tool, 1, size, seconds);
        let runs = vec![
            new(Tool::Consumer, 10, 2.0),
            new(Tool::BareLoop, 10, 1.0),
            new(Tool::Consumer, LARGE, 2.0),
            new(Tool::BareLoop, LARGE, 1.0),
            run(Conditions::OneBad, Tool::Consumer, 1, LARGE, 3.0),
            run(Conditions::Cold, Tool::Consumer, 1, 1, 0.02),
            run(Conditions::Cold, Tool::PythonBoto3, 1, 1, 1.0),
        ];
        let report = Report {
            date: "2026-11-29".to_owned(),
            command: "cargo xtask bench consumer".to_owned(),
            commit: None,
            machine: Machine {
                cores: 2,
                processor: "Example CPU".to_owned(),
                kernel: "6.18.0".to_owned(),
                load_before: "0.05".to_owned(),
            },
            postgres: "PostgreSQL 15.14".to_owned(),
            versions: vec![("psycopg".to_owned(), "3.3.9".to_owned())],
            repetitions: 1,
            targets: targets(&runs),
            runs,
        };
        let text = render(&report);
        for part in [
            "PostgreSQL 15.14 with its default durability (fsync), on the same machine, with a processor to itself",
            "| batches of 1,000: share of the bare loop's rate | ≥ 70 % | 50 % | **no** |",
            "| cold start over TLS: times as fast as Python with boto3 | ≥ 40.0 × | 50.0 × | yes |",
            "| batches of | 10 | 1,000 |",
            "| consumer | 50 | 5,000 |",
            "| consumer | 3,333 | 1.50 |",
            "| Python, Powertools, psycopg, boto3 | 1000.0 | 50.0 |",
            "| psycopg | 3.3.9 |",
        ] {
            assert!(text.contains(part), "{part}\nis not in\n{text}");
        }
        assert!(!text.contains("there already"), "there were no such runs:\n{text}");
    }
}
