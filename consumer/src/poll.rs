//! The same handler without Lambda: a process that polls the queue, for ECS, Kubernetes or a laptop.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use aws_lambda_events::sqs::SqsEvent;
use aws_sdk_sqs::{
    config::timeout::TimeoutConfig,
    error::{ProvideErrorMetadata, SdkError},
    types::{Message, MessageSystemAttributeName, QueueAttributeName},
};
use futures_util::future::{join, join_all};
use rollcall_aws_runtime::logging;
use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};

use crate::{
    Consumer, Handled,
    batch::{Batch, Unreadable},
    handle_until_stopped,
    health::{self, Progress},
    receipts::{Receipt, delete, hide, split},
    received::as_lambda_delivers,
    stop::Stop,
    worker_options::WorkerOptions,
};

/// Messages of one ReceiveMessage, SQS's own limit.
const TEN: usize = 10;

/// How often a worker asks again when its first answer was full, so that one statement inserts a hundred users and not ten.
const MORE: usize = 9;

/// Longest that SQS waits for a message before it answers that there is none.
/// It may be 20, at a quarter of the requests; but a worker that is told to stop waits for its last answer, because messages that are sent to somebody who has gone are hidden from everybody.
const LONG_POLL_SECONDS: i32 = 5;

/// The most time that SQS gets to connect, to answer once, and to answer at all.
/// An answer takes as long as the long poll at worst; a peer that has vanished never gives one, and no error either.
const CONNECT: Duration = Duration::from_secs(3);
const ANSWER: Duration = Duration::from_secs(10);
const CALL: Duration = Duration::from_secs(15);

/// How long one batch may take, as long as in Lambda.
const BATCH: Duration = Duration::from_secs(30);

/// How long a received message stays hidden; what a worker held that was killed comes back after it.
const VISIBILITY_SECONDS: i32 = 20;

/// How often the visibility of a batch in progress is extended. Three extensions can fail before it becomes visible.
const EXTEND_EVERY: Duration = Duration::from_secs(5);

/// Shortest and longest wait after SQS could not be asked.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Why polling cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum CannotPoll {
    /// SQS does not give the queue.
    #[error("cannot poll `{url}` (QUEUE_URL): {why}")]
    Queue {
        /// Its URL.
        url: String,
        /// SQS's code, or why there was no answer.
        why: String,
    },
    /// There is no queue for poison.
    #[error("`{0}` (DLQ_URL) does not exist; poison could go nowhere")]
    DeadLetters(String),
    /// The address of `--health` is taken, or not this machine's.
    #[error("cannot answer health checks on {0}")]
    Health(SocketAddr, #[source] std::io::Error),
}

/// How long a client for SQS may wait for anything. Without it a call to a peer that has vanished never returns.
pub fn timeouts() -> TimeoutConfig {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(ANSWER);
    timeouts.operation_attempt_timeout(ANSWER).operation_timeout(CALL).build()
}

/// Polls until it is told to stop; then it finishes the batches in hand, or returns them to the queue when that takes too long.
///
/// # Errors
///
/// [`CannotPoll`] at once when the queue does not exist or may not be read, or when health checks cannot be listened for. Later failures are waited out.
pub async fn poll(consumer: &Consumer, options: &WorkerOptions, stop: &Stop) -> Result<(), CannotPoll> {
    let progress = Arc::new(Progress::of(options.workers, options.stalled_after));
    let checks = match options.health {
        None => None,
        Some(address) => {
            let listener = health::listen(address).await;
            let listener = listener.map_err(|error| CannotPoll::Health(address, error))?;
            Some(health::serve(listener, Arc::clone(&progress)))
        }
    };
    tokio::select! {
        found = find_queues(consumer) => found?,
        () = stop.asked() => return Ok(()),
    }
    tracing::info!(workers = options.workers, "polling");
    let work = join_all((0..options.workers).map(|worker| work(consumer, worker, &progress, stop)));
    match checks {
        None => drop(work.await),
        Some(checks) => tokio::select! { _ = work => {} () = checks => {} },
    }
    tracing::info!("stopped");
    Ok(())
}

async fn find_queues(Consumer { sqs, queues, .. }: &Consumer) -> Result<(), CannotPoll> {
    let find = async |url: &str| {
        let call = sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::QueueArn);
        call.send().await.map_err(|error| why(&error))
    };
    let url = &queues.queue_url;
    find(url).await.map_err(|why| CannotPoll::Queue { url: url.clone(), why })?;
    match find(&queues.dlq_url).await {
        Err(why) if why.ends_with("NonExistentQueue") || why == "QueueDoesNotExist" => {
            Err(CannotPoll::DeadLetters(queues.dlq_url.clone()))
        }
        // A consumer needs no permission to look at it.
        _ => Ok(()),
    }
}

/// SQS's code, or why there was no answer: no credentials, no Region, no host.
fn why<E>(error: &SdkError<E>) -> String
where
    SdkError<E>: ProvideErrorMetadata,
    E: std::error::Error + 'static,
{
    error.code().map_or_else(|| logging::chain(error), str::to_owned)
}

async fn work(consumer: &Consumer, worker: usize, progress: &Progress, stop: &Stop) {
    let mut failures = 0;
    while !stop.is_asked() {
        let received = tokio::select! {
            received = receive(consumer) => received,
            // SQS has not answered in all the time there was to finish: what it may have sent comes back by itself.
            () = stop.time_is_up() => return,
        };
        match received {
            Ok(messages) => {
                failures = 0;
                progress.made_by(worker);
                if !messages.is_empty() {
                    finish_or_give_back(consumer, messages, stop).await;
                    progress.made_by(worker);
                }
            }
            Err(code) => {
                tracing::warn!(code, "receiving failed: retrying later");
                // Told to stop, there is nothing more to wait for.
                let _ = timeout(wait_after(failures, fastrand::f64()), stop.asked()).await;
                failures += 1;
            }
        }
    }
}

/// Half of it is jitter, so that a fleet does not come back all at once.
fn wait_after(failures: u32, random: f64) -> Duration {
    let (shortest, longest) = RETRY;
    let bound = shortest.saturating_mul(1 << failures.min(16)).min(longest);
    bound.mul_f64(random.clamp(0.0, 1.0).mul_add(0.5, 0.5))
}

/// A batch: ten messages at most, or a hundred when there are so many.
async fn receive(consumer: &Consumer) -> Result<Vec<Message>, String> {
    let mut messages = receive_ten(consumer, LONG_POLL_SECONDS).await?;
    if messages.len() == TEN {
        // What fails here was not received, and comes with another batch.
        let more = join_all((0..MORE).map(|_| receive_ten(consumer, 0))).await;
        messages.extend(more.into_iter().filter_map(Result::ok).flatten());
    }
    Ok(messages)
}

async fn receive_ten(consumer: &Consumer, wait_seconds: i32) -> Result<Vec<Message>, String> {
    let call = consumer
        .sqs
        .receive_message()
        .queue_url(&consumer.queues.queue_url)
        .max_number_of_messages(TEN.try_into().unwrap_or(i32::MAX))
        .wait_time_seconds(wait_seconds)
        .visibility_timeout(VISIBILITY_SECONDS)
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .message_attribute_names("All");
    match call.send().await {
        Ok(answer) => Ok(answer.messages.unwrap_or_default()),
        Err(error) => Err(why(&error)),
    }
}

async fn finish_or_give_back(consumer: &Consumer, messages: Vec<Message>, stop: &Stop) {
    let mut event = SqsEvent::default();
    event.records = messages.into_iter().map(as_lambda_delivers).collect();
    let held: Vec<Receipt> = event.records.iter().filter_map(Receipt::of).collect();
    let (working, over) = oneshot::channel::<()>();
    let work = async move {
        let handled = Box::pin(handle(event, Instant::now() + BATCH, consumer, stop)).await;
        drop(working);
        handled
    };
    // A call that hides is never dropped on its way: it would overtake the one that gives back.
    let (handled, ()) = join(work, keep_hidden(consumer, &held, over)).await;
    let (done, kept) = split(held, handled);
    // Also at a stop: what has its row or its copy among the dead letters is deleted and not given back, or the copy would be made twice.
    join(delete(consumer, &done), give_back(consumer, &kept)).await;
}

async fn handle(event: SqsEvent, deadline: Instant, consumer: &Consumer, stop: &Stop) -> Result<Handled, Unreadable> {
    handle_until_stopped(&Batch::try_from(event)?, deadline, consumer, stop).await
}

/// Hides the batch for longer, again and again, until the work is over.
async fn keep_hidden(consumer: &Consumer, held: &[Receipt], mut over: oneshot::Receiver<()>) {
    while timeout(EXTEND_EVERY, &mut over).await.is_err() {
        hide(consumer, held, VISIBILITY_SECONDS).await;
    }
}

async fn give_back(consumer: &Consumer, kept: &[Receipt]) {
    if !kept.is_empty() {
        tracing::info!(messages = kept.len(), "messages returned to the queue");
        hide(consumer, kept, 0).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_after_a_failure_doubles_up_to_its_limit() {
        assert_eq!(wait_after(0, 1.0), Duration::from_secs(1));
        assert_eq!(wait_after(0, 0.0), Duration::from_millis(500));
        assert_eq!(wait_after(3, 1.0), Duration::from_secs(8));
        assert_eq!(wait_after(u32::MAX, 1.0), Duration::from_secs(30));
    }
}
