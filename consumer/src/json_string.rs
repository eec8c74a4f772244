//! Strings of JSON, read at the speed of a search for the next quotation mark or backslash.

use std::borrow::Cow;

use memchr::memchr2;

/// Bytes that a text with escapes gets at first: the body of a message is a little less.
const USUAL: usize = 1_024;

/// The string at the beginning of a text, and what follows it; None if there is no string.
///
/// A control character that should have been escaped is taken as it is.
pub(crate) fn read(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut rest = text.strip_prefix('"')?;
    let mut at = next(rest)?;
    if is_end(rest, at) {
        return Some((Cow::Borrowed(rest.get(..at)?), rest.get(at + 1..)?));
    }
    let mut read = String::with_capacity(USUAL);
    loop {
        read.push_str(rest.get(..at)?);
        if is_end(rest, at) {
            return Some((Cow::Owned(read), rest.get(at + 1..)?));
        }
        match rest.as_bytes().get(at + 1)? {
            b'"' => read.push('"'),
            b'\\' => read.push('\\'),
            b'/' => read.push('/'),
            b'b' => read.push('\u{8}'),
            b'f' => read.push('\u{c}'),
            b'n' => read.push('\n'),
            b'r' => read.push('\r'),
            b't' => read.push('\t'),
            // A code point or half of one, or nothing that JSON knows.
            _ => return as_serde_reads(text),
        }
        rest = rest.get(at + 2..)?;
        at = next(rest)?;
    }
}

fn next(text: &str) -> Option<usize> {
    memchr2(b'"', b'\\', text.as_bytes())
}

fn is_end(text: &str, at: usize) -> bool {
    text.as_bytes().get(at) == Some(&b'"')
}

fn as_serde_reads(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter();
    let read: String = values.next()?.ok()?;
    Some((Cow::Owned(read), text.get(values.byte_offset()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_string_is_read_as_serde_reads_it() {
        let texts = [
            "",
            "a",
            "\"",
            "\\",
            "a\"b\\c/d",
            "\u{8}\u{c}\n\r\t\u{1}\u{7f}",
            "ä\"👩‍💻\u{2028}ü",
            "\\\"",
            "{\"a\":\"\\\"\"}",
        ];
        for text in texts {
            let json = serde_json::to_string(text).unwrap() + " , \"more\"";
            assert_eq!(read(&json), Some((Cow::Borrowed(text), " , \"more\"")), "{json}");
        }
        for escaped in [r#""\/""#, r#""\u00e4\ud83d\ude00\n""#, r#""a\"\u0000b\\""#] {
            let expected: String = serde_json::from_str(escaped).unwrap();
            assert_eq!(read(escaped), Some((Cow::Owned(expected), "")), "{escaped}");
        }
    }

    #[test]
    fn what_is_borrowed_is_not_copied() {
        assert!(matches!(read(r#""plain""#), Some((Cow::Borrowed("plain"), ""))));
    }

    #[test]
    fn what_is_no_string_is_none() {
        for other in ["", "7", "null", "\"", "\"a", "\"a\\", "\"a\\\"", r#""\x""#, r#""\ud800""#, r#""\u12""#, "a\"b\""]
        {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
