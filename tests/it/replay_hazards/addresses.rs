//! A2: an ARN in another Region or account is taken for the queue of that name here.

use std::sync::{Arc, Mutex};

use pipeline_tests::sqs_model::{
    ACCOUNT, At, Fault, NewMessage, OTHER_ACCOUNT, OTHER_REGION, REGION, queue_name, region,
};

use super::{DLQ, SOURCE, Scene, body, sorted};

/// Dead letters in each case.
const MESSAGES: usize = 12;

/// The queues exist under the same names elsewhere, too.
fn scene(region: &str, account: &str) -> (Scene, At) {
    let scene = Scene::new();
    let elsewhere = scene.model.at(region, account);
    elsewhere.create(SOURCE);
    elsewhere.create(DLQ);
    scene.fill(MESSAGES);
    (scene, elsewhere)
}

fn bodies(at: &At, queue: &str) -> Vec<String> {
    sorted(at.messages(queue).into_iter().map(|message| message.body))
}

fn all() -> Vec<String> {
    (0..MESSAGES).map(body).collect()
}

fn assert_arrive_elsewhere(scene: &Scene, elsewhere: &At, arguments: &[&str]) {
    let said = scene.run(arguments);
    assert!(scene.bodies(SOURCE).is_empty(), "sent to the queue of that name here: {}", said.text());
    assert_eq!((bodies(elsewhere, SOURCE), scene.bodies(DLQ), said.code), (all(), vec![], 0), "{}", said.text());
}

#[test]
fn a2_an_arn_of_another_region_is_sent_to_that_region() {
    let (scene, elsewhere) = scene(OTHER_REGION, ACCOUNT);
    assert_arrive_elsewhere(&scene, &elsewhere, &["move", DLQ, "--to", &elsewhere.arn(SOURCE), "--execute"]);
}

#[test]
fn a2_a_url_of_another_region_is_sent_to_that_region() {
    let (scene, elsewhere) = scene(OTHER_REGION, ACCOUNT);
    assert_arrive_elsewhere(&scene, &elsewhere, &["replay", DLQ, "--to", &elsewhere.url(SOURCE), "--execute"]);
}

#[test]
fn a2_an_arn_of_another_account_is_sent_to_that_account() {
    let (scene, elsewhere) = scene(REGION, OTHER_ACCOUNT);
    assert_arrive_elsewhere(&scene, &elsewhere, &["move", DLQ, "--to", &elsewhere.arn(SOURCE), "--execute"]);
}

#[test]
fn a2_a_queue_that_is_missing_there_is_not_looked_for_here() {
    let scene = Scene::new();
    scene.fill(MESSAGES);
    let elsewhere = scene.model.at(OTHER_REGION, ACCOUNT).arn(SOURCE);
    let said = scene.run(&["move", DLQ, "--to", &elsewhere, "--execute"]);
    assert_eq!((said.code, scene.bodies(DLQ), scene.bodies(SOURCE)), (1, all(), vec![]), "{}", said.text());
}

/// A dead-letter queue in another Region whose only source has a URL that does not say the Region, as with an emulator.
/// A queue of the source's name is here, too.
fn with_urls_of_an_emulator() -> (Scene, At) {
    let scene = Scene::new();
    let elsewhere = scene.model.at(OTHER_REGION, ACCOUNT);
    elsewhere.create(DLQ);
    elsewhere.with(SOURCE, |queue| queue.dead_letters = Some(DLQ.to_owned()));
    scene.model.set_endpoint("http://127.0.0.1:4566");
    for at in 0..MESSAGES {
        elsewhere.put(DLQ, super::old(NewMessage::new(body(at), &[])));
    }
    (scene, elsewhere)
}

#[test]
fn the_only_source_is_looked_for_in_the_region_of_its_dead_letter_queue() {
    let (scene, elsewhere) = with_urls_of_an_emulator();
    let said = scene.run(&["replay", &elsewhere.arn(DLQ), "--execute"]);
    let (here, there) = (scene.model.count(SOURCE), bodies(&elsewhere, SOURCE));
    assert_eq!((here, there, said.code), (0, all(), 0), "{}", said.text());
}

#[test]
fn preflight_asks_about_the_source_in_the_region_of_its_dead_letter_queue() {
    let (scene, elsewhere) = with_urls_of_an_emulator();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&asked);
    scene.model.set_faults(move |call, _| {
        if queue_name(call) == SOURCE {
            notes.lock().unwrap().push(region(call).to_owned());
        }
        Fault::None
    });
    let said = scene.run(&["preflight", &elsewhere.arn(DLQ), "--for", "replay"]);
    let asked = asked.lock().unwrap();
    assert!(!asked.is_empty() && asked.iter().all(|region| region == OTHER_REGION), "{asked:?}: {}", said.text());
}

#[test]
fn a2_a_region_that_contradicts_the_queue_is_a_usage_error() {
    let (scene, elsewhere) = scene(OTHER_REGION, ACCOUNT);
    elsewhere.put(DLQ, NewMessage::new("theirs", &[]));
    for queue in [scene.model.here().arn(DLQ), scene.model.here().url(DLQ)] {
        let archive = scene.file("archive.ndjson");
        let said = scene.run(&["purge", &queue, "--archive", &archive, "--region", OTHER_REGION, "--execute"]);
        assert_eq!((bodies(&elsewhere, DLQ), scene.bodies(DLQ)), (vec!["theirs".to_owned()], all()), "{}", said.text());
        assert_eq!(said.code, 2, "{}", said.text());
    }
}
