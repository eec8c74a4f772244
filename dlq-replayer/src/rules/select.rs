//! Which messages match. Filters combine: a message must pass all of them.

use std::{cell::RefCell, collections::HashSet};

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{cause::Cause, jq::Jq};
use crate::sqs::message::{AttributeValue, Message, MessageKey};

/// A selection as it was written; the default matches every message. A journal keeps it, so that a run can be repeated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SelectionText {
    /// Any of these reasons, as `triage` shows them, or without what follows the colon.
    pub reasons: Vec<String>,
    /// All of these attributes, with these values.
    pub attributes: Vec<(String, String)>,
    /// Sent at this time or before.
    pub sent_before: Option<Timestamp>,
    /// Sent at this time or after.
    pub sent_after: Option<Timestamp>,
    /// Any of these ids.
    pub ids: Vec<String>,
    /// A jq expression over `{id, body, attributes, system}`.
    pub filter: Option<String>,
}

impl SelectionText {
    /// The selection that it describes.
    ///
    /// # Errors
    ///
    /// The filter is not jq.
    pub fn compile(&self) -> anyhow::Result<Selection> {
        Ok(Selection {
            reasons: self.reasons.clone(),
            attributes: self.attributes.clone(),
            sent_before: self.sent_before,
            sent_after: self.sent_after,
            ids: (!self.ids.is_empty()).then(|| self.ids.iter().map(|id| MessageKey::of(id)).collect()),
            filter: self.filter.as_deref().map(Jq::compile).transpose()?,
            passed_over: RefCell::default(),
        })
    }
}

/// Which messages match; the default matches every message.
#[derive(Default)]
pub struct Selection {
    /// Any of these reasons.
    pub reasons: Vec<String>,
    /// All of these attributes, with these values.
    pub attributes: Vec<(String, String)>,
    /// Sent at this time or before.
    pub sent_before: Option<Timestamp>,
    /// Sent at this time or after.
    pub sent_after: Option<Timestamp>,
    /// Any of these ids; an empty set matches no message.
    pub ids: Option<HashSet<MessageKey>>,
    /// A jq expression over `{id, body, attributes, system}`.
    pub filter: Option<Jq>,
    /// Messages that a filter could not decide about.
    pub passed_over: RefCell<PassedOver>,
}

/// Messages that a filter could not decide about, by key, because a run may ask about one of them several times.
#[derive(Debug, Default)]
pub struct PassedOver {
    expression_fails: HashSet<MessageKey>,
    without_time: HashSet<MessageKey>,
}

/// How many messages a filter could not decide about. They do not match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Undecided {
    /// Messages on which the expression of `--where` fails.
    pub expression_fails: u64,
    /// Messages without the time at which they were sent, which `--older-than` and `--newer-than` need.
    pub without_time: u64,
}

impl Selection {
    /// Whether a message matches.
    pub fn matches(&self, message: &Message) -> bool {
        self.ids.as_ref().is_none_or(|ids| ids.contains(&message.key()))
            && (self.reasons.is_empty() || self.has_reason(&Cause::of(message).reason()))
            && self.attributes.iter().all(|(name, value)| message.text(name) == Some(value))
            && self.is_of_age(message)
            && self.passes_filter(message)
    }

    fn is_of_age(&self, message: &Message) -> bool {
        if self.sent_before.is_none() && self.sent_after.is_none() {
            return true;
        }
        let Some(sent) = message.sent_at() else {
            self.passed_over.borrow_mut().without_time.insert(message.key());
            return false;
        };
        self.sent_before.is_none_or(|time| sent <= time) && self.sent_after.is_none_or(|time| sent >= time)
    }

    fn passes_filter(&self, message: &Message) -> bool {
        let Some(jq) = &self.filter else { return true };
        jq.matches(&view(message).to_string()).unwrap_or_else(|| {
            self.passed_over.borrow_mut().expression_fails.insert(message.key());
            false
        })
    }

    /// How many of the messages so far a filter could not decide about.
    pub fn undecided(&self) -> Undecided {
        let passed_over = self.passed_over.borrow();
        Undecided {
            expression_fails: passed_over.expression_fails.len() as u64,
            without_time: passed_over.without_time.len() as u64,
        }
    }

    /// Whether every message that can match has been found, so that scanning on is of no use.
    pub fn is_complete_with(&self, found: u64) -> bool {
        self.ids.as_ref().is_some_and(|ids| found >= ids.len() as u64)
    }

    fn has_reason(&self, reason: &str) -> bool {
        let word = reason.split(':').next().unwrap_or(reason);
        self.reasons.iter().any(|wanted| wanted == reason || wanted == word)
    }
}

/// What a jq expression sees: the body as JSON where it is JSON and as text where not, and all attributes as text, binary ones in base64.
pub fn view(message: &Message) -> Value {
    let body = serde_json::from_str(&message.body).unwrap_or_else(|_| Value::String(message.body.clone()));
    let text = |value: &AttributeValue| match value {
        AttributeValue::String(text) => Value::String(text.clone()),
        AttributeValue::Binary(bytes) => Value::String(BASE64_STANDARD.encode(bytes)),
    };
    let attributes: serde_json::Map<_, _> =
        message.attributes.iter().map(|(name, attribute)| (name.clone(), text(&attribute.value))).collect();
    json!({ "id": message.id, "body": body, "attributes": attributes, "system": message.system })
}

/// Reads an age such as `2h`, `3d` or `1h 30m`. A day has 24 hours.
///
/// # Errors
///
/// The text is not an age.
pub fn age(text: &str) -> anyhow::Result<SignedDuration> {
    let span = text.parse::<Span>().ok();
    // Months and years have no fixed length.
    let age = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
    age.map(SignedDuration::abs).ok_or_else(|| anyhow::anyhow!("expected an age such as `2h`, `3d` or `1h 30m`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqs::message::Attribute;

    fn message(reason: &str, hours: i64, body: &str) -> Message {
        let mut message: Message = serde_json::from_value(json!({ "id": "m", "body": body })).unwrap();
        message.attributes.insert("failure_reason".into(), Attribute::text(reason));
        message.attributes.insert("source_message_id".into(), Attribute::text("x"));
        message.system.insert("SentTimestamp".into(), (-hours * 3_600_000).to_string());
        message
    }

    fn before(ago: &str) -> Timestamp {
        Timestamp::UNIX_EPOCH - age(ago).unwrap()
    }

    #[test]
    fn a_reason_is_matched_whole_or_without_what_it_is_about() {
        let reason = |text: &str| Selection { reasons: vec![text.into()], ..Selection::default() };
        let message = message("unique_violation:users_email_key", 1, "{}");
        assert!(reason("unique_violation").matches(&message));
        assert!(reason("unique_violation:users_email_key").matches(&message));
        assert!(!reason("unique_violation:other").matches(&message) && !reason("unique").matches(&message));
    }

    #[test]
    fn filters_combine() {
        let message = message("panic", 5, r#"{"detail":{"n":7}}"#);
        let matches = |hours: &str, jq: &str| {
            let text = SelectionText {
                attributes: vec![("failure_reason".into(), "panic".into())],
                sent_before: Some(before(hours)),
                sent_after: Some(before("1d")),
                filter: Some(jq.into()),
                ids: vec!["m".into()],
                ..SelectionText::default()
            };
            text.compile().unwrap().matches(&message)
        };
        assert!(matches("2h", ".body.detail.n == 7 and .attributes.failure_reason == \"panic\""));
        assert!(!matches("2h", ".body.detail.n == 8"));
        assert!(!matches("6h", "true"));
    }

    #[test]
    fn what_a_filter_cannot_decide_about_does_not_match_and_is_counted_once() {
        let text = SelectionText {
            sent_before: Some(before("0h")),
            filter: Some(".body.n + 1 == 2".into()),
            ..SelectionText::default()
        };
        let (selection, text) = (text.compile().unwrap(), message("x", 1, r#"{"n":"one"}"#));
        let mut untimed = message("x", 1, r#"{"n":1}"#);
        untimed.system.clear();
        assert!(selection.matches(&message("x", 1, r#"{"n":1}"#)));
        assert!(!selection.matches(&text) && !selection.matches(&text) && !selection.matches(&untimed));
        assert_eq!(selection.undecided(), Undecided { expression_fails: 1, without_time: 1 });
    }

    #[test]
    fn a_body_that_is_not_json_is_a_text_to_jq() {
        let text = SelectionText { filter: Some(".body | test(\"^not\")".into()), ..SelectionText::default() };
        assert!(text.compile().unwrap().matches(&message("x", 0, "not json")));
    }

    #[test]
    fn ages_are_read_as_people_write_them() {
        assert_eq!(age("2h").unwrap(), SignedDuration::from_hours(2));
        assert_eq!(age("3d").unwrap(), SignedDuration::from_hours(72));
        assert_eq!(age("1h 30m").unwrap(), SignedDuration::from_mins(90));
        for text in ["soon", "1y", "2mo", ""] {
            assert_eq!(age(text).unwrap_err().to_string(), "expected an age such as `2h`, `3d` or `1h 30m`", "{text}");
        }
    }
}
