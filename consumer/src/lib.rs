//! The consumer: a batch of messages becomes rows, and only what is proven is acknowledged.
//!
//! Each function peels one layer: [`handle`] accounts for messages, `records` turns bodies into users, [`store`] turns users into rows, [`poison`] and [`backpressure`] deal with the rest.

pub mod backpressure;
pub mod batch;
pub mod classify;
pub mod database;
pub mod grants;
pub mod iam_token;
mod login;
pub mod migrations;
pub mod poison;
pub mod poll;
pub mod queues;
mod received;
mod records;
pub mod schema;
pub mod schema_resource;
pub mod stop;
pub mod store;
mod summary;
pub mod table_check;

use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use rollcall_aws_runtime::metrics::Metrics;
use rollcall_events::{UserConfirmed, UserData};
use tokio::time::Instant;

use crate::{
    backpressure::{Held, hold_back},
    batch::{Accounting, MissingMessageId},
    database::Database,
    poison::{Cause, Poison, bury},
    queues::Queues,
    records::{Reading, read},
    store::Outcome,
    summary::Summary,
};

/// Kept back from the invocation's deadline for what comes after the inserts: poison to the dead letters, the rest held back.
const MARGIN: Duration = Duration::from_secs(4);

/// Records that are inserted with one statement. More gain nothing, and the next chunk is read while this one is inserted.
const CHUNK: usize = 1_000;

/// Everything that a batch is handled with.
pub struct Consumer {
    /// The database.
    pub database: Database,
    /// The queues' service.
    pub sqs: aws_sdk_sqs::Client,
    /// The queue that batches come from, and the one for poison.
    pub queues: Queues,
    /// Where figures go.
    pub metrics: Metrics,
}

/// Handles one batch, and is done before `deadline`: good users have rows, poison is among the dead letters, and what is left is listed in the answer and held back.
///
/// # Errors
///
/// [`MissingMessageId`], which gives the whole batch back.
pub async fn handle(
    event: SqsEvent,
    deadline: Instant,
    consumer: &Consumer,
) -> Result<SqsBatchResponse, MissingMessageId> {
    let mut accounting = Accounting::open(&event.records)?;
    let mut summary = Summary::begin(event.records.len());
    let mut poison = Vec::new();
    let mut held = Vec::new();
    let mut chunks = event.records.chunks(CHUNK);
    let mut reading = read(chunks.next().unwrap_or_default(), UserConfirmed::from_envelope)?;
    loop {
        let next = chunks.next();
        let users: Vec<&UserData> = reading.arrivals.values().map(|arrival| &arrival.event.data).collect();
        // The statement is on its way while the next chunk is read.
        let (outcome, next_reading) =
            tokio::join!(store::insert(&consumer.database, &users, deadline - MARGIN), async {
                next.map(|records| read(records, UserConfirmed::from_envelope)).transpose()
            });
        let next_reading = next_reading?;
        poison.append(&mut reading.poison);
        settle(&outcome, &reading, &mut accounting, &mut poison, &mut held);
        summary.count(&outcome, &reading);
        let Some(next_reading) = next_reading else { break };
        reading = next_reading;
    }
    let buried = bury(&consumer.sqs, &consumer.queues.dlq_url, &poison, deadline).await;
    for message_id in &buried {
        accounting.acknowledge(message_id);
    }
    hold_back(&consumer.sqs, &consumer.queues.queue_url, &held, deadline).await;
    summary.end(&poison, buried.len(), accounting.unproven(), &consumer.metrics);
    Ok(accounting.close())
}

/// Puts each message of a chunk where the outcome for its user says.
fn settle<'a>(
    outcome: &Outcome,
    reading: &Reading<'a>,
    accounting: &mut Accounting,
    poison: &mut Vec<Poison<'a>>,
    held: &mut Vec<Held>,
) {
    let records = |sub| reading.arrivals.get(sub).into_iter().flat_map(|arrival| arrival.records.iter().copied());
    for record in outcome.inserted.iter().chain(&outcome.already_present).flat_map(records) {
        accounting.acknowledge(id(record));
    }
    for (sub, reason) in &outcome.refused {
        let cause =
            Cause { reason: reason.to_string(), detail: format!("the table refuses it with SQLSTATE {}", reason.code) };
        poison.extend(records(sub).map(|record| Poison { message_id: id(record), record, cause: cause.clone() }));
    }
    for record in outcome.skipped.iter().flat_map(records) {
        poison.push(Poison { message_id: id(record), record, cause: Cause::not_stored() });
    }
    held.extend(outcome.unproven.iter().flat_map(records).filter_map(Held::of));
}

/// The id, which the accounting has asked for already.
fn id(record: &SqsMessage) -> &str {
    record.message_id.as_deref().unwrap_or_default()
}
