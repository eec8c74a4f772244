//! The layout of a JSON text, changed token by token.
//!
//! A body that is parsed and written again may lose digits, escapes, duplicate keys or the order of keys.
//! Here only the white space between tokens changes.

use serde::de::IgnoredAny;

/// White space in front of a line, for each level.
const INDENT: &str = "  ";

/// The text with each member and each item on a line of its own; none when it is not JSON.
pub fn indent(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth = 0_usize;
    let mut tokens = tokens(text)?.peekable();
    while let Some(token) = tokens.next() {
        match token {
            "{" | "[" => {
                out.push_str(token);
                // An empty object or array stays on its line.
                if let Some(end) = tokens.next_if(|next| matches!(*next, "}" | "]")) {
                    out.push_str(end);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            "}" | "]" => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push_str(token);
            }
            "," => {
                out.push(',');
                new_line(&mut out, depth);
            }
            ":" => out.push_str(": "),
            scalar => out.push_str(scalar),
        }
    }
    Some(out)
}

/// The text without white space between its tokens; none when it is not JSON.
pub fn compact(text: &str) -> Option<String> {
    Some(tokens(text)?.collect())
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    for _ in 0..depth {
        out.push_str(INDENT);
    }
}

/// The tokens of a JSON text, each as it stands; none when `serde_json` does not accept the text.
///
/// Because the text is known to be JSON, a token's first byte says where it ends.
pub(crate) fn tokens(text: &str) -> Option<impl Iterator<Item = &str>> {
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut rest = text;
    Some(std::iter::from_fn(move || {
        rest = rest.trim_start_matches(is_white_space);
        let (token, behind) = rest.split_at_checked(length(rest)?)?;
        rest = behind;
        Some(token)
    }))
}

/// The length of the first token, in bytes; none at the end of the text.
fn length(text: &str) -> Option<usize> {
    match text.bytes().next()? {
        b'{' | b'}' | b'[' | b']' | b',' | b':' => Some(1),
        b'"' => {
            let mut escaped = false;
            let inside = text.bytes().skip(1).position(|byte| {
                let ends = byte == b'"' && !escaped;
                escaped = byte == b'\\' && !escaped;
                ends
            })?;
            // Both quotation marks belong to it.
            Some(inside + 2)
        }
        _ => Some(text.find(|c| is_white_space(c) || "{}[],:".contains(c)).unwrap_or(text.len())),
    }
}

/// The white space of RFC 8259, which is less than Unicode's.
fn is_white_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_digit_escape_and_duplicate_key_stays() {
        let text = "\t{\"z\" : 12345678901234567890.10e+2 ,\"a\":[ ],\"a\":{\"\\u00e9\\\"\\\\\":\"a, b: {\"},\"n\":[1,null]}\n";
        let compacted = r#"{"z":12345678901234567890.10e+2,"a":[],"a":{"\u00e9\"\\":"a, b: {"},"n":[1,null]}"#;
        assert_eq!(compact(text).unwrap(), compacted);
        let indented = [
            "{",
            "  \"z\": 12345678901234567890.10e+2,",
            "  \"a\": [],",
            "  \"a\": {",
            "    \"\\u00e9\\\"\\\\\": \"a, b: {\"",
            "  },",
            "  \"n\": [",
            "    1,",
            "    null",
            "  ]",
            "}",
        ];
        assert_eq!(indent(text).unwrap(), indented.join("\n"));
        assert_eq!(indent("{ }").as_deref(), Some("{}"));
        assert_eq!(indent(" true ").as_deref(), Some("true"));
    }

    #[test]
    fn a_text_that_is_not_json_has_no_layout() {
        for text in ["", "not json", "{", "{'a':1}", "[1,]", "1 2", "{\"a\":1} x", "NaN", "\"\n\"", "\u{a0}1"] {
            assert_eq!(indent(text), None, "{text}");
            assert_eq!(compact(text), None, "{text}");
        }
    }

    /// Any JSON text, with white space in any place that may have some.
    pub(crate) fn json() -> impl Strategy<Value = String> {
        let space = || prop_oneof![4 => Just(""), 1 => Just(" "), 1 => Just("\n\t"), 1 => Just("\r\n  ")];
        let string = any::<String>().prop_map(|text| Value::from(text).to_string());
        let scalar = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            any::<i64>().prop_map(|number| number.to_string()),
            Just("-0.10E+2".to_owned()),
            Just("12345678901234567890.000".to_owned()),
            Just(r#""\u0041\/\ud83d\ude00""#.to_owned()),
            string.clone(),
        ];
        scalar.prop_recursive(4, 32, 4, move |inner| {
            let item = (space(), inner.clone(), space()).prop_map(|(a, b, c)| format!("{a}{b}{c}"));
            let member = (space(), string.clone(), space(), space(), inner, space())
                .prop_map(|(a, b, c, d, e, f)| format!("{a}{b}{c}:{d}{e}{f}"));
            prop_oneof![
                prop::collection::vec(item, 0..4).prop_map(|items| format!("[{}]", items.join(","))),
                prop::collection::vec(member, 0..4).prop_map(|members| format!("{{{}}}", members.join(","))),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_layout_changes_white_space_only(text in json()) {
            let indented = indent(&text).unwrap();
            let compacted = compact(&text).unwrap();
            prop_assert_eq!(compact(&indented).unwrap(), compacted.clone());
            prop_assert_eq!(indent(&compacted).unwrap(), indented.clone());
            let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            prop_assert_eq!(parsed(&indented), parsed(&text));
            prop_assert_eq!(parsed(&compacted), parsed(&text));
        }

        #[test]
        fn any_text_is_laid_out_or_left_alone(text in any::<String>()) {
            let is_json = serde_json::from_str::<IgnoredAny>(&text).is_ok();
            prop_assert_eq!(indent(&text).is_some(), is_json);
            prop_assert_eq!(compact(&text).is_some(), is_json);
        }
    }
}
