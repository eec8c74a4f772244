//! Runs beside this one: one that was killed and still holds messages, and one that is working.

use pipeline_tests::sqs_model::{Fault, ModelQueue, operation};

use super::{DLQ, PATIENCE, SOURCE, Scene, body, terminal::OnATerminal, until};

/// Messages in the dead-letter queue.
const MESSAGES: usize = 40;

/// A scene with a run that holds all messages, and the run's process.
fn with_a_run() -> (Scene, std::process::Child) {
    let scene = Scene::with_letters(MESSAGES);
    scene.model.set_faults(|call, _| match operation(call) {
        "SendMessageBatch" => Fault::RequestHangs,
        _ => Fault::None,
    });
    let run = scene.spawn(&["replay", DLQ, "--execute", "--visibility", "600"]);
    until(|| scene.model.messages(DLQ).iter().all(|message| !message.is_visible()));
    (scene, run)
}

/// The name of the only run.
fn name(scene: &Scene) -> String {
    let history = scene.json(&["history"]).1;
    history["runs"][0]["run"].as_str().unwrap().to_owned()
}

fn kill(mut run: std::process::Child) {
    run.kill().unwrap();
    run.wait().unwrap();
}

#[test]
fn the_run_after_a_killed_one_says_what_it_waits_for_and_until_when() {
    let (scene, run) = with_a_run();
    kill(run);
    let killed = name(&scene);
    scene.model.set_faults(|_, _| Fault::None);
    let next = OnATerminal::start(&scene, &["replay", DLQ, "--execute", "--visibility", "5"]);
    next.terminal.shows(&format!("waiting for {MESSAGES} messages until "));
    // The visibility timeout of the killed run, and a second for its messages to come; some of it may have passed.
    next.terminal.shows(" UTC, at most ");
    next.terminal.shows(&format!(": the run {killed} was killed or failed, and may still hold them"));
    let text = next.terminal.text();
    assert!(text.contains("at most 10 min") || text.contains("at most 9 min "), "{text}");
    let left = scene.model.count(SOURCE);
    scene.model.with(DLQ, ModelQueue::let_visibility_run_out);
    let terminal = next.terminal.clone();
    let (code, out) = next.end();
    // What the killed run had under way when it ended may have arrived, so the number of messages is what it was or more.
    assert_eq!((left, code), (0, Some(0)), "{out}");
    assert_eq!(terminal.text().matches("waiting for").count(), 1, "{}", terminal.text());
    scene.assert_each_once((0..MESSAGES).map(body), &[SOURCE, DLQ]);
}

#[test]
fn a_run_that_ended_in_order_is_not_waited_for() {
    let scene = Scene::with_letters(MESSAGES);
    assert_eq!(scene.run(&["replay", DLQ, "--execute", "-n", "5"]).code, 0);
    // Another program has taken the rest.
    scene.fault("ReceiveMessage", DLQ, |_| Fault::Empty);
    let began = std::time::Instant::now();
    let said = scene.run(&["replay", DLQ, "--execute"]);
    assert!(said.code == 4 && !said.text().contains("waiting for"), "{}", said.text());
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
}

#[test]
fn commands_that_only_look_name_the_run_that_is_working_and_what_is_in_flight() {
    let (scene, run) = with_a_run();
    let live = name(&scene);
    let file = scene.file("a.ndjson");
    let pull = ["pull", DLQ, &file];
    let said: Vec<_> = [
        &["triage", DLQ][..],
        &["list", DLQ],
        &["show", DLQ, "x"],
        &["watch", DLQ, "--count", "1"],
        &pull,
        &["replay", DLQ],
    ]
    .map(|command| (command, scene.run(command)))
    .into();
    kill(run);
    for (command, said) in said {
        let note = format!("note: the run {live} is working on this queue");
        assert!(said.err.contains(&note), "{command:?}: {}", said.text());
        if let "triage" | "list" | "show" = command[0] {
            assert!(said.text().contains(&format!("0 visible, {MESSAGES} in flight")), "{command:?}: {}", said.text());
            assert_eq!(said.code, 4, "{command:?}: {}", said.text());
        }
    }
    let said = scene.run(&["triage", DLQ]);
    assert!(!said.text().contains("is working"), "it was killed: {}", said.text());
}
