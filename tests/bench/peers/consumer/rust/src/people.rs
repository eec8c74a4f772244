//! The people of a run: the same for every tool, because they follow from their number.

use std::fmt::Write;

use serde_json::json;
use uuid::{Builder, Uuid};

/// Longer than the column of the table that refuses it.
pub const TOO_LONG: usize = 300;

const FIRST_NAMES: [&str; 10] =
    ["Anna", "Bartholomew", "Chidi", "Dagny", "Eun-ji", "Farouk", "Giulia", "Hanne", "Íñigo", "Jürgen"];
const LAST_NAMES: [&str; 8] =
    ["Okonkwo", "Andersson", "Müller", "Fernández", "Nakamura", "O'Brien", "Szczepański", "Lindqvist"];

/// A person, as a row has them.
#[derive(Clone, Debug)]
pub struct Person {
    pub sub: Uuid,
    pub email: String,
    pub first_name: String,
    pub last_name: String,
}

/// What is asked of a run.
#[derive(Clone, Copy, Debug)]
pub struct People {
    /// Of one batch.
    pub batch: usize,
    pub batches: usize,
    /// Whether each batch has somebody whose first name the table refuses.
    pub one_bad: bool,
}

impl People {
    /// The people of a batch. Batch 0 warms up, and its people are in no other one.
    pub fn of(&self, batch: usize) -> Vec<Person> {
        let mut random = Random(0x5DEE_CE66 ^ ((batch as u64) << 32));
        // Somewhere, because a search in halves takes longer for some places than for others.
        let bad = self.one_bad.then(|| random.below(self.batch));
        (0..self.batch).map(|at| person(&mut random, at, bad == Some(at))).collect()
    }

    /// The batches that are measured.
    pub fn measured(&self) -> impl Iterator<Item = Vec<Person>> + '_ {
        (1..=self.batches).map(|batch| self.of(batch))
    }
}

fn person(random: &mut Random, at: usize, bad: bool) -> Person {
    let sub = random.uuid();
    let first_name = FIRST_NAMES[random.below(FIRST_NAMES.len())];
    Person {
        sub,
        email: format!("user.{at}.{}@example.com", sub.simple()),
        first_name: if bad { "x".repeat(TOO_LONG) } else { first_name.to_owned() },
        last_name: LAST_NAMES[random.below(LAST_NAMES.len())].to_owned(),
    }
}

/// A batch as Lambda delivers it: EventBridge events in SQS messages, with everything that a real one has.
pub fn event(people: &[Person]) -> String {
    let mut random = Random(people.first().map_or(1, |person| person.sub.as_u64_pair().0));
    let mut event = String::from(r#"{"Records":["#);
    for (at, person) in people.iter().enumerate() {
        event.push_str(if at == 0 { "" } else { "," });
        // Writing to a String does not fail.
        let _ = write!(event, "{}", record(person, &mut random));
    }
    event.push_str("]}");
    event
}

fn record(person: &Person, random: &mut Random) -> serde_json::Value {
    let body = json!({
        "version": "0",
        "id": random.uuid(),
        "detail-type": "UserConfirmed",
        "source": "rollcall",
        "account": "123456789012",
        "time": "2026-11-22T21:00:00Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": {
            "metadata": {
                "version": 1,
                "event_id": random.uuid(),
                "occurred_at": "2026-11-22T21:00:00.123Z",
                "origin": "sign_up",
                "trace_id": "1-67891233-abcdef012345678912345678",
            },
            "data": {
                "cognito_sub": person.sub,
                "username": person.sub,
                "user_pool_id": "eu-west-1_Ab12Cd34E",
                "email": person.email,
                "email_verified": true,
                "phone_number": null,
                "first_name": person.first_name,
                "last_name": person.last_name,
            },
        },
    });
    let receipt: String = (0..10).map(|_| random.uuid().simple().to_string()).collect();
    json!({
        "messageId": random.uuid(),
        "receiptHandle": format!("AQEB{receipt}"),
        "body": body.to_string(),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "AWSTraceHeader": "Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=0",
            "SentTimestamp": "1795381200123",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1795381200456",
        },
        "messageAttributes": {},
        "md5OfBody": random.uuid().simple().to_string(),
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:user-confirmed",
        "awsRegion": "eu-west-1",
    })
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap_or_default()
    }

    fn uuid(&mut self) -> Uuid {
        Builder::from_random_bytes((u128::from(self.next()) << 64 | u128::from(self.next())).to_be_bytes()).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn nobody_is_in_two_batches_and_each_batch_is_the_same_again() {
        let people = People { batch: 100, batches: 3, one_bad: false };
        let subs: HashSet<_> = (0..=3).flat_map(|batch| people.of(batch)).map(|person| person.sub).collect();
        assert_eq!(subs.len(), 400);
        assert_eq!(people.of(2)[7].sub, people.of(2)[7].sub);
    }

    #[test]
    fn one_of_a_batch_is_refused_if_that_is_wanted() {
        let people = People { batch: 100, batches: 1, one_bad: true };
        assert_eq!(people.of(1).iter().filter(|person| person.first_name.len() == TOO_LONG).count(), 1);
    }

    #[test]
    fn an_event_has_a_message_for_each_person() {
        let people = People { batch: 3, batches: 1, one_bad: false }.of(1);
        let event: serde_json::Value = serde_json::from_str(&event(&people)).unwrap();
        assert_eq!(event["Records"].as_array().unwrap().len(), 3);
        let body: serde_json::Value = serde_json::from_str(event["Records"][1]["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["detail"]["data"]["email"], people[1].email);
    }
}
