//! `list`: messages, one per line, masked unless revealed.

use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    counts::Stopped,
    masking::{self, Reveal},
    output::{Report, Style, age, lines, table},
};
use crate::{
    rules::{cause::Cause, select::Undecided},
    sqs::message::Message,
};

/// Longest body in a list, in characters.
const LISTED_BODY: usize = 80;

/// Messages, one per line.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ListReport {
    /// The messages, in the order they were received.
    pub messages: Vec<Line>,
    /// Whether it stopped at its limit, so that there may be more.
    pub truncated: bool,
    /// Messages that a filter could not decide about.
    #[serde(flatten)]
    pub undecided: Undecided,
    /// Messages that the queue counts and that were not seen.
    pub not_seen: u64,
    /// Whether it was stopped before its end.
    #[serde(flatten)]
    pub stopped: Stopped,
}

/// One message in short.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Line {
    /// Its id.
    pub id: String,
    /// Why it is here.
    pub reason: String,
    /// Seconds since it was sent.
    pub age_seconds: Option<u64>,
    /// How often it was received.
    pub receives: Option<u32>,
    /// How often it was replayed; none when its `replay_count` is not a number.
    pub replays: Option<u32>,
    /// Bytes of its body.
    pub bytes: usize,
    /// Its body, masked unless revealed.
    pub body: String,
}

impl Line {
    /// A message in short.
    pub fn of(message: &Message, now: Timestamp, reveal: Reveal) -> Self {
        let age = message.sent_at().and_then(|at| Duration::try_from(now.duration_since(at)).ok());
        Self {
            id: message.id.clone(),
            reason: Cause::of(message).reason(),
            age_seconds: age.map(|age| age.as_secs()),
            receives: message.receive_count(),
            replays: message.replays(),
            bytes: message.body.len(),
            body: masking::body(&message.body, reveal),
        }
    }
}

impl ListReport {
    /// The messages as comma-separated values with a header.
    ///
    /// # Errors
    ///
    /// None in practice: the text is written to memory.
    pub fn csv(&self) -> anyhow::Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for line in &self.messages {
            writer.serialize(line)?;
        }
        let bytes = writer.into_inner().context("writing CSV")?;
        Ok(String::from_utf8(bytes)?)
    }
}

/// A body on one line.
fn one_line(body: &str) -> String {
    body.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl Report for ListReport {
    fn text(&self, _: Style) -> String {
        let mut rows = table(&["id", "reason", "age", "receives", "replays", "body"]);
        let number = |number: Option<u32>| number.map_or("?".to_owned(), |number| number.to_string());
        for line in &self.messages {
            let mut body: String = line.body.chars().take(LISTED_BODY).collect();
            if body.len() < line.body.len() {
                body.push('…');
            }
            rows.add_row([
                line.id.clone(),
                line.reason.clone(),
                line.age_seconds.map_or("?".to_owned(), |seconds| age(Duration::from_secs(seconds))),
                number(line.receives),
                number(line.replays),
                one_line(&body),
            ]);
        }
        if self.messages.is_empty() { "no message matched\n".to_owned() } else { lines(&rows) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_keeps_commas_quotes_and_lines_apart() {
        let line = Line {
            id: "m".into(),
            reason: "unknown".into(),
            age_seconds: None,
            receives: Some(1),
            replays: Some(0),
            bytes: 9,
            body: "a,\"b\"\nc".into(),
        };
        let text = ListReport {
            messages: vec![line],
            truncated: false,
            undecided: Undecided::default(),
            not_seen: 0,
            stopped: Stopped::default(),
        };
        let text = text.csv().unwrap();
        assert_eq!(text, "id,reason,age_seconds,receives,replays,bytes,body\nm,unknown,,1,0,9,\"a,\"\"b\"\"\nc\"\n");
    }
}
