//! Cognito's API as plain signed JSON, so that nothing in an answer is lost on its way back.
//!
//! The SDK's typed client would drop every setting that is newer than itself, and UpdateUserPool resets what it is not sent.

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, SharedHttpConnector},
        orchestrator::HttpRequest,
    },
    http::Headers,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use aws_types::{SdkConfig, service_config::ServiceConfigKey};
use serde_json::{Map, Value, json};

use crate::{call_error::CallError, request::PoolId};

/// The most time that one call may take. UpdateUserPool answers within a second or two.
const CALL_LIMIT: Duration = Duration::from_secs(10);

/// Cognito in one Region.
pub struct Cognito {
    connector: SharedHttpConnector,
    sdk: SdkConfig,
    region: String,
    endpoint: String,
}

impl Cognito {
    /// Makes the client; opens no connection.
    ///
    /// Region, credentials and endpoint (`AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER`, `AWS_ENDPOINT_URL`) come from `sdk`.
    pub fn new(sdk: &SdkConfig, connector: SharedHttpConnector) -> Self {
        let region = sdk.region().map(ToString::to_string).unwrap_or_default();
        let endpoint = own_endpoint(sdk)
            .or_else(|| sdk.endpoint_url().map(str::to_owned))
            .unwrap_or_else(|| format!("https://cognito-idp.{region}.{}", domain(&region)));
        Self { connector, sdk: sdk.clone(), region, endpoint }
    }

    /// The Region that this client calls.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// What requests are sent with.
    pub fn connector(&self) -> &SharedHttpConnector {
        &self.connector
    }

    /// DescribeUserPool: the member `UserPool`, everything in it.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn describe(&self, pool: &PoolId) -> Result<Map<String, Value>, CallError> {
        let mut answer = self.call("DescribeUserPool", json!({ "UserPoolId": pool.as_str() })).await?;
        match answer.remove("UserPool") {
            Some(Value::Object(description)) => Ok(description),
            _ => Err(CallError::Unanswered { operation: "DescribeUserPool", why: "the answer describes no pool" }),
        }
    }

    /// GetUserPoolMfaConfig: the settings that UpdateUserPool cannot be sent, and that it must not change either.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn mfa(&self, pool: &PoolId) -> Result<Map<String, Value>, CallError> {
        self.call("GetUserPoolMfaConfig", json!({ "UserPoolId": pool.as_str() })).await
    }

    /// UpdateUserPool.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn update(&self, request: &Map<String, Value>) -> Result<(), CallError> {
        self.call("UpdateUserPool", Value::Object(request.clone())).await.map(|_| ())
    }

    async fn call(&self, operation: &'static str, body: Value) -> Result<Map<String, Value>, CallError> {
        let request = self.signed(operation, body.to_string()).await;
        let request = request.map_err(|error| CallError::Unsendable { operation, why: error.to_string() })?;
        let unanswered = |why| CallError::Unanswered { operation, why };
        let exchange = async {
            let response = self.connector.call(request).await.map_err(|_| unanswered("the connection failed"))?;
            let status = response.status().as_u16();
            let said = response.headers().get("x-amzn-errortype").map(str::to_owned);
            let body = ByteStream::new(response.into_body()).collect().await;
            let body = body.map_err(|_| unanswered("the connection broke"))?.into_bytes();
            Ok((status, said, serde_json::from_slice(&body).unwrap_or_default()))
        };
        let answer = tokio::time::timeout(CALL_LIMIT, exchange).await.unwrap_or_else(|_| Err(unanswered("time-out")));
        let (status, said, body): (u16, Option<String>, Value) = answer?;
        match body {
            Value::Object(members) if (200..300).contains(&status) => Ok(members),
            // An update answers with nothing in it, which some servers write as no body at all.
            Value::Null if (200..300).contains(&status) => Ok(Map::new()),
            body => Err(CallError::read(operation, status, said.as_deref(), &body)),
        }
    }

    async fn signed(
        &self,
        operation: &str,
        body: String,
    ) -> Result<HttpRequest, Box<dyn std::error::Error + Send + Sync>> {
        let provider = self.sdk.credentials_provider().ok_or("there are no credentials")?;
        let identity = provider.provide_credentials().await?.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("cognito-idp")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let target = format!("AWSCognitoIdentityProviderService.{operation}");
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
        let signable =
            SignableRequest::new("POST", &self.endpoint, headers.into_iter(), SignableBody::Bytes(body.as_bytes()))?;
        let (signature, _) = sign(signable, &parameters)?.into_parts();
        let (signed, _) = signature.into_parts();
        let mut all = Headers::new();
        for (name, value) in headers {
            all.insert(name.to_owned(), value.to_owned());
        }
        for header in signed {
            all.insert(header.name(), header.value().to_owned());
        }
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST")?;
        request.set_uri(self.endpoint.as_str())?;
        *request.headers_mut() = all;
        Ok(request)
    }
}

fn own_endpoint(sdk: &SdkConfig) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id("Cognito Identity Provider");
    let key = key.env("AWS_ENDPOINT_URL").profile("endpoint_url").build().ok()?;
    sdk.service_config()?.load_config(key)
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
