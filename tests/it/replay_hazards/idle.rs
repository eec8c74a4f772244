//! A run that waits takes no processor time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pipeline_tests::sqs_model::{Fault, operation};
use rustix::process::Signal;

use super::{DLQ, SOURCE, Scene, until};

fn cpu(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

#[test]
fn a_run_that_waits_for_its_rate_does_not_spin() {
    let scene = Scene::new();
    scene.fill(20);
    let sends = AtomicUsize::new(0);
    scene.model.set_faults(move |call, _| match operation(call) {
        "SendMessageBatch" if sends.fetch_add(1, Ordering::SeqCst) == 0 => {
            Fault::Entries(vec![0], "InternalError", false)
        }
        _ => Fault::None,
    });
    let run = scene.start(&["replay", DLQ, "--execute", "--rate", "1/s"]);
    until(|| scene.model.count(SOURCE) >= 9);
    let pid = run.0.as_ref().unwrap().id();
    let before = cpu(pid);
    std::thread::sleep(Duration::from_secs(5));
    let used = cpu(pid) - before;
    println!("{used} s of processor time in 5 s");
    assert!(used < 1.0, "{used} s of processor time in 5 s");
}

#[test]
fn a_run_that_was_asked_to_end_does_not_spin_while_it_waits_for_an_answer() {
    let scene = Scene::new();
    scene.fill(40);
    let receives = AtomicUsize::new(0);
    scene.model.set_faults(move |call, _| match operation(call) {
        "ReceiveMessage" if receives.fetch_add(1, Ordering::SeqCst) > 0 => Fault::RequestHangs,
        _ => Fault::None,
    });
    let run = scene.start(&["replay", DLQ, "--execute", "--rate", "4/s", "--concurrency", "4"]);
    until(|| scene.model.count(SOURCE) >= 1);
    run.send(Signal::INT);
    std::thread::sleep(Duration::from_secs(4));
    let pid = run.0.as_ref().unwrap().id();
    let before = cpu(pid);
    std::thread::sleep(Duration::from_secs(4));
    let used = cpu(pid) - before;
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    println!("{used} s, {}", state.rsplit_once(')').unwrap().1);
    assert!(used < 1.0, "{used} s of processor time in 4 s");
}
