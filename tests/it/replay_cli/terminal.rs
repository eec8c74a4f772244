//! What is shown on a terminal and asked at one: progress, Ctrl-C, questions.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use pipeline_tests::sqs_model::{self, Fault, Rule, operation};
use rustix::process::{Pid, Signal, kill_process};

use super::{DLQ, PATIENCE, SOURCE, Scene, dead_letter};
use crate::replay_operator::Terminal;

/// A command with a terminal for its input and its errors. It does not outlive its test.
pub(super) struct OnATerminal {
    child: Child,
    pub(super) terminal: Terminal,
}

impl OnATerminal {
    pub(super) fn start(scene: &Scene, arguments: &[&str]) -> Self {
        Self::start_command(scene.replayer.command(arguments).unwrap())
    }

    pub(super) fn start_command(mut command: Command) -> Self {
        let (terminal, end) = Terminal::open();
        command.env("TERM", "xterm").stdin(end.try_clone().unwrap()).stderr(end).stdout(Stdio::piped());
        Self { child: command.spawn().unwrap(), terminal }
    }

    pub(super) fn interrupt(&self) {
        kill_process(Pid::from_raw(self.child.id().cast_signed()).unwrap(), Signal::INT).unwrap();
    }

    /// Waits for its end; its exit code and its results.
    pub(super) fn end(mut self) -> (Option<i32>, String) {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not end: {}", self.terminal.text());
            std::thread::sleep(Duration::from_millis(5));
        };
        let out = std::io::read_to_string(self.child.stdout.take().unwrap()).unwrap();
        (status.code(), out)
    }
}

impl Drop for OnATerminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Forty dead letters, of which only the first ten are received until the flag is false.
fn held_up() -> (Scene, Arc<AtomicBool>) {
    let scene = Scene::with_letters(40);
    let (held, receives) = (Arc::new(AtomicBool::new(true)), AtomicUsize::new(0));
    let holds = Arc::clone(&held);
    scene.model.set_faults(move |call, _| {
        if operation(call) == "ReceiveMessage" && receives.fetch_add(1, Ordering::SeqCst) > 0 {
            let deadline = Instant::now() + PATIENCE;
            while holds.load(Ordering::SeqCst) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        Fault::None
    });
    (scene, held)
}

#[test]
fn a_scan_shows_how_far_it_is_and_says_what_ctrl_c_does() {
    for command in [&["triage", DLQ][..], &["list", DLQ], &["show", DLQ, "x"], &["replay", DLQ]] {
        let (scene, held) = held_up();
        let scan = OnATerminal::start(&scene, &[command, &["--concurrency", "1"]].concat());
        scan.terminal.shows("10 of about 40 scanned, ");
        scan.interrupt();
        scan.terminal.shows("stopping: finishing what is under way; press Ctrl-C again to quit at once");
        held.store(false, Ordering::SeqCst);
        let terminal = scan.terminal.clone();
        let (code, out) = scan.end();
        assert_eq!(code, Some(130), "{command:?}");
        let left = "interrupted: 30 of about 40 messages not scanned";
        // What was written to a terminal can be read a moment later.
        super::until(|| out.contains(left) || terminal.text().contains(left));
        let said = out + &terminal.text();
        assert_eq!(said.matches(left).count(), 1, "{command:?}: {said}");
        assert!(!said.contains("not found in"), "it was not looked for everywhere: {said}");
        scene.assert_released();
    }
}

#[test]
fn a_copy_shows_what_it_writes_and_a_second_ctrl_c_says_what_it_does() {
    let (scene, held) = held_up();
    let pull = OnATerminal::start(&scene, &["pull", DLQ, &scene.file("a.ndjson"), "--concurrency", "1"]);
    pull.terminal.shows("10 of about 40 scanned, 10 written, ");
    assert!(!pull.terminal.text().contains(" sent"), "{}", pull.terminal.text());
    pull.interrupt();
    pull.terminal.shows("stopping: ");
    pull.interrupt();
    pull.terminal.shows("quitting at once: ");
    assert_eq!(pull.end().0, Some(130));
    held.store(false, Ordering::SeqCst);
}

#[test]
fn nothing_is_shown_while_it_goes_on_when_it_is_to_be_quiet() {
    let (scene, held) = held_up();
    let scan = OnATerminal::start(&scene, &["triage", DLQ, "--quiet", "--concurrency", "1"]);
    super::until(|| scene.model.calls().iter().filter(|call| *call == "ReceiveMessage").count() > 1);
    scan.interrupt();
    held.store(false, Ordering::SeqCst);
    super::until(|| scene.model.messages(DLQ).iter().all(pipeline_tests::sqs_model::Stored::is_visible));
    assert_eq!(scan.terminal.text(), "");
    assert_eq!(scan.end().0, Some(130));
}

#[test]
fn the_question_before_many_messages_is_answered_at_the_terminal() {
    for (answer, code, sent) in [("yes", 0, 150), ("no", 1, 0), ("", 1, 0)] {
        let scene = Scene::with_letters(150);
        let run = OnATerminal::start(&scene, &["replay", DLQ, "--execute"]);
        run.terminal.shows("replay up to 150 messages");
        run.terminal.shows("Type `yes` to continue: ");
        run.terminal.types(answer);
        let (ended, out) = run.end();
        assert_eq!((ended, scene.model.count(SOURCE)), (Some(code), sent), "{answer:?}: {out}");
    }
}

#[test]
fn an_import_that_another_one_has_done_during_the_question_is_refused() {
    let scene = Scene::empty();
    let file = scene.file("import.ndjson");
    let line = |at| serde_json::json!({ "id": format!("id-{at}"), "body": "x" }).to_string() + "\n";
    fs::write(&file, (0..150).map(line).collect::<String>()).unwrap();
    let waits = OnATerminal::start(&scene, &["import", SOURCE, &file, "--execute"]);
    waits.terminal.shows("Type `yes` to continue: ");
    assert_eq!(scene.run(&["import", SOURCE, &file, "--execute", "--yes"]).code, 0);
    waits.terminal.types("yes");
    waits.terminal.shows("pass `--again`");
    assert_eq!((waits.end().0, scene.model.count(SOURCE)), (Some(1), 150));
}

#[test]
fn rules_that_have_changed_during_the_question_end_a_run_and_another_order_of_targets_does_not() {
    let targets = ["a", "b"].map(sqs_model::arn);
    for (change, code) in [
        ((|rules| rules[0].targets.reverse()) as fn(&mut Vec<Rule>), 0),
        (|rules| rules[0].enabled = false, 1),
        (|rules| drop(rules[0].targets.pop()), 1),
    ] {
        let scene = Scene::empty();
        let event = serde_json::json!({ "source": "shop", "detail-type": "Order", "detail": {} }).to_string();
        (0..150).for_each(|at| drop(scene.model.put(DLQ, dead_letter(at, &event, &[]))));
        let rule = Rule::new("orders", serde_json::json!({ "source": ["shop"] }));
        scene.model.here().add_rule("main", rule.to(&targets[0]).to(&targets[1]));
        let run = OnATerminal::start(&scene, &["replay", DLQ, "--to-bus", "main", "--execute"]);
        run.terminal.shows("Type `yes` to continue: ");
        scene.model.here().change_rules("main", change);
        run.terminal.types("yes");
        let terminal = run.terminal.clone();
        assert_eq!(run.end().0, Some(code), "{}", terminal.text());
        assert_eq!(scene.model.events().len(), if code == 0 { 150 } else { 0 });
    }
}

#[test]
fn a_question_that_would_go_into_a_file_is_not_asked() {
    let scene = Scene::with_letters(150);
    let (_terminal, end) = Terminal::open();
    let log = scene.file("log");
    let mut command = scene.replayer.command(&["replay", DLQ, "--execute"]).unwrap();
    command.stdin(end).stderr(fs::File::create(&log).unwrap());
    let status = command.status().unwrap();
    let err = fs::read_to_string(&log).unwrap();
    assert_eq!((status.code(), scene.model.count(SOURCE)), (Some(1), 0), "{err}");
    assert!(err.starts_with("error: stderr is not a terminal, and this would replay up to 150 messages"), "{err}");
    assert!(err.contains("hint: pass `--yes`"), "{err}");
}

/// `edit` of one body, whose editor first breaks it and then makes another body of it.
fn edit_in_two_steps() -> (Scene, String, OnATerminal) {
    let scene = Scene::empty();
    scene.model.put(DLQ, dead_letter(1, r#"{"order":2}"#, &[]));
    let (file, editor) = (scene.file("letters.ndjson"), scene.folder.join("editor"));
    assert_eq!(scene.run(&["pull", DLQ, &file]).code, 0);
    let script = "#!/bin/sh\nif [ -e \"$0.again\" ]; then sed -i 's/\"order\": /&3/' \"$1\"\nelse sed -i 's/\"order\": 2/\"order\": /' \"$1\"; touch \"$0.again\"; fi\n";
    fs::write(&editor, script).unwrap();
    fs::set_permissions(&editor, fs::Permissions::from_mode(0o700)).unwrap();
    let mut command = scene.replayer.command(&["edit", &file]).unwrap();
    command.env("EDITOR", &editor).env("PATH", "/usr/bin:/bin");
    let edit = OnATerminal::start_command(command);
    edit.terminal.shows("is no longer JSON at line");
    edit.terminal.shows("Type `yes` to edit again: ");
    (scene, file, edit)
}

#[test]
fn a_body_that_an_edit_broke_can_be_edited_again() {
    let (_scene, file, edit) = edit_in_two_steps();
    edit.terminal.types("yes");
    let (code, out) = edit.end();
    assert_eq!(code, Some(0), "{out}");
    let text = fs::read_to_string(&file).unwrap();
    assert!(out.starts_with("1 message changed in ") && text.contains(r#"{\"order\":3}"#), "{out}{text}");
}

#[test]
fn an_edit_that_is_given_up_keeps_the_work_and_the_file() {
    let (scene, file, edit) = edit_in_two_steps();
    edit.terminal.types("no");
    edit.terminal.shows("is unchanged; your edit is in ");
    assert_eq!(edit.end().0, Some(1));
    assert!(fs::read_to_string(&file).unwrap().contains(r#"{\"order\":2}"#));
    let mut files = fs::read_dir(&scene.folder).unwrap().map(|file| file.unwrap().file_name());
    assert!(files.any(|name| name.to_string_lossy().contains("letters.ndjson.edit-")));
}
