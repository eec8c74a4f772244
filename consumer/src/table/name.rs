//! Identifiers of Postgres.

use std::fmt;

use super::mapping::MappingError;

/// Longest identifier in bytes. Postgres cuts a longer one, which would then name something else.
/// Source: "Identifiers and Key Words" in the PostgreSQL documentation.
pub(crate) const LONGEST_NAME: usize = 63;

/// An identifier of Postgres, with the letters that the catalogue has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// Reads a name: small letters, digits and underscores as they are, anything else in double quotes.
    ///
    /// A bare name with capital letters is rejected, because SQL would read it in small letters and an ORM's schema as it stands.
    pub(super) fn parse(text: &str) -> Result<Self, MappingError> {
        let name = match text.strip_prefix('"') {
            Some(rest) => unquoted(text, rest)?,
            None if text.is_empty() => return Err(MappingError::EmptyName),
            None if is_plain(text) => text.to_owned(),
            None => return Err(MappingError::NeedsQuotes { name: text.to_owned() }),
        };
        if name.is_empty() {
            return Err(MappingError::EmptyName);
        }
        if name.len() > LONGEST_NAME {
            return Err(MappingError::LongName { name });
        }
        Ok(Self(name))
    }

    /// A name that is in our own sources.
    pub(super) fn known(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The name as the catalogue has it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as SQL, quoted whatever it is.
    pub(crate) fn quoted(&self) -> String {
        format!("\"{}\"", self.0.replace('"', "\"\""))
    }
}

/// The name as a person writes it, for messages.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_plain(&self.0) { f.write_str(&self.0) } else { f.write_str(&self.quoted()) }
    }
}

fn is_plain(text: &str) -> bool {
    let starts = text.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
    starts && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// What is between double quotes, where two of them stand for one.
fn unquoted(text: &str, rest: &str) -> Result<String, MappingError> {
    let inner = rest.strip_suffix('"').ok_or_else(|| MappingError::AfterQuote { text: text.to_owned() })?;
    if inner.replace("\"\"", "").contains('"') {
        return Err(MappingError::AfterQuote { text: text.to_owned() });
    }
    Ok(inner.replace("\"\"", "\""))
}
