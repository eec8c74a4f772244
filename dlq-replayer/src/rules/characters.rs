//! Characters that SQS rejects, and JSON's escapes for them.

use serde::de::IgnoredAny;

/// The first character of a text that SQS rejects.
/// Source: `SendMessage` in the Amazon SQS API reference, which allows what XML 1.0 does; the same holds for attributes.
pub fn rejected(text: &str) -> Option<char> {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    text.chars().find(|c| !allowed(*c))
}

/// The text with escapes in the place of characters that SQS rejects; none when it has no such character.
///
/// # Errors
///
/// The first of these characters, when the text is not JSON.
pub fn escaped(text: &str) -> Result<Option<String>, char> {
    let Some(first) = rejected(text) else { return Ok(None) };
    if serde_json::from_str::<IgnoredAny>(text).is_err() {
        return Err(first);
    }
    // Outside of its strings JSON has no such character, and in them none but these two without an escape.
    Ok(Some(text.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff")))
}

/// The first character of a text that SQS rejects and that JSON may have without an escape.
pub fn unescaped(text: &str) -> Option<char> {
    text.chars().find(|c| matches!(c, '\u{fffe}' | '\u{ffff}'))
}

/// A character that cannot be shown, by its number.
pub fn number(character: char) -> String {
    format!("U+{:04X}", u32::from(character))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rules::json_text::tests::json;

    #[test]
    fn what_xml_allows_is_allowed() {
        for allowed in ['\t', '\n', '\r', ' ', '\u{7f}', '\u{d7ff}', '\u{e000}', '\u{fffd}', '\u{10000}', '\u{10ffff}']
        {
            assert_eq!(rejected(&allowed.to_string()), None, "{}", number(allowed));
        }
        for other in ['\0', '\u{8}', '\u{b}', '\u{c}', '\u{1f}', '\u{fffe}', '\u{ffff}'] {
            assert_eq!(rejected(&format!("a{other}")), Some(other), "{}", number(other));
        }
    }

    #[test]
    fn json_itself_escapes_what_is_rejected_but_for_two_characters() {
        for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32).filter(|c| rejected(&c.to_string()).is_some()) {
            let raw = serde_json::Value::from(c.to_string()).to_string().contains(c);
            assert_eq!(unescaped(&c.to_string()), raw.then_some(c), "{}", number(c));
        }
    }

    #[test]
    fn json_has_escapes_and_another_text_has_none() {
        assert_eq!(escaped("{\"\u{fffe}\":\"\\\\\u{ffff}\"}"), Ok(Some(r#"{"\ufffe":"\\\uffff"}"#.to_owned())));
        assert_eq!(escaped(r#"{"a":"\ufffe"}"#), Ok(None));
        assert_eq!(escaped("\"\u{1}\u{fffe}\""), Err('\u{1}'), "JSON has no control characters");
    }

    proptest! {
        #[test]
        fn an_escaped_text_says_the_same_and_sqs_takes_it(text in json(), at in any::<prop::sample::Index>()) {
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            let rejects = ["\u{fffe}", "\u{ffff}"];
            let text = serde_json::json!([value, at.get(&rejects)]).to_string();
            let escaped = escaped(&text).unwrap().unwrap();
            prop_assert_eq!(rejected(&escaped), None);
            let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            prop_assert_eq!(parsed(&escaped), parsed(&text));
        }
    }
}
