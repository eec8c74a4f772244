//! Requests that no SDK client makes: signed with the function's credentials, sent to where the variables say that the service is.

use std::time::SystemTime;

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use aws_smithy_runtime_api::{client::orchestrator::HttpRequest, http::Headers};
use aws_smithy_types::body::SdkBody;
use aws_types::{SdkConfig, service_config::ServiceConfigKey};

/// A service in the Region of the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AwsService {
    /// What the SDKs call it: "Cognito Identity Provider" has the variable `AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER`.
    pub id: &'static str,
    /// Its name in a signature and in its host name.
    pub signing_name: &'static str,
}

impl AwsService {
    /// Where it is: `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL`, or the public endpoint of the Region.
    pub fn endpoint(self, sdk: &SdkConfig) -> String {
        let region = sdk.region().map(ToString::to_string).unwrap_or_default();
        self.own_endpoint(sdk)
            .or_else(|| sdk.endpoint_url().map(str::to_owned))
            .unwrap_or_else(|| format!("https://{}.{region}.{}", self.signing_name, domain(&region)))
    }

    fn own_endpoint(self, sdk: &SdkConfig) -> Option<String> {
        let key = ServiceConfigKey::builder().service_id(self.id);
        let key = key.env("AWS_ENDPOINT_URL").profile("endpoint_url").build().ok()?;
        sdk.service_config()?.load_config(key)
    }

    /// A POST to `endpoint` with these headers and this body.
    ///
    /// # Errors
    ///
    /// There are no credentials, or the endpoint is not a URL.
    pub async fn post(
        self,
        sdk: &SdkConfig,
        endpoint: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<HttpRequest, Box<dyn std::error::Error + Send + Sync>> {
        let provider = sdk.credentials_provider().ok_or("there are no credentials")?;
        let identity = provider.provide_credentials().await?.into();
        let region = sdk.region().map(ToString::to_string).unwrap_or_default();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&region)
            .name(self.signing_name)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let bytes = SignableBody::Bytes(body.as_bytes());
        let signable = SignableRequest::new("POST", endpoint, headers.iter().copied(), bytes)?;
        let (signature, _) = sign(signable, &parameters)?.into_parts();
        let (signed, _) = signature.into_parts();
        let mut all = Headers::new();
        for (name, value) in headers {
            all.insert((*name).to_owned(), (*value).to_owned());
        }
        for header in signed {
            all.insert(header.name(), header.value().to_owned());
        }
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST")?;
        request.set_uri(endpoint)?;
        *request.headers_mut() = all;
        Ok(request)
    }
}

/// Where the services of a Region's partition are.
/// Source: `partitions.json` of the AWS SDKs.
fn domain(region: &str) -> &'static str {
    match region {
        region if region.starts_with("cn-") => "amazonaws.com.cn",
        region if region.starts_with("eusc-") => "amazonaws.eu",
        _ => "amazonaws.com",
    }
}
