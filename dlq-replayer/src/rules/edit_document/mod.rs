//! The document that `edit FILE` opens in an editor: many bodies in one text, each below a marker line.

use std::collections::HashMap;

use serde::de::IgnoredAny;

use super::{
    characters::{escaped, number, rejected},
    json_text::{compact, indent},
};

/// Every marker line begins with it, followed by the document's nonce.
const MARKER: &str = "=====";

/// What stands above the first marker line.
const HELP: &str = "\
# Edit the bodies below, save and close the editor. A body that you leave as it is keeps its exact bytes.
# Keep each line that begins with `=====`: it says which message the text below it belongs to.
# JSON is laid out here for reading, and a body that you change is saved on one line again.
";

/// Why an edited document cannot be read back. Nothing is changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditFault {
    /// A body was JSON and is no longer.
    #[error("message {id} is no longer JSON at line {line}, column {column} of the document")]
    NotJson {
        /// The message.
        id: String,
        /// The line of the document, from 1.
        line: usize,
        /// The column of that line in bytes, from 1; 0 when the line before ended too early.
        column: usize,
    },
    /// A body that is not JSON has a character that SQS rejects.
    #[error("message {id} contains {} at line {line} of the document, which SQS rejects, and only JSON has an escape for it", number(*.character))]
    InvalidCharacter {
        /// The message.
        id: String,
        /// The line of the document, from 1.
        line: usize,
        /// The character.
        character: char,
    },
    /// A marker line names no message of this document.
    #[error("line {line} is a marker line that was changed")]
    UnknownMarker {
        /// The line of the document, from 1.
        line: usize,
    },
    /// A marker line is there twice.
    #[error("line {line} repeats the marker line of message {id}")]
    DuplicateMarker {
        /// The message.
        id: String,
        /// The line of the document, from 1.
        line: usize,
    },
    /// A marker line is gone.
    #[error("the marker line of message {id} is missing")]
    MissingMarker {
        /// The message.
        id: String,
    },
    /// The last marker line is gone, so the document may be cut off.
    #[error("the last marker line is missing")]
    MissingEnd,
    /// A text stands where it belongs to no message.
    #[error("line {line} belongs to no message")]
    OutsideOfBodies {
        /// The line of the document, from 1.
        line: usize,
    },
}

/// A nonce that occurs in none of the bodies, so that no line of a body can be taken for a marker.
///
/// `seed` is where the search starts; a random one makes documents differ.
pub fn nonce<'a>(bodies: &(impl Iterator<Item = &'a str> + Clone), seed: u32) -> String {
    let mut at = seed;
    loop {
        let nonce = format!("{at:08x}");
        if !bodies.clone().any(|body| body.contains(&nonce)) {
            return nonce;
        }
        at = at.wrapping_add(1);
    }
}

/// The document: a short help, and each body below its marker line, indented where it is JSON.
pub fn render<'a>(bodies: impl Iterator<Item = (&'a str, &'a str)>, nonce: &str) -> String {
    let mut document = HELP.to_owned();
    for (id, body) in bodies {
        document.push_str(&marker(nonce, id));
        document.push('\n');
        document.push_str(&shown(body));
        document.push('\n');
    }
    document.push_str(&end(nonce));
    document.push('\n');
    document
}

/// The bodies that an edit changed, by message id, in the order of the originals.
///
/// A body whose text is untouched, or differs in its layout only, is not among them.
///
/// # Errors
///
/// [`EditFault`]; ids and places are named, and no text of a body.
pub fn parse<'a>(
    document: &str,
    nonce: &str,
    originals: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<(String, String)>, EditFault> {
    let originals: Vec<_> = originals.collect();
    let sections = sections(document, nonce, originals.iter().map(|(id, _)| *id))?;
    // A marker that is gone makes two bodies one: that is the fault, and not what the longer text then is.
    let missing = |id: &str| EditFault::MissingMarker { id: id.to_owned() };
    let section = |(id, body)| Ok((id, body, sections.get(id).ok_or_else(|| missing(id))?));
    let pairs: Vec<(&str, &str, &Section)> = originals.into_iter().map(section).collect::<Result<_, EditFault>>()?;
    let mut changed = Vec::new();
    for (id, original, section) in pairs {
        if let Some(body) = section.changed(id, original)? {
            changed.push((id.to_owned(), body));
        }
    }
    Ok(changed)
}

fn shown(body: &str) -> String {
    indent(body).unwrap_or_else(|| body.to_owned())
}

/// The line above a body. An id is one word with every queue; escapes keep any other text on one line.
fn marker(nonce: &str, id: &str) -> String {
    format!("{MARKER} {nonce} message {}", id.escape_debug())
}

/// The line below the last body.
fn end(nonce: &str) -> String {
    format!("{MARKER} {nonce} end")
}

/// The text between two marker lines.
struct Section {
    /// The line of the document behind the marker, from 1.
    first_line: usize,
    text: String,
}

impl Section {
    /// The new body, unless it is the original.
    fn changed(&self, id: &str, original: &str) -> Result<Option<String>, EditFault> {
        // The line break in front of the next marker is the document's, and editors like to add one more.
        let text = self.text.strip_suffix('\n').unwrap_or(&self.text);
        let before = shown(original);
        if text == before || text.strip_suffix('\n') == Some(&before) {
            return Ok(None);
        }
        let compacted = compact(text);
        match (compacted, compact(original)) {
            (Some(new), Some(old)) if new == old => Ok(None),
            (Some(new), _) => Ok(Some(escaped(&new).ok().flatten().unwrap_or(new))),
            (None, Some(_)) => Err(self.fault(id, text)),
            (None, None) => match rejected(text) {
                Some(character) => Err(self.invalid(id, text, character)),
                None => Ok(Some(text.to_owned())),
            },
        }
    }

    fn invalid(&self, id: &str, text: &str, character: char) -> EditFault {
        let line = self.first_line + text.split(character).next().unwrap_or_default().matches('\n').count();
        EditFault::InvalidCharacter { id: id.to_owned(), line, character }
    }

    fn fault(&self, id: &str, text: &str) -> EditFault {
        let (line, column) = match serde_json::from_str::<IgnoredAny>(text) {
            Err(error) => (error.line().max(1), error.column()),
            Ok(_) => (1, 1),
        };
        EditFault::NotJson { id: id.to_owned(), line: self.first_line + line - 1, column }
    }
}

/// The sections of a document by message id.
fn sections<'a>(
    document: &str,
    nonce: &str,
    ids: impl Iterator<Item = &'a str>,
) -> Result<HashMap<&'a str, Section>, EditFault> {
    let known: HashMap<_, _> = ids.map(|id| (marker(nonce, id), id)).collect();
    let (start, end) = (format!("{MARKER} {nonce}"), end(nonce));
    let mut sections: HashMap<&str, Section> = HashMap::new();
    let mut open: Option<(&str, Section)> = None;
    let mut ended = false;
    for (line, text) in (1..).zip(document.split_inclusive('\n')) {
        let content = text.strip_suffix('\n').unwrap_or(text);
        if content.starts_with(&start) {
            sections.extend(open.take());
            if ended {
                return Err(EditFault::OutsideOfBodies { line });
            }
            if content == end {
                ended = true;
                continue;
            }
            let id = *known.get(content).ok_or(EditFault::UnknownMarker { line })?;
            if sections.contains_key(id) {
                return Err(EditFault::DuplicateMarker { id: id.to_owned(), line });
            }
            open = Some((id, Section { first_line: line + 1, text: String::new() }));
        } else if let Some((_, section)) = &mut open {
            section.text.push_str(text);
        } else if !content.trim().is_empty() && (ended || !content.starts_with('#')) {
            return Err(EditFault::OutsideOfBodies { line });
        }
    }
    if ended { Ok(sections) } else { Err(EditFault::MissingEnd) }
}

#[cfg(test)]
mod tests;
