//! The sign-ups themselves, and where each of them was when.

use std::{
    collections::HashMap,
    io::{self, Write},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use pipeline_tests::{
    Stack,
    clients::Clients,
    people::Person,
    tap::{Tap, Tapped},
    wait,
};
use rollcall_events::CognitoSub;
use sqlx::{PgPool, Row};
use uuid::Uuid;

use crate::report::{Journey, Prepared, Report, TableRow};

/// Longest wait for the last row after the last confirmation.
const ROWS_WITHIN: Duration = Duration::from_mins(1);

/// Names that are common, rare, and hostile.
const NAMES: [(&str, &str); 6] = [
    ("Ada", "Lovelace"),
    ("Ζωή", "Παπαδοπούλου"),
    ("José", "Núñez"),
    ("Robert", "'); drop table users;--"),
    ("Søren", "O'Brien"),
    ("美咲", "佐藤"),
];

/// A confirmation as the person saw it.
struct Confirmation {
    person: Person,
    sub: CognitoSub,
    asked_at: Timestamp,
    took: Duration,
}

/// Signs `users` people up, one after the other as one person would feel it, and waits until each has a row.
pub(crate) async fn sign_up(stack: &Stack, users: u32, prepared: Prepared) -> anyhow::Result<Report> {
    let clients = Clients::of(stack)?;
    let tap = Tap::open(&clients, stack).await?;
    let pool = PgPool::connect(&stack.database_url).await?;
    let _ = writeln!(io::stderr(), "{users} people sign up and confirm, one after the other");
    let mut confirmations = Vec::new();
    for (given_name, family_name) in NAMES.iter().cycle().take(usize::try_from(users)?) {
        confirmations.push(confirm(Person::new(given_name, family_name), &clients, stack).await?);
    }
    let subs: Vec<Uuid> = confirmations.iter().map(|confirmation| confirmation.sub.as_uuid()).collect();
    // A user who never comes is a result and not an error: the report says who is missing.
    let complete = wait::until("every user has a row", ROWS_WITHIN, async || {
        let rows = rows(&pool, &subs).await?;
        Ok((rows.len() >= subs.len()).then_some(rows))
    });
    let rows = match complete.await {
        Ok(rows) => rows,
        Err(_) => rows(&pool, &subs).await?,
    };
    let events = events(&tap, &confirmations).await?;
    Ok(Report::new(prepared, journeys(confirmations, &events, &rows), rows))
}

async fn confirm(person: Person, clients: &Clients, stack: &Stack) -> anyhow::Result<Confirmation> {
    let sub = person.sign_up(&clients.cognito, stack).await?;
    let (asked_at, start) = (Timestamp::now(), Instant::now());
    person.confirm(&clients.cognito, stack).await?;
    Ok(Confirmation { person, sub, asked_at, took: start.elapsed() })
}

/// The rows of these users. `created_at` is the database's clock, which is this machine's, at the start of the insert.
async fn rows(pool: &PgPool, subs: &[Uuid]) -> anyhow::Result<Vec<TableRow>> {
    let rows = sqlx::query(
        "select cognito_sub, email, first_name, last_name, is_active, \
         (extract(epoch from created_at) * 1000000)::bigint as created_at \
         from users where cognito_sub = any($1) order by created_at",
    )
    .bind(subs)
    .fetch_all(pool)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(TableRow {
                cognito_sub: row.try_get("cognito_sub")?,
                email: row.try_get("email")?,
                first_name: row.try_get("first_name")?,
                last_name: row.try_get("last_name")?,
                is_active: row.try_get("is_active")?,
                created_at: Timestamp::from_microsecond(row.try_get("created_at")?)?,
            })
        })
        .collect()
}

/// What came out of the bus, by user. Whoever is not there once the tap runs dry took another road.
async fn events(tap: &Tap, confirmations: &[Confirmation]) -> anyhow::Result<HashMap<CognitoSub, Tapped>> {
    let mut events = HashMap::new();
    while events.len() < confirmations.len() {
        let taken = tap.take().await?;
        if taken.is_empty() {
            break;
        }
        events.extend(taken.into_iter().map(|tapped| (tapped.sub, tapped)));
    }
    Ok(events)
}

fn journeys(confirmations: Vec<Confirmation>, events: &HashMap<CognitoSub, Tapped>, rows: &[TableRow]) -> Vec<Journey> {
    confirmations
        .into_iter()
        .map(|confirmation| {
            let event = events.get(&confirmation.sub);
            let own = || rows.iter().filter(|row| row.cognito_sub == confirmation.sub.as_uuid());
            let after = |at: Timestamp| at.duration_since(confirmation.asked_at).as_secs_f64() * 1000.0;
            Journey {
                name: format!("{} {}", confirmation.person.given_name, confirmation.person.family_name),
                cognito_sub: confirmation.sub.as_uuid(),
                rows: own().count(),
                producer_ms: event.map(|event| after(event.occurred_at)),
                queued_ms: event.map(|event| after(event.queued_at)),
                row_ms: own().next().map(|row| after(row.created_at)),
                answered_ms: confirmation.took.as_secs_f64() * 1000.0,
            }
        })
        .collect()
}
