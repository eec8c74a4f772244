//! Ctrl-C and a full disk.

use std::{
    process::{Child, Command},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use pipeline_tests::{
    replayer::Said,
    sqs_model::{Fault, Stored, operation},
};
use rustix::process::{Pid, Signal, kill_process};

use super::{DLQ, SOURCE, Scene, body, until};

fn interrupt(child: &Child) {
    kill_process(Pid::from_raw(child.id().cast_signed()).unwrap(), Signal::INT).unwrap();
}

#[test]
fn ctrl_c_ends_a_run_well_and_a_second_one_at_once() {
    const MESSAGES: usize = 90;
    let scene = Scene::with_letters(MESSAGES);
    let start = || scene.spawn(&["replay", DLQ, "--execute", "--rate", "2/s", "--concurrency", "1"]);
    let child = start();
    until(|| scene.model.count(SOURCE) >= 10);
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(130), "{out}");
    assert!(out.contains("replay: interrupted"), "{out}");
    assert!(out.contains("messages not scanned because the run stopped\n"), "{out}");
    assert!(out.contains("note: the same command goes on with what is left\n"), "{out}");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(err, "stopping: finishing what is under way; press Ctrl-C again to quit at once\n");
    scene.assert_each_once((0..MESSAGES).map(body), &[SOURCE, DLQ]);
    assert!(scene.model.messages(DLQ).iter().all(Stored::is_visible), "the rest was released");

    // The second one comes while a send hangs, which the first one waits for.
    scene.model.set_faults(|call, _| match call.operation.as_str() {
        "AmazonSQS.SendMessageBatch" => Fault::RequestHangs,
        _ => Fault::None,
    });
    let mut child = start();
    until(|| scene.model.calls().iter().any(|call| call == "SendMessageBatch"));
    interrupt(&child);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        interrupt(&child);
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(status.code(), Some(130));
    scene.assert_each_once((0..MESSAGES).map(body), &[SOURCE, DLQ]);
}

#[test]
fn a_disk_that_fills_up_stops_the_run_and_nothing_is_lost() {
    const MESSAGES: usize = 500;
    let scene = Scene::with_letters(MESSAGES);
    let said = without_room(&scene, &["replay", DLQ, "--execute", "--yes", "--rate", "unlimited"]);
    assert_eq!(said.code, 1, "{}", said.text());
    assert!(said.err.contains("cannot write the journal"), "{}", said.err);
    assert!(
        said.err
            .contains("\nhint: what was not sent is still in the queue; free some disk space, then run the same command again: it goes on with what is left\n"),
        "{}",
        said.err
    );
    let sent = scene.model.count(SOURCE);
    assert!(0 < sent && sent < MESSAGES, "it stopped in the middle: {sent}");
    assert!(said.out.contains(&format!("{sent} messages sent")), "{sent} were sent: {}", said.out);
    // What was sent and not deleted is in both queues, and nothing is in neither.
    let there: std::collections::BTreeSet<_> = [SOURCE, DLQ].iter().flat_map(|queue| scene.bodies(queue)).collect();
    assert_eq!(there.into_iter().collect::<Vec<_>>(), (0..MESSAGES).map(body).collect::<Vec<_>>());
}

/// A command none of whose files may grow beyond some kilobytes. The signal that says so is ignored: writing fails, as on a full disk.
fn without_room(scene: &Scene, arguments: &[&str]) -> Said {
    with_room_of(scene, 16, arguments)
}

/// The same with so many blocks of 512 bytes for each file.
fn with_room_of(scene: &Scene, blocks: u32, arguments: &[&str]) -> Said {
    let command = scene.replayer.command(arguments).unwrap();
    let mut limited = Command::new("/bin/sh");
    let limit = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    limited.args(["-c", &limit]).arg(command.get_program());
    limited.args(command.get_args()).env_clear().env("EDITOR", "true");
    limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Scene::run_command(&mut limited)
}

#[test]
fn a_journal_that_cannot_be_begun_is_the_error_and_not_its_cause() {
    let scene = Scene::with_letters(3);
    // The first line holds the arguments.
    let long = format!(".body != \"{}\"", "x".repeat(4_096));
    let said = with_room_of(&scene, 4, &["replay", DLQ, "--where", &long, "--execute"]);
    let error = line_of(&said, "error: ");
    assert!(error.starts_with("cannot write the journal ") && error.ends_with("; nothing was sent"), "{}", said.err);
    assert!(line_of(&said, "hint: ").contains("free some disk space"), "{}", said.err);
    assert_eq!((said.code, scene.model.count(SOURCE)), (1, 0));
}

/// What a line of standard error says behind its label.
fn line_of<'s>(said: &'s Said, label: &str) -> &'s str {
    said.err.lines().find_map(|line| line.strip_prefix(label)).unwrap_or_else(|| panic!("no {label}{}", said.err))
}

/// The command between backquotes, as a shell takes it.
fn command_of(text: &str) -> Vec<&str> {
    let command = text.split('`').nth(1).unwrap();
    command.split(' ').skip(1).collect()
}

#[test]
fn a_full_disk_says_what_goes_on_with_what_is_left() {
    let scene = Scene::with_letters(500);
    let file = scene.file("messages.ndjson");
    let said = without_room(&scene, &["pull", DLQ, &file]);
    assert_eq!(said.code, 1, "{}", said.text());
    assert!(line_of(&said, "error: ").starts_with(&format!("cannot write `{file}`: ")), "{}", said.err);
    assert!(line_of(&said, "note: ").starts_with(&format!("{file} is incomplete: it holds ")), "{}", said.err);
    assert_eq!(
        line_of(&said, "hint: "),
        format!("the queue is unchanged; free some disk space, remove {file}, and run the command again")
    );
    std::fs::remove_file(&file).unwrap();
    assert_eq!(scene.run(&["pull", DLQ, &file]).code, 0);

    let text = std::fs::read_to_string(&file).unwrap();
    let said = without_room(&scene, &["edit", &file]);
    let safe = format!("{file} is unchanged; free some disk space, and run the command again");
    assert_eq!((said.code, line_of(&said, "hint: ")), (1, safe.as_str()), "{}", said.text());
    assert!(line_of(&said, "error: ").starts_with(&format!("cannot write {file}.edit-")), "{}", said.err);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);

    let archive = scene.file("archive.ndjson");
    let said = without_room(&scene, &["purge", DLQ, "--archive", &archive, "--execute", "--yes"]);
    assert_eq!(said.code, 1, "{}", said.text());
    assert!(scene.model.count(DLQ) > 0);
    let command = command_of(line_of(
        &said,
        "hint: only messages that are in the archive were deleted; free some disk space, then run ",
    ));
    assert_eq!((command[0], scene.run(&[&command[..], &["--yes"]].concat()).code), ("purge", 0));
    assert_eq!(std::fs::read_to_string(&archive).unwrap().lines().count(), 500);
    assert_eq!(scene.model.count(DLQ), 0);

    let said = without_room(&scene, &["import", SOURCE, &archive, "--execute", "--yes", "--rate", "unlimited"]);
    let again =
        "the file is unchanged; free some disk space, then run the same command again: it goes on with what is left";
    assert_eq!((said.code, line_of(&said, "hint: ")), (1, again), "{}", said.text());
    assert_eq!(scene.run(&["import", SOURCE, &archive, "--execute", "--yes"]).code, 0);
}

#[test]
fn an_interrupted_purge_says_how_it_goes_on() {
    const MESSAGES: usize = 90;
    let scene = Scene::with_letters(MESSAGES);
    let archive = scene.file("archive.ndjson");
    let child = scene.spawn(&["purge", DLQ, "--archive", &archive, "--execute", "--rate", "2/s", "--concurrency", "1"]);
    until(|| scene.model.count(DLQ) < MESSAGES);
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    let note = out.lines().find(|line| line.starts_with("note: `")).unwrap_or_else(|| panic!("{out}"));
    assert!(note.ends_with("` goes on with what is left"), "{note}");
    assert_eq!(scene.run(&command_of(note)).code, 0);
    assert_eq!(std::fs::read_to_string(&archive).unwrap().lines().count(), MESSAGES);
    assert_eq!(scene.model.count(DLQ), 0);
}

#[test]
fn a_purge_that_was_interrupted_before_its_first_message_goes_on_too() {
    let scene = Scene::with_letters(3);
    let archive = scene.file("archive.ndjson");
    let held = Arc::new(AtomicBool::new(true));
    let holds = Arc::clone(&held);
    scene.model.set_faults(move |call, _| {
        if operation(call) != "ReceiveMessage" || !holds.load(Ordering::SeqCst) {
            return Fault::None;
        }
        until(|| !holds.load(Ordering::SeqCst));
        Fault::Empty
    });
    let child = scene.spawn(&["purge", DLQ, "--archive", &archive, "--execute"]);
    until(|| scene.model.calls().iter().any(|call| call == "ReceiveMessage"));
    interrupt(&child);
    // It is heard by another thread.
    let mut child = child;
    let mut err = child.stderr.take().unwrap();
    let mut said = [0; 8];
    std::io::Read::read_exact(&mut err, &mut said).unwrap();
    assert_eq!(&said, b"stopping");
    held.store(false, Ordering::SeqCst);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    assert!(!std::path::Path::new(&archive).exists());
    let said = scene.run(&["purge", DLQ, "--resume", "last", "--execute"]);
    assert_eq!((said.code, scene.model.count(DLQ)), (0, 0), "{}", said.text());
    assert_eq!(std::fs::read_to_string(&archive).unwrap().lines().count(), 3);
}

#[test]
fn a_limited_run_that_was_interrupted_says_how_many_more_the_same_command_takes() {
    let scene = Scene::with_letters(90);
    let child = scene.spawn(&["replay", DLQ, "--execute", "-n", "50", "--rate", "2/s", "--concurrency", "1"]);
    until(|| scene.model.count(SOURCE) >= 10);
    interrupt(&child);
    let out = child.wait_with_output().unwrap().stdout;
    let out = String::from_utf8_lossy(&out);
    assert!(out.contains("note: the same command takes up to 50 more messages\n"), "{out}");
}

#[test]
fn ctrl_c_ends_at_once_what_has_nothing_to_finish() {
    let scene = Scene::with_letters(3);
    let file = scene.file("messages.ndjson");
    for command in [
        &["preflight", DLQ][..],
        &["triage", DLQ],
        &["pull", DLQ, &file],
        &["replay", DLQ, "--execute"],
        &["purge", DLQ, "--archive", &file, "--execute"],
    ] {
        scene.model.set_faults(|_, _| Fault::RequestHangs);
        let child = scene.spawn(command);
        until(|| !scene.model.calls().is_empty());
        interrupt(&child);
        let began = std::time::Instant::now();
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr)), (Some(130), "".into()));
        assert!(began.elapsed() < Duration::from_secs(10), "{command:?}: {:?}", began.elapsed());
    }
    assert!(!std::path::Path::new(&file).exists());
}

#[test]
fn a_second_ctrl_c_says_what_it_means_for_this_command() {
    let scene = Scene::with_letters(30);
    let (file, archive) = (scene.file("messages.ndjson"), scene.file("archive.ndjson"));
    let hidden = "messages that were received stay hidden until their visibility timeout ends";
    std::fs::write(scene.file("old.ndjson"), "{\"id\":\"a\",\"body\":\"b\"}\n").unwrap();
    for (command, hangs, means) in [
        (&["triage", DLQ][..], "ReceiveMessage", hidden.to_owned()),
        (&["pull", DLQ, &file], "ReceiveMessage", format!("{hidden}, and the file is incomplete")),
        (
            &["purge", DLQ, "--archive", &archive, "--execute"],
            "ReceiveMessage",
            format!("{hidden}; `--resume last` goes on"),
        ),
        (
            &["import", SOURCE, &scene.file("old.ndjson"), "--execute"],
            "SendMessageBatch",
            "run the same command again to go on".to_owned(),
        ),
    ] {
        scene.model.set_faults(move |call, _| if operation(call) == hangs { Fault::RequestHangs } else { Fault::None });
        let mut child = scene.spawn(command);
        until(|| scene.model.calls().iter().any(|call| call == hangs));
        while child.try_wait().unwrap().is_none() {
            interrupt(&child);
            std::thread::sleep(Duration::from_millis(50));
        }
        let err = String::from_utf8_lossy(&child.wait_with_output().unwrap().stderr).into_owned();
        assert!(err.ends_with(&format!("quitting at once: {means}\n")), "{command:?}: {err}");
    }
}
