//! The one INSERT.

use rollcall_events::{EmailAddress, PersonName, UserData};
use sqlx::PgPool;
use uuid::Uuid;

/// One statement for a batch of any size: arrays as parameters, so that its text, and with it its plan, never changes.
///
/// `on conflict do nothing` waits for another transaction that is inserting the same `sub`, so after the commit each `sub` has a committed row, ours or theirs.
/// Source: "INSERT", section "ON CONFLICT Clause", in the PostgreSQL documentation.
const INSERT: &str = "\
insert into users (cognito_sub, email, first_name, last_name, is_active) \
select cognito_sub, email, first_name, last_name, true \
from unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) as arrived (cognito_sub, email, first_name, last_name) \
on conflict (cognito_sub) do nothing";

/// Why a batch has no rows. Shows the SQLSTATE and never the server's text, which can quote a value.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The server refused the statement.
    #[error("the insert failed with SQLSTATE {code}{}", constraint.as_deref().map(|name| format!(" (constraint `{name}`)")).unwrap_or_default())]
    Refused {
        /// Five characters; see "PostgreSQL Error Codes" in the PostgreSQL documentation.
        code: String,
        /// The constraint that was violated, when it was one.
        constraint: Option<String>,
    },
    /// The statement did not reach the server, or its answer did not come back.
    #[error("the database cannot be reached")]
    Unreachable(#[source] sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(refusal) => Self::Refused {
                code: refusal.code().unwrap_or_default().into_owned(),
                constraint: refusal.constraint().map(str::to_owned),
            },
            other => Self::Unreachable(other),
        }
    }
}

/// Inserts the users that have no row yet and gives back how many those were. When it returns `Ok`, each of them has a committed row.
///
/// `users` must be sorted by `sub` without repeats: two batches that insert the same users in different orders deadlock, and one statement cannot insert a key twice.
///
/// # Errors
///
/// [`StoreError`]: nothing of this batch is committed, or it is unknown whether it was.
pub async fn insert(pool: &PgPool, users: &[&UserData]) -> Result<u64, StoreError> {
    debug_assert!(users.is_sorted_by(|a, b| a.cognito_sub < b.cognito_sub), "sorted and without repeats");
    if users.is_empty() {
        return Ok(0);
    }
    let subs: Vec<Uuid> = users.iter().map(|user| user.cognito_sub.as_uuid()).collect();
    let emails: Vec<_> = users.iter().map(|user| user.email.as_ref().map(EmailAddress::as_str)).collect();
    let first_names: Vec<_> = users.iter().map(|user| user.first_name.as_ref().map(PersonName::as_str)).collect();
    let last_names: Vec<_> = users.iter().map(|user| user.last_name.as_ref().map(PersonName::as_str)).collect();
    let done = sqlx::query(INSERT).bind(subs).bind(emails).bind(first_names).bind(last_names).execute(pool).await?;
    Ok(done.rows_affected())
}
