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
        self.paint(GREEN, text)
    }

    /// Yellow.
    pub fn warning(self, text: &str) -> String {
        self.paint(YELLOW, text)
    }

    /// Red.
    pub fn bad(self, text: &str) -> String {
        self.paint(RED, text)
    }

    fn paint(self, code: char, text: &str) -> String {
        if self == Self::Coloured { format!("{code}{text}{UNPAINTED}") } else { text.to_owned() }
    }
}

/// What stands for an escape sequence until the text is printed, so that those of a message can be told apart and removed.
/// Unicode keeps these characters for uses inside of a program ("Private-use characters, noncharacters and sentinels" in its FAQ).
const GREEN: char = '\u{fdd0}';
const YELLOW: char = '\u{fdd1}';
const RED: char = '\u{fdd2}';
const UNPAINTED: char = '\u{fdd3}';

/// A text as a terminal may get it: the colours that were asked for, and no other control characters but the ends of lines.
fn for_terminal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            GREEN => out.push_str("\u{1b}[32m"),
            YELLOW => out.push_str("\u{1b}[33m"),
            RED => out.push_str("\u{1b}[31m"),
            UNPAINTED => out.push_str("\u{1b}[0m"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// JSON in which the control characters are escaped that JSON allows and a terminal obeys.
fn escaped(json: &str) -> String {
    let escape =
        |c: char| if ('\u{7f}'..='\u{9f}').contains(&c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    json.chars().map(escape).collect()
}

/// What a command has found or done.
pub trait Report: Serialize {
    /// As text: lines, each with its end.
    fn text(&self, style: Style) -> String;
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// As text.
    Text,
    /// As one JSON document over several lines.
    Json,
    /// As one JSON document on one line.
    JsonLine,
}

/// Standard output has no reader any more, which had seen enough, as `head` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing reads the output any more")]
pub struct ReaderGone;

/// What was printed about something that is done: it stays done when nothing reads it.
///
/// # Errors
///
/// Standard output cannot be written for another reason.
pub fn read_or_not(printed: anyhow::Result<()>) -> anyhow::Result<()> {
    printed.or_else(|error| if error.is::<ReaderGone>() { Ok(()) } else { Err(error) })
}

/// Prints a report on standard output.
///
/// # Errors
///
/// [`ReaderGone`], or standard output cannot be written for another reason.
pub fn print(report: &impl Report, format: Format) -> anyhow::Result<()> {
    match format {
        Format::Text => print_text(&report.text(Style::of_stdout())),
        Format::Json => write_out(&(escaped(&serde_json::to_string_pretty(report)?) + "\n")),
        Format::JsonLine => write_out(&(escaped(&serde_json::to_string(report)?) + "\n")),
    }
}

/// Prints a text on standard output, without the control characters in it.
///
/// # Errors
///
/// [`ReaderGone`], or standard output cannot be written for another reason.
pub fn print_text(text: &str) -> anyhow::Result<()> {
    write_out(&for_terminal(text))
}

fn write_out(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(ReaderGone.into()),
        written => Ok(written?),
    }
}

/// Says something to the operator, beside the result, without the control characters in it.
pub fn say(text: &str) {
    // A closed standard error is no reason to stop.
    let _ = writeln!(io::stderr(), "{}", for_terminal(text));
}

/// The same where a bar may be: it is wiped away, and drawn again below the text.
pub fn say_over_a_bar(text: &str) {
    let can_wipe = std::env::var("TERM").is_ok_and(|terminal| terminal != "dumb");
    if io::stderr().is_terminal() && can_wipe {
        // To the beginning of the line, and the line is empty.
        let _ = io::stderr().write_all(b"\r\x1b[2K");
    }
    say(text);
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

/// How many messages of a queue can be received, and how many cannot at the moment.
pub fn depth(visible: u64, in_flight: u64, delayed: u64) -> String {
    match (in_flight, delayed) {
        (0, 0) => messages(visible),
        (_, 0) => format!("{} visible, {} in flight", grouped(visible), grouped(in_flight)),
        (0, _) => format!("{} visible, {} delayed", grouped(visible), grouped(delayed)),
        _ => format!("{} visible, {} in flight, {} delayed", grouped(visible), grouped(in_flight), grouped(delayed)),
    }
}

/// How many messages were scanned, and how many of them matched.
pub fn scanned(scanned: u64, matched: u64) -> String {
    format!("{} scanned, {} matched", messages(scanned), grouped(matched))
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

/// A time that is not longer than this: [`age`] leaves out what is less than its units.
pub fn at_most(time: Duration) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    match (seconds / 60, seconds % 60) {
        (minutes @ 1..60, seconds @ 1..) => format!("{minutes} min {seconds} s"),
        (0..60, _) => age(Duration::from_secs(seconds)),
        (60..1_440, _) => age(Duration::from_secs(seconds.next_multiple_of(60))),
        _ => age(Duration::from_secs(seconds.next_multiple_of(3_600))),
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
        let printed = |style: Style| for_terminal(&style.bad("x"));
        assert_eq!((printed(Style::Coloured).as_str(), printed(Style::Plain).as_str()), ("\u{1b}[31mx\u{1b}[0m", "x"));
    }

    #[test]
    fn control_characters_of_a_message_do_not_reach_the_terminal() {
        assert_eq!(for_terminal("a\u{1b}[31m\u{9b}2J\r\u{7}b\n\tc"), "a[31m2Jb\n\tc");
        assert_eq!(escaped("{\"a\":\"\u{9b}2J ü\"}"), r#"{"a":"\u009b2J ü"}"#);
    }

    #[test]
    fn numbers_and_times_are_written_as_people_read_them() {
        assert_eq!((messages(1), messages(1_234_567)), ("1 message".to_owned(), "1,234,567 messages".to_owned()));
        let ages = [5, 65, 3_700, 90_000].map(|seconds| age(Duration::from_secs(seconds)));
        assert_eq!(ages, ["5 s", "1 min", "1 h 1 min", "1 d 1 h"]);
        let longest = [0.0, 4.1, 59.5, 60.0, 118.2, 3_590.0, 3_601.0, 86_399.0, 90_001.0];
        let longest = longest.map(|seconds| at_most(Duration::from_secs_f64(seconds)));
        let expected = ["0 s", "5 s", "1 min", "1 min", "1 min 59 s", "59 min 50 s", "1 h 1 min", "1 d 0 h", "1 d 2 h"];
        assert_eq!(longest, expected);
        assert_eq!((bar(1, 1_000), bar(1_000, 1_000).chars().count()), ("█".to_owned(), 24));
        assert_eq!((quoted("a:b_c"), quoted("it's")), ("a:b_c".to_owned(), r"'it'\''s'".to_owned()));
    }
}
