//! What is written: the `detail` of the event, field by field as it stands on the wire, and nothing judged.

use std::{borrow::Cow, collections::BTreeMap};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::{Uuid, uuid};

use crate::{CognitoSub, Origin, VERSION};

/// Namespace of [`event_id`]: chosen once at random, and part of the contract from then on.
const EVENT_ID_NAMESPACE: Uuid = uuid!("5a3dc5f1-5c0c-4c57-8d0a-3f2f4f0a6b1e");

/// The id of the one event that a user of a pool can cause: a `UUIDv5` of pool and `sub`.
///
/// Cognito may call a trigger several times for one confirmation; each call must give the same event.
pub fn event_id(user_pool_id: &str, sub: CognitoSub) -> Uuid {
    Uuid::new_v5(&EVENT_ID_NAMESPACE, format!("{user_pool_id}/{sub}").as_bytes())
}

/// The `detail` of a `UserConfirmed`, borrowed from whatever it was read from.
#[derive(Clone, Serialize)]
pub struct Detail<'a> {
    /// About the event.
    pub metadata: DetailMetadata<'a>,
    /// About the user.
    pub data: DetailData<'a>,
}

/// About the event. Times are RFC 3339 in UTC with milliseconds.
#[derive(Clone, Serialize)]
pub struct DetailMetadata<'a> {
    /// [`VERSION`] of the contract.
    pub version: u32,
    /// See [`event_id`].
    pub event_id: Cow<'a, str>,
    /// When the producer heard of the confirmation.
    pub occurred_at: Cow<'a, str>,
    /// How the event came to be.
    pub origin: Origin,
    /// The X-Ray trace it belongs to, when there is one.
    pub trace_id: Option<Cow<'a, str>>,
}

/// About the user, as Cognito told it.
#[derive(Clone, Serialize)]
pub struct DetailData<'a> {
    /// The attribute `sub`.
    pub cognito_sub: Cow<'a, str>,
    /// The user name, which equals the `sub` only in some pools.
    pub username: Cow<'a, str>,
    /// The pool.
    pub user_pool_id: Cow<'a, str>,
    /// The attribute `email`.
    pub email: Option<Cow<'a, str>>,
    /// The attribute `email_verified`; false when Cognito does not say.
    pub email_verified: bool,
    /// The attribute `phone_number`.
    pub phone_number: Option<Cow<'a, str>>,
    /// The attribute `given_name`.
    pub first_name: Option<Cow<'a, str>>,
    /// The attribute `family_name`.
    pub last_name: Option<Cow<'a, str>>,
    /// The attributes `custom:…` that are told to travel, by their full names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub custom_attributes: BTreeMap<&'a str, Cow<'a, str>>,
}

impl<'a> Detail<'a> {
    /// The event of a user: fills in version and id, which follow from the rest.
    pub fn new(
        sub: CognitoSub,
        data: DetailData<'a>,
        origin: Origin,
        occurred_at: Timestamp,
        trace_id: Option<&'a str>,
    ) -> Self {
        let metadata = DetailMetadata {
            version: VERSION,
            event_id: event_id(&data.user_pool_id, sub).to_string().into(),
            occurred_at: format!("{occurred_at:.3}").into(),
            origin,
            trace_id: trace_id.map(Cow::from),
        };
        Self { metadata, data }
    }

    /// The JSON of the event, in characters that SQS takes.
    ///
    /// SQS rejects a message with U+FFFE or U+FFFF in it, and EventBridge delivers to SQS: they are written as escapes, which mean the same to every reader.
    /// JSON escapes all other characters that SQS rejects anyway.
    /// Source: `SendMessage` in the Amazon SQS API reference.
    ///
    /// # Errors
    ///
    /// It cannot be written as JSON.
    pub fn to_json(&self) -> Result<Box<RawValue>, serde_json::Error> {
        // Outside of its strings JSON has no such character.
        let json = serde_json::to_string(self)?.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff");
        RawValue::from_string(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUB: &str = "7d4a1f0e-2c5b-4a8e-9d61-0b3f6a9c1e22";

    #[test]
    fn the_same_user_of_the_same_pool_always_has_the_same_event_id() {
        let sub = CognitoSub::parse(SUB).unwrap();
        // Written out: the id is part of the contract and must survive every refactoring.
        assert_eq!(event_id("eu-west-1_Ab12Cd34E", sub).to_string(), "58295c54-c838-57cb-9667-c0728160fc4e");
        assert_ne!(event_id("eu-west-1_Other", sub), event_id("eu-west-1_Ab12Cd34E", sub));
    }
}
