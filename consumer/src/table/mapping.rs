//! The grammar of `USERS_TABLE` and `USERS_COLUMNS`.
//!
//! ```text
//! USERS_TABLE   = name | name "." name
//! USERS_COLUMNS = entry { "," entry }
//! entry         = attribute "=" name        the column holds the attribute
//!               | name "=" literal          the column holds the constant
//! name          = small letters, digits and underscores | anything in double quotes, where "" stands for "
//! literal       = true | false | number | text in single quotes, where '' stands for '
//! ```
//!
//! A bare left side that is an attribute's name is that attribute; in double quotes it is always a column.

use super::{Attribute, Column, Holds, Name};

/// What is wrong with a variable. The texts quote what an operator wrote: names and constants, never a user's data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum MappingError {
    #[error("`{text}` has more than two parts")]
    ManyParts { text: String },
    #[error("it is blank")]
    Blank,
    #[error("it begins with a comma; remove it")]
    FirstComma,
    #[error("there is nothing behind the comma after `{before}`; remove the comma")]
    EmptyEntry { before: String },
    #[error("a name is empty")]
    EmptyName,
    #[error(
        "`{name}` has other characters than small letters, digits and underscores; write \"{name}\" if it is right"
    )]
    NeedsQuotes { name: String },
    #[error("`{text}` has text after its closing quote")]
    AfterQuote { text: String },
    #[error("`{name}` is longer than {} bytes", super::name::LONGEST_NAME)]
    LongName { name: String },
    #[error("a {} quote is not closed", if *.quote == '"' { "double" } else { "single" })]
    OpenQuote { quote: char },
    #[error("a name or a text contains NUL, which Postgres cannot store")]
    Nul,
    #[error("`{entry}` has no `=`")]
    NoEquals { entry: String },
    #[error(
        "`{attribute}` is an attribute, so `{right}` must be a column; write \"{attribute}\"={right} for a constant"
    )]
    ConstantForAttribute { attribute: Attribute, right: String },
    #[error(
        "`{left}` is not an attribute, so `{right}` must be a constant: `true`, `false`, a number, or a text in single quotes{}",
        swapped(.left, .right)
    )]
    NoConstant { left: String, right: String },
    #[error("the attribute `{0}` is named twice")]
    AttributeTwice(Attribute),
    #[error("the column `{0}` is named twice")]
    ColumnTwice(Name),
    #[error("no column holds `cognito_sub`; add `cognito_sub=<its column>`")]
    NoKey,
}

/// A hint for an entry that has its two sides in the wrong order.
fn swapped(left: &str, right: &str) -> String {
    Attribute::parse(right)
        .map(|attribute| format!("; write `{right}={left}` for the attribute `{attribute}`"))
        .unwrap_or_default()
}

/// Reads `USERS_TABLE`.
pub(super) fn table(text: &str) -> Result<(Option<Name>, Name), MappingError> {
    let parts = split(text, '.')?;
    match parts.as_slice() {
        [name] => Ok((None, Name::parse(name)?)),
        [schema, name] => Ok((Some(Name::parse(schema)?), Name::parse(name)?)),
        _ => Err(MappingError::ManyParts { text: text.to_owned() }),
    }
}

/// Reads `USERS_COLUMNS`.
pub(super) fn columns(text: &str) -> Result<Vec<Column>, MappingError> {
    let mut columns: Vec<Column> = Vec::new();
    if text.trim().is_empty() {
        return Err(MappingError::Blank);
    }
    let mut before = None;
    for entry in split(text, ',')? {
        if entry.is_empty() {
            let empty = |before: &str| MappingError::EmptyEntry { before: before.to_owned() };
            return Err(before.map_or(MappingError::FirstComma, empty));
        }
        before = Some(entry);
        let new = column(entry)?;
        if columns.iter().any(|column| column.name == new.name) {
            return Err(MappingError::ColumnTwice(new.name));
        }
        match &new.holds {
            Holds::Attribute(attribute) if columns.iter().any(|column| column.holds == new.holds) => {
                return Err(MappingError::AttributeTwice(attribute.clone()));
            }
            _ => columns.push(new),
        }
    }
    let has_key = columns.iter().any(|column| column.holds == Holds::Attribute(Attribute::CognitoSub));
    if has_key { Ok(columns) } else { Err(MappingError::NoKey) }
}

fn column(entry: &str) -> Result<Column, MappingError> {
    let sides = split(entry, '=')?;
    let [left, right] = sides.as_slice() else { return Err(MappingError::NoEquals { entry: entry.to_owned() }) };
    let literal = literal(right);
    match (Attribute::parse(left), literal) {
        (Some(attribute), None) => Ok(Column { name: Name::parse(right)?, holds: Holds::Attribute(attribute) }),
        (Some(attribute), Some(_)) => Err(MappingError::ConstantForAttribute { attribute, right: (*right).to_owned() }),
        (None, Some(literal)) => Ok(Column { name: Name::parse(left)?, holds: Holds::Constant(literal) }),
        (None, None) => Err(MappingError::NoConstant { left: (*left).to_owned(), right: (*right).to_owned() }),
    }
}

/// The SQL of a constant.
fn literal(text: &str) -> Option<String> {
    if matches!(text, "true" | "false") || is_number(text) {
        return Some(text.to_owned());
    }
    let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
    let inner_is_one_text = !inner.replace("''", "").contains('\'');
    // `standard_conforming_strings` may be off, and a backslash would then begin an escape; with `E` it always does.
    let sql = if inner.contains('\\') { format!("E'{}'", inner.replace('\\', "\\\\")) } else { text.to_owned() };
    inner_is_one_text.then_some(sql)
}

/// Digits with one point among them at most, and a sign before them at most.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    [whole, fraction].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The parts between separators that are not inside quotes, without the blanks around them.
fn split(text: &str, separator: char) -> Result<Vec<&str>, MappingError> {
    if text.contains('\0') {
        return Err(MappingError::Nul);
    }
    let mut open = None;
    let parts = text.split(|character| {
        match (open, character) {
            (None, '"' | '\'') => open = Some(character),
            (Some(quote), _) if quote == character => open = None,
            (None, _) => return character == separator,
            _ => {}
        }
        false
    });
    let parts: Vec<_> = parts.map(str::trim).collect();
    open.map_or(Ok(parts), |quote| Err(MappingError::OpenQuote { quote }))
}
