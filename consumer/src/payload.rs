//! What Lambda gives the function, read record by record and only as far as every message needs it.

use std::{borrow::Cow, str};

use memchr::memmem;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use crate::json_string;

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
#[derive(Debug, Default)]
pub(crate) struct PayloadRecord<'a> {
    pub(crate) message_id: Option<Cow<'a, str>>,
    pub(crate) body: Option<Cow<'a, str>>,
    pub(crate) receipt_handle: Option<Cow<'a, str>>,
    pub(crate) attributes: Option<&'a RawValue>,
    pub(crate) message_attributes: Option<&'a RawValue>,
}

/// What is no batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl<'a> Payload<'a> {
    /// The records of an event; None if it is not an object, or has none or something else for them.
    pub(crate) fn of(event: &'a [u8]) -> Option<Self> {
        let event = space(str::from_utf8(event).ok()?);
        let at_most = memmem::find_iter(event.as_bytes(), EVERY).count();
        let mut members = Members::of(event)?;
        while let Some((name, value)) = members.next()? {
            if name == "Records" {
                let records = space(value.strip_prefix('[')?);
                let rest = match records.strip_prefix(']') {
                    Some(behind) => ended(behind)?,
                    None => Some(records).filter(|records| !records.is_empty())?,
                };
                return Some(Self { rest, at_most });
            }
            members.skip(value)?;
        }
        None
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
        let read = record(self.rest).and_then(|(record, after)| Some((record, behind(after)?)));
        self.rest = read.as_ref().map_or("", |(_, rest)| rest);
        Some(read.map(|(record, _)| record).ok_or(Malformed))
    }
}

/// Where the next record begins, or nothing behind the last one; None if neither follows, or the event does not end as it must.
fn behind(record: &str) -> Option<&str> {
    let after = space(record);
    match after.strip_prefix(',') {
        Some(next) => Some(space(next)).filter(|next| !next.is_empty()),
        None => ended(after.strip_prefix(']')?),
    }
}

/// Nothing, if what follows the records ends the event. Half an event, or one with records twice, must not acknowledge what it does not name.
fn ended(records: &str) -> Option<&str> {
    let mut members = Members { rest: "" };
    members.behind(records)?;
    while let Some((name, value)) = members.next()? {
        if name == "Records" {
            return None;
        }
        members.skip(value)?;
    }
    space(members.rest).is_empty().then_some("")
}

/// A text without JSON's white space in front. Source: RFC 8259, section 2.
fn space(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\n', '\r'])
}

/// A record at the beginning of a text, and what follows it.
fn record(text: &str) -> Option<(PayloadRecord<'_>, &str)> {
    let mut record = PayloadRecord::default();
    let mut members = Members::of(text)?;
    while let Some((name, value)) = members.next()? {
        match name.as_ref() {
            // Twice is what only somebody writes who wants one of them overlooked.
            "messageId" if record.message_id.is_some() => return None,
            "body" if record.body.is_some() => return None,
            "messageId" => record.message_id = members.string(value)?,
            "body" => record.body = members.string(value)?,
            "receiptHandle" => record.receipt_handle = members.string(value)?,
            "attributes" => record.attributes = members.take(value)?,
            "messageAttributes" => record.message_attributes = members.take(value)?,
            _ => members.skip(value)?,
        }
    }
    Some((record, members.rest))
}

/// The members of an object, one after the other.
///
/// Most of what Lambda sends is strings in which every quotation mark is escaped, and `serde_json` takes most of the time for them: it goes through them byte by byte, twice where something is skipped first.
struct Members<'a> {
    /// From the next member on, or behind the object at its end.
    rest: &'a str,
}

impl<'a> Members<'a> {
    fn of(object: &'a str) -> Option<Self> {
        Some(Self { rest: space(object.strip_prefix('{')?) })
    }

    /// The name of the next member and the text from its value on; None within at the end of the object.
    #[expect(clippy::option_option, reason = "malformed, at the end, or a member")]
    fn next(&mut self) -> Option<Option<(Cow<'a, str>, &'a str)>> {
        if let Some(behind) = self.rest.strip_prefix('}') {
            self.rest = behind;
            return Some(None);
        }
        let (name, after) = json_string::read(self.rest)?;
        Some(Some((name, space(space(after).strip_prefix(':')?))))
    }

    /// Goes on behind a value.
    fn behind(&mut self, after: &'a str) -> Option<()> {
        let after = space(after);
        self.rest = match after.strip_prefix(',') {
            Some(next) => Some(space(next)).filter(|next| next.starts_with('"'))?,
            None => Some(after).filter(|after| after.starts_with('}'))?,
        };
        Some(())
    }

    /// A string, or null.
    #[expect(clippy::option_option, reason = "malformed, null, or a string")]
    fn string(&mut self, value: &'a str) -> Option<Option<Cow<'a, str>>> {
        if let Some(after) = value.strip_prefix("null") {
            return self.behind(after).map(|()| None);
        }
        let (text, after) = json_string::read(value)?;
        self.behind(after).map(|()| Some(text))
    }

    /// Any value, to be read later if at all.
    fn take<T: Deserialize<'a>>(&mut self, value: &'a str) -> Option<T> {
        let mut values = serde_json::Deserializer::from_str(value).into_iter();
        let taken = values.next()?.ok()?;
        self.behind(value.get(values.byte_offset()..)?)?;
        Some(taken)
    }

    fn skip(&mut self, value: &'a str) -> Option<()> {
        if value.starts_with('"') {
            return self.string(value).map(|_| ());
        }
        self.take(value).map(|IgnoredAny| ())
    }
}
