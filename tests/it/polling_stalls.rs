//! A worker whose SQS accepts connections and never answers.

use std::{
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use aws_sdk_sqs::config::StalledStreamProtectionConfig;
use consumer::{
    poll::{poll, timeouts},
    stop::Stop,
    worker_options::WorkerOptions,
};
use pipeline_tests::{
    Stack,
    relay::{Relay, Treatment},
    scripted_http::Answer,
    wait,
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use uuid::Uuid;

use crate::{
    bench_consumer::{Bench, database, obliging, somebody},
    polling::{SOON, Worker},
};

/// An address that nothing listens on.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The first line of the answer to a health check, once there is one.
async fn health(address: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    answer.lines().next().map(str::to_owned)
}

async fn until_health(address: SocketAddr, expected: &str) {
    wait::until(expected, SOON, async || {
        Ok(health(address).await.filter(|line| line.starts_with(expected)).map(|_| ()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_worker_whose_queue_never_answers_is_unhealthy_and_goes_on_when_it_does() {
    let receives = AtomicUsize::new(0);
    let script = move |call: &pipeline_tests::scripted_http::Call, before| match call.operation.as_str() {
        "AmazonSQS.ReceiveMessage" => match receives.fetch_add(1, Ordering::Relaxed) {
            0 => Answer::Hang,
            1 => {
                let message = json!({ "MessageId": "m0", "ReceiptHandle": "r0", "Body": somebody(&json!({})) });
                Answer::Reply(200, json!({ "Messages": [message] }))
            }
            _ => Answer::Reply(200, json!({})),
        },
        "AmazonSQS.GetQueueAttributes" => Answer::Reply(200, json!({ "Attributes": {} })),
        _ => obliging(call, before),
    };
    let mut bench = Bench::with(&database().await, script);
    let sdk = bench.http.sdk_config().into_builder().timeout_config(timeouts());
    // A body that nobody reads would end the call as well, and on a wire it is read.
    let sdk = sdk.stalled_stream_protection(StalledStreamProtectionConfig::disabled()).build();
    bench.consumer.sqs = aws_sdk_sqs::Client::new(&sdk);
    let address = free_address();
    let options = WorkerOptions { workers: 1, health: Some(address), stalled_after: Duration::from_secs(2) };
    let (_tell, stop) = Stop::told();
    let scenario = async {
        until_health(address, "HTTP/1.1 200 ").await;
        until_health(address, "HTTP/1.1 503 ").await;
        wait::until("the message after the hung call is a row", SOON, async || {
            Ok((bench.rows().await == 1).then_some(()))
        })
        .await
        .unwrap();
        until_health(address, "HTTP/1.1 200 ").await;
    };
    tokio::select! {
        ended = poll(&bench.consumer, &options, &stop) => panic!("it was not asked to stop: {ended:?}"),
        () = scenario => {}
    }
}

/// A worker behind a relay; it ends with the test.
struct Behind(Child);

impl Drop for Behind {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_process_hangs_up_on_a_queue_that_never_answers() {
    let stack = Stack::shared().unwrap();
    let relay = Relay::start(&stack.aws_endpoint).unwrap();
    relay.treat("ReceiveMessage", Treatment::Hold);
    let clients = pipeline_tests::clients::Clients::of(stack).unwrap();
    let name = format!("stalls-{}", Uuid::new_v4().simple());
    let queue_url = clients.sqs.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap();
    let address = free_address();
    let mut command: Command = Worker::command(stack);
    command.args(["--workers", "1", "--health", &address.to_string()]).env("AWS_ENDPOINT_URL", relay.url());
    command
        .env("QUEUE_URL", &queue_url)
        .env("DLQ_URL", &stack.outputs.dlq_url)
        .env("DATABASE_URL", &stack.database_url);
    let _worker = Behind(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    wait::until("the worker waits for an answer", SOON, async || Ok((relay.held() == 1).then_some(()))).await.unwrap();
    until_health(address, "HTTP/1.1 200 ").await;
    wait::until("the worker has hung up", SOON, async || Ok((relay.held() == 0).then_some(()))).await.unwrap();
    wait::until("it asks again", SOON, async || Ok((relay.held() == 1).then_some(()))).await.unwrap();
}
