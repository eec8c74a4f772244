//! SDK configuration for a Lambda function: everything from the environment, nothing looked up.
//!
//! Inside Lambda the Region and short-lived credentials are environment variables, so the SDK's usual search (profile files, SSO, IMDS) finds nothing and costs start-up time.
//! TLS is `ring`: with the SDK's default library the first handshake of a process spends tens of milliseconds of CPU on collecting entropy.
//! The trust roots are decided in `docs/decisions/0003-trust-roots.md`.

use std::fmt;

use aws_credential_types::Credentials;
use aws_smithy_http_client::{
    Builder, Connector,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    behavior_version::BehaviorVersion,
    http::{SharedHttpClient, SharedHttpConnector},
};
use aws_types::{
    SdkConfig,
    region::Region,
    service_config::{LoadServiceConfig, ServiceConfigKey},
};

use crate::environment::{Environment, VariableError};

/// Amazon Trust Services' five roots, to which every public AWS endpoint chains.
/// Source: <https://www.amazontrust.com/repository/>, "CA Certificates".
const AMAZON_ROOTS: &[u8] = include_bytes!("../roots/amazon-trust-services.pem");

/// Where the certificates that a client trusts come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roots<'a> {
    /// The five roots compiled in: 20 times faster to load than the system's.
    Amazon,
    /// What the operating system trusts: needed in partitions whose endpoints chain elsewhere.
    Native,
    /// A PEM file, as `AWS_CA_BUNDLE` names it for every AWS tool; for networks whose proxy inspects TLS.
    File(&'a str),
}

impl<'a> Roots<'a> {
    /// Chooses by `AWS_CA_BUNDLE` and by the Region's partition.
    pub fn choose(environment: &'a Environment, region: &str) -> Self {
        match environment.optional("AWS_CA_BUNDLE") {
            Some(path) => Self::File(path),
            None if ["cn-", "us-gov-", "us-iso", "eu-isoe-", "eusc-"].iter().any(|other| region.starts_with(other)) => {
                Self::Native
            }
            None => Self::Amazon,
        }
    }
}

/// The configuration that every client of this process is made from.
///
/// `AWS_ENDPOINT_URL_<SERVICE>` and `AWS_ENDPOINT_URL` decide where a client finds its service, as with every AWS tool.
/// Source: "Service-specific endpoints" in the AWS SDKs and Tools reference guide.
///
/// # Errors
///
/// [`VariableError`] for `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` (Lambda sets all three) or an unusable `AWS_CA_BUNDLE`.
pub fn sdk_config(environment: &Environment) -> Result<SdkConfig, VariableError> {
    let region = environment.required("AWS_REGION", "the Region, as Lambda sets it")?;
    let credentials = Credentials::new(
        environment.required("AWS_ACCESS_KEY_ID", "the function's credentials, as Lambda sets them")?,
        environment.required("AWS_SECRET_ACCESS_KEY", "the function's credentials, as Lambda sets them")?,
        environment.optional("AWS_SESSION_TOKEN").map(str::to_owned),
        None,
        "environment",
    );
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(credentials))
        .http_client(http_client(Roots::choose(environment, region))?)
        .service_config(Variables(environment.clone()));
    config.set_endpoint_url(environment.optional("AWS_ENDPOINT_URL").map(str::to_owned));
    Ok(config.build())
}

/// A service's own settings, from variables alone: `AWS_ENDPOINT_URL_SECRETS_MANAGER` for what the SDK calls "Secrets Manager".
struct Variables(Environment);

impl LoadServiceConfig for Variables {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_ascii_uppercase().replace(' ', "_");
        self.0.optional(&format!("{}_{service}", key.env())).map(str::to_owned)
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The credentials are among them.
        f.write_str("Variables")
    }
}

/// An HTTPS client (it speaks plain HTTP to `http://` endpoints too).
///
/// # Errors
///
/// [`VariableError`] when the file that `AWS_CA_BUNDLE` names cannot be used.
pub fn http_client(roots: Roots<'_>) -> Result<SharedHttpClient, VariableError> {
    Ok(Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(tls_context(roots)?).build_https())
}

/// The same client for requests that no SDK client makes: it sends what it is given, and has no time-outs of its own.
///
/// # Errors
///
/// As [`http_client`].
pub fn connector(roots: Roots<'_>) -> Result<SharedHttpConnector, VariableError> {
    let builder = Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring));
    Ok(SharedHttpConnector::new(builder.tls_context(tls_context(roots)?).build()))
}

fn tls_context(roots: Roots<'_>) -> Result<TlsContext, VariableError> {
    let trust = match roots {
        Roots::Amazon => TrustStore::empty().with_pem_certificate(AMAZON_ROOTS),
        Roots::Native => TrustStore::empty().with_native_roots(true),
        Roots::File(path) => TrustStore::empty()
            .with_pem_certificate(std::fs::read(path).map_err(|error| unusable_bundle(error.to_string()))?),
    };
    TlsContext::builder().with_trust_store(trust).build().map_err(|error| unusable_bundle(error.to_string()))
}

fn unusable_bundle(why: String) -> VariableError {
    VariableError::Unreadable { name: "AWS_CA_BUNDLE", holds: "the path of a PEM file with certificates to trust", why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lambda(more: &[(&str, &str)]) -> Environment {
        let base = [("AWS_REGION", "eu-west-1"), ("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "key")];
        base.iter().chain(more).copied().collect()
    }

    #[test]
    fn the_configuration_comes_from_the_environment_alone() {
        let config = sdk_config(&lambda(&[])).unwrap();
        assert_eq!(config.region().map(AsRef::as_ref), Some("eu-west-1"));
        let missing = sdk_config(&Environment::from_iter([("AWS_REGION", "eu-west-1")])).unwrap_err();
        assert!(missing.to_string().contains("AWS_ACCESS_KEY_ID"), "{missing}");
    }

    #[test]
    fn a_services_own_endpoint_wins_over_the_common_one() {
        let endpoints = |more: &[_]| {
            let config = sdk_config(&lambda(more)).unwrap();
            let of = |service| {
                let key =
                    ServiceConfigKey::builder().service_id(service).env("AWS_ENDPOINT_URL").profile("endpoint_url");
                config.service_config()?.load_config(key.build().ok()?)
            };
            (of("Secrets Manager"), of("SQS"), config.endpoint_url().map(str::to_owned))
        };
        let (all, own) = (("AWS_ENDPOINT_URL", "http://all"), ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://own"));
        assert_eq!(endpoints(&[all, own]), (Some("http://own".to_owned()), None, Some("http://all".to_owned())));
        assert_eq!(endpoints(&[]), (None, None, None));
    }

    #[test]
    fn the_compiled_in_roots_are_used_only_where_every_endpoint_chains_to_them() {
        assert_eq!(Roots::choose(&lambda(&[]), "eu-west-1"), Roots::Amazon);
        assert_eq!(Roots::choose(&lambda(&[]), "cn-north-1"), Roots::Native);
        assert_eq!(Roots::choose(&lambda(&[]), "us-gov-west-1"), Roots::Native);
        assert_eq!(Roots::choose(&lambda(&[]), "eusc-de-east-1"), Roots::Native);
        assert_eq!(Roots::choose(&lambda(&[("AWS_CA_BUNDLE", "/ca.pem")]), "eu-west-1"), Roots::File("/ca.pem"));
    }

    #[test]
    fn the_five_compiled_in_roots_load() {
        assert_eq!(String::from_utf8_lossy(AMAZON_ROOTS).matches("BEGIN CERTIFICATE").count(), 5);
        assert!(http_client(Roots::Amazon).is_ok());
    }

    #[test]
    fn an_unreadable_bundle_is_named() {
        let error = http_client(Roots::File("/does/not/exist.pem")).unwrap_err().to_string();
        assert!(error.contains("AWS_CA_BUNDLE"), "{error}");
    }
}
