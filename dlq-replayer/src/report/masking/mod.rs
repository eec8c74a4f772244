//! Personal data stays out of sight unless it is asked for: what is shown is the shape of a message, not its contents.
//!
//! Values are masked, and so are the keys of bodies that are not rollcall's own: a key can be a name or an account number.

mod vocabulary;

use std::collections::HashMap;

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::{
    rules::{
        cause::{is_word, service_attributes, tells_a_failure},
        json_text::{compact, indent, tokens},
    },
    sqs::message::{Attribute, AttributeValue, Message, REPLAY_COUNT},
};
use vocabulary::{ATTRIBUTES, SENTENCES, SYSTEM, Shown, Vocabulary};

/// Longest text that a known key may show, in characters: ids, times and ARNs are short, and a long text is something else.
const SHOWN_CHARS: usize = 256;

/// What a text that was cut ends with.
const CUT: &str = " …";

/// Whether personal data is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reveal {
    /// Masked.
    #[default]
    Nothing,
    /// Shown as it is.
    Everything,
}

/// A body that may be shown. Masked ones are on one line.
pub fn body(text: &str, reveal: Reveal) -> String {
    if reveal == Reveal::Everything {
        return text.to_owned();
    }
    let is_container = text.trim_start().starts_with(['{', '[']);
    match tokens(text) {
        Some(tokens) if is_container => Mask::new(vocabulary::of(text)).apply(tokens),
        _ => format!("‹{} bytes, not a JSON object›", text.len()),
    }
}

/// A text of so many characters, masked.
pub fn characters(count: usize) -> String {
    format!("‹{count} {}›", if count == 1 { "character" } else { "characters" })
}

/// A body that may be shown, laid out over lines where it is JSON.
pub fn pretty_body(text: &str, reveal: Reveal) -> String {
    let shown = body(text, reveal);
    indent(&shown).unwrap_or(shown)
}

/// A body that may be shown, on one line of at most `most_chars` characters. A longer one is cut and ends with ` …`.
pub fn sample(text: &str, reveal: Reveal, most_chars: usize) -> String {
    let shown = body(text, reveal);
    let line = compact(&shown).unwrap_or(shown);
    // A line break would end the line, and an escape sequence would reach the terminal.
    let mut chars = line.chars().map(|c| if c.is_control() { ' ' } else { c });
    if line.chars().count() <= most_chars {
        return chars.collect();
    }
    let kept: String = chars.by_ref().take(most_chars.saturating_sub(CUT.chars().count())).collect();
    kept + CUT
}

/// The value of a message's attribute that may be shown. Names are always shown: they are the sender's words for a kind of value.
pub fn attribute(message: &Message, name: &str, attribute: &Attribute, reveal: Reveal) -> String {
    match &attribute.value {
        AttributeValue::Binary(bytes) if reveal == Reveal::Nothing => format!("‹{} bytes›", bytes.len()),
        AttributeValue::Binary(bytes) => BASE64_STANDARD.encode(bytes),
        AttributeValue::String(text) => {
            let known = match name {
                name if SENTENCES.contains(&name) => tells_a_failure(message) || is_word(text),
                // A name alone proves nothing: `RequestID` may be the sender's own.
                name => {
                    let added = name == REPLAY_COUNT || service_attributes(message).contains(&name);
                    added && ATTRIBUTES.contains(&name) && is_plain(text)
                }
            };
            if reveal == Reveal::Everything || known {
                text.clone()
            } else if attribute.data_type.starts_with("Number") {
                NUMBER.to_owned()
            } else {
                mask(text)
            }
        }
    }
}

/// What SQS says about a message, as far as it may be shown: a group, a deduplication id and a sender's id can name a person.
pub fn system(name: &str, value: &str, reveal: Reveal) -> String {
    let known = SYSTEM.contains(&name) && is_plain(value);
    if reveal == Reveal::Everything || known { value.to_owned() } else { mask(value) }
}

/// What stands in a number's place: it may be a phone or an account number.
const NUMBER: &str = "‹number›";

/// A text in whose place only its length is seen.
fn mask(text: &str) -> String {
    characters(text.chars().count())
}

/// Whether a text is one word as ids, times, codes and ARNs are, and not an e-mail address or a name in words.
fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._:/+$-".contains(c);
    text.chars().count() <= SHOWN_CHARS && text.chars().all(plain)
}

/// A walk over the tokens of one body.
struct Mask {
    vocabulary: Vocabulary,
    /// The objects and arrays that are open.
    open: Vec<Container>,
    /// The unknown keys in the order in which they were met, each with its number.
    numbers: HashMap<String, usize>,
}

/// An object or an array.
struct Container {
    is_object: bool,
    /// The path of its keys, such as `detail/`; none below an unknown key.
    path: Option<String>,
    /// What is shown of the value that comes next.
    shown: Option<Shown>,
    /// The path of the value that comes next.
    next: Option<String>,
    /// Whether the next text is a key.
    expects_key: bool,
}

impl Mask {
    fn new(vocabulary: Vocabulary) -> Self {
        Self { vocabulary, open: Vec::new(), numbers: HashMap::new() }
    }

    fn apply<'a>(mut self, tokens: impl Iterator<Item = &'a str>) -> String {
        let mut out = String::new();
        for token in tokens {
            match token {
                "{" | "[" => {
                    self.enter(token == "{");
                    out.push_str(token);
                }
                "}" | "]" => {
                    self.open.pop();
                    out.push_str(token);
                }
                "," => {
                    if let Some(container) = self.open.last_mut() {
                        container.expects_key = container.is_object;
                    }
                    out.push(',');
                }
                ":" | "true" | "false" | "null" => out.push_str(token),
                token if self.open.last().is_some_and(|container| container.expects_key) => {
                    out.push_str(&self.key(token));
                }
                token => out.push_str(&self.scalar(token)),
            }
        }
        out
    }

    fn enter(&mut self, is_object: bool) {
        let container = match self.open.last() {
            // The outermost object is where every vocabulary begins.
            None => Container { is_object, path: Some(String::new()), shown: None, next: None, expects_key: is_object },
            // What lies in an array has the place of the array.
            Some(outer) => {
                let path = if is_object { outer.next.as_ref().map(|next| format!("{next}/")) } else { None };
                let (shown, next) = if is_object { (None, None) } else { (outer.shown, outer.next.clone()) };
                Container { is_object, path, shown, next, expects_key: is_object }
            }
        };
        self.open.push(container);
    }

    /// A key as it may be shown; the value after it is shown accordingly.
    fn key(&mut self, token: &str) -> String {
        let name = serde_json::from_str(token).unwrap_or_else(|_| token.to_owned());
        let Some(container) = self.open.last_mut() else { return token.to_owned() };
        container.expects_key = false;
        // A key with the separator in it could pass for a known path.
        let path = container.path.as_ref().filter(|_| !name.contains('/')).map(|path| format!("{path}{name}"));
        let known = self.vocabulary.iter().find(|(known, _)| path.as_deref() == Some(known));
        container.shown = known.map(|(_, shown)| *shown);
        container.next = known.and(path);
        if known.is_some() {
            return token.to_owned();
        }
        let next = self.numbers.len() + 1;
        let number = *self.numbers.entry(name).or_insert(next);
        format!("\"‹key {number}›\"")
    }

    fn scalar(&self, token: &str) -> String {
        let shown = self.open.last().is_some_and(|container| container.shown == Some(Shown::Value));
        if !token.starts_with('"') {
            return if shown { token.to_owned() } else { format!("\"{NUMBER}\"") };
        }
        match serde_json::from_str::<String>(token) {
            Ok(text) if shown && is_plain(&text) => token.to_owned(),
            Ok(text) => format!("\"{}\"", mask(&text)),
            // Half of a surrogate pair is JSON and not a text; its length is what is written.
            Err(_) => format!("\"{}\"", mask(token.trim_matches('"'))),
        }
    }
}

#[cfg(test)]
mod tests;
