use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const SUB: &str = "7d4a1f0e-2c5b-4a8e-9d61-0b3f6a9c1e22";

fn masked(value: &Value) -> String {
    body(&value.to_string(), Reveal::Nothing)
}

#[test]
fn of_our_events_only_ids_times_types_and_versions_are_seen() {
    let event = json!({
        "detail-type": "UserConfirmed", "id": SUB, "account": "111122223333",
        "detail": { "metadata": { "version": 1, "origin": "sign_up" }, "data": {
            "email": "marker@example.com", "phone_number": 49_151_000, "username": "marker", "email_verified": true,
            "cognito_sub": SUB, "last_name": null, "first_name": "", "marker": { "version": "marker" },
        }},
    });
    let shown = masked(&event);
    assert!(!shown.contains("marker") && !shown.contains("49151"), "{shown}");
    for seen in ["UserConfirmed", "\"version\":1", SUB, "111122223333", "email_verified\":true", "\"last_name\":null"] {
        assert!(shown.contains(seen), "{seen}: {shown}");
    }
    assert!(shown.contains("\"first_name\":\"‹0 characters›\""), "that it is empty is what matters: {shown}");
    assert!(shown.contains("\"‹key 1›\":{\"‹key 2›\":\"‹6 characters›\"}"), "{shown}");
    assert!(body(&event.to_string(), Reveal::Everything).contains("marker@example.com"));
}

#[test]
fn a_known_key_shows_one_word_only() {
    let event = json!({ "detail-type": "UserConfirmed", "id": "Ada Lovelace", "detail": { "data": {
        "cognito_sub": "ada@example.com", "user_pool_id": "x".repeat(257),
    }}});
    let shown = masked(&event);
    assert!(!shown.contains("Ada") && !shown.contains("ada") && !shown.contains("xxx"), "{shown}");
}

#[test]
fn foreign_bodies_show_neither_keys_nor_values() {
    let order = r#"{"iban":"DE02","account":1,"id":"a","Ada Lovelace":[{"id":"b","paid":true},-1.5e3],"version":"1"}"#;
    assert_eq!(
        body(order, Reveal::Nothing),
        r#"{"‹key 1›":"‹4 characters›","‹key 2›":"‹number›","‹key 3›":"‹1 character›","‹key 4›":[{"‹key 3›":"‹1 character›","‹key 5›":true},"‹number›"],"‹key 6›":"‹1 character›"}"#
    );
    assert_eq!(
        body(r#"["marker",{"source":"marker"}]"#, Reveal::Nothing),
        r#"["‹6 characters›",{"‹key 1›":"‹6 characters›"}]"#
    );
}

#[test]
fn a_foreign_event_shows_its_envelope() {
    let event = r#"{"version":"0","id":"marker","detail-type":"OrderPlaced","source":"shop","account":"marker","time":"2026-11-22T21:00:00Z","region":"eu-west-1","resources":["marker"],"detail":{"source":"marker","version":7}}"#;
    assert_eq!(
        body(event, Reveal::Nothing),
        r#"{"version":"0","‹key 1›":"‹6 characters›","detail-type":"OrderPlaced","source":"shop","‹key 2›":"‹6 characters›","time":"2026-11-22T21:00:00Z","region":"eu-west-1","resources":["‹6 characters›"],"detail":{"‹key 3›":"‹6 characters›","‹key 4›":"‹number›"}}"#
    );
}

#[test]
fn documents_of_services_show_why_and_not_what() {
    let arn = "arn:aws:lambda:eu-west-1:1:function:f:$LATEST";
    let record = masked(&json!({
        "requestContext": { "functionArn": arn, "condition": "RetriesExhausted", "approximateInvokeCount": 3 },
        "requestPayload": { "marker": "marker", "condition": "marker" },
        "responsePayload": { "errorMessage": "marker" },
        "requestContext/condition": "marker",
    }));
    for seen in [arn, "RetriesExhausted", "\"approximateInvokeCount\":3", "\"requestPayload\":{"] {
        assert!(record.contains(seen), "{seen}: {record}");
    }
    assert!(!record.contains("marker") && !record.contains("errorMessage"), "{record}");
    let notification = masked(&json!({
        "Type": "Notification", "TopicArn": "arn:aws:sns:eu-west-1:1:t", "Message": "marker", "Subject": "marker",
        "MessageAttributes": { "marker": { "Type": "String", "Value": "marker" } },
    }));
    assert!(
        notification.contains("arn:aws:sns:eu-west-1:1:t") && notification.contains("\"Message\":"),
        "{notification}"
    );
    assert!(!notification.contains("marker") && !notification.contains("Value"), "{notification}");
    let pipe =
        masked(&json!({ "context": { "partnerResourceArn": "arn:aws:pipes:eu-west-1:1:pipe/p", "condition": "C" } }));
    assert!(pipe.contains("arn:aws:pipes:eu-west-1:1:pipe/p") && pipe.contains("\"condition\":\"C\""), "{pipe}");
}

#[test]
fn a_body_that_is_not_an_object_shows_its_length_only() {
    for text in ["marker@example.com", "\"marker\"", "{\"marker\":", "", "49151"] {
        assert_eq!(body(text, Reveal::Nothing), format!("‹{} bytes, not a JSON object›", text.len()));
    }
}

#[test]
fn a_pretty_body_keeps_digits_and_order() {
    let text = r#"{"z":1.50,"a":[]}"#;
    assert_eq!(pretty_body(text, Reveal::Everything), "{\n  \"z\": 1.50,\n  \"a\": []\n}");
    assert_eq!(pretty_body(text, Reveal::Nothing), "{\n  \"‹key 1›\": \"‹number›\",\n  \"‹key 2›\": []\n}");
    assert_eq!(pretty_body("not\njson", Reveal::Everything), "not\njson");
}

#[test]
fn a_sample_is_one_line_and_says_that_it_was_cut() {
    assert_eq!(sample("{ \"a\":\n 1 }", Reveal::Everything, 80), r#"{"a":1}"#);
    assert_eq!(sample(r#"{"a":1}"#, Reveal::Everything, 7), r#"{"a":1}"#);
    assert_eq!(sample(r#"{"a":12}"#, Reveal::Everything, 7), r#"{"a": …"#);
    assert_eq!(sample("a\nb\u{1b}[31m", Reveal::Everything, 80), "a b [31m");
    assert_eq!(sample("not json", Reveal::Nothing, 80), "‹8 bytes, not a JSON object›");
    assert_eq!(sample("aaaa", Reveal::Everything, 0), " …");
}

#[test]
fn attributes_keep_their_names_and_only_known_values() {
    let plain: Message = serde_json::from_str(r#"{"id":"m","body":""}"#).unwrap();
    let shown = |name: &str, value: &Attribute| attribute(&plain, name, value, Reveal::Nothing);
    let text = Attribute::text("marker");
    assert_eq!(shown("customer", &text), "‹6 characters›");
    assert_eq!(shown("ERROR_MESSAGE", &text), "‹6 characters›");
    assert_eq!(shown("ErrorMessage", &text), "‹6 characters›");
    assert_eq!(shown("failure_reason", &text), "marker");
    assert_eq!(shown("failure_reason", &Attribute::text("card of ada")), "‹11 characters›");
    assert_eq!(shown("failure_detail", &Attribute::text("the name is empty")), "‹17 characters›");
    let mut ours = plain.clone();
    for name in ["failure_reason", "source_message_id"] {
        ours.attributes.insert(name.into(), Attribute::text("x"));
    }
    let detail = Attribute::text("the name is empty");
    assert_eq!(attribute(&ours, "failure_detail", &detail, Reveal::Nothing), "the name is empty");
    assert_eq!(shown("ErrorCode", &Attribute::number(200)), "‹number›", "the sender's own");
    assert_eq!(shown("RequestID", &Attribute::text("+491701234567")), "‹13 characters›", "the sender's own");
    let mut lambda = plain.clone();
    for (name, value) in [("RequestID", "r-1"), ("ErrorCode", "200"), ("ErrorMessage", "m")] {
        lambda.attributes.insert(name.into(), Attribute::text(value));
    }
    let of_lambda = |name: &str, text: &str| attribute(&lambda, name, &Attribute::text(text), Reveal::Nothing);
    assert_eq!((&*of_lambda("RequestID", "r-1"), &*of_lambda("ErrorCode", "200")), ("r-1", "200"));
    assert_eq!(of_lambda("ErrorCode", "ada@example.com"), "‹15 characters›");
    let mut rule = plain.clone();
    for (name, value) in [("RULE_ARN", "arn:aws:events:eu-west-1:1:rule/r"), ("ERROR_CODE", "NO_PERMISSIONS")] {
        rule.attributes.insert(name.into(), Attribute::text(value));
    }
    assert_eq!(
        attribute(&rule, "RULE_ARN", &rule.attributes["RULE_ARN"], Reveal::Nothing),
        "arn:aws:events:eu-west-1:1:rule/r"
    );
    assert_eq!(shown("replay_count", &Attribute::number(3)), "3");
    assert_eq!(shown("phone", &Attribute::number(49_151)), "‹number›");
    assert_eq!(attribute(&plain, "phone", &Attribute::number(49_151), Reveal::Everything), "49151");
    let picture = Attribute { data_type: "Binary".into(), value: AttributeValue::Binary(vec![0, 1, 255]) };
    assert_eq!(shown("picture", &picture), "‹3 bytes›");
    assert_eq!(attribute(&plain, "picture", &picture, Reveal::Everything), "AAH/");
}

#[test]
fn of_what_sqs_says_counts_times_and_places_are_seen() {
    let shown = |name: &str, value: &str| system(name, value, Reveal::Nothing);
    assert_eq!(shown("ApproximateReceiveCount", "3"), "3");
    assert_eq!(shown("DeadLetterQueueSourceArn", "arn:aws:sqs:eu-west-1:1:q"), "arn:aws:sqs:eu-west-1:1:q");
    for name in ["MessageGroupId", "MessageDeduplicationId", "SenderId", "AWSTraceHeader", "NewOne"] {
        assert_eq!(shown(name, "ada@example.com"), "‹15 characters›", "{name}");
    }
    assert_eq!(system("MessageGroupId", "g", Reveal::Everything), "g");
}

proptest! {
    #[test]
    fn no_text_and_no_key_of_a_foreign_body_is_seen(text in crate::rules::json_text::tests::json(), key in "[a-z]{12}", value in "[a-z]{12}") {
        let wrapped = format!(r#"{{"{key}":[{text},"{value}"],"n":{{"{value}":"{key}"}}}}"#);
        let shown = body(&wrapped, Reveal::Nothing);
        prop_assert!(!shown.contains(&key) && !shown.contains(&value), "{}", shown);
        prop_assert!(serde_json::from_str::<Value>(&shown).is_ok(), "{}", shown);
        prop_assert!(sample(&wrapped, Reveal::Everything, 40).chars().count() <= 40);
    }
}
