//! `parse_then_insert BATCH BATCHES`: what a consumer cannot do without, in one process and without Lambda around it.
//!
//! Each event is parsed, borrowed from its text; each body likewise; then the rows are sorted and inserted with one statement.

use std::{borrow::Cow, env, process, time::Instant};

use anyhow::Context;
use consumer_peers::{
    measure::{Measured, processor_seconds},
    people::{People, event},
    statement::Columns,
};
use serde::Deserialize;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "Records")]
    records: Vec<Record<'a>>,
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    body: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    detail: Detail<'a>,
}

#[derive(Deserialize)]
struct Detail<'a> {
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    cognito_sub: Uuid,
    #[serde(borrow)]
    email: Option<Cow<'a, str>>,
    #[serde(borrow)]
    first_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    last_name: Option<Cow<'a, str>>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut numbers = env::args().skip(1).map(|number| number.parse());
    let mut number = || numbers.next().context("usage: parse_then_insert BATCH BATCHES")?.context("not a number");
    let people = People { batch: number()?, batches: number()?, one_bad: false };
    let events: Vec<_> = people.measured().map(|batch| event(&batch)).collect();
    let mut connection = PgConnection::connect(&env::var("DATABASE_URL")?).await?;
    handle(&mut connection, &event(&people.of(0))).await?;
    let (begin, before) = (Instant::now(), processor_seconds(process::id()));
    for event in &events {
        handle(&mut connection, event).await?;
    }
    let measured = Measured::here(begin.elapsed().as_secs_f64(), before);
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}

async fn handle(connection: &mut PgConnection, event: &str) -> anyhow::Result<()> {
    let event: Event<'_> = serde_json::from_str(event)?;
    let mut users = event
        .records
        .iter()
        .map(|record| Ok(serde_json::from_str::<Envelope<'_>>(&record.body)?.detail.data))
        .collect::<Result<Vec<_>, serde_json::Error>>()?;
    users.sort_unstable_by_key(|user| user.cognito_sub);
    users.dedup_by_key(|user| user.cognito_sub);
    let columns = Columns {
        subs: users.iter().map(|user| user.cognito_sub).collect(),
        emails: users.iter().map(|user| user.email.as_deref()).collect(),
        first_names: users.iter().map(|user| user.first_name.as_deref()).collect(),
        last_names: users.iter().map(|user| user.last_name.as_deref()).collect(),
    };
    Ok(columns.insert(connection).await?)
}
