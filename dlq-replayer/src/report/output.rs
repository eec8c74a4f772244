//! Results on standard output, as text or as one JSON document; everything else on standard error.

use std::{
    ffi::OsStr,
    io::{self, IsTerminal, Write},
    time::Duration,
};

use comfy_table::{ContentArrangement, Table, TableStyle};
use serde::Serialize;

/// Longest bar, in characters.
const LONGEST_BAR: u64 = 24;

/// Whether text has colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Text alone.
    Plain,
    /// With colours.
    Coloured,
}

impl Style {
    /// Colours on a terminal, unless `NO_COLOR` is set (<https://no-color.org>).
    pub fn of_stdout() -> Self {
        Self::choose(io::stdout().is_terminal(), std::env::var_os("NO_COLOR").as_deref())
    }

    fn choose(terminal: bool, no_color: Option<&OsStr>) -> Self {
        let unwanted = no_color.is_some_and(|value| !value.is_empty());
        if terminal && !unwanted { Self::Coloured } else { Self::Plain }
    }

    /// Green.
    pub fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// Yellow.
    pub fn warning(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// Red.
    pub fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self == Self::Coloured { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// What a command has found out or done.
pub trait Report: Serialize {
    /// For people: lines, each with its end.
    fn text(&self, style: Style) -> String;
}

/// Prints a report on standard output.
///
/// # Errors
///
/// Standard output is closed.
pub fn print(report: &impl Report, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, report)?;
        writeln!(out)
    } else {
        out.write_all(report.text(Style::of_stdout()).as_bytes())
    }
}

/// Says something to the person, beside the result.
pub fn say(text: &str) {
    // Nobody reads it: nothing to be done.
    let _ = writeln!(io::stderr(), "{text}");
}

/// A table without lines.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(TableStyle::new())
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header.to_vec());
    table
}

/// A table as lines, without the spaces at their ends.
pub fn lines(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// A bar as long as `count` is beside `most`.
pub fn bar(count: u64, most: u64) -> String {
    let length = (count * LONGEST_BAR).div_ceil(most.max(1));
    "█".repeat(usize::try_from(length).unwrap_or(0))
}

/// A number with its noun: `1 message`, `1,200 messages`.
pub fn messages(count: u64) -> String {
    format!("{} {}", grouped(count), if count == 1 { "message" } else { "messages" })
}

/// A number with commas.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time in its two largest units: `3 d 4 h`.
pub fn age(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// A word as a shell takes it.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_colours_on_a_terminal_alone_and_not_where_they_are_unwanted() {
        assert_eq!(Style::choose(true, None), Style::Coloured);
        assert_eq!(Style::choose(true, Some(OsStr::new(""))), Style::Coloured);
        assert_eq!(Style::choose(true, Some(OsStr::new("1"))), Style::Plain);
        assert_eq!(Style::choose(false, None), Style::Plain);
        assert_eq!((Style::Coloured.bad("x").as_str(), Style::Plain.bad("x").as_str()), ("\u{1b}[31mx\u{1b}[0m", "x"));
    }

    #[test]
    fn numbers_and_times_are_written_as_people_read_them() {
        assert_eq!((messages(1), messages(1_234_567)), ("1 message".to_owned(), "1,234,567 messages".to_owned()));
        let ages = [5, 65, 3_700, 90_000].map(|seconds| age(Duration::from_secs(seconds)));
        assert_eq!(ages, ["5 s", "1 min", "1 h 1 min", "1 d 1 h"]);
        assert_eq!((bar(1, 1_000), bar(1_000, 1_000).chars().count()), ("█".to_owned(), 24));
        assert_eq!((quoted("a:b_c"), quoted("it's")), ("a:b_c".to_owned(), r"'it'\''s'".to_owned()));
    }
}
