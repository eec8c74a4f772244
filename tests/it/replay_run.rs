//! One run of the replayer against everything that SQS may answer: no message is lost, and everything that was left is told.

use std::{
    collections::{BTreeSet, HashSet},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use dlq_replayer::{
    journal::{record::Begin, write::Journal},
    report::exit::Exit,
    rules::{
        decide::{Contract, Replay, Treatment},
        select::Selection,
    },
    run::{interrupt::Interrupt, rate::RateSetting},
    sqs::message::MessageKey,
};
use pipeline_tests::sqs_model::{Fault, NewMessage, Stored};
use serde_json::json;

use crate::bench_replay::{DLQ, ReplayBench, Run, SOURCE, replay};

const SEND: &str = "AmazonSQS.SendMessageBatch";
const DELETE: &str = "AmazonSQS.DeleteMessageBatch";
const RECEIVE: &str = "AmazonSQS.ReceiveMessage";

#[tokio::test]
async fn an_entry_that_the_destination_refuses_stays_in_the_dead_letter_queue_and_is_counted() {
    let bench = ReplayBench::new();
    bench.fill(200);
    // One entry in ten, as in the tool that lost 20 of 200.
    bench.model.set_faults(|call, _| match call.operation.as_str() {
        SEND => Fault::Entries(vec![3], "InvalidMessageContents", true),
        _ => Fault::None,
    });
    let ended = bench.run(Run::default()).await;
    assert_eq!(ended.exit, Exit::Partly);
    assert_eq!((bench.bodies(SOURCE).len(), bench.bodies(DLQ).len()), (180, 20));
    assert_eq!(
        (ended.counts.sent, ended.counts.deleted, ended.counts.failed["InvalidMessageContents"]),
        (180, 180, 20)
    );
    assert!(bench.model.messages(DLQ).iter().all(Stored::is_visible), "what is left is given back");
}

#[tokio::test]
async fn an_entry_that_fails_in_passing_is_sent_again_and_no_other_one_is() {
    let bench = ReplayBench::new();
    bench.fill(30);
    let sends = AtomicUsize::new(0);
    bench.model.set_faults(move |call, _| {
        let first = call.operation == SEND && sends.fetch_add(1, Ordering::Relaxed) == 0;
        if first { Fault::Entries(vec![0, 9], "InternalError", false) } else { Fault::None }
    });
    let ended = bench.run(Run::default()).await;
    assert_eq!((ended.exit, ended.counts.possible_duplicates.count), (Exit::Done, 0));
    assert_eq!((bench.bodies(SOURCE).len(), bench.bodies(DLQ).len()), (30, 0));
}

#[tokio::test]
async fn an_entry_that_cannot_be_deleted_is_deleted_when_it_is_met_again_and_not_sent_again() {
    let bench = ReplayBench::new();
    bench.fill(10);
    bench.model.set_faults(|call, _| match call.operation.as_str() {
        DELETE => Fault::Entries(vec![0, 1], "InternalError", false),
        _ => Fault::None,
    });
    let first = bench.run(Run::default()).await;
    assert_eq!((first.exit, first.counts.sent, first.counts.not_deleted.count), (Exit::Partly, 10, 2));
    bench.model.set_faults(|_, _| Fault::None);
    bench.model.with(DLQ, pipeline_tests::sqs_model::ModelQueue::let_visibility_run_out);
    let second = bench.run(Run::default()).await;
    assert_eq!((second.exit, second.counts.sent, second.counts.finished_for_earlier_run), (Exit::Done, 0, 2));
    assert_eq!((bench.bodies(SOURCE).len(), bench.bodies(DLQ).len()), (10, 0));
}

#[tokio::test]
async fn without_the_right_to_delete_a_run_stops_before_it_makes_more_duplicates() {
    let bench = ReplayBench::new();
    bench.fill(100);
    bench.model.set_faults(|call, _| match call.operation.as_str() {
        DELETE => Fault::Refused(403, "AccessDenied"),
        _ => Fault::None,
    });
    let ended = bench.run(Run { calls: 1, ..Run::default() }).await;
    assert_eq!(ended.exit, Exit::Error);
    assert!(ended.fault.as_ref().unwrap().to_string().contains("DeleteMessageBatch"));
    assert_eq!(ended.counts.sent, ended.counts.not_deleted.count);
    assert!(ended.counts.sent <= 20, "{ended:?}");
}

#[tokio::test]
async fn throttling_slows_a_run_down_and_loses_nothing() {
    let bench = ReplayBench::new();
    bench.fill(40);
    let sends = AtomicUsize::new(0);
    bench.model.set_faults(move |call, _| {
        let throttled = call.operation == SEND && sends.fetch_add(1, Ordering::Relaxed).is_multiple_of(3);
        if throttled { Fault::Refused(400, "RequestThrottled") } else { Fault::None }
    });
    let ended = bench.run(Run { rate: RateSetting::Adaptive, ..Run::default() }).await;
    assert_eq!((ended.exit, ended.counts.possible_duplicates.count), (Exit::Done, 0));
    assert_eq!((bench.bodies(SOURCE).len(), bench.bodies(DLQ).len()), (40, 0));
}

#[tokio::test]
async fn empty_receives_in_the_middle_do_not_end_a_queue() {
    let bench = ReplayBench::new();
    bench.fill(100);
    let receives = AtomicUsize::new(0);
    bench.model.set_faults(move |call, _| {
        let empty = call.operation == RECEIVE && receives.fetch_add(1, Ordering::Relaxed) % 6 < 5;
        if empty { Fault::Empty } else { Fault::None }
    });
    let ended = bench.run(Run::default()).await;
    assert_eq!((ended.exit, bench.bodies(DLQ).len()), (Exit::Done, 0));
}

#[tokio::test]
async fn messages_that_come_again_while_they_are_in_work_are_handled_once() {
    let bench = ReplayBench::new();
    bench.fill(50);
    let model = bench.model.clone();
    // Whatever is received is received again, by another worker, while the first one sends it.
    bench.model.set_faults(move |call, _| {
        if call.operation == SEND {
            let model = model.clone();
            std::thread::spawn(move || model.with(DLQ, pipeline_tests::sqs_model::ModelQueue::let_visibility_run_out));
        }
        Fault::None
    });
    let ended = bench.run(Run { calls: 12, rate: RateSetting::Fixed(500.0), ..Run::default() }).await;
    assert_eq!(ended.counts.sent, 50);
    let bodies = bench.bodies(SOURCE);
    assert_eq!(bodies.iter().collect::<BTreeSet<_>>().len(), bodies.len(), "nothing is sent twice");
    assert_eq!(bodies.len(), 50);
}

#[tokio::test]
async fn messages_stay_hidden_while_they_wait_for_their_turn() {
    let bench = ReplayBench::new();
    bench.fill(10);
    // Ten messages wait 3 s behind a first ten of another worker, and are hidden for 1 s at a time.
    bench.fill(10);
    let run = Run { calls: 6, rate: RateSetting::Fixed(4.0), visibility: Duration::from_secs(1), ..Run::default() };
    let ended = bench.run(run).await;
    assert_eq!((ended.exit, ended.counts.sent), (Exit::Done, 20));
    assert_eq!((bench.bodies(SOURCE).len(), bench.bodies(DLQ).len()), (20, 0));
    assert!(bench.model.calls().iter().any(|call| call == "ChangeMessageVisibilityBatch"));
}

#[tokio::test]
async fn what_is_not_meant_is_given_back_and_unchanged() {
    let bench = ReplayBench::new();
    let ids = bench.fill(25);
    let meant: HashSet<_> = ids[..2].iter().map(String::as_str).map(MessageKey::of).collect();
    let ended =
        bench.run(Run { selection: Selection { ids: Some(meant), ..Selection::default() }, ..Run::default() }).await;
    assert_eq!((ended.exit, ended.counts.sent), (Exit::Done, 2));
    let left = bench.model.messages(DLQ);
    assert_eq!(left.len(), 23);
    assert!(left.iter().all(|message| message.is_visible() && message.attributes.is_empty()));
    let none = Selection { reasons: vec!["panic".into()], ..Selection::default() };
    let ended = bench.run(Run { selection: none, ..Run::default() }).await;
    assert_eq!((ended.exit, bench.bodies(DLQ).len()), (Exit::NothingMatched, 23));
}

#[tokio::test]
async fn a_limit_is_kept_by_all_workers_together() {
    let bench = ReplayBench::new();
    bench.fill(100);
    let ended = bench.run(Run { limit: 7, calls: 12, ..Run::default() }).await;
    assert_eq!((ended.exit, ended.counts.sent), (Exit::Done, 7));
    assert_eq!((bench.bodies(SOURCE).len(), bench.bodies(DLQ).len()), (7, 93));
}

#[tokio::test]
async fn every_attribute_the_trace_and_the_group_survive_a_replay() {
    let bench = ReplayBench::new();
    let mut message = NewMessage::new("b", &[("text", "ü"), ("failure_reason", "panic"), ("source_message_id", "x")]);
    message.attributes.insert("count".into(), json!({ "DataType": "Number.int", "StringValue": "7" }));
    message.attributes.insert("picture".into(), json!({ "DataType": "Binary.png", "BinaryValue": "AAH/" }));
    message.system.insert("AWSTraceHeader".into(), "Root=1-67891233-abcdef012345678912345678".into());
    message.system.insert("MessageGroupId".into(), "tenant-7".into());
    bench.model.put(DLQ, message);
    assert_eq!(bench.run(Run::default()).await.exit, Exit::Done);
    let sent = &bench.model.messages(SOURCE)[0];
    let names: Vec<_> = sent.attributes.keys().map(String::as_str).collect();
    assert_eq!(names, ["count", "picture", "replay_count", "text"], "the failure stays behind");
    assert_eq!(sent.attributes["picture"], json!({ "DataType": "Binary.png", "BinaryValue": "AAH/" }));
    assert_eq!(sent.attributes["count"], json!({ "DataType": "Number.int", "StringValue": "7" }));
    assert_eq!(sent.attributes["replay_count"], json!({ "DataType": "Number", "StringValue": "1" }));
    assert_eq!(sent.system["AWSTraceHeader"], "Root=1-67891233-abcdef012345678912345678");
    assert_eq!(sent.system["MessageGroupId"], "tenant-7");
}

#[tokio::test]
async fn large_messages_go_in_smaller_batches_and_one_that_is_too_large_is_left_and_told() {
    let bench = ReplayBench::new();
    for size in [200_000, 100_000, 100_000, 300_000, 10] {
        bench.model.put(DLQ, NewMessage::new("b".repeat(size), &[]));
    }
    let ended = bench.run(Run::default()).await;
    assert_eq!(bench.bodies(DLQ).iter().map(String::len).collect::<Vec<_>>(), [300_000]);
    assert_eq!((ended.exit, ended.counts.sent), (Exit::Partly, 4), "{ended:?}");
    assert_eq!(ended.counts.failed["BatchRequestTooLong"], 1);
}

#[tokio::test]
async fn a_message_with_ten_attributes_of_its_own_is_refused_with_the_reason() {
    let bench = ReplayBench::new();
    let names: Vec<_> = (0..10).map(|at| format!("own_{at}")).collect();
    let attributes: Vec<_> = names.iter().map(|name| (name.as_str(), "v")).collect();
    bench.model.put(DLQ, NewMessage::new("b", &attributes));
    let ended = bench.run(Run::default()).await;
    assert_eq!((ended.exit, ended.counts.refused["no_room"]), (Exit::Partly, 1));
    assert_eq!(bench.model.messages(DLQ)[0].attributes.len(), 10);
}

#[tokio::test]
async fn who_was_replayed_too_often_is_refused_or_goes_to_quarantine_unchanged() {
    let bench = ReplayBench::new();
    bench.model.create("quarantine");
    for replays in ["0", "3", "7"] {
        bench.model.put(DLQ, NewMessage::new(format!("{replays} replays"), &[("replay_count", replays)]));
    }
    let ended = bench.run(Run::default()).await;
    assert_eq!((ended.exit, ended.counts.refused["replayed_too_often"], ended.counts.sent), (Exit::Partly, 2, 1));
    assert!(ended.refusals[0].contains("--quarantine"), "{:?}", ended.refusals);
    let treatment = Treatment::Replay(Box::new(Replay { quarantine: true, ..replay() }));
    let ended = bench.run(Run { treatment, quarantine: Some("quarantine"), ..Run::default() }).await;
    assert_eq!((ended.exit, ended.counts.quarantined, ended.counts.sent), (Exit::Done, 2, 0));
    assert_eq!((bench.bodies("quarantine").len(), bench.bodies(DLQ).len()), (2, 0));
    let counts: BTreeSet<_> = bench
        .model
        .messages("quarantine")
        .iter()
        .map(|message| message.text("replay_count").unwrap().to_owned())
        .collect();
    assert_eq!(counts, ["3", "7"].map(str::to_owned).into());
}

#[tokio::test]
async fn a_run_whose_messages_all_come_back_is_stopped_by_the_breaker() {
    let bench = ReplayBench::new();
    bench.fill(1_000);
    bench.model.with(SOURCE, |queue| queue.bounces_to = Some(DLQ.to_owned()));
    let ended = bench.run(Run { calls: 6, ..Run::default() }).await;
    assert_eq!(ended.exit, Exit::Breaker);
    assert!(ended.counts.returned >= 10 && bench.bodies(DLQ).len() == 1_000, "{ended:?}");
}

#[tokio::test]
async fn a_few_messages_that_come_back_are_told_and_not_replayed_again_in_the_same_run() {
    let bench = ReplayBench::new();
    bench.fill(9);
    bench.model.with(SOURCE, |queue| queue.bounces_to = Some(DLQ.to_owned()));
    let ended = bench.run(Run::default()).await;
    assert_eq!((ended.exit, ended.counts.sent, ended.counts.returned), (Exit::Partly, 9, 9));
    assert!(bench.model.messages(DLQ).iter().all(|message| message.text("replay_count") == Some("1")));
}

#[tokio::test]
async fn bodies_of_ours_that_the_contract_refuses_are_not_sent() {
    let bench = ReplayBench::new();
    bench.model.put(DLQ, NewMessage::new(r#"{"detail-type":"UserConfirmed","detail":{}}"#, &[]));
    bench.model.put(DLQ, NewMessage::new("somebody else's", &[]));
    let ended = bench.run(Run::default()).await;
    assert_eq!((ended.exit, ended.counts.refused["would_fail"], ended.counts.sent), (Exit::Partly, 1, 1));
    let treatment = Treatment::Replay(Box::new(Replay { contract: Contract::None, ..replay() }));
    assert_eq!(bench.run(Run { treatment, ..Run::default() }).await.exit, Exit::Done);
}

#[tokio::test]
async fn a_send_without_answers_leaves_the_messages_and_names_them() {
    let bench = ReplayBench::new();
    bench.fill(3);
    bench.model.set_faults(|call, _| if call.operation == SEND { Fault::RequestLost } else { Fault::None });
    let ended = bench.run(Run::default()).await;
    assert_eq!((ended.exit, ended.counts.unconfirmed.ids.len(), bench.bodies(DLQ).len()), (Exit::Partly, 3, 3));
}

#[tokio::test]
async fn when_asked_to_end_a_run_finishes_the_batch_in_hand_and_gives_the_rest_back() {
    let bench = ReplayBench::new();
    bench.fill(100);
    let (asked, interrupt) = Interrupt::by_hand();
    bench.model.set_faults(move |call, _| {
        if call.operation == SEND {
            asked.ask();
        }
        Fault::None
    });
    let ended = bench.run_until(Run { calls: 1, ..Run::default() }, &interrupt).await;
    assert_eq!((ended.exit, ended.counts.sent, ended.counts.deleted), (Exit::Interrupted, 10, 10));
    assert!(bench.model.messages(DLQ).iter().all(Stored::is_visible));
    assert_eq!(bench.bodies(DLQ).len(), 90);
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_stops_a_run_before_it_sends() {
    let bench = ReplayBench::new();
    std::fs::write(&bench.journals, "a file where the folder should be").unwrap();
    let begin = Begin {
        run: "r".into(),
        at: jiff::Timestamp::now(),
        command: "replay".into(),
        queue: "q".into(),
        destination: "d".into(),
        visibility_seconds: None,
        plan: serde_json::Value::Null,
    };
    let error = Journal::create(&bench.journals, begin.clone()).await.err().unwrap().to_string();
    assert!(error.contains("nothing was sent"), "{error}");
    std::fs::remove_file(&bench.journals).unwrap();

    // A disk that is full from the first line on.
    std::fs::create_dir(&bench.journals).unwrap();
    std::os::unix::fs::symlink("/dev/full", bench.journals.join("full.ndjson")).unwrap();
    let begin = Begin { run: "full".into(), ..begin };
    assert!(Journal::create(&bench.journals, begin).await.is_err());
}

#[tokio::test]
async fn fifo_groups_keep_their_order_and_a_failed_send_stops_its_group_only() {
    let bench = ReplayBench::fifo();
    let age = Duration::from_hours(1);
    for at in 0..8 {
        for group in ["a", "b", "c"] {
            let message = NewMessage::new(format!("{group}{at}"), &[]).in_group(group, &format!("{group}{at}"));
            bench.model.put(bench.dlq, NewMessage { age, ..message });
        }
    }
    bench.model.set_faults(|call, _| {
        let entries = call.body["Entries"].as_array().cloned().unwrap_or_default();
        let at = entries.iter().position(|entry| entry["MessageBody"] == "b3");
        at.map_or(Fault::None, |at| Fault::Entries(vec![at], "InvalidMessageContents", true))
    });
    let ended = bench.run(Run { calls: 9, ..Run::default() }).await;
    let sent = bench.model.messages(bench.source);
    for (group, arrived) in [("a", 8), ("b", 3), ("c", 8)] {
        let bodies: Vec<_> = sent.iter().map(|m| m.body.clone()).filter(|body| body.starts_with(group)).collect();
        let expected: Vec<_> = (0..arrived).map(|at| format!("{group}{at}")).collect();
        assert_eq!(bodies, expected, "{ended:?}");
    }
    assert_eq!(
        (ended.exit, bench.bodies(bench.dlq)),
        (Exit::Partly, ["b3", "b4", "b5", "b6", "b7"].map(Into::into).into())
    );
    let ids: BTreeSet<_> = sent.iter().map(|message| &message.system["MessageDeduplicationId"]).collect();
    assert_eq!(ids.len(), sent.len(), "each send has an id of its own");
}

#[tokio::test]
async fn a_fifo_queue_does_not_swallow_a_second_replay_within_five_minutes() {
    let bench = ReplayBench::fifo();
    // The first send of this id was a moment ago: a second one is answered with success and dropped.
    let message = NewMessage::new("b", &[]).in_group("g", "same");
    bench.model.put(bench.source, message.clone());
    bench.model.put(bench.dlq, message);
    assert_eq!(bench.run(Run::default()).await.exit, Exit::Done);
    assert_eq!(bench.bodies(bench.source).len(), 2, "the replayed message is there");
}
