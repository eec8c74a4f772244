//! The schema, step by step. Run by `migrate` before a deployment, never by the consumer: a cold start is no time for DDL.

use sqlx::{
    SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
};

/// Every migration in order. The SQL is compiled in, so the binary needs no files beside it.
pub fn migrator() -> Migrator {
    Migrator::with_migrations(vec![Migration::new(
        1,
        "users".into(),
        MigrationType::Simple,
        include_str!("../migrations/0001_users.sql").into_sql_str(),
        false,
    )])
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
