//! Cognito's API as plain signed JSON, so that nothing in an answer is lost on its way back.
//!
//! The SDK's typed client would drop every setting that is newer than itself, and UpdateUserPool resets what it is not sent.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_types::byte_stream::ByteStream;
use aws_types::SdkConfig;
use rollcall_custom_resource::signed::AwsService;
use serde_json::{Map, Value, json};

use crate::{call_error::CallError, request::PoolId};

const COGNITO: AwsService = AwsService { id: "Cognito Identity Provider", signing_name: "cognito-idp" };

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
        Self { connector, sdk: sdk.clone(), region, endpoint: COGNITO.endpoint(sdk) }
    }

    /// The Region that this client calls.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The configuration of every call.
    pub fn sdk(&self) -> &SdkConfig {
        &self.sdk
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
        let target = format!("AWSCognitoIdentityProviderService.{operation}");
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
        let request = COGNITO.post(&self.sdk, &self.endpoint, &headers, body.to_string()).await;
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
}
