//! How the environment says to log in to the database: with a URL, with a secret of Secrets Manager, or with RDS IAM tokens.

mod place;
mod secret;
mod url;

use std::time::SystemTime;

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use aws_types::SdkConfig;
use rollcall_aws_runtime::environment::{Environment, VariableError};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use self::{
    place::{PORT, Place, SSLMODE_HOLDS},
    secret::of_secret,
    url::of_url,
};
use crate::iam_token::{Subject, sign_token};

const LOGIN_HOLDS: &str = "a connection URL such as postgres://user:password@host:5432/database, unless DATABASE_SECRET_ARN or DATABASE_AUTH=iam is set";
const AUTH_HOLDS: &str = "`iam`, to log in with RDS IAM tokens, or nothing";

/// A way to log in.
pub(crate) enum Login {
    /// `DATABASE_URL`: everything is known from the start.
    Url(Box<PgConnectOptions>),
    /// `DATABASE_SECRET_ARN`: read at the first connection, and again when the database no longer takes what was read.
    Secret { arn: String, client: aws_sdk_secretsmanager::Client, place: Place },
    /// `DATABASE_AUTH=iam`: a token of some minutes.
    Iam { place: Place, host: String, user: String, region: String, credentials: SharedCredentialsProvider },
}

/// Why there is nothing to log in with. None of the texts shows what was read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    #[error("the secret cannot be read: {0}")]
    Unreadable(String),
    #[error(
        "the secret is not valid: {0}; it must be a JSON object with `username` and `password`, and with `host` unless DATABASE_HOST is set"
    )]
    Malformed(&'static str),
    #[error("there are no AWS credentials to sign a token with")]
    NoCredentials(#[source] aws_credential_types::provider::error::CredentialsError),
    #[error("no token can be signed for this host")]
    Unsigned(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Login {
    /// Reads the variables. Nothing is looked up yet.
    pub(crate) fn read(environment: &Environment, aws: &SdkConfig) -> Result<Self, VariableError> {
        let iam = match environment.optional("DATABASE_AUTH") {
            None => false,
            Some("iam") => true,
            Some(_) => return Err(unreadable("DATABASE_AUTH", AUTH_HOLDS, "its value is unknown")),
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

    #[test]
    fn tls_verifies_the_host_unless_the_url_says_otherwise() {
        let mode = |url| match login(&[("DATABASE_URL", url)]) {
            Ok(Login::Url(options)) => options.get_ssl_mode(),
            _ => panic!("{url} is no login"),
        };
        assert!(matches!(mode("postgres://u:p@db.example.com/app"), PgSslMode::VerifyFull));
        assert!(matches!(mode("postgres://u:p@db.example.com/app?sslmode=prefer"), PgSslMode::VerifyFull));
        assert!(matches!(mode("postgres://u:p@127.0.0.1/app?sslmode=disable"), PgSslMode::Disable));
        let place = Place::read(&Environment::from_iter([("UNUSED", "")])).unwrap();
        assert!(matches!(place.ssl_mode, PgSslMode::VerifyFull));
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

    #[tokio::test]
    async fn an_iam_token_takes_the_place_of_the_password() {
        let variables = [("DATABASE_AUTH", "iam"), ("DATABASE_HOST", "db.rds"), ("DATABASE_USER", "app")];
        let options = login(&variables).unwrap().options(SystemTime::UNIX_EPOCH).await.unwrap();
        let url = options.to_url_lossy().to_string();
        assert!(url.starts_with("postgres://app:db%2Erds%3A5432%2F%3FAction%3Dconnect"), "{url}");
        assert!(matches!(options.get_ssl_mode(), PgSslMode::VerifyFull));
    }
}
