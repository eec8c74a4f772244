//! What Lambda gives the function, read record by record and only as far as every message needs it.

use std::{borrow::Cow, str};

use memchr::memmem;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

/// The member that every record has, as JSON. Within a string, its quotes would be escaped.
const EVERY: &str = "\"messageId\"";

/// The records of an event that have not been read yet.
#[derive(Debug, Default)]
pub(crate) struct Payload<'a> {
    /// From the next record on; empty at the end.
    rest: &'a str,
    at_most: usize,
}

/// The members of a record that anybody may ask for; the others are skipped.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PayloadRecord<'a> {
    #[serde(borrow)]
    pub(crate) message_id: Option<Borrowed<'a>>,
    pub(crate) body: Option<String>,
    #[serde(borrow)]
    pub(crate) receipt_handle: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) attributes: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) message_attributes: Option<&'a RawValue>,
}

/// A string. `Cow` by itself would be copied, because only a field of a struct can be told to borrow.
#[derive(Deserialize)]
pub(crate) struct Borrowed<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// What is no batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl<'a> Payload<'a> {
    /// The records of an event; None if it is not an object, or has something else for them.
    pub(crate) fn of(event: &'a [u8]) -> Option<Self> {
        let event = str::from_utf8(event).ok()?.trim_start();
        let at_most = memmem::find_iter(event.as_bytes(), EVERY).count();
        let mut rest = event.strip_prefix('{')?.trim_start();
        loop {
            if rest.starts_with('}') {
                return ends(rest.strip_prefix('}')?).then_some(Self { rest: "", at_most });
            }
            let (name, after): (Borrowed<'_>, _) = value(rest)?;
            let member = after.trim_start().strip_prefix(':')?.trim_start();
            if name.0 == "Records" {
                let records = member.strip_prefix('[')?.trim_start();
                let is_empty = records.starts_with(']');
                return Some(Self { rest: if is_empty { "" } else { records }, at_most });
            }
            let (IgnoredAny, after) = value(member)?;
            let after = after.trim_start();
            rest = after.strip_prefix(',').unwrap_or(after).trim_start();
        }
    }

    /// As many records as there can be.
    pub(crate) fn at_most(&self) -> usize {
        self.at_most
    }

    /// The next record; None at the end.
    pub(crate) fn next(&mut self) -> Option<Result<PayloadRecord<'a>, Malformed>> {
        if self.rest.is_empty() {
            return None;
        }
        let read = value(self.rest).and_then(|(record, after)| Some((record, behind(after)?)));
        self.rest = read.as_ref().map_or("", |(_, rest)| rest);
        Some(read.map(|(record, _)| record).ok_or(Malformed))
    }
}

/// Where the next record begins, or nothing behind the last one; None if neither follows.
fn behind(record: &str) -> Option<&str> {
    let after = record.trim_start();
    match after.strip_prefix(',') {
        Some(next) => Some(next.trim_start()).filter(|next| !next.is_empty()),
        None => after.strip_prefix(']').map(|_| ""),
    }
}

/// A value at the beginning of a text, and what follows it.
fn value<'a, T: Deserialize<'a>>(text: &'a str) -> Option<(T, &'a str)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter();
    let value = values.next()?.ok()?;
    Some((value, text.get(values.byte_offset()..)?))
}

fn ends(rest: &str) -> bool {
    rest.trim_start().is_empty()
}
