//! A3: a bus that does not exist takes everything, and so does one without a rule that matches.

use dlq_replayer::sqs::{bus::Bus, clients::Clients};
use pipeline_tests::{
    scripted_http::{Answer, ScriptedHttp},
    sqs_model::{NewMessage, Rule},
};
use serde_json::json;

use super::{DLQ, Scene, old};

const BUS: &str = "main";
const TARGET: &str = "arn:aws:sqs:eu-west-1:123456789012:orders";

/// Three events that a rule could not deliver, as EventBridge sends them to a target's dead-letter queue.
fn scene() -> Scene {
    let scene = Scene::new();
    for at in 0..3 {
        let event = json!({
            "version": "0", "id": format!("00000000-0000-4000-8000-00000000000{at}"), "account": "123456789012",
            "time": "2026-11-22T21:00:00Z", "region": "eu-west-1", "resources": [],
            "source": "shop", "detail-type": "Order", "detail": { "number": at },
        });
        let own = [
            ("ERROR_CODE", "NO_PERMISSIONS"),
            ("ERROR_MESSAGE", "no permission"),
            ("RULE_ARN", "arn:aws:events:eu-west-1:123456789012:rule/main/orders"),
            ("TARGET_ARN", TARGET),
        ];
        scene.model.put(DLQ, old(NewMessage::new(event.to_string(), &own)));
    }
    scene
}

fn replay(scene: &Scene, more: &[&str]) -> (i32, usize, String) {
    let said = scene.run(&[&["replay", DLQ, "--to-bus", BUS, "--drop-attributes", "--execute"], more].concat());
    (said.code, scene.model.count(DLQ), said.text())
}

/// Rules that do not deliver the events: a disabled one, one for another source, and one without a target.
fn add_rules_that_do_not_match(scene: &Scene) {
    let here = scene.model.here();
    here.add_rule(BUS, Rule::new("off", json!({ "source": ["shop"] })).to(TARGET).disabled());
    here.add_rule(BUS, Rule::new("others", json!({ "source": ["other"] })).to(TARGET));
    here.add_rule(BUS, Rule::new("without-target", json!({ "source": ["shop"] })));
}

#[tokio::test]
async fn another_bus_than_the_one_that_an_arn_names_is_an_error() {
    let asked = "arn:aws:events:eu-west-1:123456789012:event-bus/main";
    for (found, is_taken) in [(asked, true), ("arn:aws:events:eu-west-1:000000000000:event-bus/main", false)] {
        let http = ScriptedHttp::forgetful(move |_| Answer::Reply(200, json!({ "Name": "main", "Arn": found })));
        let bus = Bus::find(&Clients::new(http.sdk_config()), asked).await;
        assert_eq!(bus.map(|bus| bus.arn).is_ok(), is_taken, "{found}");
    }
}

#[test]
fn a3_a_bus_that_does_not_exist_is_an_error() {
    let scene = scene();
    let (code, left, said) = replay(&scene, &[]);
    assert_eq!((left, code), (3, 1), "{said}");
}

#[test]
fn a3_a_bus_without_an_enabled_rule_that_matches_is_refused() {
    let scene = scene();
    add_rules_that_do_not_match(&scene);
    let (code, left, said) = replay(&scene, &[]);
    assert_eq!((left, code, scene.model.events().len()), (3, 4, 0), "{said}");
}

#[test]
fn a3_unmatched_events_are_sent_when_the_operator_allows_it() {
    let scene = scene();
    add_rules_that_do_not_match(&scene);
    let (code, left, said) = replay(&scene, &["--allow-unmatched"]);
    assert_eq!((left, code, scene.model.events().len(), scene.model.delivered().len()), (0, 0, 3, 0), "{said}");
}

#[test]
fn a3_events_that_a_rule_matches_are_delivered_and_its_own_attributes_do_not_block_them() {
    let scene = scene();
    let orders = json!({ "source": ["shop"], "detail-type": ["Order"] });
    scene.model.here().add_rule(BUS, Rule::new("orders", orders).to(TARGET));
    let said = scene.run(&["replay", DLQ, "--to-bus", BUS, "--execute"]);
    assert_eq!((scene.model.count(DLQ), said.code, scene.model.delivered().len()), (0, 0, 3), "{}", said.text());
}
