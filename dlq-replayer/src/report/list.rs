//! `list` and `show`: single messages, masked unless revealed.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    report::masking::{self as mask, Reveal},
    report::output::{Report, Style, age, lines, table},
    rules::cause::Cause,
    sqs::message::Message,
};

/// Messages, one per line.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ListReport {
    /// The messages, in the order they were received.
    pub messages: Vec<Line>,
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
    /// How often it has been received.
    pub receives: Option<u32>,
    /// How often it has been replayed; none when its `replay_count` is no count.
    pub replays: Option<u32>,
    /// Bytes of its body.
    pub bytes: usize,
    /// Its body, masked unless revealed.
    pub body: String,
}

/// One message with everything.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ShowReport {
    /// Its id.
    pub id: String,
    /// Why it is here.
    pub reason: String,
    /// A sentence about it.
    pub detail: String,
    /// The sender's attributes, masked unless revealed.
    pub attributes: BTreeMap<String, ShownAttribute>,
    /// What SQS says about it.
    pub system: BTreeMap<String, String>,
    /// The body, masked unless revealed.
    pub body: String,
}

/// An attribute as it is shown.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ShownAttribute {
    /// Its type.
    #[serde(rename = "type")]
    pub data_type: String,
    /// Its value, masked unless revealed; base64 when it is binary.
    pub value: String,
}

/// Longest body in a list, in characters.
const LISTED_BODY: usize = 80;

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
            body: mask::body(&message.body, reveal),
        }
    }
}

impl ShowReport {
    /// A message with everything.
    pub fn of(message: &Message, reveal: Reveal) -> Self {
        let cause = Cause::of(message);
        let attributes = message.attributes.iter().map(|(name, attribute)| {
            let value = mask::attribute(name, attribute, reveal);
            (name.clone(), ShownAttribute { data_type: attribute.data_type.clone(), value })
        });
        Self {
            id: message.id.clone(),
            reason: cause.reason(),
            detail: cause.detail(),
            attributes: attributes.collect(),
            system: message.system.clone(),
            body: mask::pretty_body(&message.body, reveal),
        }
    }
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
                body.replace('\n', " "),
            ]);
        }
        if self.messages.is_empty() { "no message matched\n".to_owned() } else { lines(&rows) }
    }
}

impl Report for ShowReport {
    fn text(&self, _: Style) -> String {
        let mut out = String::new();
        // Writing to a String does not fail.
        let _ = self.write(&mut out);
        out
    }
}

impl ShowReport {
    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "{}\n{}: {}\n\nattributes", self.id, self.reason, self.detail)?;
        for (name, ShownAttribute { data_type, value }) in &self.attributes {
            writeln!(out, "  {name} ({data_type}): {value}")?;
        }
        writeln!(out, "\nsystem attributes")?;
        for (name, value) in &self.system {
            writeln!(out, "  {name}: {value}")?;
        }
        writeln!(out, "\nbody\n{}", self.body)
    }
}
