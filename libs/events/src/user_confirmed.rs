//! What is accepted: a `UserConfirmed` v1 whose every field a row can hold.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    CognitoSub, DETAIL_TYPE, Detail, DetailData, DetailMetadata, EmailAddress, Envelope, ParseError, PersonName,
    PhoneNumber, Rule, UserPoolId, Username, VERSION,
};

/// A confirmed Cognito user, judged. `Debug` shows nothing personal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct UserConfirmed {
    /// About the event.
    pub metadata: Metadata,
    /// About the user.
    pub data: UserData,
}

/// About the event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Metadata {
    /// Always 1.
    #[cfg_attr(test, schemars(extend("const" = VERSION)))]
    pub version: u32,
    /// The same for every publication of this user's confirmation: see [`event_id`](crate::event_id).
    #[cfg_attr(test, schemars(with = "String", extend("format" = "uuid")))]
    pub event_id: Uuid,
    /// When the producer heard of the confirmation.
    #[cfg_attr(test, schemars(with = "String", extend("format" = "date-time")))]
    pub occurred_at: Timestamp,
    /// How the event came to be.
    pub origin: Origin,
    /// The X-Ray trace it belongs to, when there is one.
    pub trace_id: Option<String>,
}

/// How the event came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A trigger of the pool saw the confirmation.
    SignUp,
    /// The reconciler found a user without a row.
    Reconcile,
    /// A word that a later writer uses. A user is never refused for it.
    #[serde(other)]
    #[cfg_attr(test, schemars(skip))]
    Other,
}

/// About the user.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct UserData {
    /// The key of the row.
    pub cognito_sub: CognitoSub,
    /// What Cognito calls the user; never a key.
    pub username: Username,
    /// The pool that the user belongs to.
    pub user_pool_id: UserPoolId,
    /// Unknown for somebody who signed up by phone; two users may have the same one.
    pub email: Option<EmailAddress>,
    /// Whether Cognito has verified it.
    #[cfg_attr(test, schemars(default))]
    pub email_verified: bool,
    /// Unknown for somebody who signed up by e-mail.
    pub phone_number: Option<PhoneNumber>,
    /// The given name.
    pub first_name: Option<PersonName>,
    /// The family name.
    pub last_name: Option<PersonName>,
}

impl UserConfirmed {
    /// Reads the body of a queue message: an EventBridge event around a version 1 detail.
    ///
    /// Unknown fields are tolerated at every level, an unknown version is not.
    ///
    /// # Errors
    ///
    /// [`ParseError`], whose text may be logged.
    pub fn from_envelope(body: &str) -> Result<Self, ParseError> {
        let envelope: Envelope<'_> =
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
    pub fn from_detail(detail: &str) -> Result<Self, ParseError> {
        match serde_json::from_str::<Detail<'_>>(detail) {
            Ok(detail) if detail.metadata.version == VERSION => Self::judge(detail),
            Ok(detail) => Err(ParseError::UnsupportedVersion { found: detail.metadata.version.into() }),
            // Another version may have another shape: say so rather than complain about the shape.
            Err(error) => Err(match version_of(detail) {
                Some(found) if found != u64::from(VERSION) => ParseError::UnsupportedVersion { found },
                _ => ParseError::MalformedDetail(error.into()),
            }),
        }
    }

    fn judge(detail: Detail<'_>) -> Result<Self, ParseError> {
        Ok(Self { metadata: Metadata::judge(detail.metadata)?, data: UserData::judge(detail.data)? })
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

impl Metadata {
    fn judge(wire: DetailMetadata<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            version: wire.version,
            event_id: field("event_id", Uuid::try_parse(&wire.event_id).map_err(|_| Rule::NotAUuid))?,
            occurred_at: field("occurred_at", wire.occurred_at.parse().map_err(|_| Rule::NotATime))?,
            origin: wire.origin,
            trace_id: wire.trace_id.map(Into::into),
        })
    }
}

impl UserData {
    fn judge(wire: DetailData<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            cognito_sub: field("cognito_sub", CognitoSub::parse(&wire.cognito_sub))?,
            username: field("username", Username::parse(wire.username))?,
            user_pool_id: field("user_pool_id", UserPoolId::parse(wire.user_pool_id))?,
            email: field("email", wire.email.map(EmailAddress::parse).transpose())?,
            email_verified: wire.email_verified,
            phone_number: field("phone_number", wire.phone_number.map(PhoneNumber::parse).transpose())?,
            first_name: field("first_name", wire.first_name.map(PersonName::parse).transpose())?,
            last_name: field("last_name", wire.last_name.map(PersonName::parse).transpose())?,
        })
    }
}

/// Names the field that a rule was broken by.
fn field<T>(field: &'static str, judged: Result<T, Rule>) -> Result<T, ParseError> {
    judged.map_err(|rule| ParseError::InvalidField { field, rule })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json, value::RawValue};

    use super::*;

    const SUB: &str = "7d4a1f0e-2c5b-4a8e-9d61-0b3f6a9c1e22";

    fn golden(name: &str) -> String {
        std::fs::read_to_string(format!("{}/golden/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    /// A valid event with one value replaced.
    fn with(pointer: &str, value: Value) -> String {
        let mut event: Value = serde_json::from_str(&golden("sign-up.json")).unwrap();
        *event.pointer_mut(pointer).unwrap() = value;
        event.to_string()
    }

    fn reason(body: &str) -> &'static str {
        UserConfirmed::from_envelope(body).unwrap_err().reason()
    }

    #[test]
    fn the_golden_events_are_read_as_they_always_were() {
        let event = UserConfirmed::from_envelope(&golden("sign-up.json")).unwrap();
        assert_eq!(event.metadata.version, 1);
        assert_eq!(event.metadata.origin, Origin::SignUp);
        assert_eq!(event.metadata.occurred_at.to_string(), "2026-11-22T21:00:00.123Z");
        assert_eq!(event.data.cognito_sub.to_string(), SUB);
        assert_eq!(event.data.email.as_ref().map(EmailAddress::as_str), Some("ada@example.com"));
        assert_eq!(event.data.last_name.as_ref().map(PersonName::as_str), Some("O\"Brien \\ 👩‍💻"));

        let sparse = UserConfirmed::from_envelope(&golden("phone-only-with-unknown-fields.json")).unwrap();
        assert_eq!(sparse.data.email, None);
        assert!(!sparse.data.email_verified);
        assert_eq!(sparse.metadata.origin, Origin::Other);
    }

    #[test]
    fn what_is_written_is_the_golden_event() {
        let golden: Value = serde_json::from_str(&golden("sign-up.json")).unwrap();
        let data = DetailData {
            cognito_sub: SUB.into(),
            username: "ada.lovelace".into(),
            user_pool_id: "eu-west-1_Ab12Cd34E".into(),
            email: Some("ada@example.com".into()),
            email_verified: true,
            phone_number: None,
            first_name: Some("Ada".into()),
            last_name: Some("O\"Brien \\ 👩‍💻".into()),
        };
        let occurred_at = "2026-11-22T21:00:00.123456Z".parse().unwrap();
        let sub = CognitoSub::parse(SUB).unwrap();
        let detail = Detail::new(sub, data, Origin::SignUp, occurred_at, Some("1-67891233-abcdef012345678912345678"));
        let detail = RawValue::from_string(serde_json::to_string(&detail).unwrap()).unwrap();
        let envelope = Envelope::around(
            &detail,
            "b7a1e0a4-8a4e-4b8e-9b43-0f3d2f1c5a77",
            "2026-11-22T21:00:00Z",
            "123456789012",
            "eu-west-1",
        );
        assert_eq!(serde_json::to_value(&envelope).unwrap(), golden);
    }

    #[test]
    fn each_kind_of_bad_body_has_its_own_reason() {
        assert_eq!(reason("not json"), "malformed_envelope");
        assert_eq!(reason("{\"detail-type\":"), "malformed_envelope");
        assert_eq!(reason("[]"), "malformed_envelope");
        assert_eq!(reason("{}"), "malformed_envelope");
        assert_eq!(reason(&with("/detail-type", json!("UserDeleted"))), "wrong_detail_type");
        assert_eq!(reason(&with("/detail/metadata/version", json!(2))), "unsupported_version");
        assert_eq!(
            reason(&with("/detail", json!({"metadata": {"version": 9}, "shape": "new"}))),
            "unsupported_version"
        );
        assert_eq!(reason(&with("/detail", json!({"metadata": {"version": 1}}))), "malformed_detail");
        assert_eq!(reason(&with("/detail/data/email", json!(7))), "malformed_detail");
        assert_eq!(reason(&with("/detail/data/cognito_sub", json!("x"))), "invalid_field");
        assert_eq!(reason(&with("/detail/data/first_name", json!("A\u{0}da"))), "invalid_field");
        assert_eq!(reason(&with("/detail/metadata/occurred_at", json!("yesterday"))), "invalid_field");
    }

    #[test]
    fn an_error_says_what_is_wrong_and_where() {
        let text = |body: &str| UserConfirmed::from_envelope(body).unwrap_err().to_string();
        assert_eq!(
            text(&with("/detail/data/last_name", json!(""))),
            "the event's `last_name` must not be empty (an unknown value is null)"
        );
        assert_eq!(
            text(r#"{"detail-type":"UserConfirmed"}"#),
            "the body is not an EventBridge event: the field `detail` is missing at line 1, column 31"
        );
        assert_eq!(
            text(&with("/detail/metadata/version", json!(2))),
            "the event has version 2, and only version 1 is known here"
        );
    }

    #[test]
    fn an_error_never_quotes_the_person() {
        let marker = "marker@example.com";
        for pointer in [
            "/detail/metadata/version",
            "/detail/metadata/event_id",
            "/detail/metadata/occurred_at",
            "/detail/metadata",
            "/detail/data/cognito_sub",
            "/detail/data/email_verified",
            "/detail/data",
            "/detail",
            "/detail-type",
            "/resources",
        ] {
            let error = UserConfirmed::from_envelope(&with(pointer, json!(marker))).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("marker"), "{pointer}: {error:?}");
        }
        let event = UserConfirmed::from_envelope(&with("/detail/data/email", json!(marker))).unwrap();
        assert!(!format!("{event:?}").contains("marker"));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = UserConfirmed::from_envelope(&String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn a_broken_copy_of_a_real_event_never_panics(at in 0_usize..700, byte in any::<u8>(), cut in 0_usize..700) {
            let mut bytes = golden("sign-up.json").into_bytes();
            let (at, cut) = (at % bytes.len(), cut % bytes.len());
            bytes[at] = byte;
            let _ = UserConfirmed::from_envelope(&String::from_utf8_lossy(&bytes));
            let _ = UserConfirmed::from_envelope(&String::from_utf8_lossy(&bytes[..cut]));
        }

        #[test]
        fn any_text_can_be_written_and_what_a_row_can_hold_is_read_back_unchanged(name in any::<String>()) {
            let data = DetailData {
                cognito_sub: SUB.into(),
                username: "u".into(),
                user_pool_id: "p_1".into(),
                email: None,
                email_verified: false,
                phone_number: None,
                first_name: Some(name.as_str().into()),
                last_name: None,
            };
            let sub = CognitoSub::parse(SUB).unwrap();
            let detail = Detail::new(sub, data, Origin::Reconcile, Timestamp::UNIX_EPOCH, None);
            let read = UserConfirmed::from_detail(&serde_json::to_string(&detail).unwrap());
            match PersonName::parse(name.as_str()) {
                Ok(name) => prop_assert_eq!(read.unwrap().data.first_name, Some(name)),
                Err(rule) => prop_assert_eq!(read, Err(ParseError::InvalidField { field: "first_name", rule })),
            }
        }
    }
}
