//! How to reach the database, as the environment says.

use std::{str::FromStr, time::Duration};

use rollcall_aws_runtime::environment::{Environment, VariableError};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};

/// Connections of one process. A Lambda handles one batch at a time with one statement; the second one is for the moment in which the first is being replaced.
const CONNECTIONS: u32 = 2;

/// Longest wait for a connection. sqlx's default of 30 s is a whole invocation, and a dead database would look like a slow one.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// Longest time for one statement, enforced by the server, so that a lost client does not leave it running.
/// An insert of a thousand rows takes some 10 ms; whatever takes longer than this waits for a lock.
const STATEMENT_TIMEOUT: &str = "5s";

const URL_HOLDS: &str = "a connection URL such as postgres://user:password@host:5432/database";

/// The connection settings: `DATABASE_URL`, and `DATABASE_CA` for a certificate authority of your own.
///
/// TLS is `verify-full` unless the URL's `sslmode` says otherwise: without it whoever answers at the host's address would be believed.
/// (`prefer`, which is libpq's default and no protection, is taken as not said.)
///
/// # Errors
///
/// [`VariableError`] names the variable; it never shows the URL, which may hold a password.
pub fn connect_options(environment: &Environment) -> Result<PgConnectOptions, VariableError> {
    let url = environment.required("DATABASE_URL", URL_HOLDS)?;
    let mut options = PgConnectOptions::from_str(url).map_err(|error| unreadable_url(&error))?;
    if matches!(options.get_ssl_mode(), PgSslMode::Prefer) {
        options = options.ssl_mode(PgSslMode::VerifyFull);
    }
    if let Some(path) = environment.optional("DATABASE_CA") {
        options = options.ssl_root_cert(path);
    }
    Ok(options.application_name("rollcall").options([("statement_timeout", STATEMENT_TIMEOUT)]))
}

/// The queues of the consumer.
#[derive(Clone, Debug)]
pub struct Queues {
    /// `QUEUE_URL`: where batches come from, for holding messages back.
    pub queue_url: String,
    /// `DLQ_URL`: where poison goes.
    pub dlq_url: String,
}

impl Queues {
    /// Reads the variables.
    ///
    /// # Errors
    ///
    /// [`VariableError`] names the one that is missing.
    pub fn read(environment: &Environment) -> Result<Self, VariableError> {
        Ok(Self {
            queue_url: environment.required("QUEUE_URL", "the URL of the queue that batches come from")?.to_owned(),
            dlq_url: environment.required("DLQ_URL", "the URL of the queue that poison goes to")?.to_owned(),
        })
    }
}

/// The pool settings of the consumer. The pool connects when it is first used, so a database that is down does not fail the start.
pub fn pool_options() -> PgPoolOptions {
    PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(ACQUIRE_TIMEOUT)
}

/// The parser's own words are used only where they cannot quote the URL.
fn unreadable_url(error: &sqlx::Error) -> VariableError {
    let why = match error {
        sqlx::Error::Configuration(_) => "it is not a connection URL, or one of its parameters is not known",
        _ => "it is not a connection URL",
    };
    VariableError::Unreadable { name: "DATABASE_URL", holds: URL_HOLDS, why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(variables: &[(&str, &str)]) -> Result<PgConnectOptions, String> {
        connect_options(&variables.iter().copied().collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn tls_verifies_the_host_unless_the_url_says_otherwise() {
        let mode = |url| options(&[("DATABASE_URL", url)]).unwrap().get_ssl_mode();
        assert!(matches!(mode("postgres://u:p@db.example.com/app"), PgSslMode::VerifyFull));
        assert!(matches!(mode("postgres://u:p@db.example.com/app?sslmode=prefer"), PgSslMode::VerifyFull));
        assert!(matches!(mode("postgres://u:p@127.0.0.1/app?sslmode=disable"), PgSslMode::Disable));
    }

    #[test]
    fn a_bad_url_is_refused_without_showing_it() {
        assert!(options(&[]).unwrap_err().contains("`DATABASE_URL` is not set"));
        for url in ["secret", "postgres://u:secret@host:notaport/db", "postgres://u:secret@h/db?sslmode=secret"] {
            let text = options(&[("DATABASE_URL", url)]).unwrap_err();
            assert!(text.contains("DATABASE_URL") && !text.contains("secret"), "{text}");
        }
    }
}
