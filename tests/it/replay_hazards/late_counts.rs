//! A canary is judged by counts that are late: neither an empty destination nor a full dead-letter queue is believed at once.
//!
//! The times are the real ones divided by ten or more; the queues' counts are as late as the run allows for, or less.

use std::time::Duration;

use dlq_replayer::{report::exit::Exit, run::settings::CanarySetting};
use pipeline_tests::sqs_model::Consumer;

use crate::bench_replay::{DLQ, Ended, ReplayBench, Run, SOURCE};

const MESSAGES: usize = 60;
const CANARY: usize = 5;

fn bench(consumer: Consumer) -> ReplayBench {
    let bench = ReplayBench::new();
    bench.fill(MESSAGES);
    bench.model.with(SOURCE, |queue| queue.consumer = consumer);
    bench
}

/// A run that looks often, and expects counts to be up to a second late.
async fn replay(bench: &ReplayBench, timeout: Duration) -> Ended {
    let canary = CanarySetting {
        messages: CANARY as u64,
        timeout: Some(timeout),
        look_every: Duration::from_millis(10),
        late_counts: Duration::from_secs(1),
    };
    bench.run(Run { canary: Some(canary), ..Run::default() }).await
}

#[tokio::test]
async fn a_destination_that_does_not_count_the_canary_yet_is_not_taken_for_empty() {
    let bench = bench(Consumer::None);
    bench.model.with(SOURCE, |queue| queue.count_late(Duration::from_millis(300)));
    let ended = replay(&bench, Duration::from_millis(200)).await;
    assert_eq!((ended.exit, ended.counts.sent), (Exit::Partly, CANARY as u64), "{:?}", ended.counts);
    assert_eq!((bench.bodies(SOURCE).len(), bench.bodies(DLQ).len()), (CANARY, MESSAGES - CANARY));
}

#[tokio::test]
async fn a_redrive_that_the_dead_letter_queue_does_not_count_yet_stops_the_run() {
    let bench = bench(Consumer::Redrives { dlq: DLQ.to_owned(), after: Duration::from_millis(30) });
    bench.model.with(DLQ, |queue| queue.count_late(Duration::from_millis(35)));
    let ended = replay(&bench, Duration::from_mins(1)).await;
    assert_eq!((ended.exit, ended.counts.sent), (Exit::Breaker, CANARY as u64), "{:?}", ended.counts);
    assert_eq!(bench.bodies(DLQ).len(), MESSAGES);
}

#[tokio::test]
async fn deletes_that_the_dead_letter_queue_does_not_count_yet_are_not_taken_for_returned_messages() {
    let bench = bench(Consumer::Takes { after: Duration::ZERO });
    bench.model.with(DLQ, |queue| queue.count_late(Duration::from_millis(700)));
    let ended = replay(&bench, Duration::from_mins(1)).await;
    assert_eq!((ended.exit, ended.counts.returned), (Exit::Done, 0), "{:?}", ended.counts);
    assert_eq!(bench.bodies(DLQ).len(), 0);
}
