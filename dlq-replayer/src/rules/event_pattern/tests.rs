use proptest::prelude::*;
use serde_json::json;

use super::{Match::*, *};

/// Matches `{"detail": {"f": <leaf>}}` against `{"detail": {"f": <value>}}`.
#[expect(clippy::needless_pass_by_value, reason = "`json!` makes values")]
fn leaf(tests: Value, value: Value) -> Match {
    matches(json!({ "detail": { "f": tests } }), json!({ "detail": { "f": value } }))
}

#[expect(clippy::needless_pass_by_value, reason = "`json!` makes values")]
fn matches(pattern: Value, event: Value) -> Match {
    EventPattern::parse(&pattern.to_string()).unwrap().matches(&event)
}

#[test]
fn the_rule_of_the_template_gets_our_event() {
    let rule = json!({ "source": ["rollcall"], "detail-type": ["UserConfirmed"] });
    let event = json!({ "source": "rollcall", "detail-type": "UserConfirmed", "detail": { "a": 1 } });
    assert_eq!(matches(rule.clone(), event), Yes);
    assert_eq!(matches(rule.clone(), json!({ "source": "rollcall", "detail-type": "OrderPlaced" })), No);
    assert_eq!(matches(rule, json!({ "source": "rollcall" })), No);
}

#[test]
fn exact_values_match_their_own_kind() {
    assert_eq!(leaf(json!(["a", "b"]), json!("b")), Yes);
    assert_eq!(leaf(json!(["a"]), json!("A")), No);
    assert_eq!(leaf(json!([""]), json!("")), Yes);
    assert_eq!(leaf(json!([null]), json!(null)), Yes);
    assert_eq!(leaf(json!([true]), json!(true)), Yes);
    assert_eq!(leaf(json!([true]), json!("true")), No);
    assert_eq!(leaf(json!(["1"]), json!(1)), No);
    assert_eq!(leaf(json!([300]), json!(300)), Yes);
    assert_eq!(leaf(json!([300, 301]), json!(302)), No);
    assert_eq!(leaf(json!([-5]), json!(-5)), Yes);
}

#[test]
fn numbers_that_may_be_written_differently_are_unknown() {
    let pattern = EventPattern::parse(r#"{"f":[300]}"#).unwrap();
    for event in [r#"{"f":300.0}"#, r#"{"f":3.0e2}"#] {
        assert_eq!(pattern.matches(&serde_json::from_str(event).unwrap()), Unknown);
    }
    assert_eq!(leaf(json!([1.5]), json!(1.5)), Unknown);
    assert_eq!(leaf(json!([1.5]), json!(1.25)), No);
    assert_eq!(leaf(json!([0]), json!(-0.0)), Unknown);
    assert_eq!(leaf(json!([9_007_199_254_740_993_u64]), json!(9_007_199_254_740_992_u64)), No);
    assert_eq!(leaf(json!([9_007_199_254_740_993_u64]), json!(9_007_199_254_740_992.0)), Unknown);
}

#[test]
fn one_item_of_an_array_is_enough() {
    assert_eq!(leaf(json!(["b", "x"]), json!(["a", "b"])), Yes);
    assert_eq!(leaf(json!(["x"]), json!(["a", ["b", "x"]])), Yes);
    assert_eq!(leaf(json!(["x"]), json!(["a"])), No);
    assert_eq!(leaf(json!(["x"]), json!([])), No);
    assert_eq!(leaf(json!([{ "prefix": "b" }]), json!(["a", "bc"])), Yes);
}

#[test]
fn fields_below_an_array_are_met_by_one_element() {
    let event = || {
        json!({ "employees": [
            { "first": "Anna", "last": "Smith", "tags": [{ "t": 1 }, { "t": 2 }] },
            [{ "first": "Peter", "last": "Jones" }],
            "text",
        ] })
    };
    let employees = |fields: Value| matches(json!({ "employees": fields }), event());
    assert_eq!(employees(json!({ "first": ["Anna"] })), Yes);
    assert_eq!(employees(json!({ "first": ["Peter"], "last": ["Jones"] })), Yes);
    assert_eq!(employees(json!({ "first": ["Anna"], "last": ["Jones"] })), No);
    assert_eq!(employees(json!({ "tags": { "t": [2] } })), Yes);
    assert_eq!(employees(json!({ "middle": [{ "exists": false }] })), Yes);
    assert_eq!(employees(json!({ "first": ["Anna"], "last": [{ "exists": false }] })), No);
    assert_eq!(employees(json!({ "first": ["Peter"], "tags": { "t": [{ "exists": false }] } })), Unknown);
}

#[test]
fn texts_are_compared_at_either_end() {
    assert_eq!(leaf(json!([{ "prefix": "us-" }]), json!("us-east-1")), Yes);
    assert_eq!(leaf(json!([{ "prefix": "us-" }]), json!("eu-us-")), No);
    assert_eq!(leaf(json!([{ "suffix": ".png" }]), json!("a.png")), Yes);
    assert_eq!(leaf(json!([{ "suffix": ".png" }]), json!("a.PNG")), No);
    assert_eq!(leaf(json!([{ "prefix": { "equals-ignore-case": "EventB" } }]), json!("eventbridge")), Yes);
    assert_eq!(leaf(json!([{ "suffix": { "equals-ignore-case": "tBridge" } }]), json!("EVENTBRIDGE")), Yes);
    assert_eq!(leaf(json!([{ "suffix": { "equals-ignore-case": "longer" } }]), json!("r")), No);
    assert_eq!(leaf(json!([{ "equals-ignore-case": "alice" }]), json!("ALIce")), Yes);
    assert_eq!(leaf(json!([{ "equals-ignore-case": "alice" }]), json!("bob")), No);
    assert_eq!(leaf(json!([{ "equals-ignore-case": "strasse" }]), json!("straße")), Unknown);
    assert_eq!(leaf(json!([{ "prefix": "1" }]), json!(12)), No);
}

#[test]
fn wildcards_stand_for_any_number_of_characters() {
    let wildcard = |pattern: &str, text: &str| leaf(json!([{ "wildcard": pattern }]), json!(text));
    assert_eq!(wildcard("Simple*Service", "SimpleQueueService"), Yes);
    assert_eq!(wildcard("Simple*Service", "SimpleService"), Yes);
    assert_eq!(wildcard("Simple*Service", "SimpleServices"), No);
    assert_eq!(wildcard("*/lib/*", "/usr/lib/x"), Yes);
    assert_eq!(wildcard("a*b*c", "a-b-b-c"), Yes);
    assert_eq!(wildcard("a*a", "a"), No);
    assert_eq!(wildcard("*", ""), Yes);
    assert_eq!(wildcard("plain", "plain"), Yes);
    assert_eq!(wildcard(r"a\*b\\*", r"a*b\c"), Yes);
    assert_eq!(wildcard(r"a\*b", "axb"), No);
    assert_eq!(wildcard("a**b", "ab"), Unknown);
    assert_eq!(wildcard(r"a\b", "ab"), Unknown);
}

#[test]
fn anything_but_needs_a_value_of_the_same_kind() {
    let but = |but: Value, value: Value| leaf(json!([{ "anything-but": but }]), value);
    assert_eq!(but(json!("initializing"), json!("running")), Yes);
    assert_eq!(but(json!("initializing"), json!("initializing")), No);
    assert_eq!(but(json!(["stopped", "overloaded"]), json!("overloaded")), No);
    assert_eq!(but(json!([100, 200]), json!(150)), Yes);
    assert_eq!(but(json!([100, 200]), json!(200)), No);
    assert_eq!(but(json!(123), json!(123)), No);
    assert_eq!(but(json!({ "prefix": "us-" }), json!("eu-west-1")), Yes);
    assert_eq!(but(json!({ "prefix": ["us-", "eu-"] }), json!("eu-west-1")), No);
    assert_eq!(but(json!({ "suffix": ".png" }), json!("a.png")), No);
    assert_eq!(but(json!({ "wildcard": "*/lib/*" }), json!("/usr/lib/x")), No);
    assert_eq!(but(json!({ "equals-ignore-case": ["Init", "x"] }), json!("INIT")), No);
    assert_eq!(but(json!({ "equals-ignore-case": "init" }), json!("other")), Yes);
    assert_eq!(but(json!("x"), json!(5)), Unknown);
    assert_eq!(but(json!("x"), json!(["x", "y"])), Unknown, "one item is, and one is not");
    assert_eq!(but(json!("x"), json!(["y", "z"])), Yes);
    assert_eq!(but(json!(["x", 1]), json!("y")), Unknown, "a mixed list is not documented");
    assert_eq!(but(json!(null), json!("y")), Unknown);
    assert_eq!(matches(json!({ "f": [{ "anything-but": "x" }] }), json!({})), No, "a field must be there");
}

#[test]
fn numbers_are_compared_within_the_documented_precision() {
    let numeric = |operands: Value, value: Value| leaf(json!([{ "numeric": operands }]), value);
    assert_eq!(numeric(json!([">", 0, "<=", 5]), json!(5)), Yes);
    assert_eq!(numeric(json!([">", 0, "<=", 5]), json!(0)), No);
    assert_eq!(numeric(json!([">", 0, "<", 5]), json!(5)), No);
    assert_eq!(numeric(json!([">=", 0.5]), json!(0.5)), Yes);
    assert_eq!(numeric(json!(["=", 3.018e2]), json!(301.8)), Yes);
    assert_eq!(numeric(json!(["=", 0]), json!(-0.0)), Yes);
    assert_eq!(numeric(json!(["<", 10]), json!("5")), No);
    assert_eq!(numeric(json!(["=", 1]), json!(1.000_000_1)), Unknown);
    assert_eq!(numeric(json!([">", 0]), json!(2.0e9)), Unknown);
    for odd in [json!([]), json!(["<"]), json!(["!=", 5]), json!([5, "<"]), json!("x")] {
        assert_eq!(numeric(odd, json!(5)), Unknown);
    }
}

#[test]
fn exists_is_about_leaves() {
    let exists = |wanted: bool, event: Value| matches(json!({ "d": { "f": [{ "exists": wanted }] } }), event);
    assert_eq!(exists(true, json!({ "d": { "f": null } })), Yes);
    assert_eq!(exists(true, json!({ "d": { "f": ["a"] } })), Yes);
    assert_eq!(exists(false, json!({ "d": { "f": 1 } })), No);
    for event in [json!({}), json!({ "d": {} }), json!({ "d": 5 }), json!({ "d": { "f": { "g": 1 } } })] {
        assert_eq!(exists(true, event.clone()), No, "{event}");
        assert_eq!(exists(false, event.clone()), Yes, "{event}");
    }
    for event in [json!({ "d": { "f": [] } }), json!({ "d": { "f": {} } }), json!({ "d": { "f": [{ "g": 1 }] } })] {
        assert_eq!(exists(true, event.clone()), Unknown, "{event}");
        assert_eq!(exists(false, event.clone()), Unknown, "{event}");
    }
    assert_eq!(matches(json!({ "f": ["x", { "exists": false }] }), json!({})), Yes);
}

#[test]
fn addresses_are_in_a_block() {
    let cidr = |block: &str, address: &str| leaf(json!([{ "cidr": block }]), json!(address));
    assert_eq!(cidr("10.0.0.0/24", "10.0.0.255"), Yes);
    assert_eq!(cidr("10.0.0.7/24", "10.0.0.1"), Yes);
    assert_eq!(cidr("10.0.0.0/24", "10.0.1.0"), No);
    assert_eq!(cidr("0.0.0.0/0", "255.1.2.3"), Yes);
    assert_eq!(cidr("10.0.0.1/32", "10.0.0.1"), Yes);
    assert_eq!(cidr("10.0.0.0/24", "host"), No);
    assert_eq!(cidr("10.0.0.0/24", "::ffff:10.0.0.1"), Unknown);
    for odd in ["2001:db8::/32", "10.0.0.0/33", "10.0.0.0", "x/8"] {
        assert_eq!(cidr(odd, "10.0.0.1"), Unknown, "{odd}");
    }
}

#[test]
fn one_alternative_is_enough() {
    let pattern = || {
        json!({
            "source": ["aws.cloudwatch"],
            "$or": [
                { "metricType": ["T"], "$or": [{ "metricId": [1] }, { "spaceId": [2] }] },
                { "detail": { "$or": [{ "a": [1] }, { "b": [{ "exists": false }] }] } },
            ],
        })
    };
    let event = |fields: Value| {
        let mut event = json!({ "source": "aws.cloudwatch", "detail": { "b": 1 } });
        event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        event
    };
    assert_eq!(matches(pattern(), event(json!({ "metricType": "T", "spaceId": 2 }))), Yes);
    assert_eq!(matches(pattern(), event(json!({ "metricType": "T" }))), No);
    assert_eq!(matches(pattern(), event(json!({ "detail": { "a": 1, "b": 1 } }))), Yes);
    assert_eq!(matches(pattern(), event(json!({ "detail": {} }))), Yes);
    assert_eq!(matches(pattern(), event(json!({ "source": "other", "metricType": "T", "spaceId": 2 }))), No);
}

#[test]
fn an_or_that_may_be_a_plain_field_is_unknown() {
    for or in
        [json!([{ "a": [1] }]), json!([{ "numeric": 123 }, { "prefix": "abc" }]), json!({ "a": [1] }), json!(["a"])]
    {
        assert_eq!(matches(json!({ "$or": or.clone() }), json!({})), Unknown, "{or}");
        assert_eq!(matches(json!({ "$or": or, "source": ["x"] }), json!({})), No);
    }
}

#[test]
fn two_mentions_of_one_array_are_unknown() {
    let pattern = json!({ "a": { "x": [1] }, "$or": [{ "a": { "y": [2] } }, { "b": [1] }] });
    assert_eq!(matches(pattern.clone(), json!({ "a": [{ "x": 1 }, { "y": 2 }] })), Unknown);
    assert_eq!(matches(pattern.clone(), json!({ "a": { "x": 1, "y": 2 } })), Yes);
    assert_eq!(matches(pattern, json!({ "a": [{ "x": 3 }, { "y": 2 }] })), No);
}

#[test]
fn an_unknown_operator_matters_only_where_it_decides() {
    let unknown = json!({ "sounds-like": "Ada" });
    assert_eq!(leaf(json!([unknown]), json!("Ada")), Unknown);
    assert_eq!(leaf(json!([unknown, "Ada"]), json!("Ada")), Yes);
    assert_eq!(matches(json!({ "f": [unknown] }), json!({})), Unknown, "it may be about absence");
    assert_eq!(matches(json!({ "f": [unknown], "g": ["x"] }), json!({ "f": 1, "g": "y" })), No);
    assert_eq!(leaf(json!([{ "prefix": "a", "suffix": "b" }]), json!("ab")), Unknown);
    assert_eq!(leaf(json!([["a"]]), json!("a")), Unknown);
}

#[test]
fn a_text_that_is_not_a_pattern_says_where() {
    let fault = |text: &str| EventPattern::parse(text).unwrap_err().to_string();
    assert_eq!(fault("{"), "the event pattern is not JSON at line 1, column 1");
    assert_eq!(fault("[]"), "the event pattern is not an object");
    for text in [r#"{"detail":{"a":"x"}}"#, r#"{"detail":{"a":[]}}"#, r#"{"detail":{"a":{}}}"#] {
        assert_eq!(fault(text), "`detail.a` in the event pattern is neither an object nor a list of values");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just("f".to_owned()),
        Just("$or".to_owned()),
        Just("anything-but".to_owned()),
        Just("prefix".to_owned()),
        Just("numeric".to_owned()),
        Just("wildcard".to_owned()),
        any::<String>(),
    ];
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    scalar.prop_recursive(5, 40, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(text.clone(), inner, 0..4).prop_map(Value::from_iter),
        ]
    })
}

proptest! {
    #[test]
    fn any_pattern_and_event_have_an_answer(pattern in any_json(), event in any_json()) {
        if let Ok(pattern) = EventPattern::parse(&pattern.to_string()) {
            pattern.matches(&event);
        }
    }

    #[test]
    fn a_wildcard_matches_what_it_was_made_from(parts in prop::collection::vec("[ab*\\\\é]{1,3}", 1..4), filling in "[ab]{0,3}") {
        let escaped: Vec<_> = parts.iter().map(|part| part.replace('\\', "\\\\").replace('*', "\\*")).collect();
        prop_assert_eq!(leaf(json!([{ "wildcard": escaped.join("*") }]), json!(parts.join(&filling))), Yes);
    }
}
