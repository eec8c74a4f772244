//! Where the database is, and whom to trust there.

use rollcall_aws_runtime::environment::{Environment, VariableError};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::unreadable;

/// Postgres's own port.
pub(super) const PORT: u16 = 5432;

const PORT_HOLDS: &str = "a port number";
const CA_HOLDS: &str = "a PEM file with CA certificates to trust besides the public ones";
pub(super) const SSLMODE_HOLDS: &str = "`verify-full`, `verify-ca`, `require` or `disable`";

/// Where the database is, as far as the environment says: what it says wins over the secret, whose host is the instance and not the proxy before it.
pub(crate) struct Place {
    pub(super) host: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) name: Option<String>,
    pub(super) ssl_mode: PgSslMode,
    /// PEM.
    ca: Option<Vec<u8>>,
}

impl Place {
    pub(super) fn read(environment: &Environment) -> Result<Self, VariableError> {
        let text = |name| environment.optional(name).map(str::to_owned);
        let port = text("DATABASE_PORT").map(|port| port.parse());
        let ssl_mode = match environment.optional("DATABASE_SSLMODE") {
            None | Some("verify-full") => PgSslMode::VerifyFull,
            Some("verify-ca") => PgSslMode::VerifyCa,
            Some("require") => PgSslMode::Require,
            Some("disable") => PgSslMode::Disable,
            Some(_) => return Err(unreadable("DATABASE_SSLMODE", SSLMODE_HOLDS, "its value is unknown")),
        };
        Ok(Self {
            host: text("DATABASE_HOST"),
            port: port.transpose().map_err(|_| unreadable("DATABASE_PORT", PORT_HOLDS, "it is no number"))?,
            name: text("DATABASE_NAME"),
            ssl_mode,
            ca: read_ca(environment)?,
        })
    }

    /// All that is known of the place. libpq's variables would fill in the rest: see [`crate::libpq`].
    pub(super) fn options(&self) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass().ssl_mode(self.ssl_mode).port(self.port.unwrap_or(PORT));
        let options = self.host.iter().fold(options, |options, host| options.host(host));
        let options = self.name.iter().fold(options, |options, name| options.database(name));
        trust(options, self.ca.clone())
    }
}

/// The file of `DATABASE_CA`.
pub(super) fn read_ca(environment: &Environment) -> Result<Option<Vec<u8>>, VariableError> {
    let path = environment.optional("DATABASE_CA");
    path.map(read_pem).transpose().map_err(|why| unreadable("DATABASE_CA", CA_HOLDS, &why))
}

/// A file with CA certificates, or why it is none. Read once, at the start: a file that is missing then is missing for every connection.
pub(super) fn read_pem(path: &str) -> Result<Vec<u8>, String> {
    let pem = std::fs::read(path).map_err(|error| format!("the file `{path}` cannot be read: {error}"))?;
    let has_certificate = String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----");
    has_certificate.then_some(pem).ok_or_else(|| format!("the file `{path}` has no PEM certificate"))
}

pub(super) fn trust(options: PgConnectOptions, ca: Option<Vec<u8>>) -> PgConnectOptions {
    ca.into_iter().fold(options, PgConnectOptions::ssl_root_cert_from_pem)
}
