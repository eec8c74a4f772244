//! The replayer on the local stack: the story of a thousand dead letters, and a kill between sending and deleting.

use std::{process::Stdio, sync::Arc, time::Duration};

use aws_sdk_sqs::types::{QueueAttributeName, SendMessageBatchRequestEntry};
use pipeline_tests::{
    Options, Stack,
    clients::Clients,
    dead_letters::Story,
    replayer::Replayer,
    scripted_http::{Answer, Call},
    sqs_model::Server,
    wait,
};
use uuid::Uuid;

/// Longest wait for anything here; each takes well under a second on an idle machine.
const SOON: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_thousand_dead_letters_are_understood_fixed_and_put_out_of_the_way() {
    let stack = Stack::start(&Options::default(), &|_| ()).unwrap();
    let mut scenes = Vec::new();
    let mut tell = |scene: &pipeline_tests::dead_letters::Scene| {
        println!("$ {}\n{}exit {}\n", scene.command, scene.output, scene.code);
        scenes.push(scene.code);
    };
    Story::new(&stack, &mut tell).unwrap().tell(1_000).await.unwrap();
    assert!(scenes.len() >= 10);
    stack.stop();
}

/// `LocalStack` behind a gate that lets everything pass but deletes, which then hang, and says when the first one came.
fn gate(stack: &Stack, deleting: Arc<tokio::sync::Notify>) -> Server {
    let endpoint = stack.aws_endpoint.clone();
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/20260101/{}/sqs/aws4_request, SignedHeaders=host, Signature=0",
        stack.access_key_id, stack.region
    );
    Server::answering(move |call: &Call| {
        if call.operation == "AmazonSQS.DeleteMessageBatch" {
            deleting.notify_one();
            return Answer::Hang;
        }
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
        let answer = agent
            .post(&endpoint)
            .header("authorization", &authorization)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", &call.operation)
            .send(call.body.to_string());
        match answer {
            Ok(mut answer) => {
                let body = answer.body_mut().read_to_string().unwrap_or_default();
                Answer::Reply(answer.status().as_u16(), serde_json::from_str(&body).unwrap_or_default())
            }
            Err(_) => Answer::Refuse,
        }
    })
    .unwrap()
}

async fn depth(sqs: &aws_sdk_sqs::Client, url: &str) -> (usize, usize) {
    let answer =
        sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All).send().await.unwrap();
    let attributes = answer.attributes.unwrap();
    let count = |name| attributes[&name].parse().unwrap();
    (
        count(QueueAttributeName::ApproximateNumberOfMessages),
        count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
    )
}

#[tokio::test]
async fn killed_between_sending_and_deleting_a_run_is_resumed_and_nothing_is_sent_twice() {
    let stack = Stack::shared().unwrap();
    let sqs = Clients::of(stack).unwrap().sqs;
    let name = format!("killed-{}", Uuid::new_v4().simple());
    let mut urls = Vec::new();
    for name in [format!("{name}-dlq"), name.clone()] {
        urls.push(sqs.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap());
    }
    let entries = (0..10).map(|at| {
        SendMessageBatchRequestEntry::builder().id(at.to_string()).message_body(format!("m{at}")).build().unwrap()
    });
    sqs.send_message_batch().queue_url(&urls[0]).set_entries(Some(entries.collect())).send().await.unwrap();

    let deleting = Arc::new(tokio::sync::Notify::new());
    let gate = gate(stack, Arc::clone(&deleting));
    let gated = Replayer::new(&gate.url(), stack.region);
    let dlq = format!("{name}-dlq");
    let replay = ["replay", &dlq, "--to", &name, "--execute", "--visibility", "3"];
    let mut child = gated.command(&replay).unwrap().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    tokio::time::timeout(SOON, deleting.notified()).await.unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    wait::until("what was sent is there", SOON, async || Ok((depth(&sqs, &urls[1]).await.0 > 0).then_some(())))
        .await
        .unwrap();
    let sent = depth(&sqs, &urls[1]).await.0;
    let (visible, held) = depth(&sqs, &urls[0]).await;
    assert_eq!(visible + held, 10, "nothing has left the dead-letter queue");

    // The same person, at an endpoint that lets deletes pass.
    let resumed = gated.at(&stack.aws_endpoint).run(&[&replay[..], &["--resume", "last"]].concat()).unwrap();
    assert_eq!(resumed.code, 0, "{resumed:?}");
    assert!(resumed.out.contains("deleted that an earlier run had sent"), "{}", resumed.out);
    assert_eq!(depth(&sqs, &urls[0]).await, (0, 0));
    assert_eq!(depth(&sqs, &urls[1]).await.0, 10, "{sent} of the ten were there before, and none is there twice");
}
