//! Each message goes back to the queue that it came from.

use pipeline_tests::sqs_model::{self, ACCOUNT, OTHER_REGION, Place};
use serde_json::json;

use super::{DLQ, SOURCE, Scene, body, dead_letter};

/// A dead-letter queue of three queues, one of them in another Region: three, two and one dead letters.
fn shared() -> Scene {
    let scene = Scene::empty();
    scene.model.create("refunds");
    scene.model.with("refunds", |queue| queue.dead_letters = Some(DLQ.to_owned()));
    scene.model.at(OTHER_REGION, ACCOUNT).create("orders");
    let sources = [orders(), orders(), orders(), refunds(), refunds(), far()];
    for (at, source) in sources.iter().enumerate() {
        scene.model.put(DLQ, dead_letter(at, &body(at), &[]).redriven_from(source));
    }
    scene
}

fn orders() -> String {
    sqs_model::arn(SOURCE)
}

fn refunds() -> String {
    sqs_model::arn("refunds")
}

/// A queue of the same name in another Region.
fn far() -> String {
    Place::new(OTHER_REGION, ACCOUNT).arn(SOURCE)
}

fn far_bodies(scene: &Scene) -> Vec<String> {
    scene.model.at(OTHER_REGION, ACCOUNT).messages(SOURCE).into_iter().map(|message| message.body).collect()
}

#[test]
fn each_message_of_a_shared_queue_goes_back_to_its_own_source() {
    let scene = shared();
    insta::assert_snapshot!("shared_dry_run", scene.said(&["replay", DLQ]));
    let (code, run) = scene.json(&["replay", DLQ, "--execute"]);
    assert_eq!(code, 0, "{run:#}");
    assert_eq!(run["counts"]["sent_to"], json!({ orders(): 3, refunds(): 2, far(): 1 }));
    assert_eq!(scene.bodies(SOURCE), [body(0), body(1), body(2)]);
    assert_eq!(scene.bodies("refunds"), [body(3), body(4)]);
    assert_eq!(far_bodies(&scene), [body(5)]);
    assert_eq!(scene.model.count(DLQ), 0);
}

#[test]
fn a_shared_queue_is_counted_for_each_source() {
    let scene = shared();
    insta::assert_snapshot!("shared_execute", scene.said(&["replay", DLQ, "--execute"]));
}

#[test]
fn to_overrides_the_source_and_says_how_many_came_from_elsewhere() {
    let scene = shared();
    let (code, dry) = scene.json(&["replay", DLQ, "--to", "refunds"]);
    assert_eq!((code, &dry["from_other_source"]), (0, &json!({ orders(): 3, far(): 1 })));
    insta::assert_snapshot!("to_overrides", scene.said(&["replay", DLQ, "--to", "refunds", "--execute"]));
    assert_eq!(scene.bodies("refunds"), (0..6).map(body).collect::<Vec<_>>());
    assert_eq!((scene.model.count(DLQ), scene.model.count(SOURCE), far_bodies(&scene).len()), (0, 0, 0));
}

#[test]
fn a_message_without_a_known_source_stays_and_the_others_go() {
    let scene = shared();
    scene.model.put(DLQ, dead_letter(6, &body(6), &[]));
    insta::assert_snapshot!("no_source_dry_run", scene.said(&["replay", DLQ, "--where", r#".body == "body 006""#]));
    let (code, run) = scene.json(&["replay", DLQ, "--execute"]);
    assert_eq!((code, &run["counts"]["refused"]), (4, &json!({ "no_source": 1 })));
    assert_eq!((scene.bodies(DLQ), run["counts"]["sent"].as_u64()), (vec![body(6)], Some(6)));
    scene.assert_released();
}

#[test]
fn the_only_source_takes_messages_about_which_sqs_says_nothing() {
    let scene = Scene::with_letters(3);
    assert_eq!(scene.run(&["replay", DLQ, "--execute"]).code, 0);
    scene.assert_each_once((0..3).map(body), &[SOURCE]);
}

#[test]
fn a_source_that_is_gone_keeps_its_messages_here() {
    let scene = Scene::with_letters(2);
    scene.model.put(DLQ, dead_letter(2, &body(2), &[]).redriven_from(&sqs_model::arn("gone")));
    let (code, dry) = scene.json(&["replay", DLQ]);
    assert_eq!((code, &dry["would_refuse"], &dry["would_send"]), (4, &json!({ "source_unusable": 1 }), &json!(2)));
    let why = dry["refusals"][0]["why"].as_str().unwrap();
    assert!(why.contains("gone") && why.contains("--to"), "the dry run knows: {why}");
    let (code, run) = scene.json(&["replay", DLQ, "--execute"]);
    assert_eq!((code, &run["counts"]["refused"]), (4, &json!({ "source_unusable": 1 })));
    let why = run["refusals"][0]["why"].as_str().unwrap();
    assert!(why.contains("gone") && why.contains("--to"), "{why}");
    assert_eq!((scene.bodies(SOURCE), scene.bodies(DLQ)), (vec![body(0), body(1)], vec![body(2)]));
}

#[test]
fn a_dead_letter_queue_that_is_its_own_only_source_is_not_shown_as_the_destination() {
    let scene = Scene::empty();
    scene.model.with(SOURCE, |queue| queue.dead_letters = None);
    scene.model.with(DLQ, |queue| queue.dead_letters = Some(DLQ.to_owned()));
    scene.model.put(DLQ, dead_letter(0, &body(0), &[]));
    let (code, dry) = scene.json(&["replay", DLQ]);
    assert_eq!((code, &dry["would_refuse"]), (4, &json!({ "no_source": 1 })));
    assert_eq!(dry["destination"], "each message's own source queue");
}

#[test]
fn a_dead_letter_queue_that_is_its_own_source_gets_nothing_back() {
    let scene = Scene::empty();
    scene.model.put(DLQ, dead_letter(0, &body(0), &[]).redriven_from(&sqs_model::arn(DLQ)));
    let (code, dry) = scene.json(&["replay", DLQ]);
    assert_eq!((code, &dry["would_refuse"], &dry["would_send"]), (4, &json!({ "source_unusable": 1 }), &json!(0)));
    let (code, run) = scene.json(&["replay", DLQ, "--execute"]);
    assert_eq!((code, &run["counts"]["refused"]), (4, &json!({ "source_unusable": 1 })));
    scene.assert_each_once([body(0)], &[DLQ]);
}
