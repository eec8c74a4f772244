//! SDK configuration for a command-line tool: the ordinary chain that people know from the AWS CLI.

use aws_config::{BehaviorVersion, Region};
use aws_types::SdkConfig;

use crate::{
    environment::{Environment, VariableError},
    lambda_sdk::{Roots, http_client},
};

/// What a person may say on the command line; whatever is left out comes from the environment and the profile files.
#[derive(Clone, Debug, Default)]
pub struct CliOptions {
    /// A profile of `~/.aws/config`, SSO and `credential_process` included.
    pub profile: Option<String>,
    /// The Region.
    pub region: Option<String>,
    /// One endpoint for every service, for local use.
    pub endpoint_url: Option<String>,
}

/// The configuration that every client of the tool is made from: flags first, then variables, then profiles.
///
/// It trusts what the operating system trusts, or `AWS_CA_BUNDLE`.
///
/// # Errors
///
/// [`VariableError`] for an unusable `AWS_CA_BUNDLE`. Missing credentials show at the first call.
pub async fn sdk_config(options: CliOptions, environment: &Environment) -> Result<SdkConfig, VariableError> {
    let roots = environment.optional("AWS_CA_BUNDLE").map_or(Roots::Native, Roots::File);
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client(roots)?);
    if let Some(profile) = options.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = options.region {
        loader = loader.region(Region::new(region));
    }
    if let Some(endpoint_url) = options.endpoint_url {
        loader = loader.endpoint_url(endpoint_url);
    }
    Ok(loader.load().await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn flags_win_over_everything_else() {
        let options = CliOptions {
            profile: None,
            region: Some("eu-central-1".to_owned()),
            endpoint_url: Some("http://127.0.0.1:1".to_owned()),
        };
        let config = sdk_config(options, &Environment::from_iter([("UNUSED", "")])).await.unwrap();
        assert_eq!(config.region().map(AsRef::as_ref), Some("eu-central-1"));
        assert_eq!(config.endpoint_url(), Some("http://127.0.0.1:1"));
        assert!(config.credentials_provider().is_some(), "the ordinary chain is in place");
    }
}
