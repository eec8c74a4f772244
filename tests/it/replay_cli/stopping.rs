//! Ctrl-C and a full disk.

use std::{
    process::{Child, Command},
    time::Duration,
};

use pipeline_tests::sqs_model::{Fault, Stored};
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
    let replay = scene.replayer.command(&["replay", DLQ, "--execute", "--yes", "--rate", "unlimited"]).unwrap();
    // No file may grow beyond some kilobytes, and the signal that says so is ignored: writing fails, as on a full disk.
    let mut limited = Command::new("/bin/sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\""]).arg(replay.get_program());
    limited.args(replay.get_args()).env_clear();
    limited.envs(replay.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let said = Scene::run_command(&mut limited);
    assert_eq!(said.code, 1, "{}", said.text());
    assert!(said.err.contains("cannot write the journal"), "{}", said.err);
    assert!(said.err.contains("\nhint: make room on the disk"), "{}", said.err);
    let sent = scene.model.count(SOURCE);
    assert!(0 < sent && sent < MESSAGES, "it stopped in the middle: {sent}");
    assert!(said.out.contains(&format!("{sent} messages sent")), "{sent} were sent: {}", said.out);
    // What was sent and not deleted is in both queues, and nothing is in neither.
    let there: std::collections::BTreeSet<_> = [SOURCE, DLQ].iter().flat_map(|queue| scene.bodies(queue)).collect();
    assert_eq!(there.into_iter().collect::<Vec<_>>(), (0..MESSAGES).map(body).collect::<Vec<_>>());
}
