//! The PreSignUp trigger: rejects, with words for the user, a sign-up whose data would be lost, and responds to everything else with the event it was given.
//!
//! It is optional, and little is left for it to do:
//!
//! - The `sub`, which alone decides whether there is a row, is not known before the user exists, so no sign-up can be rejected for it.
//! - What Cognito validates itself (a missing address, a malformed one, a value over 2,048 characters) is left to Cognito.
//! - What Cognito accepts and no row can hold is a NUL character. The consumer stores null in its place; here the user can type it again.
//! - Only a user who signs up by themselves can do so. An administrator's call (`PreSignUp_AdminCreateUser`) and another identity provider (`PreSignUp_ExternalProvider`) are never rejected.
//!
//! It confirms nobody and verifies nothing: the answer's `response` is the one that came.
//! An event that it does not understand is returned as it came: sign-up is never broken by us (promise P6).
//! Source: "Pre sign-up Lambda trigger" in the Amazon Cognito developer guide.

use std::fmt;

use lambda_runtime::{Diagnostic, LambdaEvent};
use rollcall_aws_runtime::metrics::{Metric, Metrics};
use serde_json::value::RawValue;

use crate::event::{object, text};

/// The one trigger source where a person can type a value again.
const SIGN_UP: &str = "PreSignUp_SignUp";

/// The one character that Postgres cannot store.
const NUL: char = '\0';

/// An attribute that travels, in the user's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The attribute `email`.
    Email,
    /// The attribute `phone_number`.
    PhoneNumber,
    /// The attribute `given_name`.
    FirstName,
    /// The attribute `family_name`.
    LastName,
}

impl Field {
    const ALL: [Self; 4] = [Self::Email, Self::PhoneNumber, Self::FirstName, Self::LastName];

    fn attribute(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::PhoneNumber => "phone_number",
            Self::FirstName => "given_name",
            Self::LastName => "family_name",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Email => "e-mail address",
            Self::PhoneNumber => "phone number",
            Self::FirstName => "first name",
            Self::LastName => "last name",
        })
    }
}

/// The value of this field cannot be stored.
///
/// Cognito shows the text to the user as `PreSignUp failed with error <text>.`, so it ends without a full stop, and never repeats what was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The {0} contains a character that cannot be stored: please type it again")]
pub struct SignUpRejected(pub Field);

impl From<SignUpRejected> for Diagnostic {
    fn from(error: SignUpRejected) -> Self {
        Self { error_type: "SignUpRejected".to_owned(), error_message: error.to_string() }
    }
}

/// Handles one invocation: returns the event, byte for byte, or rejects the sign-up.
///
/// # Errors
///
/// [`SignUpRejected`] when a value would be lost; never for an event that is odd.
pub fn handle(event: LambdaEvent<Box<RawValue>>, metrics: &Metrics) -> Result<Box<RawValue>, SignUpRejected> {
    match validate(&event.payload) {
        Ok(()) => Ok(event.payload),
        Err(rejected) => {
            tracing::info!(field = rejected.0.attribute(), "sign-up rejected: a value that cannot be stored");
            metrics.emit(&[Metric::count("SignUpRejected", &1.0)]);
            Err(rejected)
        }
    }
}

/// Validates an event.
///
/// # Errors
///
/// [`SignUpRejected`].
pub fn validate(event: &RawValue) -> Result<(), SignUpRejected> {
    let Some(event) = object(Some(event)) else { return Ok(()) };
    if text(event.get("triggerSource")).as_deref() != Some(SIGN_UP) {
        return Ok(());
    }
    let attributes =
        object(event.get("request").copied()).and_then(|request| object(request.get("userAttributes").copied()));
    let Some(attributes) = attributes else { return Ok(()) };
    let lost = |field: &Field| text(attributes.get(field.attribute())).is_some_and(|value| value.contains(NUL));
    Field::ALL.into_iter().find(lost).map_or(Ok(()), |field| Err(SignUpRejected(field)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rollcall_events::{CognitoSub, Detail, Origin, UserConfirmed};
    use serde_json::{Value, json};

    use super::*;
    use crate::trigger::{Meaning, meaning_of};

    fn raw(value: &Value) -> Box<RawValue> {
        RawValue::from_string(value.to_string()).unwrap()
    }

    fn sign_up(source: &str, attributes: &Value) -> Box<RawValue> {
        raw(&json!({
            "userPoolId": "eu-west-1_Ab12Cd34E",
            "userName": "ada.lovelace",
            "triggerSource": source,
            "request": { "userAttributes": attributes, "validationData": null },
            "response": { "autoConfirmUser": false },
        }))
    }

    #[test]
    fn what_a_user_sees_names_the_field_and_never_what_they_typed() {
        for (attribute, words) in [
            ("email", "The e-mail address contains a character that cannot be stored: please type it again"),
            ("phone_number", "The phone number contains a character that cannot be stored: please type it again"),
            ("given_name", "The first name contains a character that cannot be stored: please type it again"),
            ("family_name", "The last name contains a character that cannot be stored: please type it again"),
        ] {
            let event = sign_up("PreSignUp_SignUp", &json!({ attribute: "marker\0" }));
            assert_eq!(validate(&event).unwrap_err().to_string(), words);
        }
    }

    #[test]
    fn what_a_row_can_hold_and_what_cognito_validates_itself_is_accepted() {
        for attributes in [
            json!({ "given_name": "A\tda\r\n\u{1}" }),
            json!({ "given_name": "a".repeat(2049) }),
            json!({ "given_name": "", "email": "not an address" }),
            json!({ "locale": "\0", "custom:tenant": "\0" }),
        ] {
            assert_eq!(validate(&sign_up("PreSignUp_SignUp", &attributes)), Ok(()), "{attributes}");
        }
    }

    #[test]
    fn only_people_who_sign_up_by_themselves_are_asked_to_type_again() {
        let nul = json!({ "family_name": "Love\0lace" });
        assert_eq!(validate(&sign_up("PreSignUp_SignUp", &nul)), Err(SignUpRejected(Field::LastName)));
        for source in ["PreSignUp_AdminCreateUser", "PreSignUp_ExternalProvider", "PreSignUp_SomethingNew"] {
            assert_eq!(validate(&sign_up(source, &nul)), Ok(()), "{source}");
        }
    }

    #[test]
    fn an_event_that_cannot_be_understood_is_never_rejected() {
        for event in [
            json!(null),
            json!([1]),
            json!({}),
            json!({ "triggerSource": "PreSignUp_SignUp" }),
            json!({ "triggerSource": "PreSignUp_SignUp", "request": [] }),
            json!({ "triggerSource": "PreSignUp_SignUp", "request": { "userAttributes": "none" } }),
        ] {
            assert_eq!(validate(&raw(&event)), Ok(()), "{event}");
        }
        // A lone surrogate is JSON that no string can hold.
        let odd = sign_up("PreSignUp_SignUp", &json!({ "email": "marker" })).get().replace("marker", "\\ud800");
        assert_eq!(validate(&RawValue::from_string(odd).unwrap()), Ok(()));
    }

    proptest! {
        /// The reason for the trigger: a sign-up that it accepts loses nothing on the way to its row, and one that it rejects would have.
        #[test]
        fn a_sign_up_is_rejected_exactly_when_its_row_would_lose_something(
            email in prop::option::of(".{0,12}"),
            given_name in prop::option::of("(?s).{0,6}"),
            family_name in prop::option::of("[\\x00-\\x7f]{0,6}"),
        ) {
            let sub = "7d4a1f0e-2c5b-4a8e-9d61-0b3f6a9c1e22";
            let mut attributes = json!({ "sub": sub, "phone_number": "+4915112345678" });
            for (name, value) in [("email", &email), ("given_name", &given_name), ("family_name", &family_name)] {
                if let Some(value) = value {
                    attributes[name] = json!(value);
                }
            }
            let confirmed = sign_up("PostConfirmation_ConfirmSignUp", &attributes);
            let Meaning::Confirmed(_, sub, data) = meaning_of(&confirmed, &[]) else { panic!("{confirmed}") };
            let detail = Detail::new(sub, *data, Origin::SignUp, jiff::Timestamp::UNIX_EPOCH, None);
            let detail = serde_json::to_string(&detail).unwrap();
            let row = UserConfirmed::from_detail(&detail).unwrap();
            prop_assert_eq!(row.data.cognito_sub, CognitoSub::parse(&sub.to_string()).unwrap());
            prop_assert_eq!(validate(&sign_up("PreSignUp_SignUp", &attributes)).is_ok(), row.dropped.is_empty());
        }
    }
}
