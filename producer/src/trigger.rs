//! What a PostConfirmation event means: whether a user was confirmed, and who.

use std::collections::BTreeMap;

use rollcall_events::{CognitoSub, DetailData};
use serde_json::value::RawValue;

use crate::event::{object, text};

/// The one trigger source that means "a user has just been confirmed".
/// `PostConfirmation_ConfirmForgotPassword` comes to the same function and means something else.
const CONFIRM_SIGN_UP: &str = "PostConfirmation_ConfirmSignUp";

/// What an event means to the producer.
pub enum Meaning<'a> {
    /// A user was confirmed: publish.
    Confirmed(CognitoSub, DetailData<'a>),
    /// Something else happened: nothing to publish.
    NothingToPublish,
    /// A user was confirmed, and the event does not say who in a way that a row could be keyed by.
    Unusable(&'static str),
}

/// Reads an event. Never fails: whatever is odd is [`Meaning::Unusable`].
pub fn meaning_of(event: &RawValue) -> Meaning<'_> {
    let Some(event) = object(Some(event)) else { return Meaning::Unusable("the event is not a JSON object") };
    if text(event.get("triggerSource")).as_deref() != Some(CONFIRM_SIGN_UP) {
        return Meaning::NothingToPublish;
    }
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
        sub,
        DetailData {
            cognito_sub: sub.to_string().into(),
            username: text(event.get("userName")).unwrap_or_else(|| sub.to_string().into()),
            user_pool_id,
            email: text(attributes.get("email")),
            email_verified: text(attributes.get("email_verified")).as_deref() == Some("true"),
            phone_number: text(attributes.get("phone_number")),
            first_name: text(attributes.get("given_name")),
            last_name: text(attributes.get("family_name")),
            custom_attributes: BTreeMap::new(),
        },
    )
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
        let Meaning::Confirmed(sub, data) = meaning_of(&event) else { panic!() };
        assert_eq!(sub.to_string(), "7d4a1f0e-2c5b-4a8e-9d61-0b3f6a9c1e22");
        assert_eq!(data.username, "ada.lovelace");
        assert!(data.email_verified);
        assert_eq!(data.first_name, None);
    }

    #[test]
    fn another_trigger_source_publishes_nothing() {
        for source in [json!("PostConfirmation_ConfirmForgotPassword"), json!("PostConfirmation_New"), json!(null)] {
            assert!(matches!(meaning_of(&with("/triggerSource", source)), Meaning::NothingToPublish));
        }
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
            assert!(matches!(meaning_of(&with(pointer, value)), Meaning::Unusable(_)), "{pointer}");
        }
        assert!(matches!(meaning_of(&raw(&json!([1, 2]))), Meaning::Unusable(_)));
    }

    #[test]
    fn one_unreadable_attribute_does_not_cost_the_user_their_row() {
        // A lone surrogate is JSON that no string can hold.
        let event = sign_up().to_string().replace("ada@example.com", "\\ud800");
        let event = RawValue::from_string(event).unwrap();
        let Meaning::Confirmed(_, data) = meaning_of(&event) else { panic!() };
        assert_eq!(data.email, None);
    }

    #[test]
    fn escapes_in_keys_and_values_are_understood() {
        let event = sign_up().to_string().replace("\"sub\":\"7d4a", "\"s\\u0075b\":\"\\u0037d4a");
        let event = RawValue::from_string(event).unwrap();
        assert!(matches!(meaning_of(&event), Meaning::Confirmed(..)));
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
                meaning_of(&with(pointer, value));
            }
        }
    }
}
