//! The generated part of the page.

use super::{
    Report,
    runs::{Conditions, Run, Series},
    tool::Tool,
    trials::{GROUPS, SIZES},
};
use crate::{
    statistics::{Spread, ratio},
    table::{one_decimal, spread, table, two_decimals, whole},
    target::target_table,
};

/// The generated part.
pub(crate) fn render(report: &Report) -> String {
    let mut sections = vec![provenance(report), format!("## Targets\n\n{}", target_table(&report.targets))];
    let messages = whole(f64::from(report.messages));
    let groups = whole(f64::from(GROUPS));
    let added = format!("{} ms added to each call", report.latency_ms);
    let titles = [
        (Conditions::Local, format!("{messages} messages on this machine")),
        (Conditions::Latency, format!("{messages} messages, {added}")),
        (Conditions::Fifo, format!("FIFO: {messages} messages in {groups} groups")),
        (Conditions::FifoLatency, format!("FIFO: {messages} messages in {groups} groups, {added}")),
    ];
    for (conditions, title) in titles {
        if let Some(table) = run_table(&report.runs, conditions) {
            sections.push(format!("## {title}\n\n{table}"));
        }
    }
    if let Some(table) = memory_table(&report.runs) {
        sections.push(format!("## Memory\n\n{table}"));
    }
    sections.push(format!("## What ran\n\n{}", what_ran(report)));
    sections.join("\n")
}

fn provenance(report: &Report) -> String {
    let commit = report.commit.as_deref();
    format!(
        "{}\
         *Net* is without what the same tool takes for one message: its start and its end.\n\
         All figures are in [replay.json](replay.json).\n",
        report.machine.provenance(&report.date, &report.command, commit, report.repetitions),
    )
}

fn run_table(runs: &[Run], conditions: Conditions) -> Option<String> {
    let base = if conditions.is_fifo() { Tool::Bare1 } else { Tool::Bare16 };
    let base = Series::of(runs, conditions, base).net_rates();
    let rows: Vec<_> = conditions.tools().iter().filter_map(|tool| run_row(runs, conditions, *tool, &base)).collect();
    let header = [
        "tool",
        "whole run, s",
        "whole run, messages/s",
        "one message, s",
        "empty queue, s",
        "net, messages/s",
        "net, times the bare client",
        "processor s per 10,000, net",
        "processor s, one message",
        "emulator's processor s per 10,000",
        "peak MiB",
        "lost / duplicates / left",
        "attributes kept",
        "exit codes",
    ];
    (!rows.is_empty()).then(|| table(&header, rows.into_iter()))
}

fn run_row(runs: &[Run], conditions: Conditions, tool: Tool, base: &[(u32, f64)]) -> Option<Vec<String>> {
    let series = Series::of(runs, conditions, tool);
    let rates = |rates: &[(u32, f64)]| Spread::of(rates.iter().map(|(_, rate)| *rate));
    let cell = |value: Option<Spread>, show: fn(f64) -> String| value.map_or_else(String::new, |all| spread(all, show));
    Some(vec![
        tool.name().to_owned(),
        spread(series.seconds()?, two_decimals),
        cell(rates(&series.whole_rates()), whole),
        cell(series.least(), two_decimals),
        cell(series.end(), two_decimals),
        cell(rates(&series.net_rates()), whole),
        cell(ratio(&series.net_rates(), base), two_decimals),
        cell(series.processor(), two_decimals),
        cell(series.processor_of_least(), two_decimals),
        cell(series.emulator_processor(), two_decimals),
        cell(series.peak(), one_decimal),
        where_they_are(series.full()),
        attributes(series.full()),
        exit_codes(series.full()),
    ])
}

fn memory_table(runs: &[Run]) -> Option<String> {
    let row = |messages: u32| {
        let series = Series::of(runs, Conditions::Model, Tool::ReplayerUnlimited);
        let full: Vec<_> = series.full().iter().copied().filter(|run| run.messages == messages).collect();
        let of = |value: fn(&Run) -> f64, show: fn(f64) -> String| {
            Some(spread(Spread::of(full.iter().map(|run| value(run)))?, show))
        };
        Some(vec![
            whole(f64::from(messages)),
            full.len().to_string(),
            of(|run| run.peak_mib, one_decimal)?,
            of(|run| run.processor_seconds, two_decimals)?,
            of(|run| run.seconds, two_decimals)?,
            where_they_are(&full),
            exit_codes(&full),
        ])
    };
    let rows: Vec<_> = SIZES.into_iter().filter_map(row).collect();
    let header =
        ["messages", "runs", "peak MiB", "processor s", "whole run, s", "lost / duplicates / left", "exit codes"];
    let table = (!rows.is_empty()).then(|| table(&header, rows.into_iter()))?;
    Some(format!(
        "{}, on the wire model of `tests/src/sqs_model`, which holds any number of messages; \
         the model is not built for release, so the seconds say nothing about the tool.\n\n{table}",
        Tool::ReplayerUnlimited.name()
    ))
}

/// Sums over all runs, because one is one too many.
fn where_they_are(runs: &[&Run]) -> String {
    let sum = |of: fn(&Run) -> u64| runs.iter().map(|run| of(run)).sum::<u64>();
    let duplicates = sum(|run| run.outcome.duplicates + run.outcome.in_both);
    format!("{} / {duplicates} / {}", sum(|run| run.outcome.lost), sum(|run| run.outcome.left))
}

fn attributes(runs: &[&Run]) -> String {
    let kept = |of: fn(&Run) -> u64| runs.iter().all(|run| of(run) == u64::from(run.messages));
    let types = [
        ("String", kept(|run| run.outcome.attributes.string)),
        ("Number", kept(|run| run.outcome.attributes.number)),
        ("Binary", kept(|run| run.outcome.attributes.binary)),
    ];
    types.into_iter().filter(|(_, kept)| *kept).map(|(name, _)| name).collect::<Vec<_>>().join(", ")
}

fn exit_codes(runs: &[&Run]) -> String {
    let mut codes: Vec<_> = runs.iter().map(|run| run.exit).collect();
    codes.sort_unstable();
    codes.dedup();
    codes.iter().map(i32::to_string).collect::<Vec<_>>().join(", ")
}

fn what_ran(report: &Report) -> String {
    let versions = report.versions.iter().map(|(name, version)| vec![name.clone(), version.clone()]);
    let mut tools: Vec<Tool> = Vec::new();
    for run in &report.runs {
        if !tools.contains(&run.tool) {
            tools.push(run.tool);
        }
    }
    let commands = tools.iter().map(|tool| vec![tool.name().to_owned(), format!("`{}`", tool.shown())]);
    let mut text = table(&["version of", ""], versions);
    text.push('\n');
    text.push_str(&table(&["tool", "command"], commands));
    text
}

#[cfg(test)]
mod tests {
    use super::{
        super::{runs::tests::run, targets::targets},
        *,
    };
    use crate::machine::Machine;

    fn report() -> Report {
        let local = |tool, repetition, messages, seconds| run(Conditions::Local, tool, repetition, messages, seconds);
        let runs = vec![
            local(Tool::Replayer, 1, 0, 0.5),
            local(Tool::Replayer, 1, 2_000, 1.5),
            local(Tool::Bare16, 1, 0, 0.25),
            local(Tool::Bare16, 1, 2_000, 1.25),
            local(Tool::Replayer, 2, 2_000, 2.5),
            local(Tool::Bare16, 2, 2_000, 1.25),
            local(Tool::Replayer, 1, 1, 0.5),
            local(Tool::Bare16, 1, 1, 0.25),
        ];
        Report {
            date: "2026-11-24".to_owned(),
            command: "cargo xtask bench replay".to_owned(),
            commit: Some("abc1234".to_owned()),
            machine: Machine {
                cores: 2,
                processor: "Example CPU".to_owned(),
                kernel: "6.18.0".to_owned(),
                load_before: "0.05".to_owned(),
            },
            versions: vec![("boto3".to_owned(), "1.43.106".to_owned())],
            repetitions: 2,
            messages: 2_000,
            latency_ms: 15,
            targets: targets(&runs).into_iter().map(|(_, target)| target).collect(),
            runs,
        }
    }

    #[test]
    fn the_page_has_the_targets_the_runs_and_what_ran() {
        let text = render(&report());
        for part in [
            "Measured on 2026-11-24 with `cargo xtask bench replay`, commit `abc1234`.",
            "2 cores (Example CPU), Linux 6.18.0, load average before the run 0.05.",
            "| default settings, whole run: share of the bare client's rate (16 tasks) | ≥ 70 % | 67 % (50 %–83 %) | **no** |",
            "| default settings: a run on an empty queue | ≤ 1.50 s | 0.50 s | yes |",
            "## 2,000 messages on this machine",
            "| dlq-replayer, defaults | 2.00 (1.50–2.50) | 1,067 (800–1,333) | 0.50 | 0.50 | 1,499 (1,000–1,999) | 0.75 (0.50–1.00) |",
            "| 0 / 0 / 0 | String, Number, Binary | 0 |",
            "| boto3 | 1.43.106 |",
            "| bare client, 16 tasks | `bare_client move SOURCE DESTINATION 16` |",
        ] {
            assert!(text.contains(part), "{part}\nis not in\n{text}");
        }
        assert!(!text.contains("FIFO"), "there were no such runs:\n{text}");
        assert!(!text.contains("## Memory"), "there were no such runs:\n{text}");
    }

    #[test]
    fn one_lost_message_shows_in_the_sums() {
        let mut report = report();
        report.runs[1].outcome.lost = 1;
        report.runs[1].exit = 3;
        let text = render(&report);
        assert!(text.contains("| 1 / 0 / 0 | String, Number, Binary | 0, 3 |"), "{text}");
    }
}
