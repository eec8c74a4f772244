//! The schema, step by step. Run by `migrate` before a deployment, never by the consumer: a cold start is no time for DDL.

use sqlx::{
    PgConnection, SqlSafeStr,
    migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator},
};

use crate::table_check::{Finding, Weight, check};

/// What a migration found and did.
#[derive(Debug)]
pub enum Migrated {
    /// The schema is ours and as it must be: the steps, each as its number and name.
    Ours(Vec<String>),
    /// The table is somebody else's, and nothing was changed: what there is to say about it.
    Theirs(Vec<Finding>),
}

/// Every migration in order. The SQL is compiled in, so the binary needs no files beside it.
///
/// Steps of a later version are no error: a deployment that is rolled back runs an older `migrate` after a newer one, and steps only add.
pub fn migrator() -> Migrator {
    let mut migrator = Migrator::with_migrations(vec![
        step(1, "users", include_str!("../migrations/0001_users.sql")),
        step(2, "ensure_user", include_str!("../migrations/0002_ensure_user.sql")),
    ]);
    migrator.set_ignore_missing(true);
    migrator
}

fn step(version: i64, name: &'static str, sql: &'static str) -> Migration {
    Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
}

/// Brings the database to the schema that the consumer writes to. A table `users` that rollcall has not made is looked at and left alone.
///
/// Safe to run twice, and at the same time as another one.
///
/// # Errors
///
/// Whatever the database says.
pub async fn migrate(connection: &mut PgConnection) -> Result<Migrated, MigrateError> {
    let migrator = migrator();
    if let Some(findings) = check(connection).await?
        && !is_ours(connection, &migrator).await?
    {
        return Ok(Migrated::Theirs(findings));
    }
    migrator.run(&mut *connection).await?;
    let steps = migrator.iter().map(|step| format!("{:04} {}", step.version, step.description));
    Ok(Migrated::Ours(steps.collect()))
}

/// Whether the consumer can work with what was found.
pub fn fits(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.weight != Weight::Missing)
}

/// Whether our first step has been taken here. Looking does not make the table of steps.
async fn is_ours(connection: &mut PgConnection, migrator: &Migrator) -> Result<bool, MigrateError> {
    let steps: (bool,) =
        sqlx::query_as("select to_regclass('_sqlx_migrations') is not null").fetch_one(&mut *connection).await?;
    Ok(steps.0 && !connection.list_applied_migrations(&migrator.table_name).await?.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_compiled_in() {
        let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")).unwrap().count();
        assert_eq!(migrator().iter().count(), files);
    }
}
