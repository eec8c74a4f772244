//! The bare client: the least that moves messages between two queues with the SDK that `dlq-replayer` uses.
//!
//! `cargo xtask bench replay` measures `dlq-replayer` against it, because what the two differ by is what safety costs: no journal, no selection, no proof that the queue is empty.
//! It also fills the queues, checks what arrived, and adds a network's latency, because those must be faster than everything that is measured.
//!
//! It is an example of this crate rather than a binary of `tests`: it shares the crate's dependencies and therefore builds for release in a minute, where `tests` would bring sqlx and three more SDKs.
//!
//! ```text
//! bare_client make QUEUE...                 create queues; a name that ends with .fifo makes a FIFO queue
//! bare_client seed QUEUE N GROUPS           put N numbered messages into it; GROUPS counts for FIFO queues only
//! bare_client move SOURCE DESTINATION TASKS receive 10, send them, delete what was sent, in so many tasks
//! bare_client verify SOURCE DESTINATION N   print what arrived, as JSON, and delete both queues
//! bare_client delay PORT UPSTREAM MILLIS    pass connections on to another port, requests that much later
//! ```
//!
//! The endpoint, the Region and the credentials come from the variables that every AWS tool reads.

mod delay;
mod load;
mod mover;
mod verify;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::{Context, bail};
use aws_sdk_sqs::{Client, types::QueueAttributeName};
use futures_util::future::try_join_all;
use rollcall_aws_runtime::{environment::Environment, lambda_sdk};

/// Messages of one call, SQS's maximum.
const BATCH: usize = 10;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A closed standard error leaves nothing to do.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[&str]) -> anyhow::Result<()> {
    match arguments {
        ["make", queues @ ..] => {
            let client = client()?;
            try_join_all(queues.iter().map(|queue| make(&client, queue))).await.map(drop)
        }
        ["seed", queue, messages, groups] => load::seed(&client()?, queue, messages.parse()?, groups.parse()?).await,
        ["move", source, destination, tasks] => {
            mover::move_messages(&client()?, source, destination, tasks.parse()?).await
        }
        ["verify", source, destination, messages] => {
            let arrived = verify::verify(&client()?, source, destination, messages.parse()?).await?;
            writeln!(io::stdout(), "{arrived}").context("printing what arrived")
        }
        ["delay", port, upstream, millis] => delay::relay(port.parse()?, upstream.parse()?, millis.parse()?).await,
        _ => bail!("unknown arguments; they are listed at the top of main.rs"),
    }
}

/// From the environment alone, as in a Lambda function: the shortest start that there is.
fn client() -> anyhow::Result<Client> {
    Ok(Client::new(&lambda_sdk::sdk_config(&Environment::of_process())?))
}

fn is_fifo(queue: &str) -> bool {
    queue.rsplit('.').next() == Some("fifo")
}

async fn url(client: &Client, queue: &str) -> anyhow::Result<String> {
    let response = client.get_queue_url().queue_name(queue).send().await.context("looking a queue up")?;
    response.queue_url.context("the queue has no URL")
}

async fn make(client: &Client, queue: &str) -> anyhow::Result<()> {
    let mut request = client.create_queue().queue_name(queue);
    if is_fifo(queue) {
        request = request.attributes(QueueAttributeName::FifoQueue, "true");
    }
    request.send().await.context("creating a queue").map(drop)
}
