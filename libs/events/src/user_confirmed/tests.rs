//! Reading events: what costs a message, what costs an attribute, and what costs nothing.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::{Detail, DetailData, Envelope};

const SUB: &str = "7d4a1f0e-2c5b-4a8e-9d61-0b3f6a9c1e22";

fn golden(name: &str) -> String {
    std::fs::read_to_string(format!("{}/golden/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// A valid event with one value replaced.
fn with(pointer: &str, value: Json) -> String {
    let mut event: Json = serde_json::from_str(&golden("sign-up.json")).unwrap();
    *event.pointer_mut(pointer).unwrap() = value;
    event.to_string()
}

fn reason(body: &str) -> &'static str {
    UserConfirmed::from_envelope(body).unwrap_err().reason()
}

#[test]
fn the_golden_events_are_read_as_they_always_were() {
    let body = golden("sign-up.json");
    let event = UserConfirmed::from_envelope(&body).unwrap();
    assert_eq!(event.metadata.version, 1);
    assert_eq!(event.metadata.origin, Origin::SignUp);
    assert_eq!(event.metadata.occurred_at().unwrap().to_string(), "2026-11-22T21:00:00.123Z");
    assert_eq!(event.data.cognito_sub.to_string(), SUB);
    assert_eq!(event.data.email.as_ref().map(Text::as_str), Some("ada@example.com"));
    assert_eq!(event.data.last_name.as_ref().map(Text::as_str), Some("O\"Brien \\ 👩‍💻"));

    let body = golden("phone-only-with-unknown-fields.json");
    let sparse = UserConfirmed::from_envelope(&body).unwrap();
    assert_eq!(sparse.data.email, None);
    assert!(!sparse.data.email_verified);
    assert_eq!(sparse.metadata.origin, Origin::Other);
}

#[test]
fn what_is_written_is_the_golden_event() {
    let golden: Json = serde_json::from_str(&golden("sign-up.json")).unwrap();
    let data = DetailData {
        cognito_sub: SUB.into(),
        username: "ada.lovelace".into(),
        user_pool_id: "eu-west-1_Ab12Cd34E".into(),
        email: Some("ada@example.com".into()),
        email_verified: true,
        phone_number: None,
        first_name: Some("Ada".into()),
        last_name: Some("O\"Brien \\ 👩‍💻".into()),
        custom_attributes: BTreeMap::new(),
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

/// A valid event with a member of its data set, read; and what was dropped.
fn reading<T>(member: &str, value: Json, get: impl Fn(&UserData<'_>) -> T) -> (T, Vec<String>) {
    let mut event: Json = serde_json::from_str(&golden("sign-up.json")).unwrap();
    event["detail"]["data"][member] = value;
    let body = event.to_string();
    let event = UserConfirmed::from_envelope(&body).unwrap();
    (get(&event.data), event.dropped.iter().map(ToString::to_string).collect())
}

fn first_name(value: Json) -> (Option<String>, Vec<String>) {
    reading("first_name", value, |data| data.first_name.as_ref().map(|name| name.as_str().to_owned()))
}

#[test]
fn an_optional_attribute_that_no_row_can_hold_becomes_null_and_is_named() {
    let dropped = (None, vec!["first_name".to_owned()]);
    for value in
        [json!("A\0da"), json!("a".repeat(2049)), json!(7), json!(0.5), json!(true), json!(["Ada"]), json!({ "a": 1 })]
    {
        assert_eq!(first_name(value.clone()), dropped, "{value}");
    }
    for member in ["username", "user_pool_id", "email", "phone_number", "last_name", "email_verified"] {
        assert_eq!(reading(member, json!("\0"), |_| ()).1, [member]);
    }
    // A lone surrogate is JSON that no string can hold. It costs only itself.
    let body = golden("sign-up.json").replace("\"Ada\"", "\"\\ud800\"");
    let event = UserConfirmed::from_envelope(&body).unwrap();
    assert_eq!((event.data.first_name, event.dropped), (None, vec!["first_name".into()]));
    assert_eq!(event.data.email.unwrap().as_str(), "ada@example.com");
}

#[test]
fn an_empty_text_is_an_unknown_one_and_every_other_character_is_kept() {
    assert_eq!(first_name(json!("")), (None, vec![]));
    assert_eq!(first_name(json!(null)), (None, vec![]));
    let odd = "A\tda\r\n\u{1}\u{7f}";
    assert_eq!(first_name(json!(odd)), (Some(odd.to_owned()), vec![]));
}

#[test]
fn whether_an_address_is_verified_may_be_said_in_cognitos_words() {
    let verified = |value| reading("email_verified", value, |data| data.email_verified);
    assert_eq!(verified(json!("true")), (true, vec![]));
    assert_eq!(verified(json!("false")), (false, vec![]));
    assert_eq!(verified(json!(null)), (false, vec![]));
    assert_eq!(verified(json!(1)), (false, vec!["email_verified".to_owned()]));
}

#[test]
fn custom_attributes_are_optional_texts_like_the_others() {
    let custom = |value| {
        reading("custom_attributes", value, |data| {
            data.custom_attributes.iter().map(|(name, text)| format!("{name}={}", text.as_str())).collect::<Vec<_>>()
        })
    };
    let some = json!({ "custom:a": "1", "custom:b": "\0", "custom:c": "", "custom:d": null, "custom:e": 5, "custom:f": "é\n" });
    assert_eq!(
        custom(some),
        (vec!["custom:a=1".to_owned(), "custom:f=é\n".to_owned()], vec!["custom:b".to_owned(), "custom:e".to_owned()])
    );
    assert_eq!(custom(json!(null)), (vec![], vec![]));
    assert_eq!(custom(json!(["custom:a"])), (vec![], vec!["custom_attributes".to_owned()]));
    let body = golden("custom-attributes.json");
    let surrogate = body.replace("Ζωή & Co", "\\ud800");
    assert_ne!(body, surrogate);
    let event = UserConfirmed::from_envelope(&surrogate).unwrap();
    assert_eq!(event.dropped, ["custom:tenant"]);
    assert_eq!(event.data.custom_attributes["custom:plan"].as_str(), "pro");
}

#[test]
fn an_attribute_that_is_nested_as_deep_as_a_message_allows_costs_only_itself() {
    // As large as SQS allows. A reader that recursed would end the process; one that read each level again would take minutes.
    let levels = 170_000;
    let deep = format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    let golden = golden("custom-attributes.json");
    for (from, to, dropped) in [
        ("\"Ada\"", deep.clone(), "first_name"),
        ("\"Ζωή & Co\"", deep, "custom:tenant"),
        ("\"Ada\"", "[".repeat(levels) + &"]".repeat(levels), "first_name"),
    ] {
        let body = golden.replace(from, &to);
        assert_ne!(body, golden);
        let event = UserConfirmed::from_envelope(&body).unwrap();
        assert_eq!(event.dropped, [dropped]);
        assert_eq!(event.data.custom_attributes["custom:plan"].as_str(), "pro");
    }
}

#[test]
fn what_is_not_stored_never_costs_a_row() {
    for (pointer, value) in [
        ("/resources", json!("none")),
        ("/detail/metadata/event_id", json!("none")),
        ("/detail/metadata/occurred_at", json!("yesterday")),
        ("/detail/metadata/trace_id", json!({ "a": "\0" })),
        ("/detail/metadata/origin", json!("elsewhere")),
    ] {
        let body = with(pointer, value);
        let event = UserConfirmed::from_envelope(&body).unwrap();
        assert_eq!(event.dropped, Vec::<String>::new(), "{pointer}");
        assert_eq!(event.metadata.occurred_at().is_none(), pointer.ends_with("occurred_at"));
    }
    let mut event: Json = serde_json::from_str(&golden("sign-up.json")).unwrap();
    event["detail"]["data"] = json!({ "cognito_sub": SUB });
    let body = event.to_string();
    let event = UserConfirmed::from_envelope(&body).unwrap();
    assert_eq!((event.data.username, event.data.user_pool_id, event.dropped), (None, None, vec![]));
}

#[test]
fn a_plain_body_is_borrowed_and_not_copied() {
    let body = golden("sign-up.json");
    let event = UserConfirmed::from_envelope(&body).unwrap();
    let inside = |text: &str| body.as_bytes().as_ptr_range().contains(&text.as_ptr());
    assert!(inside(event.data.email.as_ref().unwrap().as_str()));
    assert!(inside(&event.metadata.event_id));
    assert!(!inside(event.data.last_name.as_ref().unwrap().as_str()), "it has escapes");
}

#[test]
fn each_kind_of_bad_body_has_its_own_reason() {
    assert_eq!(reason("not json"), "malformed_envelope");
    assert_eq!(reason("{\"detail-type\":"), "malformed_envelope");
    assert_eq!(reason("[]"), "malformed_envelope");
    assert_eq!(reason("{}"), "malformed_envelope");
    assert_eq!(reason(&with("/detail-type", json!("UserDeleted"))), "wrong_detail_type");
    assert_eq!(reason(&with("/detail/metadata/version", json!(2))), "unsupported_version");
    assert_eq!(reason(&with("/detail", json!({"metadata": {"version": 9}, "shape": "new"}))), "unsupported_version");
    assert_eq!(reason(&with("/detail", json!({"metadata": {"version": 1}}))), "malformed_detail");
    assert_eq!(reason(&with("/detail/metadata", json!(null))), "malformed_detail");
    assert_eq!(reason(&with("/detail/data/cognito_sub", json!(7))), "malformed_detail");
    assert_eq!(reason(&with("/detail/data", json!({}))), "malformed_detail");
    assert_eq!(reason(&with("/detail/data/cognito_sub", json!("x"))), "invalid_field");
    assert_eq!(reason(&with("/detail/data/cognito_sub", json!(""))), "invalid_field");
}

#[test]
fn an_error_says_what_is_wrong_and_where() {
    let text = |body: &str| UserConfirmed::from_envelope(body).unwrap_err().to_string();
    assert_eq!(
        text(&with("/detail/data/cognito_sub", json!("{7d4a}"))),
        "the event's `cognito_sub` must be a UUID of 36 characters"
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
        "/detail/metadata",
        "/detail/data/cognito_sub",
        "/detail/data",
        "/detail",
        "/detail-type",
    ] {
        let body = with(pointer, json!(marker));
        let error = UserConfirmed::from_envelope(&body).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("marker"), "{pointer}: {error:?}");
    }
    let body = with("/detail/data/email", json!(marker));
    let event = UserConfirmed::from_envelope(&body).unwrap();
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
                custom_attributes: BTreeMap::from([("custom:a", name.as_str().into())]),
            };
            let sub = CognitoSub::parse(SUB).unwrap();
            let detail = Detail::new(sub, data, Origin::Reconcile, Timestamp::UNIX_EPOCH, None);
            let detail = serde_json::to_string(&detail).unwrap();
            let mut read = UserConfirmed::from_detail(&detail).unwrap();
            let expected = Text::storable(name.as_str());
            let dropped = !name.is_empty() && expected.is_none();
            prop_assert_eq!(&read.dropped, if dropped { &["first_name", "custom:a"][..] } else { &[] });
            prop_assert_eq!(read.data.custom_attributes.remove("custom:a"), expected.clone());
            prop_assert_eq!(read.data.first_name, expected);
    }
}
