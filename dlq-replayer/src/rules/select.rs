//! Which messages are meant. Filters combine: a message must pass all of them.

use std::collections::HashSet;

use anyhow::Context;
use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde_json::{Value, json};

use crate::{
    rules::cause::Cause,
    rules::jq::Jq,
    sqs::message::{AttributeValue, Message, MessageKey},
};

/// What a person asked for; the default means every message.
#[derive(Default)]
pub struct Selection {
    /// Any of these reasons, as `triage` shows them, or without what stands behind the colon.
    pub reasons: Vec<String>,
    /// All of these attributes, with these values.
    pub attributes: Vec<(String, String)>,
    /// Sent at least this long ago.
    pub older_than: Option<SignedDuration>,
    /// Sent at most this long ago.
    pub newer_than: Option<SignedDuration>,
    /// Any of these ids.
    pub ids: HashSet<MessageKey>,
    /// A jq expression over `{body, attributes, system}`.
    pub filter: Option<Jq>,
}

impl Selection {
    /// Whether a message is meant.
    pub fn takes(&self, message: &Message, now: Timestamp) -> bool {
        let age = message.sent_at().map(|sent| now.duration_since(sent));
        (self.ids.is_empty() || self.ids.contains(&message.key()))
            && (self.reasons.is_empty() || self.has_reason(&Cause::of(message).reason()))
            && self.attributes.iter().all(|(name, value)| message.text(name) == Some(value))
            && self.older_than.is_none_or(|least| age.is_some_and(|age| age >= least))
            && self.newer_than.is_none_or(|most| age.is_some_and(|age| age <= most))
            && self.filter.as_ref().is_none_or(|jq| jq.matches(&view(message).to_string()))
    }

    /// Whether every message that can match has been found, so that looking on is of no use.
    pub fn is_complete_with(&self, found: u64) -> bool {
        !self.ids.is_empty() && found >= self.ids.len() as u64
    }

    fn has_reason(&self, reason: &str) -> bool {
        let word = reason.split(':').next().unwrap_or(reason);
        self.reasons.iter().any(|wanted| wanted == reason || wanted == word)
    }
}

/// What a jq filter sees: the body as JSON where it is JSON and as text where not, and all attributes as text, binary ones in base64.
fn view(message: &Message) -> Value {
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
/// The text is no such age.
pub fn age(text: &str) -> anyhow::Result<SignedDuration> {
    let span: Span = text.parse().with_context(|| format!("`{text}` is no age such as `2h`, `3d` or `1h 30m`"))?;
    Ok(span.to_duration(SpanRelativeTo::days_are_24_hours())?.abs())
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

    fn takes(selection: &Selection, message: &Message) -> bool {
        selection.takes(message, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_reason_is_matched_whole_or_without_what_it_is_about() {
        let reason = |text: &str| Selection { reasons: vec![text.into()], ..Selection::default() };
        let message = message("unique_violation:users_email_key", 1, "{}");
        assert!(takes(&reason("unique_violation"), &message));
        assert!(takes(&reason("unique_violation:users_email_key"), &message));
        assert!(!takes(&reason("unique_violation:other"), &message) && !takes(&reason("unique"), &message));
    }

    #[test]
    fn filters_combine() {
        let message = message("panic", 5, r#"{"detail":{"n":7}}"#);
        let selection = |hours: &str, jq: &str| Selection {
            attributes: vec![("failure_reason".into(), "panic".into())],
            older_than: Some(age(hours).unwrap()),
            newer_than: Some(age("1d").unwrap()),
            filter: Some(Jq::compile(jq).unwrap()),
            ids: HashSet::from([MessageKey::of("m")]),
            ..Selection::default()
        };
        assert!(takes(&selection("2h", ".body.detail.n == 7 and .attributes.failure_reason == \"panic\""), &message));
        assert!(!takes(&selection("2h", ".body.detail.n == 8"), &message));
        assert!(!takes(&selection("6h", "true"), &message));
    }

    #[test]
    fn a_body_that_is_not_json_is_a_text_to_jq() {
        let selection =
            Selection { filter: Some(Jq::compile(".body | test(\"^not\")").unwrap()), ..Selection::default() };
        assert!(takes(&selection, &message("x", 0, "not json")));
    }

    #[test]
    fn ages_are_read_as_people_write_them() {
        assert_eq!(age("2h").unwrap(), SignedDuration::from_hours(2));
        assert_eq!(age("3d").unwrap(), SignedDuration::from_hours(72));
        assert_eq!(age("1h 30m").unwrap(), SignedDuration::from_mins(90));
        assert!(age("soon").is_err());
    }
}
