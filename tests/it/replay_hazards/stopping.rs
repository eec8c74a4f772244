//! A9: stopping a run, and what is known of a run that was stopped or still goes on.

use std::{
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use pipeline_tests::sqs_model::{Fault, Stored, operation};
use rustix::process::Signal;

use crate::replay_operator::Terminal;

use super::{DLQ, Running, SOURCE, Scene, body, text, until};

/// A run that has nothing to wait for ends within this time after it was asked to.
const AT_ONCE: Duration = Duration::from_secs(5);

#[test]
fn a9_sighup_ends_a_run_as_sigterm_does() {
    for signal in [Signal::TERM, Signal::HUP] {
        let scene = Scene::new();
        scene.fill(90);
        let run = scene.start(&["replay", DLQ, "--execute", "--rate", "5/s", "--concurrency", "1"]);
        until(|| scene.model.count(SOURCE) >= 10);
        run.send(signal);
        let output = run.end(super::PATIENCE);
        assert_eq!(output.status.code(), Some(130), "{signal:?}: {}", text(&output));
        scene.assert_each_once((0..90).map(body), &[DLQ, SOURCE], &text(&output));
        assert!(scene.model.messages(DLQ).iter().all(Stored::is_visible), "{signal:?}: the rest was released");
    }
}

#[test]
fn a_run_under_nohup_goes_on_after_sighup() {
    let scene = Scene::new();
    scene.fill(30);
    let (sending, goes_on) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (begun, waits) = (Arc::clone(&sending), Arc::clone(&goes_on));
    scene.model.set_faults(move |call, _| {
        if operation(call) == "SendMessageBatch" {
            begun.store(true, Ordering::SeqCst);
            until(|| waits.load(Ordering::SeqCst));
        }
        Fault::None
    });
    let replay = scene.replayer.command(&["replay", DLQ, "--execute", "--concurrency", "1"]).unwrap();
    let mut ignoring = Command::new("/bin/sh");
    ignoring.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(replay.get_program());
    ignoring.args(replay.get_args()).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    ignoring.envs(replay.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let run = Running(Some(ignoring.spawn().unwrap()));
    until(|| sending.load(Ordering::SeqCst));
    run.send(Signal::HUP);
    goes_on.store(true, Ordering::SeqCst);
    let output = run.end(super::PATIENCE);
    assert_eq!((output.status.code(), scene.model.count(SOURCE)), (Some(0), 30), "{}", text(&output));
}

#[test]
fn a9_ctrl_c_at_the_question_ends_at_once() {
    let scene = Scene::new();
    scene.fill(150);
    let (terminal, end) = Terminal::open();
    let mut command = scene.replayer.command(&["replay", DLQ, "--execute"]).unwrap();
    command.stdin(end.try_clone().unwrap()).stderr(end).stdout(Stdio::piped());
    let run = Running(Some(command.spawn().unwrap()));
    // The command holds the other end open until here.
    drop(command);
    terminal.shows("150");
    run.send(Signal::INT);
    let output = run.end(AT_ONCE);
    assert_eq!(output.status.code(), Some(130), "{}{}", text(&output), terminal.text());
    assert!(!terminal.text().contains("stopping"), "nothing is under way: {}", terminal.text());
    assert_eq!((scene.model.count(DLQ), scene.model.count(SOURCE)), (150, 0));
}

#[test]
fn a9_after_ctrl_c_nothing_more_is_sent() {
    let scene = Scene::new();
    scene.fill(40);
    let (held, receives) = (Arc::new(AtomicBool::new(true)), AtomicUsize::new(0));
    let holds = Arc::clone(&held);
    // All receives but the first are under way when the signal comes, and are answered with messages after it.
    scene.model.set_faults(move |call, _| {
        if operation(call) == "ReceiveMessage" && receives.fetch_add(1, Ordering::SeqCst) > 0 {
            let deadline = Instant::now() + super::PATIENCE;
            while holds.load(Ordering::SeqCst) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        Fault::None
    });
    let run = scene.start(&["replay", DLQ, "--execute", "--concurrency", "4", "--rate", "100000/s"]);
    until(|| scene.model.count(SOURCE) == 10);
    run.send(Signal::INT);
    // Nothing outside the process says that it has taken note of the signal.
    std::thread::sleep(Duration::from_millis(500));
    held.store(false, Ordering::SeqCst);
    let output = run.end(super::PATIENCE);
    assert_eq!((output.status.code(), scene.model.count(SOURCE)), (Some(130), 10), "{}", text(&output));
    scene.assert_each_once((0..40).map(body), &[DLQ, SOURCE], &text(&output));
}

#[test]
fn a9_a_torn_line_of_a_journal_does_not_hide_the_later_ones() {
    let scene = Scene::new();
    scene.fill(30);
    scene.deny_deletes();
    assert_eq!(scene.run(&["replay", DLQ, "--execute"]).code, 1);
    let sent = scene.bodies(SOURCE);
    assert!(!sent.is_empty());
    for journal in super::journals(&scene.replayer.journals()) {
        let lines = std::fs::read_to_string(&journal).unwrap();
        let (first, rest) = lines.split_once('\n').unwrap();
        let torn = &rest[..rest.find('\n').unwrap() / 2];
        std::fs::write(&journal, format!("{first}\n{torn}\n{rest}")).unwrap();
    }
    scene.allow_everything();
    scene.let_visibility_run_out();
    let run = scene.last_run();
    let said = scene.run(&["replay", DLQ, "--resume", &run, "--execute"]);
    let all: Vec<_> = (0..30).map(body).collect();
    assert_eq!((scene.bodies(SOURCE), scene.bodies(DLQ)), (all, vec![]), "{}", said.text());
}

#[test]
fn a9_a_run_that_still_goes_on_is_not_called_killed() {
    let scene = Scene::new();
    scene.fill(20);
    let hang = Arc::new(AtomicBool::new(true));
    let hangs = Arc::clone(&hang);
    scene.model.set_faults(move |call, _| match operation(call) {
        "SendMessageBatch" if hangs.load(Ordering::SeqCst) => Fault::RequestHangs,
        _ => Fault::None,
    });
    let _first = scene.start(&["replay", DLQ, "--execute"]);
    until(|| scene.model.calls().iter().any(|call| call == "SendMessageBatch"));
    hang.store(false, Ordering::SeqCst);
    let run = scene.last_run();
    let second = scene.run(&["replay", DLQ, "--execute"]).text();
    assert!(second.contains(&run), "the first run is named: {second}");
    for said in [second, scene.run(&["history"]).text()] {
        assert!(!said.contains("killed"), "{said}");
    }
    // The first one goes on meanwhile: what it has sent is about to be deleted.
    until(|| {
        let there = super::sorted([DLQ, SOURCE].iter().flat_map(|queue| scene.bodies(queue)));
        there == (0..20).map(body).collect::<Vec<_>>()
    });
}

#[test]
fn a_delete_that_fails_after_ctrl_c_is_the_end_that_everything_tells() {
    let scene = Scene::new();
    scene.fill(300);
    let (hangs, goes_on, deletes) =
        (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)), AtomicUsize::new(0));
    let (begun, waits) = (Arc::clone(&hangs), Arc::clone(&goes_on));
    scene.model.set_faults(move |call, _| {
        if operation(call) != "DeleteMessageBatch" || deletes.fetch_add(1, Ordering::SeqCst) == 0 {
            return Fault::None;
        }
        begun.store(true, Ordering::SeqCst);
        until(|| waits.load(Ordering::SeqCst));
        Fault::Refused(403, "AccessDenied")
    });
    let (terminal, end) = Terminal::open();
    let mut command = scene.replayer.command(&["replay", DLQ, "--execute", "--yes", "--concurrency", "2"]).unwrap();
    command.stdout(Stdio::piped()).stderr(end);
    let run = Running(Some(command.spawn().unwrap()));
    // The command holds the other end open until here.
    drop(command);
    until(|| hangs.load(Ordering::SeqCst));
    run.send(Signal::INT);
    terminal.shows("stopping");
    goes_on.store(true, Ordering::SeqCst);
    let output = run.end(super::PATIENCE);
    let said = text(&output);
    let history = scene.run(&["history"]).text();
    assert_eq!(output.status.code(), Some(1), "{said}{history}");
    assert!(said.contains("replay: stopped by an error") && !said.contains("interrupted"), "{said}");
    assert!(history.contains("stopped by an error") && !history.contains("interrupted"), "{history}");
}

#[test]
fn a_run_whose_output_nothing_reads_does_everything_and_says_so_in_its_journal() {
    for (command, ends_with) in [(&["--execute", "--yes"][..], 0), (&[], 141)] {
        let scene = Scene::new();
        scene.fill(300);
        let mut run = scene.spawn(&[&["replay", DLQ], command].concat());
        drop((run.stdout.take(), run.stderr.take()));
        let status = Running(Some(run)).end(super::PATIENCE).status;
        assert_eq!(status.code(), Some(ends_with), "{command:?}");
        if ends_with == 0 {
            assert_eq!((scene.model.count(DLQ), scene.model.count(SOURCE)), (0, 300));
            let history = scene.run(&["history", "--json"]).out;
            let history: serde_json::Value = serde_json::from_str(&history).unwrap();
            let end = &history["runs"][0]["end"];
            assert_eq!((&end["outcome"], &end["sent"]), (&"done".into(), &300.into()), "{history:#}");
        } else {
            assert_eq!(scene.model.count(DLQ), 300);
            assert!(scene.model.messages(DLQ).iter().all(Stored::is_visible), "a dry run changes nothing");
        }
    }
}
