//! The report as a person wants to see it.

use std::io::{self, Write};

use comfy_table::{LineStyle, Table, TableStyle};
use pipeline_tests::dead_letters::Scene;

use crate::report::{Distribution, Journey, Report};

/// Rows of the table that are shown; more than a screen helps nobody.
const SHOWN_ROWS: usize = 20;

/// Lines of a command's output that are shown, and their characters; the runbook has them whole.
const SHOWN_LINES: usize = 18;
const LONGEST_LINE: usize = 120;

/// Bars of the histogram.
const BARS: usize = 8;

/// Columns of the longest bar.
const LONGEST_BAR: usize = 40;

/// Draws everything into `out`.
pub(crate) fn show(report: &Report, out: &mut impl Write) -> io::Result<()> {
    if let Some(journey) = typical(report) {
        path(journey, out)?;
    }
    table(report, out)?;
    histogram(report, out)?;
    writeln!(out, "\nthe second act: messages that can never become a row, and dlq-replayer")
}

/// One command of the second act and what it said, as far as it fits.
pub(crate) fn scene(scene: &Scene, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\n{}\n\n  $ {}", scene.why, scene.command)?;
    let lines: Vec<_> = scene.output.lines().filter(|line| !line.is_empty()).collect();
    for line in lines.iter().take(SHOWN_LINES) {
        writeln!(out, "  {}", shortened(line, LONGEST_LINE))?;
    }
    if lines.len() > SHOWN_LINES {
        writeln!(out, "  … and {} lines more", lines.len() - SHOWN_LINES)?;
    }
    Ok(())
}

/// Somebody whose latency is the median: neither the first, who woke everything up, nor the unluckiest.
fn typical(report: &Report) -> Option<&Journey> {
    let median = report.confirm_to_row_ms.as_ref()?.median;
    report.journeys.iter().find(|journey| journey.row_ms == Some(median))
}

fn path(journey: &Journey, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\nthe path of one user ({}, sub {})\n", journey.name, journey.cognito_sub)?;
    let mut steps = vec![
        (Some(0.0), "ConfirmSignUp called", "the person types the code"),
        (journey.producer_ms, "PostConfirmation → producer", "the pool calls the trigger"),
        (journey.queued_ms, "EventBridge → rule → SQS", "UserConfirmed is on a queue"),
        (journey.row_ms, "consumer → Postgres", "insert … on conflict do nothing"),
        (Some(journey.answered_ms), "ConfirmSignUp answered", "the person is in"),
    ];
    steps.sort_by(|(a, ..), (b, ..)| a.unwrap_or(f64::MAX).total_cmp(&b.unwrap_or(f64::MAX)));
    for (at, what, why) in steps {
        let at = at.map_or_else(|| "       ?".to_owned(), |at| format!("{at:>8.1}"));
        writeln!(out, "  {at} ms  {what:<28} {why}")?;
    }
    Ok(())
}

fn table(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─'))).set_header([
        "cognito_sub",
        "email",
        "first_name",
        "last_name",
        "is_active",
        "created_at",
    ]);
    for row in report.table.iter().take(SHOWN_ROWS) {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".to_owned());
        table.add_row([
            shortened(&row.cognito_sub.to_string(), 8),
            shortened(&text(&row.email), 16),
            text(&row.first_name),
            text(&row.last_name),
            row.is_active.to_string(),
            row.created_at.strftime("%H:%M:%S%.3f").to_string(),
        ]);
    }
    writeln!(out, "\nselect * from users -- {} rows, as Postgres gives them back\n{table}", report.table.len())?;
    if report.table.len() > SHOWN_ROWS {
        writeln!(out, "… and {} more", report.table.len() - SHOWN_ROWS)?;
    }
    Ok(())
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most).chain(['…']).collect()
}

fn histogram(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let Some(Distribution { least, median, p95, most }) = &report.confirm_to_row_ms else { return Ok(()) };
    writeln!(out, "\nConfirmSignUp called → row: median {median:.0} ms, p95 {p95:.0} ms\n")?;
    let bars = bars(report.journeys.iter().filter_map(|journey| journey.row_ms), *least, *most);
    let highest = bars.iter().map(|(_, count)| *count).max().unwrap_or(1);
    for (from, count) in bars {
        let bar = "█".repeat((count * LONGEST_BAR).div_ceil(highest));
        writeln!(out, "  {from:>7.0} ms  {count:>4}  {bar}")?;
    }
    Ok(())
}

/// Equal intervals from `least` to `most`: where each begins, and how many times lie in it.
fn bars(times: impl Iterator<Item = f64>, least: f64, most: f64) -> Vec<(f64, usize)> {
    let mut bars = vec![(least, 0)];
    #[expect(clippy::cast_precision_loss, reason = "there are eight")]
    let width = (most - least) / BARS as f64;
    if width > 0.0 {
        bars = std::iter::successors(Some(least), |from| Some(from + width)).take(BARS).map(|from| (from, 0)).collect();
    }
    for time in times {
        if let Some((_, count)) = bars.iter_mut().rev().find(|(from, _)| *from <= time) {
            *count += 1;
        }
    }
    bars
}

/// Whether everybody has their row, at the very end, where it is seen.
pub(crate) fn verdict(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let mark = if report.every_user_has_exactly_one_row() { '✓' } else { '✗' };
    writeln!(out, "\n{mark} {} of {} users, each exactly one row", report.users_with_exactly_one_row, report.users)?;
    for journey in report.journeys.iter().filter(|journey| journey.rows != 1) {
        writeln!(out, "  {} has {} rows", journey.cognito_sub, journey.rows)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_in_one_bar() {
        let times = [10.0, 11.0, 50.0, 90.0];
        let bars = bars(times.into_iter(), 10.0, 90.0);
        assert_eq!(bars.len(), BARS);
        assert_eq!(bars.iter().map(|(_, count)| count).sum::<usize>(), times.len());
        assert_eq!(super::bars([5.0, 5.0].into_iter(), 5.0, 5.0), [(5.0, 2)]);
    }
}
