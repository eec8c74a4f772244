//! What a reader takes off the wire, in one pass and borrowed from the body, before anything is validated.
//!
//! An attribute of the wrong JSON type is not an error here: it becomes [`Value::Unusable`].

use std::{borrow::Cow, collections::HashMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::Origin;

/// The EventBridge event, of which a reader needs two members.
#[derive(Deserialize)]
pub(crate) struct WireEnvelope<'a, D> {
    #[serde(borrow, rename = "detail-type")]
    pub(crate) detail_type: Cow<'a, str>,
    pub(crate) detail: D,
}

/// A detail whose attributes are read as `T`: as [`Value`] in one pass, or as [`Unread`] where that has failed.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de> + Default"))]
pub(crate) struct WireDetail<'a, T> {
    #[serde(borrow)]
    pub(crate) metadata: WireMetadata<'a, T>,
    #[serde(borrow)]
    pub(crate) data: WireData<'a, T>,
}

#[derive(Deserialize)]
pub(crate) struct WireMetadata<'a, T> {
    pub(crate) version: u32,
    #[serde(borrow)]
    pub(crate) event_id: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) occurred_at: Cow<'a, str>,
    pub(crate) origin: Origin,
    #[serde(default)]
    pub(crate) trace_id: T,
}

#[derive(Deserialize)]
pub(crate) struct WireData<'a, T> {
    #[serde(borrow)]
    pub(crate) cognito_sub: Cow<'a, str>,
    #[serde(default)]
    pub(crate) username: T,
    #[serde(default)]
    pub(crate) user_pool_id: T,
    #[serde(default)]
    pub(crate) email: T,
    #[serde(default)]
    pub(crate) email_verified: T,
    #[serde(default)]
    pub(crate) phone_number: T,
    #[serde(default)]
    pub(crate) first_name: T,
    #[serde(default)]
    pub(crate) last_name: T,
    #[serde(default)]
    pub(crate) custom_attributes: T,
}

/// An optional attribute, whatever its JSON type.
#[derive(Default)]
pub(crate) enum Value<'a> {
    /// Not there, or null.
    #[default]
    Absent,
    Bool(bool),
    Text(Cow<'a, str>),
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
    /// A number, an array, or a string that is no text.
    Unusable,
}

/// An attribute that has not been read yet, so that one that no parser can read costs only itself.
/// A lone surrogate is such a one: valid JSON that no string can hold.
#[derive(Default, Deserialize)]
pub(crate) struct Unread<'a>(#[serde(borrow)] Option<&'a RawValue>);

/// The name of a member. `Cow` by itself would be copied, because only a field of a struct can be told to borrow.
#[derive(Deserialize, PartialEq, Eq, Hash)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Unread<'a> {
    fn read(&self) -> Option<Value<'a>> {
        self.0.map_or(Some(Value::Absent), |raw| serde_json::from_str(raw.get()).ok())
    }

    fn members(&self) -> Option<HashMap<Name<'a>, Self>> {
        serde_json::from_str(self.0?.get()).ok()
    }
}

/// One level deep, which is as deep as `custom_attributes` go: whoever writes the body chooses how deep it is.
impl<'a> From<Unread<'a>> for Value<'a> {
    fn from(unread: Unread<'a>) -> Self {
        let alone = |(Name(name), member): (_, Unread<'a>)| (name, member.read().unwrap_or(Self::Unusable));
        let members = || Some(Self::Object(unread.members()?.into_iter().map(alone).collect()));
        unread.read().or_else(members).unwrap_or(Self::Unusable)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Absent)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Value::Unusable)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Value::Unusable)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Value::Unusable)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
        IgnoredAny.visit_seq(items)?;
        Ok(Value::Unusable)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut object = Vec::new();
        while let Some((Name(name), value)) = members.next_entry()? {
            object.push((name, value));
        }
        Ok(Value::Object(object))
    }
}
