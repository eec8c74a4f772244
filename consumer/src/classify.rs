//! What an error of the database means for the messages behind it.
//!
//! Classification decides how soon a message is done with, never whether it is safe: whatever is not understood is given back and tried again.
//! Source of the codes: "PostgreSQL Error Codes", Appendix A of the PostgreSQL documentation.

use std::fmt;

use sqlx::{error::DatabaseError, postgres::PgDatabaseError};

/// What an error means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The database is not well, or somebody else is in the way: the same statement may succeed later.
    Transient,
    /// The table refuses this data and always will.
    Permanent(Reason),
    /// Neither is certain.
    Unknown,
}

/// Why the table refuses a row: a word of the closed vocabulary in `docs/event-contract.md`, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Such as `unique_violation`.
    pub word: &'static str,
    /// The constraint or the column by name, when there is one.
    pub about: Option<String>,
    /// The SQLSTATE.
    pub code: String,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word)?;
        self.about.as_deref().map_or(Ok(()), |about| write!(f, ":{about}"))
    }
}

/// Judges an error of sqlx.
pub fn classify(error: &sqlx::Error) -> Verdict {
    match error {
        sqlx::Error::Database(refusal) => classify_refusal(refusal.as_ref()),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        // There is nothing to log in with: the secret or the credentials cannot be read now.
        | sqlx::Error::Configuration(_) => Verdict::Transient,
        _ => Verdict::Unknown,
    }
}

fn classify_refusal(refusal: &dyn DatabaseError) -> Verdict {
    let code = refusal.code().unwrap_or_default();
    if is_transient(&code) {
        return Verdict::Transient;
    }
    let Some(word) = permanent_word(&code) else { return Verdict::Unknown };
    let column = refusal.try_downcast_ref::<PgDatabaseError>().and_then(PgDatabaseError::column);
    let about = refusal.constraint().or(column).map(str::to_owned);
    Verdict::Permanent(Reason { word, about, code: code.into_owned() })
}

fn is_transient(code: &str) -> bool {
    match code {
        "25006" // read_only_sql_transaction: connected to what is a replica since the fail-over
        | "28000" | "28P01" // authentication: the password is being rotated
        | "40001" | "40P01" // serialization_failure, deadlock_detected
        | "55006" | "55P03" // object_in_use, lock_not_available
        | "57014" // query_canceled: the statement time-out
        | "57P01" | "57P02" | "57P03" | "57P05" // shutdown, crash, starting up, idle time-out
        | "58000" | "58030" => true, // system_error, io_error
        // Connections; resources: disk full, out of memory, too many connections.
        _ => code.starts_with("08") || code.starts_with("53"),
    }
}

/// The word for data that the table refuses; none for anything that is not about data.
fn permanent_word(code: &str) -> Option<&'static str> {
    Some(match code {
        "22001" => "text_too_long",
        "22021" | "22P05" => "text_not_storable",
        "23502" => "not_null_violation",
        "23503" => "foreign_key_violation",
        "23505" => "unique_violation",
        "23514" => "check_violation",
        "23P01" => "exclusion_violation",
        _ if code.starts_with("22") => "data_exception",
        _ if code.starts_with("23") => "integrity_violation",
        _ => return None,
    })
}

/// An error in words for a log: never the server's own text, which can quote a value.
pub fn describe(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(refusal) => {
            let code = refusal.code().unwrap_or_default();
            let about = refusal.constraint().map(|name| format!(" (constraint `{name}`)")).unwrap_or_default();
            format!("the database refused with SQLSTATE {code}{about}")
        }
        other => other.to_string(),
    }
}
