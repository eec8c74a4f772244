//! What is wrong with the database, in words for an operator.

use std::io;

use rollcall_aws_runtime::logging;
use sqlx::postgres::{PgConnectOptions, PgDatabaseError};

use crate::database::CONNECT_LIMIT;

/// Why there is no connection. No text shows a URL or a password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// There is nothing to log in with: the secret or the credentials cannot be read.
    #[error("cannot connect to the database: {}", words(.0))]
    NoLogin(sqlx::Error),
    /// AWS did not say what to log in with.
    #[error("AWS did not say within {} s how to log in to the database", CONNECT_LIMIT.as_secs())]
    NoAnswerOfAws,
    /// Nothing answers at its address.
    #[error(
        "the database at {at} did not answer within {} s; may this network reach it, and does its security group let it in?",
        CONNECT_LIMIT.as_secs()
    )]
    NoAnswer {
        /// Host and port.
        at: String,
    },
    /// It was refused, or it broke.
    #[error("cannot connect to the database at {at}: {}{}", words(.error), hint_line(.error))]
    Failed {
        /// Host and port.
        at: String,
        /// Why.
        error: sqlx::Error,
    },
}

/// Host and port, or the folder of the socket.
pub(crate) fn place(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(socket) => format!("`{}`", socket.display()),
        None => format!("`{}:{}`", options.get_host(), options.get_port()),
    }
}

/// The same error of a connection with the place of the database in it, where the server has not said anything itself.
pub(crate) fn at(place: &str, error: sqlx::Error) -> sqlx::Error {
    match error {
        sqlx::Error::Io(error) => sqlx::Error::Io(io::Error::new(error.kind(), format!("{place}: {error}"))),
        sqlx::Error::Tls(error) => sqlx::Error::Tls(format!("{place}: {error}").into()),
        sqlx::Error::Protocol(text) => sqlx::Error::Protocol(format!("{place}: {text}")),
        error => error,
    }
}

/// An error in words for a log: never the server's own text, which can quote a value.
pub fn describe(error: &sqlx::Error) -> String {
    let sqlx::Error::Database(refusal) = error else {
        let hint = hint(error).map(|hint| format!("; {hint}"));
        return words(error) + hint.as_deref().unwrap_or_default();
    };
    let code = refusal.code().unwrap_or_default();
    let column = refusal.try_downcast_ref::<PgDatabaseError>().and_then(PgDatabaseError::column);
    let about = match (refusal.constraint(), column) {
        (Some(constraint), _) => format!(": constraint `{constraint}`"),
        (None, Some(column)) => format!(": column `{column}`"),
        (None, None) => String::new(),
    };
    format!("the database rejected it (SQLSTATE {code}){about}")
}

/// sqlx's words, without its own preface where the cause says it all and without places in its source.
fn words(error: &sqlx::Error) -> String {
    let text = match error {
        sqlx::Error::Configuration(cause) => logging::chain(cause.as_ref()),
        sqlx::Error::Io(cause) => logging::chain(cause),
        sqlx::Error::Tls(cause) => format!("TLS failed: {}", logging::chain(cause.as_ref())),
        error => logging::chain(error),
    };
    without_place(&text).to_owned()
}

/// Some of sqlx's texts end with module and line: `… (sqlx_postgres::connection::tls:95)`.
fn without_place(text: &str) -> &str {
    let place = text.strip_suffix(')').and_then(|text| text.rsplit_once(" (sqlx_"));
    match place {
        Some((words, place)) if place.rsplit_once(':').is_some_and(|(_, line)| line.parse::<u32>().is_ok()) => words,
        _ => text,
    }
}

fn hint_line(error: &sqlx::Error) -> String {
    hint(error).map(|hint| format!("\nhint: {hint}")).unwrap_or_default()
}

/// What to do about an error of the connection, if it has a usual reason.
fn hint(error: &sqlx::Error) -> Option<&'static str> {
    let text = error.to_string();
    [
        (
            "UnknownIssuer",
            "DATABASE_CA must name a PEM file with the CA that signed the server's certificate; for RDS, the file of its Region or `global-bundle.pem` from https://truststore.pki.rds.amazonaws.com",
        ),
        ("not valid for name", "connect to a host name that the server's certificate has"),
        ("server does not support TLS", "turn TLS on in the server, or add `sslmode=disable` to DATABASE_URL if nobody else is on the network"),
        ("unexpected response from SSLRequest", "what listens there is not Postgres; check host and port"),
    ]
    .into_iter()
    .find_map(|(sign, hint)| text.contains(sign).then_some(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_in_the_source_of_a_library_is_left_out_and_nothing_else() {
        for (text, words) in [
            ("unexpected response: 72 (sqlx_postgres::connection::tls:95)", "unexpected response: 72"),
            ("no such thing (os error 2)", "no such thing (os error 2)"),
            ("odd (sqlx_x)", "odd (sqlx_x)"),
            ("plain", "plain"),
        ] {
            assert_eq!(without_place(text), words);
        }
    }
}
