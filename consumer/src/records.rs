//! From records to users: each body is read by itself, and whatever cannot be read is poison with its reason.

use std::{collections::BTreeMap, panic};

use aws_lambda_events::sqs::SqsMessage;
use rollcall_events::{CognitoSub, ParseError, Text, UserConfirmed};

use crate::{
    batch::{MissingMessageId, message_id},
    insert_statement::InsertStatement,
    poison::{Cause, Poison},
    user_pools::UserPools,
};

/// One user, however many messages of the batch speak of them; the first one counts, as it would if they came one by one.
pub(crate) struct Arrival<'a> {
    pub(crate) event: UserConfirmed<'a>,
    pub(crate) records: Vec<&'a SqsMessage>,
}

/// What the bodies say.
#[derive(Default)]
pub(crate) struct Reading<'a> {
    /// In the order of their keys, which the insert relies on.
    pub(crate) arrivals: BTreeMap<CognitoSub, Arrival<'a>>,
    pub(crate) poison: Vec<Poison<'a>>,
    /// Message ids with the columns' attributes that became null, because no row can hold what the message says.
    pub(crate) dropped: Vec<(&'a str, &'a str)>,
}

/// The contract, or in a test something that is worse.
pub(crate) type Parse = fn(&str) -> Result<UserConfirmed<'_>, ParseError>;

/// Reads every body by itself, so that a bad one costs nobody else anything, not even by a panic.
pub(crate) fn read<'a>(
    records: &'a [SqsMessage],
    parse: Parse,
    pools: &UserPools,
    insert: &'a InsertStatement,
) -> Result<Reading<'a>, MissingMessageId> {
    let mut reading = Reading::default();
    for record in records {
        let message_id = message_id(record)?;
        let body = record.body.as_deref().unwrap_or_default();
        match panic::catch_unwind(|| parse(body)) {
            // Before users are put together: a stranger's event must not take the place of a real one.
            Ok(Ok(event)) if !pools.accept(event.data.user_pool_id.as_ref().map(Text::as_str)) => {
                reading.poison.push(Poison { message_id, record, cause: UserPools::unknown() });
            }
            Ok(Ok(event)) => {
                let stored = event.dropped.iter().filter_map(|name| insert.stored(name));
                reading.dropped.extend(stored.map(|name| (message_id, name)));
                let arrival = reading.arrivals.entry(event.data.cognito_sub);
                arrival.or_insert_with(|| Arrival { event, records: Vec::new() }).records.push(record);
            }
            Ok(Err(error)) => {
                let cause = Cause { reason: error.reason().to_owned(), detail: error.to_string() };
                reading.poison.push(Poison { message_id, record, cause });
            }
            Err(_) => {
                let detail = "reading the body panicked; this is a flaw in rollcall".to_owned();
                reading.poison.push(Poison { message_id, record, cause: Cause { reason: "panic".to_owned(), detail } });
            }
        }
    }
    Ok(reading)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::table::Table;

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
        let insert = InsertStatement::into(&Table::default());
        let arrivals = read(&records, UserConfirmed::from_envelope, &UserPools::default(), &insert).unwrap().arrivals;
        assert_eq!(arrivals.len(), 2);
        let ada = &arrivals[&CognitoSub::parse(SUB).unwrap()];
        assert_eq!(ada.records.len(), 2);
        assert_eq!(ada.event.data.first_name.as_ref().unwrap().as_str(), "Ada");
        assert!(arrivals.keys().is_sorted(), "the insert relies on it");
    }

    #[test]
    fn an_attribute_that_no_row_can_hold_costs_only_itself_and_is_named_if_it_has_a_column() {
        let event = body(SUB, "A\0da")
            .replace("\"u\"", "\"\\u0000\"")
            .replace("\"data\":{", "\"data\":{\"custom_attributes\":7,");
        let records = [record("1", &event)];
        let insert = InsertStatement::into(&Table::default());
        let reading = read(&records, UserConfirmed::from_envelope, &UserPools::default(), &insert).unwrap();
        assert_eq!((reading.arrivals.len(), reading.poison.len()), (1, 0));
        assert_eq!(reading.dropped, [("1", "first_name")], "the table has no column for the others");

        let columns = [("USERS_COLUMNS", "cognito_sub=id,custom:tenant=tenant")];
        let insert = InsertStatement::into(&Table::read(&columns.into_iter().collect()).unwrap());
        let event = body(SUB, "A\0da").replace("\"data\":{", "\"data\":{\"custom_attributes\":{\"custom:tenant\":7},");
        let records = [record("2", &event)];
        let reading = read(&records, UserConfirmed::from_envelope, &UserPools::default(), &insert).unwrap();
        assert_eq!(reading.dropped, [("2", "custom:tenant")], "the mapping decides what has a column");
    }

    #[test]
    fn a_bad_body_is_poison_with_its_reason_and_the_others_are_read() {
        let mut without_body = record("3", "");
        without_body.body = None;
        let records = [record("1", "not json"), record("2", &body(SUB, "Ada")), without_body];
        let insert = InsertStatement::into(&Table::default());
        let reading = read(&records, UserConfirmed::from_envelope, &UserPools::default(), &insert).unwrap();
        assert_eq!(reading.arrivals.len(), 1);
        let reasons: Vec<_> =
            reading.poison.iter().map(|poison| (poison.message_id, poison.cause.reason.as_str())).collect();
        assert_eq!(reasons, [("1", "malformed_envelope"), ("3", "malformed_envelope")]);
    }

    #[test]
    fn a_panic_while_reading_one_body_is_that_messages_poison() {
        let parse: Parse = |body| {
            assert!(!body.contains("boom"), "a flaw");
            UserConfirmed::from_envelope(body)
        };
        let records = [record("1", &body(SUB, "boom")), record("2", &body(SUB, "Ada"))];
        let insert = InsertStatement::into(&Table::default());
        let reading = read(&records, parse, &UserPools::default(), &insert).unwrap();
        assert_eq!(reading.arrivals.len(), 1);
        assert_eq!(reading.poison[0].cause.reason, "panic");
    }

    #[test]
    fn an_event_of_a_pool_that_is_not_allowed_is_poison_and_does_not_displace_a_real_one() {
        let allowed = UserPools::read(&[("ALLOWED_USER_POOLS", "eu-west-1_Real")].into_iter().collect()).unwrap();
        let of = |pool: &str, name: &str| body(SUB, name).replace("p_1", pool);
        let records = [record("1", &of("eu-west-1_Fake", "Eve")), record("2", &of("eu-west-1_Real", "Ada"))];
        let insert = InsertStatement::into(&Table::default());
        let reading = read(&records, UserConfirmed::from_envelope, &allowed, &insert).unwrap();
        let ada = &reading.arrivals[&CognitoSub::parse(SUB).unwrap()];
        assert_eq!(ada.event.data.first_name.as_ref().unwrap().as_str(), "Ada");
        assert_eq!(ada.records.len(), 1);
        let poison: Vec<_> =
            reading.poison.iter().map(|poison| (poison.message_id, poison.cause.reason.as_str())).collect();
        assert_eq!(poison, [("1", "unknown_user_pool")]);
        assert!(!reading.poison[0].cause.detail.contains("Fake"), "a stranger wrote it");
    }
}
