//! The consumer: a batch of messages becomes rows, and only what is proven is acknowledged.
//!
//! Each function peels one layer: [`handle`] accounts for messages, `read` turns bodies into users, [`store::insert`] turns users into rows.

pub mod batch;
pub mod config;
pub mod migrations;
pub mod store;

use std::{collections::BTreeMap, time::Instant};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use rollcall_aws_runtime::logging;
use rollcall_events::{CognitoSub, ParseError, UserConfirmed, UserData};
use sqlx::PgPool;

use crate::batch::{Accounting, MissingMessageId, message_id};

/// The users of a batch in the order of their keys, each with the messages that spoke of them.
type Arrivals<'a> = BTreeMap<CognitoSub, Arrival<'a>>;

/// One user, however many messages of the batch speak of them; the first one counts, as it would if they came one by one.
struct Arrival<'a> {
    user: UserData,
    message_ids: Vec<&'a str>,
}

/// Handles one batch: inserts the users it speaks of in one statement, and lists every message that has no committed row.
///
/// # Errors
///
/// [`MissingMessageId`], which gives the whole batch back.
pub async fn handle(event: SqsEvent, pool: &PgPool) -> Result<SqsBatchResponse, MissingMessageId> {
    let start = Instant::now();
    let mut accounting = Accounting::open(&event.records)?;
    let arrivals = read(&event.records)?;
    let users: Vec<&UserData> = arrivals.values().map(|arrival| &arrival.user).collect();
    let inserted = match store::insert(pool, &users).await {
        Ok(inserted) => {
            arrivals.values().flat_map(|arrival| &arrival.message_ids).for_each(|id| accounting.acknowledge(id));
            inserted
        }
        Err(error) => {
            tracing::error!(error = logging::chain(&error), "no row of this batch is proven; all of it is given back");
            0
        }
    };
    tracing::info!(
        batch.size = event.records.len(),
        batch.inserted = inserted,
        batch.duplicates = (event.records.len() - accounting.unproven()) as u64 - inserted,
        batch.retry = accounting.unproven(),
        duration_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
        "batch"
    );
    Ok(accounting.close())
}

/// Reads every body by itself, so that a bad one costs nobody else anything. Those are left out, and so stay unproven.
fn read(records: &[SqsMessage]) -> Result<Arrivals<'_>, MissingMessageId> {
    let mut arrivals = Arrivals::new();
    for record in records {
        let id = message_id(record)?;
        match user_of(record) {
            Ok(user) => {
                arrivals
                    .entry(user.cognito_sub)
                    .or_insert_with(|| Arrival { user, message_ids: Vec::new() })
                    .message_ids
                    .push(id);
            }
            Err(error) => {
                tracing::error!(message.id = id, reason = error.reason(), %error, "a message that cannot become a row");
            }
        }
    }
    Ok(arrivals)
}

fn user_of(record: &SqsMessage) -> Result<UserData, ParseError> {
    UserConfirmed::from_envelope(record.body.as_deref().unwrap_or_default()).map(|event| event.data)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SUB: &str = "7d4a1f0e-2c5b-4a8e-9d61-0b3f6a9c1e22";

    fn record(id: &str, body: &str) -> SqsMessage {
        let mut record = SqsMessage::default();
        record.message_id = Some(id.to_owned());
        record.body = Some(body.to_owned());
        record
    }

    fn body(sub: &str, first_name: &str) -> String {
        json!({
            "detail-type": "UserConfirmed",
            "detail": {
                "metadata": { "version": 1, "event_id": SUB, "occurred_at": "2026-11-22T21:00:00.000Z", "origin": "sign_up" },
                "data": { "cognito_sub": sub, "username": "u", "user_pool_id": "p_1", "first_name": first_name },
            },
        })
        .to_string()
    }

    #[test]
    fn messages_about_one_user_become_one_arrival_and_the_first_one_counts() {
        let other = SUB.replace('7', "1");
        let records =
            [record("1", &body(SUB, "Ada")), record("2", &body(&other, "Bob")), record("3", &body(SUB, "Eve"))];
        let arrivals = read(&records).unwrap();
        assert_eq!(arrivals.len(), 2);
        let ada = &arrivals[&CognitoSub::parse(SUB).unwrap()];
        assert_eq!(ada.message_ids, ["1", "3"]);
        assert_eq!(ada.user.first_name.as_ref().unwrap().as_str(), "Ada");
        assert!(arrivals.keys().is_sorted(), "the insert relies on it");
    }

    #[test]
    fn a_bad_body_is_left_out_and_the_others_are_read() {
        let mut without_body = record("3", "");
        without_body.body = None;
        let records = [record("1", "not json"), record("2", &body(SUB, "Ada")), without_body];
        assert_eq!(read(&records).unwrap().len(), 1);
    }
}
