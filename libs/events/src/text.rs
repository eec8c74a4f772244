//! Texts that a row can hold.

use std::{borrow::Cow, fmt};

/// Longest attribute value that Cognito stores, in characters.
/// Source: "Working with user attributes" in the Amazon Cognito developer guide.
const MAX_CHARS: usize = 2048;

/// A text that Postgres can store: not empty, without NUL, and no longer than Cognito's own limit.
///
/// Every other control character is kept, because Postgres keeps it.
/// Whether an address is well formed was Cognito's to say; a second opinion would only lose data.
/// `Debug` never shows the text, so logging a whole event by mistake tells nothing about the user.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<'a>(Cow<'a, str>);

impl<'a> Text<'a> {
    /// The most characters a text may have.
    pub const MAX_CHARS: usize = MAX_CHARS;

    /// The text, unless it is empty or cannot be stored.
    pub fn storable(text: impl Into<Cow<'a, str>>) -> Option<Self> {
        let text = text.into();
        // Counting characters costs more than comparing bytes, and text of few bytes cannot have many characters.
        let too_long = text.len() > MAX_CHARS && text.chars().count() > MAX_CHARS;
        (!text.is_empty() && !too_long && !text.as_bytes().contains(&0)).then_some(Self(text))
    }

    /// The text itself: personal data, not for logs.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Text(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_text() {
        assert_eq!(format!("{:?}", Text::storable("marker@example.com")), "Some(Text(redacted))");
    }

    #[test]
    fn a_text_may_have_as_many_characters_as_cognito_stores_however_many_bytes_they_take() {
        assert!(Text::storable("ä".repeat(MAX_CHARS)).is_some());
        assert_eq!(Text::storable("ä".repeat(MAX_CHARS + 1)), None);
    }

    #[test]
    fn postgres_rejects_nul_and_nothing_else() {
        assert_eq!(Text::storable("A\0da"), None);
        assert_eq!(Text::storable(""), None);
        for kept in ["A\tda\r\n\u{1}\u{7f}\u{9f}", "Robert'); DROP TABLE users;-- \"\\ 👩‍💻 Ζωή"] {
            assert_eq!(Text::storable(kept).unwrap().as_str(), kept);
        }
    }
}
