//! How the environment says to log in to the database: with a URL, with a secret of Secrets Manager, or with RDS IAM tokens.

use std::{borrow::Cow, str::FromStr, time::SystemTime};

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use aws_types::SdkConfig;
use rollcall_aws_runtime::environment::{Environment, VariableError};
use serde::Deserialize;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::iam_token::{Subject, sign_token};

/// Postgres's own port.
const PORT: u16 = 5432;

const LOGIN_HOLDS: &str = "a connection URL such as postgres://user:password@host:5432/database, unless DATABASE_SECRET_ARN or DATABASE_AUTH=iam is set";
const AUTH_HOLDS: &str = "`iam`, to log in with RDS IAM tokens, or nothing";
const PORT_HOLDS: &str = "a port number";
const CA_HOLDS: &str = "a PEM file with CA certificates to trust besides the public ones";
const SSLMODE_HOLDS: &str = "`verify-full`, `verify-ca`, `require` or `disable`";

/// A way to log in.
pub(crate) enum Login {
    /// `DATABASE_URL`: everything is known from the start.
    Url(Box<PgConnectOptions>),
    /// `DATABASE_SECRET_ARN`: read at the first connection, and again when the database no longer takes what was read.
    Secret { arn: String, client: aws_sdk_secretsmanager::Client, place: Place },
    /// `DATABASE_AUTH=iam`: a token of some minutes.
    Iam { place: Place, host: String, user: String, region: String, credentials: SharedCredentialsProvider },
}

/// Where the database is, as far as the environment says: what it says wins over the secret, whose host is the instance and not the proxy before it.
pub(crate) struct Place {
    host: Option<String>,
    port: Option<u16>,
    name: Option<String>,
    ssl_mode: PgSslMode,
    /// PEM.
    ca: Option<Vec<u8>>,
}

/// Why there is nothing to log in with. None of the texts shows what was read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    #[error("the secret cannot be read: {0}")]
    Unreadable(String),
    #[error(
        "the secret is not what it must be: {0}; it must be a JSON object with `username` and `password`, and with `host` unless DATABASE_HOST is set"
    )]
    Malformed(&'static str),
    #[error("there are no AWS credentials to sign a token with")]
    NoCredentials(#[source] aws_credential_types::provider::error::CredentialsError),
    #[error("no token can be signed for this host")]
    Unsigned(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A secret as RDS and its rotation functions write it; one that RDS manages itself has only the first two.
/// Source: "JSON structure of AWS Secrets Manager secrets" in the AWS Secrets Manager user guide.
#[derive(Deserialize)]
struct Secret {
    username: String,
    password: String,
    host: Option<String>,
    port: Option<Port>,
    dbname: Option<String>,
}

/// A number, or the same as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Port {
    Number(u16),
    Text(String),
}

impl Login {
    /// Reads the variables. Nothing is looked up yet.
    pub(crate) fn read(environment: &Environment, aws: &SdkConfig) -> Result<Self, VariableError> {
        let iam = match environment.optional("DATABASE_AUTH") {
            None => false,
            Some("iam") => true,
            Some(_) => return Err(unreadable("DATABASE_AUTH", AUTH_HOLDS, "it is something else")),
        };
        match (environment.optional("DATABASE_URL"), environment.optional("DATABASE_SECRET_ARN"), iam) {
            (Some(url), None, false) => Ok(Self::Url(Box::new(of_url(url, environment)?))),
            (None, Some(arn), false) => {
                let client = aws_sdk_secretsmanager::Client::new(aws);
                Ok(Self::Secret { arn: arn.to_owned(), client, place: Place::read(environment)? })
            }
            (None, None, true) => Self::iam(environment, aws),
            (None, None, false) => Err(VariableError::Missing { name: "DATABASE_URL", holds: LOGIN_HOLDS }),
            _ => Err(unreadable("DATABASE_URL", LOGIN_HOLDS, "more than one way to log in is set")),
        }
    }

    fn iam(environment: &Environment, aws: &SdkConfig) -> Result<Self, VariableError> {
        let place = Place::read(environment)?;
        if matches!(place.ssl_mode, PgSslMode::Disable) {
            return Err(unreadable("DATABASE_SSLMODE", SSLMODE_HOLDS, "a token must not travel without TLS"));
        }
        Ok(Self::Iam {
            host: environment.required("DATABASE_HOST", "the endpoint of the database, as RDS names it")?.to_owned(),
            user: environment.required("DATABASE_USER", "the database user that may log in with a token")?.to_owned(),
            region: aws.region().ok_or(VariableError::Missing { name: "AWS_REGION", holds: "the Region" })?.to_string(),
            credentials: aws.credentials_provider().ok_or(VariableError::Missing {
                name: "AWS_ACCESS_KEY_ID",
                holds: "credentials to sign tokens with",
            })?,
            place,
        })
    }

    /// What to connect with, made or looked up now.
    pub(crate) async fn options(&self, now: SystemTime) -> Result<PgConnectOptions, LoginError> {
        match self {
            Self::Url(options) => Ok(options.as_ref().clone()),
            Self::Secret { arn, client, place } => {
                let answer = client.get_secret_value().secret_id(arn).send().await;
                let answer = answer.map_err(|error| {
                    LoginError::Unreadable(error.code().unwrap_or("Secrets Manager does not answer").to_owned())
                })?;
                of_secret(answer.secret_string().unwrap_or_default(), place)
            }
            Self::Iam { place, host, user, region, credentials } => {
                let credentials = credentials.provide_credentials().await.map_err(LoginError::NoCredentials)?;
                let subject = Subject { host, user, region, port: place.port.unwrap_or(PORT) };
                let token = sign_token(subject, &credentials, now).map_err(LoginError::Unsigned)?;
                Ok(place.options().host(host).username(user).password(&token))
            }
        }
    }
}

impl Place {
    fn read(environment: &Environment) -> Result<Self, VariableError> {
        let text = |name| environment.optional(name).map(str::to_owned);
        let port = text("DATABASE_PORT").map(|port| port.parse());
        let ssl_mode = match environment.optional("DATABASE_SSLMODE") {
            None | Some("verify-full") => PgSslMode::VerifyFull,
            Some("verify-ca") => PgSslMode::VerifyCa,
            Some("require") => PgSslMode::Require,
            Some("disable") => PgSslMode::Disable,
            Some(_) => return Err(unreadable("DATABASE_SSLMODE", SSLMODE_HOLDS, "it is something else")),
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
    fn options(&self) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass().ssl_mode(self.ssl_mode).port(self.port.unwrap_or(PORT));
        let options = self.host.iter().fold(options, |options, host| options.host(host));
        let options = self.name.iter().fold(options, |options, name| options.database(name));
        trust(options, self.ca.clone())
    }
}

/// TLS is `verify-full` unless the URL's `sslmode` says otherwise: without it whoever answers at the host's address would be believed.
/// (`prefer`, which is libpq's default and no protection, is taken as not said.)
fn of_url(url: &str, environment: &Environment) -> Result<PgConnectOptions, VariableError> {
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
    Ok(trust(options, read_ca(environment)?))
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

/// The file of `DATABASE_CA`. Read once, at the start: a file that is missing then is missing for every connection.
fn read_ca(environment: &Environment) -> Result<Option<Vec<u8>>, VariableError> {
    let Some(path) = environment.optional("DATABASE_CA") else { return Ok(None) };
    let pem = std::fs::read(path)
        .map_err(|error| unreadable("DATABASE_CA", CA_HOLDS, &format!("the file `{path}` cannot be read: {error}")))?;
    if !String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") {
        return Err(unreadable("DATABASE_CA", CA_HOLDS, &format!("the file `{path}` has no PEM certificate")));
    }
    Ok(Some(pem))
}

fn trust(options: PgConnectOptions, ca: Option<Vec<u8>>) -> PgConnectOptions {
    ca.into_iter().fold(options, PgConnectOptions::ssl_root_cert_from_pem)
}

fn of_secret(text: &str, place: &Place) -> Result<PgConnectOptions, LoginError> {
    // serde's own words can quote the password.
    let secret: Secret = serde_json::from_str(text).map_err(|_| LoginError::Malformed("a part is missing or odd"))?;
    let port = match secret.port {
        None => PORT,
        Some(Port::Number(port)) => port,
        Some(Port::Text(port)) => port.parse().map_err(|_| LoginError::Malformed("`port` is no number"))?,
    };
    let host = place.host.as_deref().or(secret.host.as_deref()).ok_or(LoginError::Malformed("it names no host"))?;
    let options = place.options().host(host).port(place.port.unwrap_or(port));
    let options = options.username(&secret.username).password(&secret.password);
    let name = place.name.as_deref().or(secret.dbname.as_deref());
    Ok(name.into_iter().fold(options, PgConnectOptions::database))
}

fn unreadable(name: &'static str, holds: &'static str, why: &str) -> VariableError {
    VariableError::Unreadable { name, holds, why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use rollcall_aws_runtime::lambda_sdk::sdk_config;
    use sqlx::ConnectOptions;

    use super::*;

    fn login(variables: &[(&str, &str)]) -> Result<Login, String> {
        let lambda = [("AWS_REGION", "eu-west-1"), ("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "key")];
        let environment: Environment = lambda.iter().chain(variables).copied().collect();
        let aws = sdk_config(&environment).unwrap();
        Login::read(&environment, &aws).map_err(|error| error.to_string())
    }

    fn place(variables: &[(&str, &str)]) -> Place {
        Place::read(&variables.iter().copied().collect()).unwrap()
    }

    #[test]
    fn tls_verifies_the_host_unless_the_url_says_otherwise() {
        let mode = |url| match login(&[("DATABASE_URL", url)]) {
            Ok(Login::Url(options)) => options.get_ssl_mode(),
            _ => panic!("{url} is no login"),
        };
        assert!(matches!(mode("postgres://u:p@db.example.com/app"), PgSslMode::VerifyFull));
        assert!(matches!(mode("postgres://u:p@db.example.com/app?sslmode=prefer"), PgSslMode::VerifyFull));
        assert!(matches!(mode("postgres://u:p@127.0.0.1/app?sslmode=disable"), PgSslMode::Disable));
        assert!(matches!(place(&[]).ssl_mode, PgSslMode::VerifyFull));
    }

    #[test]
    fn a_bad_url_is_refused_without_showing_it() {
        assert!(login(&[]).err().unwrap().contains("`DATABASE_URL` is not set"));
        for url in ["secret", "postgres://u:secret@host:notaport/db", "postgres://u:secret@h/db?sslmode=secret"] {
            let text = login(&[("DATABASE_URL", url)]).err().unwrap();
            assert!(text.contains("DATABASE_URL") && !text.contains("secret@"), "{text}");
        }
    }

    #[test]
    fn a_ca_that_cannot_be_read_stops_the_start_with_the_name_of_its_file() {
        let error = |ca| login(&[("DATABASE_URL", "postgres://u@h/d"), ("DATABASE_CA", ca)]).err().unwrap();
        let missing = error("/no/such/ca.pem");
        assert!(missing.contains("`DATABASE_CA`") && missing.contains("`/no/such/ca.pem` cannot be read"), "{missing}");
        let no_pem = error(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        assert!(no_pem.contains("Cargo.toml` has no PEM certificate"), "{no_pem}");
        let iam = [("DATABASE_AUTH", "iam"), ("DATABASE_HOST", "h"), ("DATABASE_USER", "u"), ("DATABASE_CA", "/no")];
        assert!(login(&iam).err().unwrap().contains("`/no` cannot be read"));
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

    #[test]
    fn there_is_one_way_to_log_in_and_a_token_never_travels_without_tls() {
        let (url, arn) = (("DATABASE_URL", "postgres://u@h/d"), ("DATABASE_SECRET_ARN", "arn"));
        let iam = [("DATABASE_AUTH", "iam"), ("DATABASE_HOST", "h"), ("DATABASE_USER", "u")];
        assert!(login(&[url, arn]).err().unwrap().contains("more than one way"));
        assert!(login(&[&iam[..], &[url]].concat()).err().unwrap().contains("more than one way"));
        assert!(matches!(login(&iam), Ok(Login::Iam { .. })));
        assert!(login(&iam[..2]).err().unwrap().contains("DATABASE_USER"));
        assert!(login(&[("DATABASE_AUTH", "password")]).err().unwrap().contains("DATABASE_AUTH"));
        let plain = [&iam[..], &[("DATABASE_SSLMODE", "disable")]].concat();
        assert!(login(&plain).err().unwrap().contains("without TLS"));
    }

    #[test]
    fn a_secret_of_rds_is_understood_and_the_environment_wins_over_it() {
        let secret = r#"{"engine":"postgres","host":"instance","port":5433,"username":"app","password":"p@ss/word","dbname":"shop"}"#;
        let url = |secret, variables| of_secret(secret, &place(variables)).unwrap().to_url_lossy().to_string();
        assert!(
            url(secret, &[]).starts_with("postgres://app:p%40ss%2Fword@instance:5433/shop?"),
            "{}",
            url(secret, &[])
        );
        let proxy = [("DATABASE_HOST", "proxy"), ("DATABASE_PORT", "6432"), ("DATABASE_NAME", "other")];
        assert!(url(secret, &proxy).contains("@proxy:6432/other?"));
        let managed_by_rds = r#"{"username":"app","password":"x"}"#;
        assert!(url(managed_by_rds, &proxy[..1]).contains("app:x@proxy:5432"));
        assert!(url(r#"{"username":"a","password":"x","port":"5444"}"#, &proxy[..1]).contains("@proxy:5444"));
    }

    #[test]
    fn a_secret_that_is_none_is_named_without_showing_it() {
        for text in [
            "",
            "hunter2",
            r#"{"username":"a"}"#,
            r#"{"username":"a","password":["hunter2"]}"#,
            r#"{"username":"a","password":"hunter2"}"#,
        ] {
            let error = of_secret(text, &place(&[])).unwrap_err().to_string();
            assert!(error.contains("`username` and `password`") && !error.contains("hunter2"), "{error}");
        }
    }

    #[tokio::test]
    async fn an_iam_token_takes_the_place_of_the_password() {
        let variables = [("DATABASE_AUTH", "iam"), ("DATABASE_HOST", "db.rds"), ("DATABASE_USER", "app")];
        let options = login(&variables).unwrap().options(SystemTime::UNIX_EPOCH).await.unwrap();
        let url = options.to_url_lossy().to_string();
        assert!(url.starts_with("postgres://app:db%2Erds%3A5432%2F%3FAction%3Dconnect"), "{url}");
        assert!(matches!(options.get_ssl_mode(), PgSslMode::VerifyFull));
    }
}
