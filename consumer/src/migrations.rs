//! The schema, step by step. Run by `migrate` before a deployment, never by the consumer: a cold start is no time for DDL.

use sqlx::{
    Connection, PgConnection, SqlSafeStr,
    migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator},
};

use crate::{
    table::Table,
    table_check::{Finding, check, fits},
};

/// Where the steps that were applied are written down. An application's own sqlx migrations use `_sqlx_migrations`, which is sqlx's default.
const HISTORY: &str = "_rollcall_migrations";

/// Held while we migrate, so that two deployments take turns. The number is ours alone; sqlx's own lock would make us wait for an application's migrations.
///
/// Other statements of a migration wait for locks no longer than 5 s, because every insert into the table queues up behind them.
/// No `statement_timeout`: a step may take as long as it needs.
const LOCK: &str = "\
set statement_timeout = 0; set lock_timeout = '1min'; select pg_advisory_lock(7246183095528802); set lock_timeout = '5s'";

const UNLOCK: &str = "select pg_advisory_unlock(7246183095528802)";

/// What a migration found and did.
#[derive(Debug)]
pub enum Migrated {
    /// The schema is ours and as it must be: the steps, each as its number and name.
    Ours(Vec<String>),
    /// The table is yours, and nothing was changed: what there is to say about it.
    Theirs(Vec<Finding>),
}

/// Why there is no table after a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoTable {
    /// It is not ours to make.
    Absent,
    /// The history says that it was made: it was dropped, renamed or moved, or this login does not find it.
    Gone,
}

/// Every migration in order. The SQL is compiled in, so the binary needs no files beside it.
///
/// Steps of a later version are no error: a deployment that is rolled back runs an older `migrate` after a newer one, and steps only add.
pub fn migrator() -> Migrator {
    let mut migrator = Migrator::with_migrations(vec![
        step(1, "users", include_str!("../migrations/0001_users.sql")),
        step(2, "ensure_user", include_str!("../migrations/0002_ensure_user.sql")),
        step(3, "ensure_user_looks_again", include_str!("../migrations/0003_ensure_user_looks_again.sql")),
    ]);
    migrator.table_name = HISTORY.into();
    migrator.set_ignore_missing(true).set_locking(false);
    migrator
}

fn step(version: i64, name: &'static str, sql: &'static str) -> Migration {
    Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
}

/// Brings the database to the schema that the consumer writes to. Your existing table is validated and left alone.
///
/// Safe to run twice, and at the same time as another one. Leaves the session without `statement_timeout`.
///
/// # Errors
///
/// The database's error.
pub async fn migrate(connection: &mut PgConnection, table: &Table) -> Result<Result<Migrated, NoTable>, MigrateError> {
    sqlx::raw_sql(LOCK).execute(&mut *connection).await?;
    let migrated = migrate_alone(connection, table).await;
    // After an error the connection may be gone, and the lock with it.
    let _ = sqlx::raw_sql(UNLOCK).execute(connection).await;
    migrated
}

async fn migrate_alone(
    connection: &mut PgConnection,
    table: &Table,
) -> Result<Result<Migrated, NoTable>, MigrateError> {
    let migrator = migrator();
    carry_over(connection, &migrator).await?;
    let findings = check(connection, table).await?;
    let made_by_us = table.has_default_name() && is_ours(connection, &migrator).await?;
    match findings {
        // Made anew it would be empty, and whoever only moved it would have two.
        None if made_by_us => return Ok(Err(NoTable::Gone)),
        None if !table.is_default() => return Ok(Err(NoTable::Absent)),
        Some(findings) if !made_by_us => return Ok(Ok(Migrated::Theirs(findings))),
        _ => migrator.run(&mut *connection).await?,
    }
    // Since a step was applied, somebody may have changed what it made.
    match check(connection, table).await? {
        None => Ok(Err(NoTable::Gone)),
        Some(findings) if !fits(&findings) => Ok(Ok(Migrated::Theirs(findings))),
        Some(_) => {
            let steps = migrator.iter().map(|step| format!("{:04} {}", step.version, step.description));
            Ok(Ok(Migrated::Ours(steps.collect())))
        }
    }
}

/// Whether our first step has been applied here. Looking does not make the history.
async fn is_ours(connection: &mut PgConnection, migrator: &Migrator) -> Result<bool, MigrateError> {
    Ok(can_read(connection, HISTORY).await?
        && !connection.list_applied_migrations(&migrator.table_name).await?.is_empty())
}

/// Copies the history of an earlier version, which used sqlx's default table.
///
/// That table may be an application's: a row is ours if its number and its checksum are those of one of our steps.
/// The rows stay there as well, because a deployment that is rolled back looks for them.
async fn carry_over(connection: &mut PgConnection, migrator: &Migrator) -> Result<(), MigrateError> {
    const APPLIED: &str = "select version, checksum from _sqlx_migrations where success";
    const COPY: &str = "\
insert into _rollcall_migrations (version, description, installed_on, success, checksum, execution_time) \
select version, description, installed_on, success, checksum, execution_time from _sqlx_migrations where version = any($1)";
    if exists(connection, HISTORY).await? || !can_read(connection, "_sqlx_migrations").await? {
        return Ok(());
    }
    let applied: Vec<(i64, Vec<u8>)> = sqlx::query_as(APPLIED).fetch_all(&mut *connection).await?;
    let is_ours = |version, checksum: &[u8]| {
        migrator.iter().any(|step| step.version == version && step.checksum.as_ref() == checksum)
    };
    let ours = applied.iter().filter(|(version, checksum)| is_ours(*version, checksum));
    let ours: Vec<i64> = ours.map(|(version, _)| *version).collect();
    if ours.is_empty() {
        return Ok(());
    }
    let mut transaction = connection.begin().await?;
    transaction.ensure_migrations_table(&migrator.table_name).await?;
    sqlx::query(COPY).bind(ours).execute(&mut *transaction).await?;
    Ok(transaction.commit().await?)
}

async fn exists(connection: &mut PgConnection, table: &str) -> Result<bool, sqlx::Error> {
    let exists: (bool,) =
        sqlx::query_as("select to_regclass($1) is not null").bind(table).fetch_one(connection).await?;
    Ok(exists.0)
}

/// An application's history may be closed to our role.
async fn can_read(connection: &mut PgConnection, table: &str) -> Result<bool, sqlx::Error> {
    let can: (Option<bool>,) = sqlx::query_as("select has_table_privilege(to_regclass($1), 'select')")
        .bind(table)
        .fetch_one(connection)
        .await?;
    Ok(can.0 == Some(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_compiled_in() {
        let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")).unwrap().count();
        assert_eq!(migrator().iter().count(), files);
    }

    #[test]
    fn a_released_step_never_changes_because_installations_know_it_by_its_checksum() {
        let released: [(i64, u64); 3] =
            [(1, 0x716f_0bc4_76af_05fa), (2, 0x9e05_c695_9e44_8081), (3, 0x248f_8535_8175_3d87)];
        for (version, checksum) in released {
            let step = migrator().iter().find(|step| step.version == version).unwrap().clone();
            let (first, _) = step.checksum.split_first_chunk().unwrap();
            assert_eq!(u64::from_be_bytes(*first), checksum, "step {version}");
        }
    }
}
