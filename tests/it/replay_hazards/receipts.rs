//! A8: a delete with an old receipt "succeeds", and the message stays.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use pipeline_tests::sqs_model::{Fault, ModelQueue, operation};

use super::{DLQ, SOURCE, Scene, body};

/// How long a send waits until a message that it carries has been received again.
const RECEIVED_AGAIN: Duration = Duration::from_secs(3);

#[test]
fn a8_messages_that_are_received_again_while_they_are_sent_are_gone_at_the_end_and_sent_once() {
    const MESSAGES: usize = 40;
    let scene = Scene::new();
    scene.fill(MESSAGES);
    let (model, sends) = (scene.model.clone(), AtomicUsize::new(0));
    scene.model.set_faults(move |call, _| {
        if operation(call) == "SendMessageBatch" && sends.fetch_add(1, Ordering::Relaxed) < 2 {
            // The send takes longer than the visibility timeout, and another receive of the same run gets its messages.
            model.with(DLQ, ModelQueue::let_visibility_run_out);
            let sent = call.body["Entries"].as_array().cloned().unwrap_or_default();
            let again = || {
                let messages = model.messages(DLQ);
                let of = |body: &serde_json::Value| {
                    messages.iter().any(|message| message.body == *body && message.receives > 1)
                };
                sent.iter().all(|entry| of(&entry["MessageBody"]))
            };
            let deadline = Instant::now() + RECEIVED_AGAIN;
            while !again() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        Fault::None
    });
    let said = scene.run(&["replay", DLQ, "--execute"]);
    let all: Vec<_> = (0..MESSAGES).map(body).collect();
    assert_eq!((scene.bodies(SOURCE), scene.bodies(DLQ)), (all, vec![]), "{}", said.text());
    assert_eq!(said.code, 0, "{}", said.text());
}
