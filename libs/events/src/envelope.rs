//! The envelope: what EventBridge wraps around a detail before it puts it on a queue.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::{DETAIL_TYPE, SOURCE};

/// An EventBridge event, with its detail left unread.
///
/// The producer's fallback writes one when it bypasses EventBridge, so the consumer sees the same shape on every path.
/// A reader needs only `detail-type` and `detail`.
/// Source: "Events structure reference" in the Amazon EventBridge user guide.
#[derive(Clone, Debug, Serialize)]
pub struct Envelope<'a> {
    /// Version of the envelope: `"0"`.
    pub version: Cow<'a, str>,
    /// Id of this publication; a second publication of the same event has another one.
    pub id: Cow<'a, str>,
    /// Must be [`DETAIL_TYPE`].
    #[serde(rename = "detail-type")]
    pub detail_type: Cow<'a, str>,
    /// [`SOURCE`].
    pub source: Cow<'a, str>,
    /// The AWS account that published it.
    pub account: Cow<'a, str>,
    /// When it was published, RFC 3339 in UTC.
    pub time: Cow<'a, str>,
    /// The AWS Region it was published in.
    pub region: Cow<'a, str>,
    /// Always empty for rollcall.
    pub resources: Vec<String>,
    /// The [`Detail`](crate::Detail) as JSON.
    pub detail: &'a RawValue,
}

impl<'a> Envelope<'a> {
    /// An envelope of our own around a serialized [`Detail`](crate::Detail).
    pub fn around(detail: &'a RawValue, id: &'a str, time: &'a str, account: &'a str, region: &'a str) -> Self {
        Self {
            version: "0".into(),
            id: id.into(),
            detail_type: DETAIL_TYPE.into(),
            source: SOURCE.into(),
            account: account.into(),
            time: time.into(),
            region: region.into(),
            resources: Vec::new(),
            detail,
        }
    }
}
