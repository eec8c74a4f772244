//! The PreSignUp trigger: refuses, with words for the person, a sign-up that could never become a row, and answers everything else with the event it was given.
//!
//! What makes a row impossible is decided by the contract's types and nowhere else, so this trigger and the consumer cannot disagree.
//! It confirms nobody and verifies nothing: the answer's `response` is the one that came.
//! An event that it does not understand is answered as it came: sign-up is never broken by us (promise P6).
//! Source: "Pre sign-up Lambda trigger" in the Amazon Cognito developer guide.

use std::fmt;

use lambda_runtime::{Diagnostic, LambdaEvent};
use rollcall_aws_runtime::metrics::{Metric, Metrics};
use rollcall_events::{EmailAddress, PersonName, PhoneNumber, Rule, Username};
use serde_json::value::RawValue;

use crate::event::{Object, object, text};

/// Who signs up, which decides what can be asked of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// A person, by themselves. Without an address Cognito has nowhere to send a code, so they would never be confirmed.
    Person,
    /// An administrator's call, or another identity provider: confirmed without a code, so no address is needed.
    Vouched,
}

impl Origin {
    fn of(trigger_source: &str) -> Option<Self> {
        match trigger_source {
            "PreSignUp_SignUp" => Some(Self::Person),
            "PreSignUp_AdminCreateUser" | "PreSignUp_ExternalProvider" => Some(Self::Vouched),
            _ => None,
        }
    }
}

/// What a row is made of, in the person's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `userName`.
    Username,
    /// The attribute `email`.
    Email,
    /// The attribute `phone_number`.
    PhoneNumber,
    /// The attribute `given_name`.
    FirstName,
    /// The attribute `family_name`.
    LastName,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Username => "user name",
            Self::Email => "e-mail address",
            Self::PhoneNumber => "phone number",
            Self::FirstName => "first name",
            Self::LastName => "last name",
        })
    }
}

/// Why somebody cannot sign up.
///
/// Cognito shows the text to the person as `PreSignUp failed with error <text>.`, so it ends without a full stop, and never repeats what was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignUpRefused {
    /// A value that no row can hold.
    #[error("The {0} {problem}", problem = in_plain_words(*.1))]
    Unstorable(Field, Rule),
    /// Nothing to reach the person by.
    #[error("Please give an e-mail address or a phone number")]
    NoAddress,
}

fn in_plain_words(rule: Rule) -> String {
    match rule {
        Rule::TooLong { max } => format!("is too long: it can have at most {max} characters"),
        Rule::ControlCharacter => {
            "contains invisible characters, such as a line break or a tab: please type it again".to_owned()
        }
        rule => rule.to_string(),
    }
}

impl From<SignUpRefused> for Diagnostic {
    fn from(error: SignUpRefused) -> Self {
        Self { error_type: "SignUpRefused".to_owned(), error_message: error.to_string() }
    }
}

/// Handles one invocation: gives back the event, byte for byte, or refuses the sign-up.
///
/// # Errors
///
/// [`SignUpRefused`] for a sign-up that could never become a row; never for an event that is odd.
pub fn handle(event: LambdaEvent<Box<RawValue>>, metrics: &Metrics) -> Result<Box<RawValue>, SignUpRefused> {
    match judge(&event.payload) {
        Ok(()) => Ok(event.payload),
        Err(refused) => {
            tracing::info!(?refused, "a sign-up that could never become a row");
            metrics.emit(&[Metric::count("SignUpRefused", &1.0)]);
            Err(refused)
        }
    }
}

/// Judges an event.
///
/// # Errors
///
/// [`SignUpRefused`].
pub fn judge(event: &RawValue) -> Result<(), SignUpRefused> {
    let Some(event) = object(Some(event)) else { return Ok(()) };
    let Some(origin) = text(event.get("triggerSource")).as_deref().and_then(Origin::of) else { return Ok(()) };
    let attributes =
        object(event.get("request").copied()).and_then(|request| object(request.get("userAttributes").copied()));
    let Some(attributes) = attributes else { return Ok(()) };
    storable(&event, "userName", Field::Username, Username::parse)?;
    storable(&attributes, "email", Field::Email, EmailAddress::parse)?;
    storable(&attributes, "phone_number", Field::PhoneNumber, PhoneNumber::parse)?;
    storable(&attributes, "given_name", Field::FirstName, PersonName::parse)?;
    storable(&attributes, "family_name", Field::LastName, PersonName::parse)?;
    let reachable = ["email", "phone_number"].iter().any(|address| is_given(attributes.get(*address)));
    if origin == Origin::Person && !reachable { Err(SignUpRefused::NoAddress) } else { Ok(()) }
}

/// Judges one value by the rule of the contract; what is absent for the producer is absent here.
fn storable<T>(
    object: &Object<'_>,
    name: &str,
    field: Field,
    parse: impl Fn(String) -> Result<T, Rule>,
) -> Result<(), SignUpRefused> {
    let Some(value) = text(object.get(name)) else { return Ok(()) };
    parse(value.into_owned()).map(|_| ()).map_err(|rule| SignUpRefused::Unstorable(field, rule))
}

/// Whether there is anything at all, also if it cannot be read.
fn is_given(value: Option<&&RawValue>) -> bool {
    value.is_some_and(|value| !["null", "\"\""].contains(&value.get()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rollcall_events::{CognitoSub, Detail, DetailData, Origin as EventOrigin, UserConfirmed};
    use serde_json::{Value, json};

    use super::*;

    fn raw(value: &Value) -> Box<RawValue> {
        RawValue::from_string(value.to_string()).unwrap()
    }

    fn sign_up(source: &str, attributes: &Value) -> Box<RawValue> {
        raw(&json!({
            "userName": "ada.lovelace",
            "triggerSource": source,
            "request": { "userAttributes": attributes, "validationData": null },
            "response": { "autoConfirmUser": false },
        }))
    }

    #[test]
    fn what_a_person_sees_names_the_field_and_never_what_they_typed() {
        let refused = |attributes| judge(&sign_up("PreSignUp_SignUp", &attributes)).unwrap_err().to_string();
        assert_eq!(
            refused(json!({ "email": "ada@example.com", "given_name": "marker\nAda" })),
            "The first name contains invisible characters, such as a line break or a tab: please type it again"
        );
        assert_eq!(
            refused(json!({ "email": "marker".repeat(400) })),
            "The e-mail address is too long: it can have at most 2048 characters"
        );
        assert_eq!(refused(json!({ "given_name": "Ada" })), "Please give an e-mail address or a phone number");
        for field in [Field::Username, Field::Email, Field::PhoneNumber, Field::FirstName, Field::LastName] {
            for rule in [Rule::ControlCharacter, Rule::TooLong { max: 1 }] {
                assert!(!SignUpRefused::Unstorable(field, rule).to_string().ends_with('.'), "Cognito adds one");
            }
        }
    }

    #[test]
    fn an_address_is_asked_of_people_who_sign_up_themselves_and_of_nobody_else() {
        let without = json!({ "given_name": "Ada" });
        assert_eq!(judge(&sign_up("PreSignUp_SignUp", &without)), Err(SignUpRefused::NoAddress));
        assert_eq!(judge(&sign_up("PreSignUp_AdminCreateUser", &without)), Ok(()));
        assert_eq!(judge(&sign_up("PreSignUp_ExternalProvider", &without)), Ok(()));
        let nul = json!({ "family_name": "Love\0lace" });
        for source in ["PreSignUp_SignUp", "PreSignUp_AdminCreateUser", "PreSignUp_ExternalProvider"] {
            assert_eq!(
                judge(&sign_up(source, &nul)),
                Err(SignUpRefused::Unstorable(Field::LastName, Rule::ControlCharacter))
            );
        }
    }

    #[test]
    fn what_cannot_be_understood_is_nobodys_fault() {
        for event in [
            json!(null),
            json!([1]),
            json!({}),
            json!({ "triggerSource": "PreSignUp_SignUp" }),
            json!({ "triggerSource": "PreSignUp_SignUp", "request": [] }),
            json!({ "triggerSource": "PreSignUp_SignUp", "request": { "userAttributes": "none" } }),
            json!({ "triggerSource": "PreSignUp_SomethingNew", "request": { "userAttributes": {} } }),
        ] {
            assert_eq!(judge(&raw(&event)), Ok(()), "{event}");
        }
        // A lone surrogate is JSON that no string can hold: there is an address, whatever it is.
        let odd = sign_up("PreSignUp_SignUp", &json!({ "email": "marker" })).get().replace("marker", "\\ud800");
        assert_eq!(judge(&RawValue::from_string(odd).unwrap()), Ok(()));
    }

    proptest! {
        /// The promise behind the trigger: whoever it lets in is nobody that the consumer calls poison.
        #[test]
        fn whoever_is_let_in_can_become_a_row_and_whoever_is_refused_cannot(
            username in "\\PC{1,4}[\\x00-\\x7f]{0,3}",
            email in prop::option::of(".{0,12}|a{2048,2050}"),
            given_name in prop::option::of("(?s).{0,6}"),
            family_name in prop::option::of("[\\x00-\\x7f]{0,6}"),
        ) {
            let sub = CognitoSub::parse("7d4a1f0e-2c5b-4a8e-9d61-0b3f6a9c1e22").unwrap();
            let mut attributes = json!({ "phone_number": "+4915112345678" });
            for (name, value) in [("email", &email), ("given_name", &given_name), ("family_name", &family_name)] {
                if let Some(value) = value {
                    attributes[name] = json!(value);
                }
            }
            let mut event: Value = serde_json::from_str(sign_up("PreSignUp_SignUp", &attributes).get()).unwrap();
            event["userName"] = json!(username);
            let published = |value: &Option<String>| value.clone().filter(|text| !text.is_empty()).map(Into::into);
            let data = DetailData {
                cognito_sub: sub.to_string().into(),
                username: username.into(),
                user_pool_id: "eu-west-1_Ab12Cd34E".into(),
                email: published(&email),
                email_verified: false,
                phone_number: Some("+4915112345678".into()),
                first_name: published(&given_name),
                last_name: published(&family_name),
            };
            let detail = Detail::new(sub, data, EventOrigin::SignUp, jiff::Timestamp::UNIX_EPOCH, None);
            let row = UserConfirmed::from_detail(&serde_json::to_string(&detail).unwrap());
            prop_assert_eq!(judge(&raw(&event)).is_ok(), row.is_ok());
        }
    }
}
