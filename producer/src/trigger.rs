//! What an event of a trigger means: whether it is about a user who must have a row, and who that is.

use std::{borrow::Cow, collections::BTreeMap};

use rollcall_events::{CognitoSub, DetailData};
use serde_json::value::RawValue;

use crate::event::{Object, object, text};

/// On what occasion Cognito tells of a user who is confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// The user has just been confirmed.
    SignUp,
    /// The user has set a new password. For a user from a CSV import it is the first event of all.
    PasswordReset,
    /// The user has signed in. For one whom an administrator or a migration made it is the first event of all.
    SignIn,
}

impl Occasion {
    fn of(trigger_source: &str) -> Option<Self> {
        match trigger_source {
            "PostConfirmation_ConfirmSignUp" => Some(Self::SignUp),
            "PostConfirmation_ConfirmForgotPassword" => Some(Self::PasswordReset),
            "PostAuthentication_Authentication" => Some(Self::SignIn),
            _ => None,
        }
    }
}

/// What an event means to the producer.
pub enum Meaning<'a> {
    /// A user must have a row: publish.
    Confirmed(Occasion, CognitoSub, Box<DetailData<'a>>),
    /// Something else happened: nothing to publish.
    NothingToPublish,
    /// A user must have a row, and the event does not say who in a way that a row could be keyed by.
    Unusable(&'static str),
}

/// Reads an event. Never fails: whatever is odd is [`Meaning::Unusable`].
///
/// `forward` names the custom attributes that travel with it.
pub fn meaning_of<'a>(event: &'a RawValue, forward: &'a [String]) -> Meaning<'a> {
    let Some(event) = object(Some(event)) else { return Meaning::Unusable("the event is not a JSON object") };
    let Some(occasion) = text(event.get("triggerSource")).as_deref().and_then(Occasion::of) else {
        return Meaning::NothingToPublish;
    };
    let attributes = object(event.get("request").copied())
        .and_then(|request| object(request.get("userAttributes").copied()))
        .unwrap_or_default();
    // Never `userName`: it equals the `sub` only in pools whose user names are e-mail addresses or phone numbers.
    let Some(Ok(sub)) = text(attributes.get("sub")).map(|sub| CognitoSub::parse(&sub)) else {
        return Meaning::Unusable("`request.userAttributes.sub` is missing or not a UUID");
    };
    let Some(user_pool_id) = text(event.get("userPoolId")) else {
        return Meaning::Unusable("`userPoolId` is missing");
    };
    Meaning::Confirmed(
        occasion,
        sub,
        Box::new(DetailData {
            cognito_sub: sub.to_string().into(),
            username: text(event.get("userName")).unwrap_or_else(|| sub.to_string().into()),
            user_pool_id,
            email: text(attributes.get("email")),
            email_verified: text(attributes.get("email_verified")).as_deref() == Some("true"),
            phone_number: text(attributes.get("phone_number")),
            first_name: text(attributes.get("given_name")),
            last_name: text(attributes.get("family_name")),
            custom_attributes: custom_attributes(&attributes, forward),
        }),
    )
}

fn custom_attributes<'a>(attributes: &Object<'a>, forward: &'a [String]) -> BTreeMap<&'a str, Cow<'a, str>> {
    let named = |name: &'a String| Some((name.as_str(), text(attributes.get(name.as_str()))?));
    forward.iter().filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn raw(value: &Value) -> Box<RawValue> {
        RawValue::from_string(value.to_string()).unwrap()
    }

    fn sign_up() -> Value {
        json!({
            "userPoolId": "eu-west-1_Ab12Cd34E",
            "userName": "ada.lovelace",
            "triggerSource": "PostConfirmation_ConfirmSignUp",
            "request": {
                "userAttributes": { "sub": "7d4a1f0e-2c5b-4a8e-9d61-0b3f6a9c1e22", "email": "ada@example.com", "email_verified": "true" },
                "clientMetadata": { "sub": "11111111-1111-4111-8111-111111111111" },
            },
        })
    }

    fn with(pointer: &str, value: Value) -> Box<RawValue> {
        let mut event = sign_up();
        *event.pointer_mut(pointer).unwrap() = value;
        raw(&event)
    }

    #[test]
    fn the_key_is_the_attribute_sub_and_neither_the_user_name_nor_the_clients_own_claim() {
        let event = raw(&sign_up());
        let Meaning::Confirmed(_, sub, data) = meaning_of(&event, &[]) else { panic!() };
        assert_eq!(sub.to_string(), "7d4a1f0e-2c5b-4a8e-9d61-0b3f6a9c1e22");
        assert_eq!(data.username, "ada.lovelace");
        assert!(data.email_verified);
        assert_eq!(data.first_name, None);
    }

    #[test]
    fn another_trigger_source_publishes_nothing() {
        for source in [json!("PreSignUp_SignUp"), json!("PostConfirmation_New"), json!(null)] {
            assert!(matches!(meaning_of(&with("/triggerSource", source), &[]), Meaning::NothingToPublish));
        }
    }

    #[test]
    fn a_new_password_and_a_sign_in_tell_of_a_confirmed_user_too() {
        for (source, expected) in [
            ("PostConfirmation_ConfirmSignUp", Occasion::SignUp),
            ("PostConfirmation_ConfirmForgotPassword", Occasion::PasswordReset),
            ("PostAuthentication_Authentication", Occasion::SignIn),
        ] {
            let event = with("/triggerSource", json!(source));
            assert!(
                matches!(meaning_of(&event, &[]), Meaning::Confirmed(occasion, ..) if occasion == expected),
                "{source}"
            );
        }
    }

    #[test]
    fn only_the_custom_attributes_that_are_named_travel() {
        let mut event = sign_up();
        for (name, value) in [("custom:tenant", json!("1")), ("custom:plan", json!("pro")), ("custom:none", json!(""))]
        {
            event["request"]["userAttributes"][name] = value;
        }
        let (event, forward) = (raw(&event), ["custom:tenant", "custom:none", "custom:absent"].map(str::to_owned));
        let Meaning::Confirmed(_, _, data) = meaning_of(&event, &forward) else { panic!() };
        assert_eq!(data.custom_attributes, BTreeMap::from([("custom:tenant", "1".into())]));
    }

    #[test]
    fn an_event_that_does_not_say_who_is_unusable_and_never_an_error() {
        for (pointer, value) in [
            ("/request/userAttributes/sub", json!("not-a-uuid")),
            ("/request/userAttributes/sub", json!(null)),
            ("/request/userAttributes", json!([])),
            ("/request", json!("text")),
            ("/userPoolId", json!({})),
        ] {
            assert!(matches!(meaning_of(&with(pointer, value), &[]), Meaning::Unusable(_)), "{pointer}");
        }
        assert!(matches!(meaning_of(&raw(&json!([1, 2])), &[]), Meaning::Unusable(_)));
    }

    #[test]
    fn one_unreadable_attribute_does_not_cost_the_user_their_row() {
        // A lone surrogate is JSON that no string can hold.
        let event = sign_up().to_string().replace("ada@example.com", "\\ud800");
        let event = RawValue::from_string(event).unwrap();
        let Meaning::Confirmed(_, _, data) = meaning_of(&event, &[]) else { panic!() };
        assert_eq!(data.email, None);
    }

    #[test]
    fn escapes_in_keys_and_values_are_understood() {
        let event = sign_up().to_string().replace("\"sub\":\"7d4a", "\"s\\u0075b\":\"\\u0037d4a");
        let event = RawValue::from_string(event).unwrap();
        assert!(matches!(meaning_of(&event, &[]), Meaning::Confirmed(..)));
    }

    proptest! {
        #[test]
        fn no_json_makes_it_panic(
            pointer in prop_oneof![
                Just("/request"), Just("/userPoolId"), Just("/userName"), Just("/triggerSource"),
                Just("/request/userAttributes"), Just("/request/userAttributes/sub"), Just("/request/userAttributes/email"),
            ],
            text in any::<String>(),
            number in any::<f64>(),
        ) {
            for value in [json!(text), json!(number), json!([text, null]), json!({ text: number })] {
                meaning_of(&with(pointer, value), &[]);
            }
        }
    }
}
