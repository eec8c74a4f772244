//! The envelope: what EventBridge wraps around a detail before it puts it on a queue.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{DETAIL_TYPE, SOURCE};

/// An EventBridge event, with its detail left unread.
///
/// The producer's fallback writes one when it bypasses EventBridge, so that the consumer sees the same shape on every road.
/// A reader asks only for `detail-type` and `detail`.
/// Source: "Events structure reference" in the Amazon EventBridge user guide.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Envelope<'a> {
    /// Version of the envelope: `"0"`.
    #[serde(borrow, default)]
    pub version: Cow<'a, str>,
    /// Id of this publication; a second publication of the same event has another one.
    #[serde(borrow, default)]
    pub id: Cow<'a, str>,
    /// Must be [`DETAIL_TYPE`].
    #[serde(borrow, rename = "detail-type")]
    pub detail_type: Cow<'a, str>,
    /// [`SOURCE`].
    #[serde(borrow, default)]
    pub source: Cow<'a, str>,
    /// The AWS account that published it.
    #[serde(borrow, default)]
    pub account: Cow<'a, str>,
    /// When it was published, RFC 3339 in UTC.
    #[serde(borrow, default)]
    pub time: Cow<'a, str>,
    /// The AWS Region it was published in.
    #[serde(borrow, default)]
    pub region: Cow<'a, str>,
    /// Always empty for rollcall.
    #[serde(default)]
    pub resources: Vec<String>,
    /// The [`Detail`](crate::Detail) as JSON.
    #[serde(borrow)]
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
