//! What is accepted: a `UserConfirmed` v1 whose every attribute a row can hold.

use std::{borrow::Cow, collections::BTreeMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    CognitoSub, DETAIL_TYPE, ParseError, Text, VERSION,
    wire::{Unread, Value, WireData, WireDetail, WireEnvelope, WireMetadata},
};

/// A confirmed Cognito user, borrowed from the body of a message. `Debug` shows nothing personal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct UserConfirmed<'a> {
    /// About the event.
    pub metadata: Metadata<'a>,
    /// About the user.
    pub data: UserData<'a>,
    /// The attributes that became null because no row can hold them, by their names in the contract (`first_name`, `custom:tenant`).
    ///
    /// The name of a custom attribute is the writer's own: log it only if you know it.
    #[cfg_attr(test, schemars(skip))]
    pub dropped: Vec<Cow<'a, str>>,
}

/// About the event. Nothing in here is stored, so only the version is validated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Metadata<'a> {
    /// Always 1.
    #[cfg_attr(test, schemars(extend("const" = VERSION)))]
    pub version: u32,
    /// The same for every publication of this user's confirmation: see [`event_id`](crate::event_id).
    #[cfg_attr(test, schemars(extend("format" = "uuid")))]
    pub event_id: Cow<'a, str>,
    /// When the writer heard of the user.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    occurred_at: Cow<'a, str>,
    /// How the event came to be.
    pub origin: Origin,
    /// The X-Ray trace it belongs to, when there is one.
    pub trace_id: Option<Text<'a>>,
}

/// How the event came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A trigger of the pool saw the user.
    SignUp,
    /// The reconciler found a user without a row.
    Reconcile,
    /// A word that a later writer uses. It never costs a user their row.
    #[serde(other)]
    #[cfg_attr(test, schemars(skip))]
    Other,
}

/// About the user. Everything but the `sub` is optional.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct UserData<'a> {
    /// The key of the row.
    pub cognito_sub: CognitoSub,
    /// What Cognito calls the user; never a key.
    pub username: Option<Text<'a>>,
    /// The pool that the user belongs to.
    pub user_pool_id: Option<Text<'a>>,
    /// Unknown for users who signed up by phone; two users may have the same one.
    pub email: Option<Text<'a>>,
    /// Whether Cognito has verified it.
    #[cfg_attr(test, schemars(default))]
    pub email_verified: bool,
    /// Unknown for users who signed up by e-mail.
    pub phone_number: Option<Text<'a>>,
    /// The given name.
    pub first_name: Option<Text<'a>>,
    /// The family name.
    pub last_name: Option<Text<'a>>,
    /// The attributes `custom:…` that the writer forwards, by their full names.
    #[cfg_attr(test, schemars(default))]
    pub custom_attributes: BTreeMap<Cow<'a, str>, Text<'a>>,
}

impl UserConfirmed<'_> {
    /// Reads the body of a queue message: an EventBridge event around a version 1 detail.
    ///
    /// Unknown members are tolerated at every level, an unknown version is not.
    ///
    /// # Errors
    ///
    /// [`ParseError`], whose text may be logged.
    pub fn from_envelope(body: &str) -> Result<UserConfirmed<'_>, ParseError> {
        if let Ok(WireEnvelope { detail_type, detail }) =
            serde_json::from_str::<WireEnvelope<'_, WireDetail<'_, Value<'_>>>>(body)
            && detail_type == DETAIL_TYPE
        {
            return UserConfirmed::validate(detail);
        }
        let envelope: WireEnvelope<'_, &RawValue> =
            serde_json::from_str(body).map_err(|error| ParseError::MalformedEnvelope(error.into()))?;
        if envelope.detail_type != DETAIL_TYPE {
            return Err(ParseError::WrongDetailType);
        }
        Self::from_detail(envelope.detail.get())
    }

    /// Reads a detail without its envelope.
    ///
    /// # Errors
    ///
    /// [`ParseError`], whose text may be logged.
    pub fn from_detail(detail: &str) -> Result<UserConfirmed<'_>, ParseError> {
        if let Ok(detail) = serde_json::from_str::<WireDetail<'_, Value<'_>>>(detail) {
            return UserConfirmed::validate(detail);
        }
        match serde_json::from_str::<WireDetail<'_, Unread<'_>>>(detail) {
            Ok(detail) => UserConfirmed::validate(detail),
            // Another version may have another shape: say so rather than complain about the shape.
            Err(error) => Err(match version_of(detail) {
                Some(found) if found != u64::from(VERSION) => ParseError::UnsupportedVersion { found },
                _ => ParseError::MalformedDetail(error.into()),
            }),
        }
    }
}

impl<'a> UserConfirmed<'a> {
    fn validate<T: Into<Value<'a>>>(detail: WireDetail<'a, T>) -> Result<Self, ParseError> {
        let WireDetail { metadata, data } = detail;
        if metadata.version != VERSION {
            return Err(ParseError::UnsupportedVersion { found: metadata.version.into() });
        }
        let cognito_sub = CognitoSub::parse(&data.cognito_sub).map_err(ParseError::InvalidSub)?;
        let mut dropped = Vec::new();
        let data = UserData::of(cognito_sub, data, &mut dropped);
        Ok(Self { metadata: Metadata::of(metadata), data, dropped })
    }
}

/// The version that a detail claims, however little of the rest can be read.
fn version_of(detail: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct Probe {
        metadata: MetadataProbe,
    }
    #[derive(Deserialize)]
    struct MetadataProbe {
        version: u64,
    }
    serde_json::from_str::<Probe>(detail).ok().map(|probe| probe.metadata.version)
}

impl<'a> Metadata<'a> {
    fn of<T: Into<Value<'a>>>(wire: WireMetadata<'a, T>) -> Self {
        let trace_id = match wire.trace_id.into() {
            Value::Text(text) => Text::storable(text),
            _ => None,
        };
        Self {
            version: wire.version,
            event_id: wire.event_id,
            occurred_at: wire.occurred_at,
            origin: wire.origin,
            trace_id,
        }
    }

    /// When the writer heard of the user, if what it wrote is a point in time.
    pub fn occurred_at(&self) -> Option<Timestamp> {
        self.occurred_at.parse().ok()
    }
}

impl<'a> UserData<'a> {
    fn of<T: Into<Value<'a>>>(cognito_sub: CognitoSub, wire: WireData<'a, T>, dropped: &mut Vec<Cow<'a, str>>) -> Self {
        let mut text = |name: &'static str, value: T| storable(name.into(), value.into(), dropped);
        Self {
            cognito_sub,
            username: text("username", wire.username),
            user_pool_id: text("user_pool_id", wire.user_pool_id),
            email: text("email", wire.email),
            phone_number: text("phone_number", wire.phone_number),
            first_name: text("first_name", wire.first_name),
            last_name: text("last_name", wire.last_name),
            email_verified: flag("email_verified", wire.email_verified.into(), dropped),
            custom_attributes: texts("custom_attributes", wire.custom_attributes.into(), dropped),
        }
    }
}

/// The text of an attribute that a row can hold. An empty one is an unknown one.
fn storable<'a>(name: Cow<'a, str>, value: Value<'a>, dropped: &mut Vec<Cow<'a, str>>) -> Option<Text<'a>> {
    let text = match value {
        Value::Absent => return None,
        Value::Text(text) if text.is_empty() => return None,
        Value::Text(text) => Text::storable(text),
        _ => None,
    };
    if text.is_none() {
        dropped.push(name);
    }
    text
}

/// Whether something is so. Cognito's own attributes say it in words, and a writer may pass them on.
fn flag<'a>(name: &'static str, value: Value<'a>, dropped: &mut Vec<Cow<'a, str>>) -> bool {
    match value {
        Value::Absent => false,
        Value::Bool(value) => value,
        Value::Text(text) if text == "true" => true,
        Value::Text(text) if text == "false" => false,
        _ => {
            dropped.push(name.into());
            false
        }
    }
}

fn texts<'a>(
    name: &'static str,
    value: Value<'a>,
    dropped: &mut Vec<Cow<'a, str>>,
) -> BTreeMap<Cow<'a, str>, Text<'a>> {
    match value {
        Value::Absent => BTreeMap::new(),
        Value::Object(members) => {
            let storable = |(name, value)| Some((Cow::clone(&name), storable(name, value, dropped)?));
            members.into_iter().filter_map(storable).collect()
        }
        _ => {
            dropped.push(name.into());
            BTreeMap::new()
        }
    }
}

#[cfg(test)]
mod tests;
