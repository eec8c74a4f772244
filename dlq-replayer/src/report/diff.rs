//! The difference that an edit makes to a body, masked unless revealed.

use similar::{ChangeTag, TextDiff};

use super::masking::{Reveal, pretty_body};

/// One line of a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffLine {
    /// `-`, `+` or a space.
    pub sign: char,
    /// The line.
    pub text: String,
}

/// Unchanged lines shown around each change.
const CONTEXT: usize = 1;

/// The lines that differ between two bodies, laid out and masked alike.
///
/// Two texts of the same length look the same when they are masked; that something changed is then said in words.
pub fn diff(before: &str, after: &str, reveal: Reveal) -> Vec<DiffLine> {
    let (masked_before, masked_after) = (pretty_body(before, reveal), pretty_body(after, reveal));
    let diff = TextDiff::from_lines(&masked_before, &masked_after);
    let lines: Vec<_> = diff
        .grouped_ops(CONTEXT)
        .iter()
        .flatten()
        .flat_map(|op| diff.iter_changes(op))
        .map(|change| DiffLine {
            sign: match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            },
            text: change.value().trim_end().to_owned(),
        })
        .collect();
    if lines.is_empty() && before != after {
        let text = "(the change does not show while values are masked; add `--reveal` to see it)";
        return vec![DiffLine { sign: ' ', text: text.to_owned() }];
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::jq::Jq;

    #[test]
    fn a_diff_shows_what_changed_and_no_personal_data() {
        let before = r#"{"email":"marker@example.com","first_name":"","version":1}"#;
        let after = Jq::compile(".first_name = null").unwrap().run(before).unwrap();
        let lines: Vec<_> =
            diff(before, &after, Reveal::Nothing).into_iter().map(|l| format!("{}{}", l.sign, l.text)).collect();
        assert!(lines.contains(&"-  \"‹key 2›\": \"‹0 characters›\",".to_owned()), "{lines:?}");
        assert!(lines.contains(&"+  \"‹key 2›\": null,".to_owned()), "{lines:?}");
        assert!(!format!("{lines:?}").contains("marker"));
    }

    #[test]
    fn a_change_that_masks_hide_is_said() {
        let lines = diff(r#"{"name":"Ada"}"#, r#"{"name":"Eve"}"#, Reveal::Nothing);
        assert!(lines[0].text.contains("--reveal"));
        assert!(diff(r#"{"name":"Ada"}"#, r#"{"name":"Ada"}"#, Reveal::Nothing).is_empty());
    }
}
