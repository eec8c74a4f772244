//! Promise P5 at every call: the replayer is stopped there, with the request lost or its answer lost, and run again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use dlq_replayer::report::exit::Exit;
use futures_util::{StreamExt, stream};
use pipeline_tests::sqs_model::Fault;

use crate::bench_replay::{DLQ, Reached, ReplayBench, Run, SOURCE};

/// Messages of one case: three batches, the last one not full.
const MESSAGES: usize = 23;

/// No run makes this many calls; one that does would never end.
const MOST_POINTS: usize = 1_000;

/// Cases at the same time.
const AT_ONCE: usize = 16;

/// What happens at the point.
#[derive(Clone, Copy, Debug)]
enum Stop {
    /// The process is gone before the service has heard of the call.
    KilledBefore,
    /// The process is gone after the service has done it.
    KilledAfter,
    /// The request is lost, and the process goes on.
    RequestLost,
    /// The answer is lost, and the process goes on.
    AnswerLost,
    /// From here on no request arrives.
    RequestsGone,
    /// From here on no answer arrives, and everything is done.
    AnswersGone,
}

/// How the run is begun again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    Resumed,
    Afresh,
}

/// Each body is in the dead-letter queue or at the destination.
fn nothing_is_lost(bench: &ReplayBench, case: &str) {
    let there: BTreeSet<_> = [DLQ, SOURCE].iter().flat_map(|queue| bench.bodies(queue)).collect();
    assert_eq!(there.len(), MESSAGES, "{case}: a message is nowhere");
}

/// Stops a run at its call number `point`. None when the run ends before it.
async fn stopped_at(point: usize, stop: Stop, again: Again) -> Option<()> {
    let case = format!("{stop:?} at call {point}, then {again:?}");
    let bench = ReplayBench::new();
    bench.fill(MESSAGES);
    let reached: Reached = Arc::default();
    // The first four calls look the two queues up.
    let (at, notify) = (point + 4, Arc::clone(&reached));
    bench.model.set_faults(move |_, call| {
        let lasting = matches!(stop, Stop::RequestsGone | Stop::AnswersGone);
        if call < at || (call > at && !lasting) {
            return Fault::None;
        }
        notify.notify_one();
        match stop {
            Stop::KilledBefore => Fault::RequestHangs,
            Stop::KilledAfter => Fault::AnswerHangs,
            Stop::RequestLost | Stop::RequestsGone => Fault::RequestLost,
            Stop::AnswerLost | Stop::AnswersGone => Fault::AnswerLost,
        }
    });
    let run = || Run { workers: 2, ..Run::default() };
    let first = match stop {
        Stop::KilledBefore | Stop::KilledAfter => tokio::select! {
            biased;
            () = reached.notified() => None,
            ended = bench.run(run()) => Some(ended),
        },
        _ => Some(bench.run(run()).await),
    };
    if bench.model.calls().len() <= at {
        return None;
    }
    nothing_is_lost(&bench, &case);

    bench.model.set_faults(|_, _| Fault::None);
    bench.model.with(DLQ, pipeline_tests::sqs_model::ModelQueue::let_visibility_run_out);
    let resume = (again == Again::Resumed).then(|| bench.last_run());
    let second = bench.run(Run { resume, ..run() }).await;
    assert!(matches!(second.exit, Exit::Done | Exit::NothingMatched), "{case}: {second:?}");
    nothing_is_lost(&bench, &case);
    let left = bench.bodies(DLQ);
    assert!(left.is_empty(), "{case}: {left:?} have not left the dead-letter queue: {second:?}");

    let mut copies = BTreeMap::new();
    for body in bench.bodies(SOURCE) {
        *copies.entry(body).or_insert(0_usize) += 1;
    }
    let twice = copies.values().filter(|count| **count > 1).count() as u64;
    let named = second.tally.perhaps_twice.count + first.map_or(0, |first| first.tally.perhaps_twice.count);
    let tries = if matches!(stop, Stop::AnswersGone) { 6 } else { 2 };
    assert!(copies.values().all(|count| *count <= tries), "{case}: at most {tries} times");
    if again == Again::Resumed {
        assert!(twice <= named, "{case}: {twice} arrived twice, and {named} are named");
    }
    Some(())
}

#[tokio::test]
async fn wherever_a_run_is_stopped_each_message_is_in_the_dead_letter_queue_or_at_its_destination() {
    let mut points = 0;
    for stop in [
        Stop::KilledBefore,
        Stop::KilledAfter,
        Stop::RequestLost,
        Stop::AnswerLost,
        Stop::RequestsGone,
        Stop::AnswersGone,
    ] {
        for again in [Again::Resumed, Again::Afresh] {
            let mut cases = stream::iter(0..MOST_POINTS).map(|point| stopped_at(point, stop, again)).buffered(AT_ONCE);
            let before = points;
            while let Some(Some(())) = cases.next().await {
                points += 1;
            }
            assert!(points - before > 12, "a run makes more than {} calls", points - before);
        }
    }
    println!("{points} stop points tried");
}
