//! The connection URL.

use std::{borrow::Cow, str::FromStr};

use percent_encoding::percent_decode_str;
use rollcall_aws_runtime::environment::{Environment, VariableError};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::{
    LOGIN_HOLDS,
    place::{read_ca, read_pem, trust},
    unreadable,
};

const CA_HOLDS: &str = "in `sslrootcert` the path of a PEM file with the CA certificates to trust, or no `sslrootcert`";

/// TLS is `verify-full` unless the URL's `sslmode` says otherwise: without it whoever answers at the host's address would be believed.
/// (`prefer`, which is libpq's default and no protection, is taken as not said.)
pub(super) fn of_url(url: &str, environment: &Environment) -> Result<PgConnectOptions, VariableError> {
    let mut options = PgConnectOptions::from_str(&with_a_password(url)).map_err(|error| {
        // The parser's own words are used only where they cannot quote the URL.
        let why = match error {
            sqlx::Error::Configuration(_) => "it is not a connection URL, or one of its parameters is not known",
            _ => "it is not a connection URL",
        };
        unreadable("DATABASE_URL", LOGIN_HOLDS, why)
    })?;
    if matches!(options.get_ssl_mode(), PgSslMode::Prefer) {
        options = options.ssl_mode(PgSslMode::VerifyFull);
    }
    let of_url = root_cert(url).as_deref().map(read_pem).transpose();
    let of_url = of_url.map_err(|why| unreadable("DATABASE_URL", CA_HOLDS, &why))?;
    Ok(trust(options, read_ca(environment)?.or(of_url)))
}

/// The file that the URL names, under any of the names that sqlx accepts.
fn root_cert(url: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, path) = pairs.rfind(|(key, _)| matches!(*key, "sslrootcert" | "ssl-root-cert" | "ssl-ca"))?;
    Some(percent_decode_str(&path.replace('+', " ")).decode_utf8_lossy().into_owned())
}

/// The URL with an empty password if it has none: sqlx would look for one in `~/.pgpass`.
fn with_a_password(url: &str) -> Cow<'_, str> {
    let (before, query) = url.split_once('?').unwrap_or((url, ""));
    let authority = before.split_once("://").and_then(|(_, rest)| rest.split('/').next()).unwrap_or_default();
    let login = authority.rsplit_once('@').map_or("", |(login, _)| login);
    if login.contains(':') || query.split('&').any(|part| part.starts_with("password=")) {
        return url.into();
    }
    format!("{before}?{query}{}password=", if query.is_empty() { "" } else { "&" }).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_in_the_url_that_cannot_be_read_stops_the_start_too() {
        let error = |query: &str| {
            let environment = Environment::from_iter([("UNUSED", "")]);
            of_url(&format!("postgres://u:secret@h/d?{query}"), &environment).unwrap_err().to_string()
        };
        let missing = error("sslmode=require&sslrootcert=%2Fno%20such.pem");
        assert!(missing.contains("`DATABASE_URL`") && missing.contains("`/no such.pem` cannot be read"), "{missing}");
        assert!(missing.contains("must hold in `sslrootcert` the path of a PEM file"), "{missing}");
        assert!(!missing.contains("secret@"), "{missing}");
    }

    #[test]
    fn a_url_without_a_password_means_no_password_and_not_one_from_a_file() {
        for (url, expected) in [
            ("postgres://u@h/d", "postgres://u@h/d?password="),
            ("postgres://u@h/d?sslmode=require", "postgres://u@h/d?sslmode=require&password="),
            ("postgres://h:5432/d", "postgres://h:5432/d?password="),
            ("postgres://u:p@h/d", "postgres://u:p@h/d"),
            ("postgres://u:@h:1/d?a=b", "postgres://u:@h:1/d?a=b"),
            ("postgres:///d?user=u&password=p", "postgres:///d?user=u&password=p"),
        ] {
            assert_eq!(with_a_password(url), expected);
        }
    }
}
