//! Personal data stays out of sight unless somebody asks for it: what is shown is the shape of a message, not its contents.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;

use crate::sqs::message::{Attribute, AttributeValue};

/// Keys whose texts are ids, times, types and versions, wherever they stand in a body. Everything else is somebody's data until known otherwise.
const SHOWN_KEYS: [&str; 22] = [
    "version",
    "id",
    "detail-type",
    "source",
    "account",
    "time",
    "region",
    "type",
    "event_id",
    "occurred_at",
    "origin",
    "trace_id",
    "cognito_sub",
    "user_pool_id",
    "eventName",
    "eventSource",
    "eventTime",
    "eventVersion",
    "awsRegion",
    "created_at",
    "updated_at",
    "timestamp",
];

/// Attributes whose values carry no personal data: rollcall's and EventBridge's.
const SHOWN_ATTRIBUTES: [&str; 11] = [
    "failure_reason",
    "failure_detail",
    "failed_at",
    "source_message_id",
    "receive_count",
    "replay_count",
    "RULE_ARN",
    "TARGET_ARN",
    "ERROR_CODE",
    "EXHAUSTED_RETRY_CONDITION",
    "RETRY_ATTEMPTS",
];

/// Longest text that an allowed key may show, in characters: ids and times are short, and a long text is something else.
const SHOWN_CHARS: usize = 64;

/// Whether personal data is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reveal {
    /// Masked.
    #[default]
    Nothing,
    /// Shown as it is.
    Everything,
}

/// A body that may be shown, in one line.
pub fn body(text: &str, reveal: Reveal) -> String {
    if reveal == Reveal::Everything {
        return text.to_owned();
    }
    match serde_json::from_str::<Value>(text) {
        Ok(value) if value.is_object() || value.is_array() => masked(value, false).to_string(),
        _ => format!("‹{} bytes that are no JSON object›", text.len()),
    }
}

/// A body that may be shown, laid out over lines where it is JSON.
pub fn pretty_body(text: &str, reveal: Reveal) -> String {
    let shown = body(text, reveal);
    serde_json::from_str::<Value>(&shown).map_or(shown, |value| format!("{value:#}"))
}

/// An attribute's value that may be shown.
pub fn attribute(name: &str, attribute: &Attribute, reveal: Reveal) -> String {
    match &attribute.value {
        AttributeValue::Binary(bytes) if reveal == Reveal::Nothing => format!("‹{} bytes›", bytes.len()),
        AttributeValue::Binary(bytes) => BASE64_STANDARD.encode(bytes),
        AttributeValue::String(text) => {
            let known = SHOWN_ATTRIBUTES.contains(&name) || attribute.data_type.starts_with("Number");
            if reveal == Reveal::Everything || known { text.clone() } else { mask(text) }
        }
    }
}

/// Masks every text but those under an allowed key; numbers under unknown keys may be phone numbers, and are masked too.
fn masked(value: Value, shown: bool) -> Value {
    match value {
        Value::String(text) if shown && text.chars().count() <= SHOWN_CHARS => Value::String(text),
        Value::String(text) => Value::String(mask(&text)),
        Value::Number(number) if shown => Value::Number(number),
        Value::Number(_) => Value::String("‹number›".to_owned()),
        Value::Array(items) => items.into_iter().map(|item| masked(item, shown)).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| {
                let shown = SHOWN_KEYS.contains(&key.as_str());
                (key, masked(value, shown))
            })
            .collect(),
        other => other,
    }
}

/// A text in whose place only its length is seen.
fn mask(text: &str) -> String {
    format!("‹{} characters›", text.chars().count())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_ids_times_types_and_versions_are_seen() {
        let event = json!({
            "detail-type": "UserConfirmed",
            "detail": { "metadata": { "version": 1 }, "data": {
                "email": "marker@example.com", "phone_number": 49_151_000, "names": ["marker"], "email_verified": true,
                "cognito_sub": "7d4a1f0e-2c5b-4a8e-9d61-0b3f6a9c1e22", "last_name": null, "first_name": "",
            }},
        });
        let shown = body(&event.to_string(), Reveal::Nothing);
        assert!(!shown.contains("marker") && !shown.contains("49151"), "{shown}");
        for seen in ["UserConfirmed", "\"version\":1", "7d4a1f0e", "email_verified\":true", "\"last_name\":null"] {
            assert!(shown.contains(seen), "{seen}: {shown}");
        }
        assert!(shown.contains("\"first_name\":\"‹0 characters›\""), "that it is empty is what matters: {shown}");
        assert!(body(&event.to_string(), Reveal::Everything).contains("marker@example.com"));
    }

    #[test]
    fn a_body_that_is_no_object_shows_its_length_only() {
        for text in ["marker@example.com", "\"marker\"", "{\"marker\":", ""] {
            assert_eq!(body(text, Reveal::Nothing), format!("‹{} bytes that are no JSON object›", text.len()));
        }
    }

    #[test]
    fn unknown_attributes_are_masked_and_known_ones_are_not() {
        let text = Attribute::text("marker");
        assert_eq!(attribute("customer", &text, Reveal::Nothing), "‹6 characters›");
        assert_eq!(attribute("failure_reason", &text, Reveal::Nothing), "marker");
        assert_eq!(attribute("attempts", &Attribute::number(3), Reveal::Nothing), "3");
        let picture = Attribute { data_type: "Binary".into(), value: AttributeValue::Binary(vec![0, 1, 255]) };
        assert_eq!(attribute("picture", &picture, Reveal::Nothing), "‹3 bytes›");
        assert_eq!(attribute("picture", &picture, Reveal::Everything), "AAH/");
    }
}
