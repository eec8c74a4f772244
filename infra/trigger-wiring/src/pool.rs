//! Cognito's API as plain signed JSON, so that nothing in an answer is lost on its way back.
//!
//! The SDK's typed client would drop every setting that is newer than itself, and UpdateUserPool resets what it is not sent.

use std::{fmt, time::Duration, time::SystemTime};

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
use rollcall_aws_runtime::retry::Refusal;
use serde_json::{Map, Value, json};

use crate::request::PoolId;

/// The most time that one call may take. UpdateUserPool answers within a second or two.
const CALL_LIMIT: Duration = Duration::from_secs(10);

/// Error codes that another attempt may cure, besides those of a server that failed.
/// `AccessDeniedException` is among them because a role that a stack has just made is not known everywhere at once.
/// Source: "Common Error Types" and "UpdateUserPool" in the Amazon Cognito user pools API reference; "Changes that I make are not always immediately visible" in the IAM user guide.
const TRANSIENT_CODES: [&str; 7] = [
    "AccessDeniedException",
    "ConcurrentModificationException",
    "InternalErrorException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// Cognito in one Region.
pub struct Cognito {
    connector: SharedHttpConnector,
    sdk: SdkConfig,
    region: String,
    endpoint: String,
}

/// A call that brought nothing. The text names the operation, and never holds an address of anybody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Cognito answered with an error.
    #[error("{operation} was refused ({code}){explanation}")]
    Refused {
        /// The operation.
        operation: &'static str,
        /// Cognito's word for what is wrong.
        code: String,
        /// The HTTP status.
        status: u16,
        /// What it says besides.
        explanation: Explanation,
    },
    /// Nobody knows whether it was carried out.
    #[error("{operation} got no answer ({why})")]
    Unanswered {
        /// The operation.
        operation: &'static str,
        /// What happened instead.
        why: &'static str,
    },
    /// It could not even be sent.
    #[error("{operation} could not be sent ({why})")]
    Unsendable {
        /// The operation.
        operation: &'static str,
        /// What is wrong.
        why: String,
    },
}

/// Cognito's own sentence, without any word that may be somebody's address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation(String);

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0) }
    }
}

impl From<&str> for Explanation {
    fn from(sentence: &str) -> Self {
        let words: Vec<_> =
            sentence.split_whitespace().map(|word| if word.contains('@') { "…" } else { word }).collect();
        Self(words.join(" "))
    }
}

impl CallError {
    /// Whether Cognito answered with this very code.
    pub fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Refused { code, .. } if code == wanted)
    }

    /// Whether the call may have been carried out all the same.
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::Refused { status, .. } => *status >= 500,
            Self::Unanswered { .. } => true,
            Self::Unsendable { .. } => false,
        }
    }

    /// Whether another attempt may succeed.
    pub fn is_transient(&self) -> bool {
        const THROTTLED: u16 = 429;
        match self {
            Self::Refused { code, status, .. } => {
                *status >= 500 || *status == THROTTLED || TRANSIENT_CODES.contains(&code.as_str())
            }
            Self::Unanswered { .. } => true,
            Self::Unsendable { .. } => false,
        }
    }

    /// The same for [`rollcall_aws_runtime::retry::until`].
    pub fn into_refusal<E: From<Self>>(self) -> Refusal<E> {
        if self.is_transient() { Refusal::Transient(self.into()) } else { Refusal::Permanent(self.into()) }
    }
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
            body => Err(refused(operation, status, said.as_deref(), &body)),
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

/// Reads an error as every AWS service with JSON writes it: the code in a header or in `__type`, with or without a namespace.
fn refused(operation: &'static str, status: u16, said: Option<&str>, body: &Value) -> CallError {
    let code = said.or_else(|| body.get("__type").and_then(Value::as_str)).unwrap_or("Unknown");
    let code = code.split(':').next().unwrap_or_default();
    let code = code.rsplit('#').next().unwrap_or_default().to_owned();
    let message = ["message", "Message"].iter().find_map(|name| body.get(name)?.as_str()).unwrap_or_default();
    CallError::Refused { operation, code, status, explanation: message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_read_in_every_form_and_shows_no_address() {
        let body =
            json!({ "__type": "com.amazonaws#InvalidParameterException", "message": "From ada@example.com is bad" });
        let error = refused("UpdateUserPool", 400, None, &body);
        assert_eq!(error.to_string(), "UpdateUserPool was refused (InvalidParameterException): From … is bad");
        assert!(error.is("InvalidParameterException") && !error.is_transient() && !error.may_have_happened());
        let header = refused("UpdateUserPool", 400, Some("TooManyRequestsException:http://x"), &Value::Null);
        assert!(header.is("TooManyRequestsException") && header.is_transient());
        assert_eq!(header.to_string(), "UpdateUserPool was refused (TooManyRequestsException)");
        let failed = refused("UpdateUserPool", 503, None, &Value::Null);
        assert!(failed.is_transient() && failed.may_have_happened());
    }
}
