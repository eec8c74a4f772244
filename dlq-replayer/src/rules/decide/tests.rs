use serde_json::json;

use super::*;
use crate::rules::event_pattern::EventPattern;

const SUB: &str = "7d4a1f0e-2c5b-4a8e-9d61-0b3f6a9c1e22";

fn message(version: u32, replays: u32) -> Message {
    let body = json!({
        "detail-type": "UserConfirmed",
        "source": "rollcall",
        "detail": {
            "metadata": { "version": version, "event_id": SUB, "occurred_at": "2026-11-22T21:00:00.000Z", "origin": "sign_up" },
            "data": { "cognito_sub": SUB, "username": "u", "user_pool_id": "p_1" },
        },
    });
    let mut message: Message = serde_json::from_value(json!({ "id": "m", "body": body.to_string() })).unwrap();
    if replays > 0 {
        message.attributes.insert(REPLAY_COUNT.into(), Attribute::number(replays));
    }
    message
}

fn replay() -> Replay {
    Replay {
        edit: None,
        contract: Contract::Auto,
        max_replays: MAX_REPLAYS,
        quarantine: false,
        carrier: Carrier::Queue,
    }
}

fn decided(message: Message, replay: Replay) -> Result<Outgoing, Refusal> {
    decide(message, None, &Treatment::Replay(Box::new(replay)), |_| Ends::Queue).map(|(_, outgoing)| *outgoing)
}

#[test]
fn a_body_that_the_contract_rejects_is_sent_only_when_it_is_fixed_or_not_validated() {
    let refused = decided(message(9, 0), replay()).err();
    assert_eq!(refused, Some(Refusal::WouldFail("unsupported_version")));
    assert!(decided(message(9, 0), Replay { contract: Contract::None, ..replay() }).is_ok());
    let edit = Some(Jq::compile(".detail.metadata.version = 1").unwrap());
    let fixed = decided(message(9, 0), Replay { edit, ..replay() }).ok().unwrap();
    assert!(fixed.message.body.contains(r#""version":1"#));
    assert_eq!(fixed.message.attributes[REPLAY_COUNT], Attribute::number(1));
    assert!(fixed.deduplication.starts_with("m.1."), "{}", fixed.deduplication);
}

#[test]
fn a_repaired_body_takes_the_place_of_the_one_in_the_queue() {
    let treatment = Treatment::Replay(Box::new(replay()));
    let body = message(1, 0).body;
    let (route, outgoing) = decide(message(9, 0), Some(body.clone()), &treatment, |_| Ends::Queue).ok().unwrap();
    assert!(route == Route::Destination && outgoing.message.body == body);
}

#[test]
fn bodies_of_other_senders_are_validated_only_when_asked() {
    let other = || Message { body: "whatever".into(), ..message(1, 0) };
    assert!(decided(other(), replay()).is_ok());
    let refused = decided(other(), Replay { contract: Contract::Rollcall, ..replay() }).err();
    assert_eq!(refused, Some(Refusal::WouldFail("malformed_envelope")));
}

#[test]
fn the_loop_guard_counts_and_then_refuses_or_puts_in_quarantine() {
    assert!(decided(message(1, MAX_REPLAYS - 1), replay()).is_ok());
    let refused = decided(message(1, MAX_REPLAYS), replay()).err();
    assert_eq!(refused, Some(Refusal::ReplayedTooOften(MAX_REPLAYS)));
    let quarantine = Treatment::Replay(Box::new(Replay { quarantine: true, ..replay() }));
    let decided_route = decide(message(1, MAX_REPLAYS), None, &quarantine, |_| Ends::Queue).map(|(route, _)| route);
    assert_eq!(decided_route, Ok(Route::Quarantine));
    let mut odd = message(1, 0);
    odd.attributes.insert(REPLAY_COUNT.into(), Attribute::text("many"));
    assert_eq!(decided(odd, replay()).err(), Some(Refusal::UnknownReplays));
}

#[test]
fn the_reason_of_an_earlier_failure_stays_behind_and_own_attributes_go_along() {
    let mut failed = message(1, 0);
    for name in ["failure_reason", "source_message_id", "failed_at", "own"] {
        failed.attributes.insert(name.into(), Attribute::text("x"));
    }
    let sent = decided(failed, replay()).ok().unwrap();
    assert_eq!(sent.message.attributes.keys().collect::<Vec<_>>(), ["own", REPLAY_COUNT]);
}

#[test]
fn own_attributes_never_make_room() {
    let mut full = message(1, 0);
    (0..10).for_each(|at| drop(full.attributes.insert(format!("own_{at}"), Attribute::text("v"))));
    assert_eq!(decided(full, replay()).err(), Some(Refusal::NoRoom));
}

#[test]
fn a_bus_gets_only_what_a_rule_matches_and_no_attribute_is_lost_unasked() {
    let rules = |pattern: &str| {
        vec![BusRule { label: "r".into(), text: pattern.into(), pattern: EventPattern::parse(pattern).unwrap() }]
    };
    let bus = |rules: Vec<BusRule>, drop_attributes| {
        let place = BusPlace { account: "1".into(), region: "eu-west-1".into(), now: jiff::Timestamp::UNIX_EPOCH };
        let allow_unmatched = rules.is_empty();
        Replay { carrier: Carrier::Bus { drop_attributes, bus: place, rules, allow_unmatched }, ..replay() }
    };
    let ours = r#"{"source":["rollcall"]}"#;
    assert!(decided(message(1, 0), bus(rules(ours), false)).is_ok());
    let other = decided(message(1, 0), bus(rules(r#"{"source":["other"]}"#), false)).err();
    assert_eq!(other, Some(Refusal::NoRuleMatches));
    assert!(decided(message(1, 0), bus(Vec::new(), false)).is_ok(), "agreed");
    let mut own = message(1, 0);
    own.attributes.insert("own".into(), Attribute::text("x"));
    assert_eq!(decided(own.clone(), bus(rules(ours), false)).err(), Some(Refusal::AttributesWouldBeLost));
    assert!(decided(own, bus(rules(ours), true)).is_ok());
    let mut undelivered = message(1, 0);
    for name in ["ERROR_CODE", "RULE_ARN", "TARGET_ARN"] {
        undelivered.attributes.insert(name.into(), Attribute::text("arn:aws:events:eu-west-1:1:rule/r"));
    }
    assert!(decided(undelivered, bus(rules(ours), false)).is_ok(), "EventBridge's attributes are not the message's");
}

#[test]
fn a_function_gets_json_only() {
    let function = || Replay { carrier: Carrier::Function { drop_attributes: false }, ..replay() };
    assert!(decided(message(1, 0), function()).is_ok());
    let text = Message { body: "not json".into(), ..message(1, 0) };
    assert_eq!(decided(text, function()).err(), Some(Refusal::NotJson));
}

#[test]
fn a_fifo_queue_needs_a_group() {
    let treatment = Treatment::Move;
    assert_eq!(decide(message(1, 0), None, &treatment, |_| Ends::FifoQueue).err(), Some(Refusal::NoGroup));
    let mut grouped = message(1, 0);
    grouped.system.insert("MessageGroupId".into(), "g".into());
    assert!(decide(grouped, None, &treatment, |_| Ends::FifoQueue).is_ok());
}
