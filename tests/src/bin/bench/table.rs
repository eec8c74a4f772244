//! Tables, and how figures look in them.

use std::fmt::Write;

use dlq_replayer::report::output::grouped;

use crate::statistics::Spread;

/// A table in Markdown.
pub(crate) fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut text = String::new();
    let mut line = |cells: &[String]| {
        // Writing to a String does not fail.
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    };
    line(&header.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>());
    line(&vec!["---".to_owned(); header.len()]);
    rows.for_each(|row| line(&row));
    text
}

/// The median, and the smallest and the largest when they look different.
pub(crate) fn spread(spread: Spread, show: impl Fn(f64) -> String) -> String {
    let [median, min, max] = [spread.median, spread.min, spread.max].map(show);
    if min == max { median } else { format!("{median} ({min}–{max})") }
}

/// A whole number, its thousands grouped.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures are positive and have far fewer than 53 bits"
)]
pub(crate) fn whole(value: f64) -> String {
    grouped(value.round() as u64)
}

pub(crate) fn one_decimal(value: f64) -> String {
    format!("{value:.1}")
}

pub(crate) fn two_decimals(value: f64) -> String {
    format!("{value:.2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        assert_eq!([0.4, 999.6, 12_345.0, 1_234_567.0].map(whole), ["0", "1,000", "12,345", "1,234,567"]);
    }

    #[test]
    fn a_spread_that_looks_like_one_figure_is_one_figure() {
        let of = |median, min, max| spread(Spread { median, min, max }, one_decimal);
        assert_eq!(of(2.0, 1.0, 3.5), "2.0 (1.0–3.5)");
        assert_eq!(of(2.0, 1.99, 2.01), "2.0");
    }
}
