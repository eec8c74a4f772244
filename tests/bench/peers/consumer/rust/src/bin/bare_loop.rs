//! `bare_loop BATCH BATCHES`: the limit. Rows that are in memory already, one prepared `unnest` insert for each batch, and nothing else.

use std::{env, process, time::Instant};

use anyhow::Context;
use consumer_peers::{
    measure::{Measured, processor_seconds},
    people::{People, Person},
    statement::Columns,
};
use sqlx::{Connection, PgConnection};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut numbers = env::args().skip(1).map(|number| number.parse());
    let mut number = || numbers.next().context("usage: bare_loop BATCH BATCHES")?.context("not a number");
    let people = People { batch: number()?, batches: number()?, one_bad: false };
    let sorted = |mut batch: Vec<Person>| {
        batch.sort_unstable_by_key(|person| person.sub);
        batch
    };
    let batches: Vec<_> = people.measured().map(sorted).collect();
    let mut connection = PgConnection::connect(&env::var("DATABASE_URL")?).await?;
    insert(&mut connection, &sorted(people.of(0))).await?;
    let (begin, before) = (Instant::now(), processor_seconds(process::id()));
    for batch in &batches {
        insert(&mut connection, batch).await?;
    }
    let measured = Measured::here(begin.elapsed().as_secs_f64(), before);
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}

async fn insert(connection: &mut PgConnection, batch: &[Person]) -> Result<(), sqlx::Error> {
    let columns = Columns {
        subs: batch.iter().map(|person| person.sub).collect(),
        emails: batch.iter().map(|person| Some(person.email.as_str())).collect(),
        first_names: batch.iter().map(|person| Some(person.first_name.as_str())).collect(),
        last_names: batch.iter().map(|person| Some(person.last_name.as_str())).collect(),
    };
    columns.insert(connection).await
}
