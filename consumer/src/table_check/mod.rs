//! Whether your existing table can take rows, and the SQL that would make it so.
//!
//! Reads the catalogues, asks the server to plan the INSERT, and changes nothing.

mod catalogue;
mod findings;

use std::fmt;

use sqlx::{Connection, PgConnection};

use crate::{
    classify::{Verdict, classify},
    insert_statement::InsertStatement,
    table::Table,
};

/// Something about the table that an operator has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether the consumer works all the same.
    pub weight: Weight,
    /// What it is.
    pub what: String,
    /// SQL that changes it, or shows more of it.
    pub sql: String,
}

/// Whether the consumer works all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// No user becomes a row.
    Problem,
    /// Some users may not become rows; they become dead letters with the reason.
    Warning,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weight = match self.weight {
            Weight::Problem => "problem",
            Weight::Warning => "warning",
        };
        write!(f, "{weight}: {}\n    {}", self.what, self.sql)
    }
}

/// Problems first, then warnings; empty when there is nothing to say. None when there is no such table.
///
/// # Errors
///
/// The database's error, when the catalogues cannot be read.
pub async fn check(connection: &mut PgConnection, table: &Table) -> Result<Option<Vec<Finding>>, sqlx::Error> {
    let mut transaction = connection.begin_with("begin transaction read only").await?;
    let Some(found) = catalogue::read(&mut transaction, table).await? else { return Ok(None) };
    let mut findings = findings::of(&found, table);
    if fits(&findings) {
        findings.extend(plan(&mut transaction, table).await?);
    }
    transaction.rollback().await?;
    findings.sort_by_key(|finding| finding.weight);
    Ok(Some(findings))
}

/// Whether the consumer can work with what was found.
pub fn fits(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.weight != Weight::Problem)
}

/// What the findings mean, as the last line of a check.
pub fn conclusion(findings: &[Finding], table: &Table) -> String {
    if fits(findings) {
        format!("the consumer can store users in the table `{table}`")
    } else {
        format!("the consumer cannot store users in the table `{table}` until each problem is solved")
    }
}

/// Has the server plan the INSERT, which finds what the catalogues do not say: a constant that its column does not accept, for example.
async fn plan(connection: &mut PgConnection, table: &Table) -> Result<Option<Finding>, sqlx::Error> {
    let statement = InsertStatement::into(table);
    match statement.explain().persistent(false).fetch_all(connection).await {
        Ok(_) => Ok(None),
        Err(error) if classify(&error) == Verdict::Transient => Err(error),
        Err(sqlx::Error::Database(refusal)) => Ok(Some(Finding {
            weight: Weight::Problem,
            what: format!("Postgres rejects the INSERT: {}", refusal.message()),
            sql: format!("prepare rollcall as {};", statement.text()),
        })),
        Err(error) => Err(error),
    }
}
