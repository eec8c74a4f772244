//! EventBridge and Lambda.

use serde_json::json;

use super::*;
use crate::sqs_model::{OTHER_REGION, Rule};

fn events(model: &SqsModel, operation: &str, body: &Value) -> (u16, Value) {
    reply(model, &call(REGION, &format!("AWSEvents.{operation}"), body))
}

fn put(model: &SqsModel, bus: &str, detail: &str) -> Value {
    let entry = json!({ "EventBusName": bus, "Source": "shop", "DetailType": "Order", "Detail": detail });
    events(model, "PutEvents", &json!({ "Entries": [entry] })).1
}

#[test]
fn a_bus_that_does_not_exist_takes_an_event_with_success_and_the_event_is_gone() {
    let model = SqsModel::new();
    let answer = put(&model, "nowhere", "{}");
    assert_eq!((&answer["FailedEntryCount"], answer["Entries"][0]["EventId"].is_string()), (&json!(0), true));
    assert!(model.events().is_empty());
    let (status, answer) = events(&model, "DescribeEventBus", &json!({ "Name": "nowhere" }));
    assert_eq!((status, code(&answer)), (400, "ResourceNotFoundException"));
    assert_eq!(events(&model, "DescribeEventBus", &json!({})).1["Name"], "default");
}

#[test]
fn an_event_is_delivered_when_an_enabled_rule_with_a_target_matches_it() {
    let model = SqsModel::new();
    let here = model.here();
    let orders = json!({ "source": ["shop"], "detail": { "kind": [{ "prefix": "new" }] } });
    here.add_rule("main", Rule::new("off", json!({ "source": ["shop"] })).to("arn:one").disabled());
    here.add_rule("main", Rule::new("without target", json!({ "source": ["shop"] })));
    here.add_rule("main", Rule::new("orders", orders).to("arn:two"));
    put(&model, "main", r#"{"kind":"old"}"#);
    put(&model, "main", r#"{"kind":"newest"}"#);
    let bus = "arn:aws:events:eu-west-1:123456789012:event-bus/main";
    put(&model, bus, r#"{"kind":"new"}"#);
    assert_eq!((model.events().len(), model.delivered().len()), (3, 2));
    assert_eq!(put(&model, "main", "not JSON")["Entries"][0]["ErrorCode"], "MalformedDetail");
}

#[test]
fn rules_and_targets_come_in_pages() {
    let model = SqsModel::new();
    let managed = Rule { managed_by: Some("pipes.amazonaws.com".into()), ..Rule::new("b", json!({})) };
    for rule in
        [Rule::new("a", json!({ "source": ["shop"] })).to("arn:one"), managed, Rule::new("c", json!({})).disabled()]
    {
        model.here().add_rule("main", rule);
    }
    let page = |token: Option<&Value>| {
        events(&model, "ListRules", &json!({ "EventBusName": "main", "Limit": 2, "NextToken": token })).1
    };
    let first = page(None);
    assert_eq!(
        (&first["Rules"][0]["EventPattern"], &first["Rules"][1]["ManagedBy"]),
        (&json!(r#"{"source":["shop"]}"#), &json!("pipes.amazonaws.com"))
    );
    let last = page(Some(&first["NextToken"]));
    assert_eq!((&last["Rules"][0]["State"], last["NextToken"].is_null()), (&json!("DISABLED"), true));
    let (_, targets) = events(&model, "ListTargetsByRule", &json!({ "EventBusName": "main", "Rule": "a" }));
    assert_eq!(targets["Targets"][0]["Arn"], "arn:one");
    let (status, _) = events(&model, "ListRules", &json!({ "EventBusName": "nowhere" }));
    assert_eq!(status, 400);
}

#[test]
fn a_pattern_can_be_tested_against_a_whole_event() {
    let model = SqsModel::new();
    let mut event = json!({ "id": "1", "account": "a", "source": "shop", "time": "t", "region": "r", "resources": ["x", "y"], "detail-type": "Order" });
    let test = |pattern: &Value, event: &Value| {
        let body = json!({ "EventPattern": pattern.to_string(), "Event": event.to_string() });
        events(&model, "TestEventPattern", &body)
    };
    assert_eq!(test(&json!({ "source": ["other", "shop"], "resources": ["y"] }), &event).1["Result"], true);
    assert_eq!(test(&json!({ "detail": { "kind": ["new"] } }), &event).1["Result"], false);
    event["time"].take();
    event.as_object_mut().unwrap().remove("id");
    assert_eq!(test(&json!({}), &event).0, 400, "an event has an id");
}

/// Invokes a function and returns the status.
fn invoke(model: &SqsModel, region: &str, function: &str, kind: &str, payload: &str) -> u16 {
    let mut headers = call(region, "", &Value::Null).headers;
    headers.remove("x-amz-target");
    headers.insert("x-amz-invocation-type".into(), kind.into());
    let path = format!("/2015-03-31/functions/{function}/invocations");
    let call = Call::new("POST", &path, headers, payload.as_bytes());
    assert_eq!((call.operation.as_str(), call.text.as_str()), ("Lambda.Invoke", payload));
    reply(model, &call).0
}

#[test]
fn a_function_takes_an_event_and_keeps_its_text() {
    let model = SqsModel::new();
    let here = model.here();
    here.create_function("orders");
    let arn = "arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Aorders%3Alive";
    assert_eq!(invoke(&model, REGION, "orders", "Event", r#"{ "a":1 }"#), 202);
    assert_eq!(invoke(&model, REGION, arn, "Event", "7"), 202);
    assert_eq!(invoke(&model, REGION, "orders", "DryRun", "{}"), 204);
    assert_eq!(here.invocations("orders"), [r#"{ "a":1 }"#, "7"]);
    assert_eq!(invoke(&model, REGION, "orders", "Event", "not JSON"), 400);
    assert_eq!(invoke(&model, REGION, "nowhere", "Event", "{}"), 404);
    assert_eq!(invoke(&model, OTHER_REGION, "orders", "Event", "{}"), 404);
    here.refuse_invocations("orders", Some((429, "TooManyRequestsException")));
    assert_eq!(invoke(&model, REGION, "orders", "Event", "{}"), 429);
}
