//! What an error of the database means for the messages behind it.
//!
//! Classification decides how soon a message is done with, never whether it is safe: whatever is not understood comes back and is retried.
//! Source of the codes: "PostgreSQL Error Codes", Appendix A of the PostgreSQL documentation.

use std::fmt;

use sqlx::{
    error::DatabaseError,
    postgres::{PgDatabaseError, PgSeverity},
};

/// What the error of a statement means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The database is not well, or another session is in the way: the same statement may succeed later.
    Transient,
    /// A row is refused; by a rule of the table, if the server names one.
    Refused(Reason, Option<Violated>),
    /// The table or the server is at fault, not the data.
    Unfit,
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

/// The rule that was broken, by the names that the server gives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Violated {
    /// Schema of the table, or of the data type.
    pub schema: Option<String>,
    /// None when the rule belongs to a domain.
    pub table: Option<String>,
    /// The column that must not be null.
    pub column: Option<String>,
    /// The constraint, or the index.
    pub constraint: Option<String>,
    /// The domain.
    pub data_type: Option<String>,
}

impl Violated {
    fn of(refusal: &PgDatabaseError) -> Option<Self> {
        let text = |name: Option<&str>| name.map(str::to_owned);
        let rule = Self {
            schema: text(refusal.schema()),
            table: text(refusal.table()),
            column: text(refusal.column()),
            constraint: text(refusal.constraint()),
            data_type: text(refusal.data_type()),
        };
        let is_named =
            (rule.table.is_some() && (rule.column.is_some() || rule.constraint.is_some())) || rule.data_type.is_some();
        is_named.then_some(rule)
    }
}

/// Classifies the error of a statement. An error while connecting says nothing about the data, whatever its code.
pub fn classify(error: &sqlx::Error) -> Verdict {
    match error {
        sqlx::Error::Database(refusal) => classify_refusal(refusal.as_ref()),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed
        // There is nothing to log in with: the secret or the credentials cannot be read now.
        | sqlx::Error::Configuration(_) => Verdict::Transient,
        _ => Verdict::Unfit,
    }
}

fn classify_refusal(refusal: &dyn DatabaseError) -> Verdict {
    let code = refusal.code().unwrap_or_default();
    if is_transient(&code) {
        return Verdict::Transient;
    }
    let Some(word) = word(&code) else { return Verdict::Unfit };
    let refusal = refusal.try_downcast_ref::<PgDatabaseError>();
    let about = refusal.and_then(|refusal| refusal.constraint().or(refusal.column())).map(str::to_owned);
    // Class 23 without a name is a trigger's `raise`, because the server names its own rules. Class 22 names nothing:
    // a text that is too long can be the user's, or one that a trigger writes for every row.
    let rule = if code.starts_with("23") { refusal.and_then(Violated::of) } else { None };
    Verdict::Refused(Reason { word, about, code: code.into_owned() }, rule)
}

/// Whether a statement has waited for too long, as it does for a lock, so that another one with fewer rows may succeed.
pub(crate) fn timed_out(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| code == "55P03" || code == "57014")
}

fn is_transient(code: &str) -> bool {
    match code {
        "25006" // read_only_sql_transaction: connected to what is a replica since the fail-over
        | "28000" | "28P01" // authentication: the password is being rotated
        | "40001" | "40P01" // serialization_failure, deadlock_detected
        | "55006" | "55P03" // object_in_use, lock_not_available
        | "57014" // query_canceled: the statement timeout
        | "57P01" | "57P02" | "57P03" | "57P05" // shutdown, crash, starting up, idle timeout
        | "58000" | "58030" => true, // system_error, io_error
        // Connections; resources: disk full, out of memory, too many connections.
        _ => code.starts_with("08") || code.starts_with("53"),
    }
}

/// The word for data that the table refuses; none for anything that is not about data.
fn word(code: &str) -> Option<&'static str> {
    Some(match code {
        "22001" => "text_too_long",
        "22021" | "22P05" => "text_not_storable",
        // A default of the table fails, not our data: an exhausted sequence, a setting that the server does not know.
        "2200H" | "22023" => return None,
        "23502" => "not_null_violation",
        "23503" => "foreign_key_violation",
        "23505" => "unique_violation",
        "23514" => "check_violation",
        "23P01" => "exclusion_violation",
        "P0001" => "raised_exception",
        // A value that is too large for an index, which is as little the table's fault as one that is too long for its column.
        "54000" => "data_exception",
        _ if code.starts_with("22") => "data_exception",
        _ if code.starts_with("23") => "integrity_violation",
        _ => return None,
    })
}

/// Whether the connection is of no more use after this error. A statement that failed leaves a healthy one.
pub(crate) fn ends_connection(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(refusal) = error else { return true };
    let refusal = refusal.try_downcast_ref::<PgDatabaseError>();
    refusal.is_none_or(|refusal| match refusal.code() {
        // A replica since the fail-over: only a new connection finds the primary.
        "25006"
        // The server does not have the statement that we prepared, or has it in another shape.
        | "26000" | "42P05" | "0A000" => true,
        code => code.starts_with("08") || matches!(refusal.severity(), PgSeverity::Fatal | PgSeverity::Panic),
    })
}
