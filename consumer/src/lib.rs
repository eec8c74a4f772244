//! The consumer: a batch of messages becomes rows, and only what is proven is acknowledged.
//!
//! Each function peels one layer: [`handle_batch`] accounts for messages, `records` turns bodies into users, [`store`] turns users into rows, `poison` and [`backpressure`] deal with the rest.

mod accounting;
pub mod backpressure;
pub mod batch;
mod calls;
mod catalogue;
pub mod classify;
pub mod database;
mod doubts;
pub mod event_body;
pub mod grants;
mod health;
pub mod heap;
pub mod iam_token;
pub mod insert_statement;
mod json_string;
pub mod libpq;
mod login;
pub mod migrations;
mod payload;
mod poison;
pub mod poll;
pub mod queues;
mod receipts;
mod received;
mod records;
pub mod schema;
pub mod schema_resource;
mod sequences;
mod session;
mod statement;
pub mod stop;
pub mod store;
mod summary;
pub mod table;
pub mod table_check;
pub mod trouble;
pub mod usage;
pub mod user_pools;
pub mod worker_options;

use std::{collections::BTreeMap, iter, mem, ops::Range, sync::OnceLock, time::Duration};

use aws_lambda_events::sqs::SqsBatchResponse;
use rollcall_aws_runtime::metrics::Metrics;
use rollcall_events::{UserConfirmed, UserData};
use tokio::{
    sync::mpsc::{UnboundedSender, unbounded_channel},
    time::{Instant, sleep_until},
};

use crate::{
    accounting::Accounting,
    backpressure::{Held, hold_back},
    batch::{Batch, Unreadable},
    database::Database,
    insert_statement::InsertStatement,
    poison::{Cause, Poison, bury},
    queues::Queues,
    records::{Reading, read},
    stop::Stop,
    store::{Outcome, Search},
    summary::{Summary, report_poison},
    user_pools::UserPools,
};

/// Kept back from the deadline for the answer itself: a function that is late is killed, and everything it has done comes back.
const ANSWER: Duration = Duration::from_millis(500);

/// Kept back before that for each message, to hide it if it could not be inserted: ten take one call, and ten calls are under way at the same time.
/// A call takes some 20 ms, of which a function with little memory spends a good part on signing it.
const HIDING: Duration = Duration::from_millis(2);

/// Kept back for the calls of even the smallest batch.
const CALLS: Duration = Duration::from_millis(500);

/// Messages that are inserted with the first statement of a batch, at most: few, because the database waits while they are read.
pub const FIRST_CHUNK: usize = 150;

/// Growth factor of the chunk size. Reading a message takes half as long as inserting one, so the next chunk can be twice as large.
const GROWTH: usize = 2;

/// Messages that are inserted with one statement at most.
pub const CHUNK: usize = 1_000;

/// Everything that a batch is handled with.
pub struct Consumer {
    /// The database.
    pub database: Database,
    /// The statement that makes rows.
    pub insert: InsertStatement,
    /// The pools whose users become rows.
    pub user_pools: UserPools,
    /// The queues' service.
    pub sqs: aws_sdk_sqs::Client,
    /// The queue that batches come from, and the one for poison.
    pub queues: Queues,
    /// Where figures go.
    pub metrics: Metrics,
}

/// Handles one batch, and is done before `deadline`: good users have rows, poison is on the dead-letter queue, and what is left is listed in the answer and hidden for a while.
///
/// Poison is buried and other messages are hidden as soon as they are known, while the rest is inserted.
///
/// # Errors
///
/// [`Unreadable`]: the whole batch comes back, whatever has been done by then.
pub async fn handle_batch(
    batch: &Batch<'_>,
    deadline: Instant,
    consumer: &Consumer,
) -> Result<SqsBatchResponse, Unreadable> {
    handle_until_stopped(batch, deadline, consumer, &Stop::never()).await.map(|handled| handled.answer)
}

/// What has become of a batch.
pub(crate) struct Handled {
    /// What is not in it is done.
    pub(crate) answer: SqsBatchResponse,
    /// Whether the process was told to stop before everything was tried.
    pub(crate) stopped: bool,
}

/// The same as [`handle_batch`]; when the time to finish is over, no more rows are inserted, and what is done by then is known all the same.
pub(crate) async fn handle_until_stopped(
    batch: &Batch<'_>,
    deadline: Instant,
    consumer: &Consumer,
    stop: &Stop,
) -> Result<Handled, Unreadable> {
    let (poison, dead_letters) = unbounded_channel();
    let (held, hidden) = unbounded_channel();
    let (sqs, queues, end) = (&consumer.sqs, &consumer.queues, deadline - ANSWER);
    let messages = u32::try_from(batch.at_most()).unwrap_or(u32::MAX);
    let (mut accounting, mut summary) = (Accounting::open(batch), Summary::begin());
    let rows = Rows { batch, consumer, accounting: &mut accounting, summary: &mut summary, poison, held };
    let insert = async {
        tokio::select! {
            inserted = rows.insert(end - CALLS - HIDING * messages) => inserted.map(|()| false),
            () = stop.time_is_up() => Ok(true),
        }
    };
    let over = async || tokio::select! { () = sleep_until(end) => {} () = stop.last_calls_are_over() => {} };
    let (stopped, buried, ()) = tokio::join!(
        insert,
        bury(sqs, &queues.dlq_url, batch, dead_letters, over()),
        hold_back(sqs, &queues.queue_url, hidden, over()),
    );
    let stopped = stopped?;
    for at in &buried {
        accounting.acknowledge(*at);
    }
    summary.end(buried.len(), accounting.unproven(), &consumer.metrics);
    Ok(Handled { answer: accounting.close(), stopped })
}

/// How many messages each chunk has: [`GROWTH`] times as many as the one before, up to [`CHUNK`], and no small one is left for the end.
fn sizes(messages: usize) -> Vec<usize> {
    let shares = iter::successors(Some(1), |shares| Some(shares * GROWTH + 1));
    let mut firsts = shares.map(|shares| messages.div_ceil(shares));
    // Never none: whether there is a message is known when it is read.
    let first = firsts.find(|size| *size <= FIRST_CHUNK).unwrap_or_default().max(1);
    let sizes = iter::successors(Some(first), |size| Some(CHUNK.min(size * GROWTH)));
    let mut left = messages.max(1);
    let needed = sizes.take_while(|size| {
        let is_needed = left > 0;
        left = left.saturating_sub(*size);
        is_needed
    });
    needed.collect()
}

/// A batch on its way into the table.
struct Rows<'a, 'e, 'p> {
    batch: &'a Batch<'e>,
    consumer: &'a Consumer,
    accounting: &'p mut Accounting<'a, 'e>,
    summary: &'p mut Summary,
    poison: UnboundedSender<Vec<Poison>>,
    held: UnboundedSender<Vec<Held>>,
}

impl<'a> Rows<'a, '_, '_> {
    /// Chunk by chunk: while a statement is on its way, the chunk before is settled and the next one is read.
    ///
    /// It may be dropped wherever it waits: the accounting knows what is done.
    async fn insert(mut self, deadline: Instant) -> Result<(), Unreadable> {
        let Self { batch, consumer: Consumer { database, insert, .. }, .. } = self;
        let sizes = sizes(batch.at_most());
        // They stay until the end of the batch: some of their users may have to wait for it.
        let chunks: Vec<OnceLock<Reading<'_>>> = sizes.iter().map(|_| OnceLock::new()).collect();
        let users: Vec<OnceLock<Vec<&UserData<'_>>>> = sizes.iter().map(|_| OnceLock::new()).collect();
        let mut search = Search::begin(database, insert, deadline);
        let mut next = self.read_chunk(0, 0, &sizes).await?;
        for (at, (chunk, users)) in chunks.iter().zip(&users).enumerate() {
            if next.is_empty() {
                break;
            }
            self.bury(mem::take(&mut next.poison));
            self.summary.read(&next, batch);
            let end = next.end();
            let reading = chunk.get_or_init(|| next);
            let known = search.take();
            let users = users.get_or_init(|| reading.users());
            let ((), read) = tokio::join!(search.add(users), async {
                self.settle(&known, &chunks);
                self.read_chunk(at + 1, end, &sizes).await
            });
            next = read?;
        }
        self.settle(&search.take(), &chunks);
        search.finish().await;
        self.settle(&search.take(), &chunks);
        self.summary.searched(&search);
        Ok(())
    }

    /// The chunk of this number, which begins at a place; an empty one behind the last.
    ///
    /// The last one is read a place further: a record without an id is not among those that were counted, and must not be deleted unread.
    /// So a batch that is one chunk is read to its end before anything is done about it.
    async fn read_chunk(&self, chunk: usize, at: usize, sizes: &[usize]) -> Result<Reading<'a>, Unreadable> {
        let size = sizes.get(chunk).map_or(0, |size| size + usize::from(chunk + 1 == sizes.len()));
        self.read(at..at + size).await
    }

    async fn read(&self, places: Range<usize>) -> Result<Reading<'a>, Unreadable> {
        let Consumer { user_pools, insert, .. } = self.consumer;
        read(self.batch, places, UserConfirmed::from_envelope, user_pools, insert).await
    }

    /// Puts each message where the outcome for its user says, and counts it.
    fn settle(&mut self, known: &BTreeMap<usize, Outcome>, chunks: &[OnceLock<Reading<'_>>]) {
        for (chunk, outcome) in known {
            let Some(reading) = chunks.get(*chunk).and_then(OnceLock::get) else { continue };
            self.summary.count(outcome, reading);
            self.settle_chunk(outcome, reading);
        }
    }

    fn settle_chunk(&mut self, outcome: &Outcome, reading: &Reading<'_>) {
        let places = |sub: &_| reading.about(*sub).iter().map(|arrival| arrival.at);
        for at in outcome.inserted.iter().chain(&outcome.already_present).flat_map(places) {
            self.accounting.acknowledge(at);
        }
        // Only the first message of a user was tried: the others may say something else, and come back to be tried themselves.
        let refused = outcome.refused.iter().map(|(sub, reason)| (sub, Cause::refused(reason)));
        let skipped = outcome.skipped.iter().map(|sub| (sub, Cause::not_stored()));
        let (mut poison, mut untried) = (Vec::new(), Vec::new());
        for (sub, cause) in refused.chain(skipped) {
            let mut places = places(sub);
            poison.extend(places.next().map(|at| Poison { at, cause }));
            untried.extend(places);
        }
        self.bury(poison);
        let held = outcome.unproven.iter().chain(&outcome.unfit).flat_map(places).chain(untried);
        let held: Vec<_> = held.filter_map(|at| self.batch.get(at)).filter_map(Held::of).collect();
        if !held.is_empty() {
            // The other end lives as long as this one.
            let _ = self.held.send(held);
        }
    }

    fn bury(&self, poison: Vec<Poison>) {
        if !poison.is_empty() {
            report_poison(&poison, self.batch, &self.consumer.metrics);
            // The other end lives as long as this one.
            let _ = self.poison.send(poison);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_chunk_is_small_and_no_small_one_is_left_at_the_end() {
        let expected: [(usize, &[usize]); 7] = [
            (0, &[1]),
            (1, &[1]),
            (10, &[10]),
            (150, &[150]),
            (151, &[51, 102]),
            (1_000, &[143, 286, 572]),
            (4_000, &[130, 260, 520, 1_000, 1_000, 1_000, 1_000]),
        ];
        for (messages, chunks) in expected {
            assert_eq!(sizes(messages), chunks, "{messages}");
        }
        assert!(sizes(10_000).iter().sum::<usize>() >= 10_000);
    }
}
