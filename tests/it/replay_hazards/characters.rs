//! Characters that SQS rejects: written as JSON's escapes where that is possible, and otherwise named before anything is sent.

use pipeline_tests::sqs_model::{NewMessage, Rule, Stored, arn};
use serde_json::{Value, json};

use super::{DLQ, SOURCE, Scene, old};

/// A body of which SQS takes every character.
const ESCAPED: &str = r#"{"name":"a\ufffeb","note":"\\\uFFFF"}"#;

fn scene(body: &str) -> (Scene, String) {
    let scene = Scene::new();
    let id = scene.model.put(DLQ, old(NewMessage::new(body, &[])));
    (scene, id)
}

/// A file of one message.
fn file(scene: &Scene, message: &Value) -> String {
    let file = scene.file("messages.ndjson");
    std::fs::write(&file, message.to_string() + "\n").unwrap();
    file
}

fn assert_arrived(scene: &Scene, code: i32, said: &str, expected: &str) {
    let there = scene.bodies(SOURCE);
    assert_eq!((code, &there[..]), (0, &[expected.to_owned()][..]), "{said}");
    assert!(!there[0].contains(['\u{fffe}', '\u{ffff}']), "{said}");
}

#[test]
fn an_edit_of_a_body_with_such_characters_arrives_with_their_escapes() {
    let (scene, _) = scene(ESCAPED);
    let said = scene.run(&["replay", DLQ, "--edit", ".fixed = true", "--execute"]);
    assert_arrived(&scene, said.code, &said.text(), r#"{"name":"a\ufffeb","note":"\\\uffff","fixed":true}"#);
    assert_eq!(scene.model.count(DLQ), 0);
}

#[test]
fn an_edit_that_makes_such_a_character_arrives_with_its_escape() {
    let (scene, _) = scene("{}");
    let said = scene.run(&["replay", DLQ, "--edit", r#".name = "\uffff""#, "--execute"]);
    assert_arrived(&scene, said.code, &said.text(), r#"{"name":"\uffff"}"#);
}

#[test]
fn a_repaired_json_body_with_such_a_character_arrives_with_its_escape() {
    let (scene, id) = scene("broken");
    let file = file(&scene, &json!({ "id": id, "body": "{\"name\":\"\u{fffe}\"}" }));
    let said = scene.run(&["replay", DLQ, "--from", &file, "--execute"]);
    assert_arrived(&scene, said.code, &said.text(), r#"{"name":"\ufffe"}"#);
}

#[test]
fn an_imported_json_body_with_such_a_character_arrives_with_its_escape() {
    let scene = Scene::new();
    let file = file(&scene, &json!({ "id": "a", "body": "{\"name\":\"\u{fffe}\"}" }));
    let said = scene.run(&["import", SOURCE, &file, "--execute"]);
    assert_arrived(&scene, said.code, &said.text(), r#"{"name":"\ufffe"}"#);
}

#[test]
fn an_event_with_such_characters_is_put_on_a_bus_with_their_escapes() {
    let event = |source: &str, detail: &str| {
        format!(r#"{{"source":"{source}","detail-type":"UserConfirmed","detail":{detail}}}"#)
    };
    let ours = r#"{"metadata":{"version":1},"data":{"first_name":"\ufffe"}}"#;
    for (source, detail, edit) in
        [("rollcall", ours, &[][..]), ("shop", r#"{"name":"\ufffe"}"#, &["--edit", ".detail.more = true"])]
    {
        let (scene, _) = scene(&event(source, detail));
        let rule = Rule::new("all", json!({ "source": [source] })).to(&arn(SOURCE));
        scene.model.here().add_rule("main", rule);
        let command = ["replay", DLQ, "--to-bus", "main", "--contract", "none", "--execute"];
        let said = scene.run(&[&command[..], edit].concat());
        let events = scene.model.events();
        let detail = events[0]["Detail"].as_str().unwrap();
        assert!(
            said.code == 0 && detail.contains(r"\ufffe") && !detail.contains('\u{fffe}'),
            "{detail}: {}",
            said.text()
        );
    }
}

#[test]
fn an_event_with_such_a_character_outside_of_its_detail_is_refused_with_its_name_and_stays() {
    let event = |source: &str, detail_type: &str, resource: &str| {
        format!(
            r#"{{"source":"{source}","detail-type":"{detail_type}","resources":["{resource}"],"detail":{{"a":1}}}}"#
        )
    };
    for (event, field) in [
        (event(r"shop\ufffe", "Made", "arn:x"), "`source`"),
        (event("shop", r"Made \ufffe", "arn:x"), "`detail-type`"),
        (event("shop", "Made", r"arn:\uffff"), "`resources`"),
    ] {
        let (scene, _) = scene(&event);
        let rule = Rule::new("all", json!({ "source": [{ "prefix": "shop" }] })).to(&arn(SOURCE));
        scene.model.here().add_rule("main", rule);
        let said = scene.run(&["replay", DLQ, "--to-bus", "main", "--execute"]);
        assert_eq!((said.code, scene.model.count(DLQ), scene.model.events().len()), (4, 1, 0), "{}", said.text());
        assert!(said.out.contains("invalid_character") && said.out.contains(field), "{}", said.text());
    }
    let (scene, _) = scene(&event("shop", r"Made \u0001", "arn:x"));
    scene.model.here().add_rule("main", Rule::new("all", json!({ "source": ["shop"] })).to(&arn(SOURCE)));
    let said = scene.run(&["replay", DLQ, "--to-bus", "main", "--execute"]);
    assert_eq!((said.code, scene.model.events().len()), (0, 1), "JSON always escapes this one: {}", said.text());
}

#[test]
fn a_body_that_is_not_json_is_refused_with_the_name_of_the_character_and_stays() {
    for (character, name) in [('\u{fffe}', "U+FFFE"), ('\0', "U+0000"), ('\u{1b}', "U+001B")] {
        let (scene, id) = scene("broken");
        let file = file(&scene, &json!({ "id": id, "body": format!("repaired {character}") }));
        for (execute, refused) in [(&[][..], "/would_refuse"), (&["--execute"], "/counts/refused")] {
            let said = scene.run(&[&["replay", DLQ, "--from", &file, "--json"], execute].concat());
            let report: Value = serde_json::from_str(said.out.trim()).unwrap();
            assert_eq!(
                (said.code, report.pointer(refused)),
                (4, Some(&json!({ "invalid_character": 1 }))),
                "{report:#}"
            );
            assert!(report["refusals"][0]["why"].as_str().unwrap().contains(name), "{report:#}");
        }
        assert_eq!((scene.bodies(DLQ), scene.model.count(SOURCE)), (vec!["broken".to_owned()], 0));
        assert!(scene.model.messages(DLQ).iter().all(Stored::is_visible));
        assert!(!scene.model.calls().iter().any(|call| call == "SendMessageBatch"), "nothing is sent that SQS rejects");
    }
}

#[test]
fn an_attribute_with_such_a_character_is_refused_with_both_names() {
    let scene = Scene::new();
    let attributes = json!({ "tenant": { "type": "String", "string": "a\u{1}" } });
    let file = file(&scene, &json!({ "id": "a", "body": "b", "attributes": attributes }));
    let said = scene.run(&["import", SOURCE, &file, "--execute"]);
    let names = said.out.contains("U+0001") && said.out.contains("`tenant`");
    assert!((said.code, scene.model.count(SOURCE)) == (4, 0) && names, "{}", said.text());
}

#[test]
fn an_archive_takes_whatever_the_queue_has() {
    // An emulator may take what SQS rejects.
    let (scene, _) = scene("not JSON: \u{fffe}");
    let archive = scene.file("archive.ndjson");
    let said = scene.run(&["purge", DLQ, "--archive", &archive, "--execute"]);
    assert_eq!((said.code, scene.model.count(DLQ)), (0, 0), "{}", said.text());
    assert!(std::fs::read_to_string(&archive).unwrap().contains('\u{fffe}'));
}
