//! A large queue: the replayer's memory does not grow with what the messages hold.

use std::{fs, time::Duration};

use pipeline_tests::{
    replayer::Replayer,
    sqs_model::{self, NewMessage, SqsModel},
};

/// Bytes of each body.
const BODY: usize = 8_000;

/// The most memory that the process may have used, in KiB: half of what the bodies of the small test take.
const CEILING_KIB: u64 = 60 * 1024;

/// Highest memory of a process so far, in KiB, as Linux tells it while the process lives.
fn peak(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn memory_does_not_grow_with_what_the_messages_hold() {
    replay_within_the_ceiling(15_000, BODY, CEILING_KIB);
}

/// Nothing is known of the bodies before the first receive is answered, and each receive may bring ten of them.
#[test]
fn the_largest_messages_fit_into_memory_from_the_beginning() {
    replay_within_the_ceiling(40, 1_000_000, 80 * 1024);
}

/// `cargo test --workspace --exclude xtask --test it a_hundred_thousand -- --ignored --nocapture`
#[test]
#[ignore = "takes minutes without optimization"]
fn a_hundred_thousand_messages_are_replayed_within_a_memory_ceiling() {
    replay_within_the_ceiling(100_000, BODY, CEILING_KIB);
}

fn replay_within_the_ceiling(messages: usize, bytes: usize, ceiling_kib: u64) {
    let model = SqsModel::new();
    model.create("large");
    model.create("large-dlq");
    model.with("large", |queue| {
        queue.dead_letters = Some("large-dlq".to_owned());
        queue.most_bytes = queue.most_bytes.max(bytes + 1_000);
    });
    let body = "b".repeat(bytes);
    for _ in 0..messages {
        model.put("large-dlq", NewMessage::new(body.clone(), &[]));
    }
    let replayer = Replayer::new(&model.serve().unwrap().url(), sqs_model::REGION);
    let arguments = ["replay", "large-dlq", "--execute", "--yes", "--rate", "1000000/s", "--json"];
    let mut child = replayer.command(&arguments).unwrap().stdout(std::process::Stdio::piped()).spawn().unwrap();
    let (mut most, began) = (0, std::time::Instant::now());
    let status = loop {
        most = most.max(peak(child.id()).unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let took = began.elapsed();
    assert!(status.success(), "{status}");
    assert_eq!((model.count("large"), model.count("large-dlq")), (messages, 0));
    #[expect(clippy::cast_precision_loss, reason = "a hundred thousand at most")]
    let rate = messages as f64 / took.as_secs_f64();
    println!("{messages} messages in {took:.1?} ({rate:.0}/s), {} MiB at most", most / 1024);
    assert!(most > 0 && most < ceiling_kib, "{most} KiB");
}
