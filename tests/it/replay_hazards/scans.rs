//! A scan ends, whatever arrives, however much it holds.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use std::time::{Duration, Instant};

use pipeline_tests::sqs_model::NewMessage;
use rustix::process::Signal;
use serde_json::json;

use super::{DLQ, SOURCE, Scene, body, old, text, until};

#[test]
fn a_scan_ends_although_messages_keep_arriving() {
    let scene = Scene::new();
    scene.fill(3);
    // Another receiver holds one message.
    let mut first = true;
    scene.model.put(DLQ, old(NewMessage::new("held by another", &[])));
    let other = scene.replayer.command(&["list", DLQ]).unwrap();
    drop(other);
    let held = Arc::new(AtomicBool::new(true));
    let (model, on) = (scene.model.clone(), Arc::clone(&held));
    // One group of 30, of which ten are given.
    let _ = &mut first;
    let fifo = Scene::between("orders.fifo", "orders-dlq.fifo");
    for at in 0..30 {
        fifo.model.put("orders-dlq.fifo", old(NewMessage::new(body(at), &[]).in_group("one", &at.to_string())));
    }
    drop(model);
    let arriving = fifo.model.clone();
    let writer = std::thread::spawn(move || {
        let mut at = 0;
        while on.load(Ordering::SeqCst) {
            at += 1;
            let group = format!("g{at}");
            arriving.put("orders-dlq.fifo", old(NewMessage::new("later", &[]).in_group(&group, &group)));
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    let run = fifo.start(&["triage", "orders-dlq.fifo"]);
    let began = Instant::now();
    let output = run.end(Duration::from_secs(40));
    held.store(false, Ordering::SeqCst);
    writer.join().unwrap();
    println!("{:?} after {:?}\n{}", output.status, began.elapsed(), text(&output));
    assert!(output.status.code().is_some(), "no end within {:?}", began.elapsed());
}

#[test]
fn an_export_leaves_out_no_message_that_names_another_one() {
    let scene = Scene::new();
    let ids = scene.fill(30);
    let mut copies = Vec::new();
    for (at, id) in ids.iter().take(5).enumerate() {
        let copy = NewMessage::new(format!("copy {at}"), &[("source_message_id", id.as_str())]);
        copies.push(scene.model.put(DLQ, old(copy)));
    }
    let file = scene.file("export.ndjson");
    let said = scene.run(&["export", DLQ, &file, "--concurrency", "1"]);
    let lines = std::fs::read_to_string(&file).unwrap();
    let missing = copies.iter().filter(|id| !lines.contains(id.as_str())).count();
    assert!(missing == 0 || said.code == 4, "{missing} are missing, exit {}: {}", said.code, said.text());
}

/// How long a triage goes on after it has seen everything, and whether Ctrl-C ends it.
fn after_all_were_seen(visibility: &str, interrupt: bool) -> Duration {
    let scene = Scene::new();
    scene.fill(3_000);
    scene.model.set_latency(Duration::from_millis(200));
    let run = scene.start(&["triage", DLQ, "--visibility", visibility]);
    until(|| scene.model.messages(DLQ).iter().all(|message| message.receives > 0));
    let seen = Instant::now();
    if interrupt {
        std::thread::sleep(Duration::from_secs(3));
        run.send(Signal::INT);
    }
    let output = run.end(Duration::from_secs(40));
    println!("visibility {visibility}: {:?} {:?} after all were seen", output.status, seen.elapsed());
    println!("{} hides", scene.model.calls().iter().filter(|call| *call == "ChangeMessageVisibilityBatch").count());
    seen.elapsed()
}

#[test]
fn a_scan_that_holds_many_messages_ends() {
    let usual = after_all_were_seen("120", false);
    let short = after_all_were_seen("4", false);
    assert!(short < usual * 2, "{short:?} instead of {usual:?}");
}

#[test]
fn ctrl_c_ends_a_scan_that_holds_many_messages() {
    let short = after_all_were_seen("4", true);
    assert!(short < Duration::from_secs(15), "{short:?}");
}

/// The same command with and without a limit of open files.
fn seen_with(files: &str) -> (Option<i32>, usize, String) {
    let scene = Scene::new();
    scene.model.with(DLQ, |queue| queue.in_flight_limit = 4_000);
    for at in 0..8_000 {
        scene.model.put(DLQ, old(NewMessage::new(json!({ "number": at }).to_string(), &[])));
    }
    scene.model.set_latency(Duration::from_millis(20));
    let replay =
        scene.replayer.command(&["replay", DLQ, "--where", ".body.number >= 7990", "--execute", "--yes"]).unwrap();
    let mut shell = std::process::Command::new("sh");
    shell.env_clear().envs(replay.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell
        .arg("-c")
        .arg(format!("ulimit -n {files}; exec \"$0\" \"$@\""))
        .arg(replay.get_program())
        .args(replay.get_args());
    let mut child = shell.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        most = most.max(std::fs::read_dir(format!("/proc/{}/fd", child.id())).map_or(0, Iterator::count));
        std::thread::sleep(Duration::from_millis(1));
    }
    println!("at most {most} open files");
    let output = child.wait_with_output().unwrap();
    (output.status.code(), scene.model.count(SOURCE), text(&output))
}

#[test]
fn many_releases_do_not_need_many_connections() {
    let (much, few) = (seen_with("4000"), seen_with("128"));
    println!("{much:?}\n{few:?}");
    assert_eq!((much.0, much.1), (few.0, few.1));
}

#[test]
fn ctrl_c_ends_a_scan_of_a_large_file() {
    let scene = Scene::new();
    let file = scene.file("large.ndjson");
    let line = |at: usize| json!({ "id": format!("id-{at}"), "body": body(at) }).to_string() + "\n";
    std::fs::write(&file, (0..60_000).map(line).collect::<String>()).unwrap();
    let slow = "reduce range(3000) as $n (0; . + $n) > 0";
    let scan = scene.start(&["triage", &file, "--where", slow]);
    // It works on the file when it has used this much of the processor.
    let used = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/schedstat", scan.0.as_ref().unwrap().id())).unwrap();
        stat.split(' ').next().unwrap().parse::<u64>().unwrap()
    };
    until(|| used() > 300_000_000);
    scan.send(Signal::INT);
    let output = scan.end(Duration::from_secs(10));
    assert_eq!(output.status.code(), Some(130), "{}", text(&output));
}

#[test]
fn a_dry_run_keeps_what_is_behind_a_refused_message_of_its_group() {
    let fifo = Scene::between("orders.fifo", "orders-dlq.fifo");
    for (at, replays) in ["9", "0", "0"].into_iter().enumerate() {
        let message = NewMessage::new(body(at), &[("replay_count", replays)]).in_group("g", &at.to_string());
        fifo.model.put("orders-dlq.fifo", old(message));
    }
    let said = fifo.run(&["replay", "orders-dlq.fifo", "--to", "orders.fifo", "--json"]);
    let report: serde_json::Value = serde_json::from_str(said.out.trim()).unwrap();
    let (sent, left) = (&report["would_send"], &report["would_leave_for_order"]);
    assert_eq!((sent.as_u64(), left.as_u64()), (Some(0), Some(2)), "{}", said.text());
}
