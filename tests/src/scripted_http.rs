//! An HTTP client for the SDK that answers from a script: the wire is where a service's misbehaviour is made.

use std::{
    collections::BTreeMap,
    fmt, io,
    sync::{Arc, Mutex, PoisonError},
};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_runtime_api::{
    client::{
        behavior_version::BehaviorVersion,
        http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use aws_types::{SdkConfig, region::Region};
use serde_json::Value;

/// One request as the service would see it.
#[derive(Clone, Debug)]
pub struct Call {
    /// The operation, such as `AWSEvents.PutEvents` or `AmazonSQS.SendMessage` (the header `X-Amz-Target`), or
    /// `Lambda.Invoke` and `Lambda.GetFunctionConfiguration`, which only their paths name, and `CloudFormation.DescribeStacks`, which its form names.
    pub operation: String,
    /// The HTTP method.
    pub method: String,
    /// The whole address.
    pub url: String,
    /// The headers, by their names in small letters.
    pub headers: BTreeMap<String, String>,
    /// The body; null when it is not JSON.
    pub body: Value,
    /// The body as it arrived.
    pub text: String,
}

impl Call {
    /// A request as it was read. The headers are by their names in small letters.
    pub fn new(method: &str, url: &str, headers: BTreeMap<String, String>, body: &[u8]) -> Self {
        let invokes = method == "POST" && url.contains("/functions/") && url.ends_with("/invocations");
        let target = headers.get("x-amz-target").cloned();
        let describes = method == "GET" && url.contains("/functions/") && url.ends_with("/configuration");
        let asks = method == "POST" && body.starts_with(b"Action=DescribeStacks&");
        let operation = target.unwrap_or_else(|| match (invokes, describes, asks) {
            (true, ..) => "Lambda.Invoke".to_owned(),
            (_, true, _) => "Lambda.GetFunctionConfiguration".to_owned(),
            (_, _, true) => "CloudFormation.DescribeStacks".to_owned(),
            _ => String::new(),
        });
        Self {
            operation,
            method: method.to_owned(),
            url: url.to_owned(),
            headers,
            body: serde_json::from_slice(body).unwrap_or_default(),
            text: String::from_utf8_lossy(body).into_owned(),
        }
    }
}

/// What the service does with a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Answers with a status and a JSON body, which is empty for null and as it is for a text.
    Reply(u16, Value),
    /// Never answers.
    Hang,
    /// Breaks the connection, on which the request may have arrived.
    Break,
}

/// A body as it is sent; a text is no JSON, as the XML of CloudFormation is none.
pub(crate) fn body_text(body: &Value) -> String {
    match body {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        json => json.to_string(),
    }
}

/// Gets a call and how many calls of the same operation came before it.
type Script = dyn Fn(&Call, usize) -> Answer + Send + Sync;

/// The client: decides each answer with a function, and remembers every call.
#[derive(Clone)]
pub struct ScriptedHttp {
    script: Arc<Script>,
    calls: Arc<Mutex<Vec<Call>>>,
    memory: Memory,
}

/// Whether calls are remembered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Memory {
    Everything,
    Nothing,
}

impl ScriptedHttp {
    /// `script` gets the call and how many calls of the same operation came before it.
    pub fn new(script: impl Fn(&Call, usize) -> Answer + Send + Sync + 'static) -> Self {
        Self { script: Arc::new(script), calls: Arc::default(), memory: Memory::Everything }
    }

    /// Remembers no call: for scripts that remember what they need, and for very many calls.
    pub fn forgetful(script: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> Self {
        Self { script: Arc::new(move |call, _| script(call)), calls: Arc::default(), memory: Memory::Nothing }
    }

    /// Every call so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// For code that makes its requests itself.
    pub fn connector(&self) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }

    /// A configuration whose clients talk to this script.
    pub fn sdk_config(&self) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "test")))
            .http_client(self.clone())
            .build()
    }

    fn answer(&self, request: &HttpRequest) -> Answer {
        let headers = request.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let body = request.body().bytes().unwrap_or_default();
        let call = Call::new(request.method(), request.uri(), headers, body);
        if self.memory == Memory::Nothing {
            return (self.script)(&call, 0);
        }
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let before = calls.iter().filter(|earlier| earlier.operation == call.operation).count();
        let answer = (self.script)(&call, before);
        calls.push(call);
        answer
    }
}

impl fmt::Debug for ScriptedHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScriptedHttp")
    }
}

impl HttpClient for ScriptedHttp {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        self.connector()
    }
}

impl HttpConnector for ScriptedHttp {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.answer(&request);
        HttpConnectorFuture::new(async move {
            // As on a real wire, no answer is there at once.
            tokio::task::yield_now().await;
            match answer {
                Answer::Reply(status, body) => {
                    let status = StatusCode::try_from(status).map_err(|error| ConnectorError::user(error.into()))?;
                    Ok(HttpResponse::new(status, SdkBody::from(body_text(&body))))
                }
                Answer::Hang => std::future::pending().await,
                Answer::Break => Err(ConnectorError::io(Box::new(io::Error::from(io::ErrorKind::ConnectionReset)))),
            }
        })
    }
}
