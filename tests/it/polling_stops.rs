//! A worker that is told to stop while its database is down: what became of each message is known all the same.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use consumer::{poll::poll, stop::Stop, worker_options::WorkerOptions};
use pipeline_tests::{
    scripted_http::{Answer, Call},
    wait,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    bench_consumer::{Bench, HOLD, SEND, obliging, somebody},
    polling::SOON,
};

const DELETE: &str = "AmazonSQS.DeleteMessageBatch";

/// Nothing answers there.
const NO_DATABASE: &str = "postgres://nobody@127.0.0.1:1/none?sslmode=disable";

/// More than a worker has to finish what it holds.
const LONG_AGO: Duration = Duration::from_mins(1);

/// Receipts of the messages that were deleted, or that were to be, and of those that were made visible again at once.
struct Ends {
    deleted: Vec<Value>,
    given_back: Vec<Value>,
}

/// What becomes of a poison message (`r0`) and a valid one (`r1`) when the time to finish is over while the database is down and SQS answers as `sqs` says.
async fn stopped_in_an_outage(sqs: fn(&Call, usize) -> Answer) -> Ends {
    let receives = AtomicUsize::new(0);
    let bench = Bench::with(NO_DATABASE, move |call, before| match call.operation.as_str() {
        "AmazonSQS.ReceiveMessage" if receives.fetch_add(1, Ordering::Relaxed) == 0 => {
            let message = |at: usize, body: &str| json!({ "MessageId": format!("m{at}"), "ReceiptHandle": format!("r{at}"), "Body": body });
            Answer::Reply(200, json!({ "Messages": [message(0, "not json"), message(1, &somebody(&json!({})))] }))
        }
        "AmazonSQS.ReceiveMessage" => Answer::Hang,
        "AmazonSQS.GetQueueAttributes" => Answer::Reply(200, json!({ "Attributes": {} })),
        _ => sqs(call, before),
    });
    let options = WorkerOptions { workers: 1, ..WorkerOptions::default() };
    let (tell, stop) = Stop::told();
    let tell_once_a_copy_is_on_its_way = async {
        wait::until("the poison is sent", SOON, async || Ok((!bench.buried().is_empty()).then_some(()))).await.unwrap();
        tell.send_replace(Some(Instant::now() - LONG_AGO));
    };
    let (ended, ()) = tokio::join!(poll(&bench.consumer, &options, &stop), tell_once_a_copy_is_on_its_way);
    ended.unwrap();
    let entries = |operation: &str| {
        let calls = bench.http.calls().into_iter().filter(|call| call.operation == operation);
        calls.flat_map(|call| call.body["Entries"].as_array().cloned().unwrap_or_default()).collect::<Vec<_>>()
    };
    let receipts = |entries: Vec<Value>| entries.into_iter().map(|entry| entry["ReceiptHandle"].clone()).collect();
    let at_once = entries(HOLD).into_iter().filter(|entry| entry["VisibilityTimeout"] == 0).collect();
    Ends { deleted: receipts(entries(DELETE)), given_back: receipts(at_once) }
}

#[tokio::test]
async fn a_message_whose_copy_is_among_the_dead_letters_is_deleted_before_a_stopped_worker_ends() {
    let ends = stopped_in_an_outage(obliging).await;
    assert_eq!(ends.deleted, ["r0"]);
    assert_eq!(ends.given_back, ["r1"], "the other one comes back at once");
}

#[tokio::test]
async fn a_message_that_cannot_be_deleted_is_not_given_back_if_its_copy_is_among_the_dead_letters() {
    let ends = stopped_in_an_outage(|call, before| match call.operation.as_str() {
        DELETE => {
            let failed = json!([{ "Id": "0", "Code": "InternalError", "SenderFault": false }]);
            Answer::Reply(200, json!({ "Successful": [], "Failed": failed }))
        }
        _ => obliging(call, before),
    })
    .await;
    assert_eq!(ends.deleted, ["r0"], "it was tried");
    assert_eq!(ends.given_back, ["r1"]);
}

#[tokio::test]
async fn a_stopped_worker_waits_a_moment_for_the_dead_letter_queue_and_no_longer() {
    let ends = stopped_in_an_outage(|call, before| match call.operation.as_str() {
        SEND => Answer::Hang,
        _ => obliging(call, before),
    })
    .await;
    assert!(ends.deleted.is_empty(), "nothing proves that the copy is there: {:?}", ends.deleted);
    assert_eq!(ends.given_back, ["r0", "r1"]);
}
