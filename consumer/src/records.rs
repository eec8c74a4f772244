//! From messages to users: each body is read by itself, and whatever cannot be read is poison with its reason.

use std::{ops::Range, panic};

use rollcall_events::{CognitoSub, ParseError, Text, UserConfirmed, UserData};
use tokio::task::yield_now;

use crate::{
    batch::{Batch, Unreadable},
    insert_statement::InsertStatement,
    poison::{Cause, Poison},
    user_pools::UserPools,
};

/// Bodies that are read at a stretch. Then the statement that is on its way gets a turn: its bytes may not have fitted into the socket at once.
const STRETCH: usize = 64;

/// A message about a user.
pub(crate) struct Arrival<'a> {
    /// Its place in the batch.
    pub(crate) at: usize,
    pub(crate) event: UserConfirmed<'a>,
}

/// What the bodies say.
#[derive(Default)]
pub(crate) struct Reading<'a> {
    /// How many there are.
    pub(crate) messages: usize,
    /// The place behind the last one.
    end: usize,
    /// Sorted by user, which the insert relies on, and then by place.
    arrivals: Vec<Arrival<'a>>,
    pub(crate) poison: Vec<Poison>,
    /// Places with the columns' attributes that became null, because no row can hold what the message says.
    pub(crate) dropped: Vec<(usize, &'a str)>,
}

impl<'a> Reading<'a> {
    /// Each user once, sorted; of several messages the first one counts, as it would if they came one by one.
    pub(crate) fn users(&self) -> Vec<&UserData<'a>> {
        let users = self.arrivals.chunk_by(|a, b| sub(a) == sub(b));
        users.filter_map(<[Arrival<'_>]>::first).map(|arrival| &arrival.event.data).collect()
    }

    /// Whether there was nothing left to read.
    pub(crate) fn is_empty(&self) -> bool {
        self.messages == 0
    }

    /// The place behind the last message.
    pub(crate) fn end(&self) -> usize {
        self.end
    }

    /// The messages about a user.
    pub(crate) fn about(&self, user: CognitoSub) -> &[Arrival<'a>] {
        let start = self.arrivals.partition_point(|arrival| sub(arrival) < user);
        let rest = self.arrivals.get(start..).unwrap_or_default();
        let end = rest.partition_point(|arrival| sub(arrival) == user);
        rest.get(..end).unwrap_or_default()
    }
}

fn sub(arrival: &Arrival<'_>) -> CognitoSub {
    arrival.event.data.cognito_sub
}

/// The contract, or in a test something that is worse.
pub(crate) type Parse = fn(&str) -> Result<UserConfirmed<'_>, ParseError>;

/// Reads the messages at these places as far as there are any, and the bodies each by itself, so that a bad one costs the others nothing, not even by a panic.
pub(crate) async fn read<'a>(
    batch: &'a Batch<'_>,
    places: Range<usize>,
    parse: Parse,
    pools: &UserPools,
    insert: &'a InsertStatement,
) -> Result<Reading<'a>, Unreadable> {
    let mut reading = Reading { end: places.start, ..Reading::default() };
    for (read, at) in places.enumerate() {
        let Some(message) = batch.read(at)? else { break };
        reading.end = at + 1;
        reading.messages += 1;
        match panic::catch_unwind(|| parse(&message.body)) {
            // Before users are put together: a stranger's event must not take the place of a real one.
            Ok(Ok(event)) if !pools.accept(event.data.user_pool_id.as_ref().map(Text::as_str)) => {
                reading.poison.push(Poison { at, cause: UserPools::unknown() });
            }
            Ok(Ok(event)) => {
                let stored = event.dropped.iter().filter_map(|name| insert.stored(name));
                reading.dropped.extend(stored.map(|name| (at, name)));
                reading.arrivals.push(Arrival { at, event });
            }
            Ok(Err(error)) => {
                let cause = Cause { reason: error.reason().to_owned(), detail: error.to_string() };
                reading.poison.push(Poison { at, cause });
            }
            Err(_) => {
                let detail = "reading the body panicked; this is a flaw in rollcall".to_owned();
                reading.poison.push(Poison { at, cause: Cause { reason: "panic".to_owned(), detail } });
            }
        }
        if read % STRETCH == STRETCH - 1 {
            yield_now().await;
        }
    }
    reading.arrivals.sort_by_cached_key(|arrival| (sub(arrival), arrival.at));
    Ok(reading)
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::sqs::SqsMessage;
    use serde_json::json;

    use super::*;
    use crate::{
        batch::{Batch, batch},
        table::Table,
    };

    const SUB: &str = "7d4a1f0e-2c5b-4a8e-9d61-0b3f6a9c1e22";

    fn delivered(bodies: &[Option<&str>]) -> Batch<'static> {
        let records = bodies.iter().enumerate().map(|(at, body)| {
            let mut record = SqsMessage::default();
            record.message_id = Some(format!("m{at}"));
            record.body = body.map(str::to_owned);
            record
        });
        batch(records)
    }

    fn statement(columns: &str) -> InsertStatement {
        InsertStatement::into(&Table::read(&[("USERS_COLUMNS", columns)].into_iter().collect()).unwrap())
    }

    async fn read_all<'a>(batch: &'a Batch<'_>, parse: Parse, insert: &'a InsertStatement) -> Reading<'a> {
        read(batch, 0..usize::MAX, parse, &UserPools::default(), insert).await.unwrap()
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

    #[tokio::test]
    async fn messages_about_one_user_become_one_user_and_the_first_one_counts() {
        let other = SUB.replace('7', "1");
        let bodies = [body(SUB, "Ada"), body(&other, "Bob"), body(SUB, "Eve")];
        let batch = delivered(&bodies.each_ref().map(|body| Some(body.as_str())));
        let insert = statement("");
        let reading = read_all(&batch, UserConfirmed::from_envelope, &insert).await;
        let users = reading.users();
        assert!(users.is_sorted_by_key(|user| user.cognito_sub), "the insert relies on it");
        let names: Vec<_> = users.iter().map(|user| user.first_name.as_ref().unwrap().as_str()).collect();
        assert_eq!(names, ["Bob", "Ada"]);
        let places: Vec<_> = reading.about(CognitoSub::parse(SUB).unwrap()).iter().map(|arrival| arrival.at).collect();
        assert_eq!(places, [0, 2]);
    }

    #[tokio::test]
    async fn an_attribute_that_no_row_can_hold_costs_only_itself_and_is_named() {
        let event = body(SUB, "A\0da")
            .replace("\"u\"", "\"\\u0000\"")
            .replace("\"data\":{", "\"data\":{\"custom_attributes\":{\"custom:tenant\":7},");
        let batch = delivered(&[Some(&event)]);
        for (columns, stored) in [("", "first_name"), ("cognito_sub=id,custom:tenant=tenant", "custom:tenant")] {
            let insert = statement(columns);
            let reading = read_all(&batch, UserConfirmed::from_envelope, &insert).await;
            assert_eq!((reading.users().len(), reading.poison.len()), (1, 0));
            assert_eq!(reading.dropped, [(0, stored)], "the table has no column for the others");
        }
    }

    #[tokio::test]
    async fn an_event_of_a_pool_that_is_not_allowed_is_poison_and_does_not_displace_a_real_one() {
        let allowed = UserPools::read(&[("ALLOWED_USER_POOLS", "eu-west-1_Real")].into_iter().collect()).unwrap();
        let of = |pool: &str, name: &str| body(SUB, name).replace("p_1", pool);
        let (fake, real) = (of("eu-west-1_Fake", "Eve"), of("eu-west-1_Real", "Ada"));
        let (batch, insert) = (delivered(&[Some(&fake), Some(&real)]), statement(""));
        let reading = read(&batch, 0..2, UserConfirmed::from_envelope, &allowed, &insert).await.unwrap();
        let names: Vec<_> =
            reading.users().iter().map(|user| user.first_name.as_ref().unwrap().as_str().to_owned()).collect();
        assert_eq!(names, ["Ada"]);
        let poison: Vec<_> = reading.poison.iter().map(|poison| (poison.at, poison.cause.reason.as_str())).collect();
        assert_eq!(poison, [(0, "unknown_user_pool")]);
        assert!(!reading.poison[0].cause.detail.contains("Fake"), "a stranger wrote it");
    }

    #[tokio::test]
    async fn a_bad_body_is_poison_with_its_reason_and_the_others_are_read() {
        let good = body(SUB, "Ada");
        let batch = delivered(&[Some("not json"), Some(&good), None]);
        let insert = statement("");
        let reading = read_all(&batch, UserConfirmed::from_envelope, &insert).await;
        assert_eq!(reading.users().len(), 1);
        let reasons: Vec<_> = reading.poison.iter().map(|poison| (poison.at, poison.cause.reason.as_str())).collect();
        assert_eq!(reasons, [(0, "malformed_envelope"), (2, "malformed_envelope")]);
    }

    #[tokio::test]
    async fn a_panic_while_reading_one_body_is_that_messages_poison() {
        let parse: Parse = |body| {
            assert!(!body.contains("boom"), "a flaw");
            UserConfirmed::from_envelope(body)
        };
        let bodies = [body(SUB, "boom"), body(SUB, "Ada")];
        let batch = delivered(&bodies.each_ref().map(|body| Some(body.as_str())));
        let insert = statement("");
        let reading = read_all(&batch, parse, &insert).await;
        assert_eq!(reading.users().len(), 1);
        assert_eq!(reading.poison[0].cause.reason, "panic");
    }
}
