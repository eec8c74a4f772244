//! `migrate`: brings the database to the schema that the consumer writes to, and says what it did.
//!
//! Takes `DATABASE_URL` and `DATABASE_CA` as the consumer does. Safe to run twice, and at the same time as another one.

use std::io::Write;

use anyhow::Context;
use consumer::{config::connect_options, migrations::migrator};
use rollcall_aws_runtime::environment::Environment;
use sqlx::{Connection, PgConnection};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let options = connect_options(&Environment::of_process())?;
    let mut connection = PgConnection::connect_with(&options).await.context("cannot connect to the database")?;
    let migrator = migrator();
    migrator.run(&mut connection).await.context("the migration failed")?;
    for migration in migrator.iter() {
        writeln!(std::io::stdout(), "{:04} {}: applied", migration.version, migration.description)?;
    }
    Ok(())
}
