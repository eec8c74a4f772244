//! SDK configuration for a command-line tool: the ordinary chain that people know from the AWS CLI.

use aws_config::{
    BehaviorVersion, Region,
    ecs::EcsCredentialsProvider,
    imds::credentials::ImdsCredentialsProvider,
    meta::credentials::CredentialsProviderChain,
    profile::{ProfileFileCredentialsProvider, ProfileFileLoadError, load},
    provider_config::ProviderConfig,
};
use aws_types::{
    SdkConfig,
    os_shim_internal::{Env, Fs},
};

use crate::{
    environment::{Environment, VariableError},
    lambda_sdk::{Roots, http_client},
};

#[expect(deprecated, reason = "its new name is in a crate that nothing else here needs")]
type ProfileFiles = aws_config::profile::profile_file::ProfileFiles;

/// What a person may say on the command line; whatever is left out comes from the environment and the profile files.
#[derive(Clone, Debug, Default)]
pub struct CliOptions {
    /// A profile of `~/.aws/config`, SSO and `credential_process` included. Its credentials win over those in variables, as with the AWS CLI:
    /// otherwise a forgotten variable would choose the account.
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
    let http_client = http_client(roots)?;
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client.clone());
    if let Some(profile) = options.profile {
        let provider = ProviderConfig::without_region().with_http_client(http_client).load_default_region().await;
        loader = loader.credentials_provider(of_profile(&profile, &provider)).profile_name(profile);
    }
    if let Some(region) = options.region {
        loader = loader.region(Region::new(region));
    }
    if let Some(endpoint_url) = options.endpoint_url {
        loader = loader.endpoint_url(endpoint_url);
    }
    Ok(loader.load().await)
}

/// The ordinary chain without the variables. A profile that only names a Region leaves the credentials to the machine.
fn of_profile(profile: &str, provider: &ProviderConfig) -> CredentialsProviderChain {
    let of_file = ProfileFileCredentialsProvider::builder().configure(provider).profile_name(profile).build();
    CredentialsProviderChain::first_try("Profile", of_file)
        .or_else("EcsContainer", EcsCredentialsProvider::builder().configure(provider).build())
        .or_else("Ec2InstanceMetadata", ImdsCredentialsProvider::builder().configure(provider).build())
}

/// The names of the profiles in the files that the SDK reads, sorted. A missing file has none.
///
/// # Errors
///
/// A file cannot be read or is not a profile file.
pub async fn profile_names() -> Result<Vec<String>, ProfileFileLoadError> {
    let profiles = load(&Fs::real(), &Env::real(), &ProfileFiles::default(), None).await?;
    let mut names: Vec<_> = profiles.profiles().map(str::to_owned).collect();
    names.sort();
    Ok(names)
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
