//! What is wrong with a line of a file of messages. Its text may be personal data and is never told.

use serde_json::{Value, error::Category};

/// A line that is not a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {number} of {file} is not a message: {why}")]
pub struct NotAMessage {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub number: usize,
    /// What is wrong with it.
    pub why: String,
}

/// Two lines with one id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {number} of {file} repeats the id {id}")]
pub struct RepeatedId {
    /// The file.
    pub file: String,
    /// The second of the lines, from 1.
    pub number: usize,
    /// The id.
    pub id: String,
}

impl NotAMessage {
    /// Finds out what is wrong with a line.
    pub fn new(file: &str, number: usize, line: &[u8]) -> Self {
        Self { file: file.to_owned(), number, why: why(line) }
    }
}

fn why(line: &[u8]) -> String {
    if line.starts_with("\u{feff}".as_bytes()) {
        return "it begins with a byte order mark".to_owned();
    }
    if line.trim_ascii().is_empty() {
        return "it is empty".to_owned();
    }
    if std::str::from_utf8(line).is_err() {
        return "it is not UTF-8".to_owned();
    }
    match serde_json::from_slice::<Value>(line) {
        Err(error) if error.classify() == Category::Eof => {
            format!("its JSON is cut off at column {}", error.column())
        }
        Err(error) => format!("it is not JSON at column {}", error.column()),
        Ok(Value::Object(fields)) => {
            let text = |name: &str| match fields.get(name) {
                None => Some(format!("`{name}` is missing")),
                Some(Value::String(_)) => None,
                Some(_) => Some(format!("`{name}` is not a text")),
            };
            let other = || "`attributes` or `system` is not what a message has".to_owned();
            text("id").or_else(|| text("body")).unwrap_or_else(other)
        }
        Ok(_) => "it is not a JSON object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_without_the_text() {
        for (line, said) in [
            ("", "it is empty"),
            ("\u{feff}{\"id\":\"marker\"}", "it begins with a byte order mark"),
            (r#"{"id":"marker","body":"mar"#, "its JSON is cut off at column 26"),
            (r#"{"id":marker}"#, "it is not JSON at column 7"),
            (r#"["marker"]"#, "it is not a JSON object"),
            (r#"{"body":"marker"}"#, "`id` is missing"),
            (r#"{"id":7,"body":"marker"}"#, "`id` is not a text"),
            (r#"{"id":"marker"}"#, "`body` is missing"),
            (r#"{"id":"marker","body":{"a":1}}"#, "`body` is not a text"),
            (r#"{"id":"a","body":"b","attributes":7}"#, "`attributes` or `system` is not what a message has"),
        ] {
            let error = NotAMessage::new("f", 3, line.as_bytes()).to_string();
            assert_eq!(error, format!("line 3 of f is not a message: {said}"));
        }
    }
}
