//! The tests of a pattern's leaf.

use std::{
    cmp::Ordering,
    net::{Ipv4Addr, Ipv6Addr},
};

use serde_json::{Number, Value};

use super::{Match, all_of, any_of, collect, not};

/// One of the values that a leaf may have.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    Exact(Value),
    Prefix(Operand),
    Suffix(Operand),
    EqualsIgnoringCase(String),
    Wildcard(Wildcard),
    /// None of these, and they are all about texts or all numbers.
    AnythingBut(Vec<Test>),
    /// All of these.
    Numeric(Vec<(Comparison, f64)>),
    Cidr {
        network: u32,
        mask: u32,
    },
    Exists(bool),
    /// An operator that this code does not know.
    Unknown,
}

/// A text to compare with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Exact(String),
    IgnoringCase(String),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

impl Comparison {
    pub(super) fn of(operator: &str) -> Option<Self> {
        Some(match operator {
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            "=" => Self::Equal,
            ">=" => Self::GreaterOrEqual,
            ">" => Self::Greater,
            _ => return None,
        })
    }
}

/// Largest number, up or down, that `numeric` is documented for.
const LARGEST_NUMBER: f64 = 1.0e9;

/// How far apart two different numbers must be for `numeric`, which knows six digits behind the point.
const NUMERIC_PRECISION: f64 = 1.0e-6;

impl Test {
    /// Matches what stands in the leaf's place. Of an array, one item is enough.
    pub(super) fn matches(&self, value: Option<&Value>) -> Match {
        let mut leaves = Vec::new();
        if let Some(value) = value {
            collect(std::slice::from_ref(value), &mut |item| {
                if !item.is_object() {
                    leaves.push(item);
                }
            });
        }
        match self {
            Self::Unknown => Match::Unknown,
            Self::Exists(exists) => exists_as(*exists, value, !leaves.is_empty()),
            Self::AnythingBut(tests) => {
                let results: Vec<_> = leaves.iter().map(|leaf| anything_but(tests, leaf)).collect();
                // Whether one good item makes up for a bad one is not documented.
                let mixed = results.iter().any(|result| Some(result) != results.first());
                if mixed { Match::Unknown } else { any_of(results.into_iter()) }
            }
            test => any_of(leaves.into_iter().map(|leaf| test.matches_leaf(leaf))),
        }
    }

    pub(super) fn is_about_texts(&self) -> bool {
        match self {
            Self::Exact(value) => value.is_string(),
            Self::Prefix(_) | Self::Suffix(_) | Self::EqualsIgnoringCase(_) | Self::Wildcard(_) => true,
            Self::AnythingBut(_) | Self::Numeric(_) | Self::Cidr { .. } | Self::Exists(_) | Self::Unknown => false,
        }
    }

    fn matches_leaf(&self, leaf: &Value) -> Match {
        match (self, leaf) {
            (Self::Exact(Value::Number(one)), Value::Number(other)) => equal_numbers(one, other),
            (Self::Exact(value), leaf) => certain(value == leaf),
            (Self::Prefix(Operand::Exact(prefix)), Value::String(text)) => certain(text.starts_with(prefix)),
            (Self::Suffix(Operand::Exact(suffix)), Value::String(text)) => certain(text.ends_with(suffix)),
            (Self::Prefix(Operand::IgnoringCase(prefix)), Value::String(text)) => {
                let start = text.get(..prefix.len());
                ignoring_case(start, prefix, |lower, prefix| lower.starts_with(prefix), text)
            }
            (Self::Suffix(Operand::IgnoringCase(suffix)), Value::String(text)) => {
                let end = text.len().checked_sub(suffix.len()).and_then(|at| text.get(at..));
                ignoring_case(end, suffix, |lower, suffix| lower.ends_with(suffix), text)
            }
            (Self::EqualsIgnoringCase(wanted), Value::String(text)) => {
                ignoring_case(Some(text), wanted, |lower, wanted| lower == wanted, text)
            }
            (Self::Wildcard(wildcard), Value::String(text)) => certain(wildcard.matches(text)),
            (Self::Numeric(comparisons), Value::Number(number)) => numeric(comparisons, number),
            (Self::Cidr { network, mask }, Value::String(text)) => match text.parse::<Ipv4Addr>() {
                Ok(address) => certain(address.to_bits() & mask == *network),
                // An IPv6 address may stand for an IPv4 one.
                Err(_) if text.parse::<Ipv6Addr>().is_ok() => Match::Unknown,
                Err(_) => Match::No,
            },
            _ => Match::No,
        }
    }
}

/// `exists` works on leaves only: an object in its place counts as absent.
fn exists_as(wanted: bool, value: Option<&Value>, has_leaf: bool) -> Match {
    let exists = match value {
        _ if has_leaf => true,
        None => false,
        Some(Value::Object(object)) if !object.is_empty() => false,
        // Empty objects, empty arrays and arrays of objects are not documented.
        Some(_) => return Match::Unknown,
    };
    certain(exists == wanted)
}

/// A value of another kind is "anything but", as the page words it; that is taken for certain only where the kinds are the same.
fn anything_but(tests: &[Test], leaf: &Value) -> Match {
    let same_kind = match leaf {
        Value::String(_) => tests.iter().all(Test::is_about_texts),
        Value::Number(_) => !tests.iter().any(Test::is_about_texts),
        _ => false,
    };
    if same_kind { not(any_of(tests.iter().map(|test| test.matches_leaf(leaf)))) } else { Match::Unknown }
}

/// Numbers are compared as they are written: 300, 300.0 and 3.0e2 are not equal.
///
/// A parsed number does not tell how it was written unless it is an integer.
fn equal_numbers(one: &Number, other: &Number) -> Match {
    if !one.is_f64() && !other.is_f64() {
        return certain(one == other);
    }
    let order = one.as_f64().partial_cmp(&other.as_f64());
    if order.is_some_and(Ordering::is_ne) { Match::No } else { Match::Unknown }
}

fn numeric(comparisons: &[(Comparison, f64)], number: &Number) -> Match {
    let Some(number) = number.as_f64() else { return Match::Unknown };
    all_of(comparisons.iter().map(|(comparison, bound)| {
        let distance = (number - bound).abs();
        let same = number.partial_cmp(bound).is_some_and(Ordering::is_eq);
        if number.abs() > LARGEST_NUMBER || bound.abs() > LARGEST_NUMBER || (!same && distance < NUMERIC_PRECISION) {
            return Match::Unknown;
        }
        certain(match comparison {
            Comparison::Less => number < *bound,
            Comparison::LessOrEqual => number <= *bound,
            Comparison::Equal => same,
            Comparison::GreaterOrEqual => number >= *bound,
            Comparison::Greater => number > *bound,
        })
    }))
}

/// ASCII letters have one other case everywhere; which others are equal is not documented.
fn ignoring_case(part: Option<&str>, wanted: &str, meets: impl Fn(&str, &str) -> bool, text: &str) -> Match {
    if part.is_some_and(|part| part.eq_ignore_ascii_case(wanted)) {
        return Match::Yes;
    }
    let lower = meets(&text.to_lowercase(), &wanted.to_lowercase());
    let upper = meets(&text.to_uppercase(), &wanted.to_uppercase());
    if lower || upper { Match::Unknown } else { Match::No }
}

fn certain(matches: bool) -> Match {
    if matches { Match::Yes } else { Match::No }
}

/// A text with `*` for any number of characters.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wildcard {
    first: String,
    /// What stands behind each `*`.
    rest: Vec<String>,
}

impl Wildcard {
    /// Reads it; none when it is not allowed, such as two `*` in a row.
    ///
    /// `\*` is an asterisk and `\\` a backslash; no other character is escaped.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = vec![String::new()];
        let mut chars = text.chars();
        let mut behind_star = false;
        while let Some(c) = chars.next() {
            let literal = match c {
                '*' if behind_star => return None,
                '*' => None,
                '\\' => Some(chars.next().filter(|c| matches!(c, '*' | '\\'))?),
                c => Some(c),
            };
            behind_star = literal.is_none();
            match literal {
                Some(c) => parts.last_mut()?.push(c),
                None => parts.push(String::new()),
            }
        }
        let rest = parts.split_off(1);
        Some(Self { first: parts.pop()?, rest })
    }

    fn matches(&self, text: &str) -> bool {
        let Some((last, middle)) = self.rest.split_last() else { return text == self.first };
        let Some(mut text) = text.strip_prefix(self.first.as_str()) else { return false };
        // The earliest place for each part leaves the most for the others.
        for part in middle {
            match text.split_once(part.as_str()) {
                Some((_, behind)) => text = behind,
                None => return false,
            }
        }
        text.ends_with(last)
    }
}
