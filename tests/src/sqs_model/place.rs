//! Regions, accounts, and what a call says about them at the wire.

use crate::scripted_http::Call;

/// The Region that calls are for when a test says nothing else.
pub const REGION: &str = "eu-west-1";

/// A second Region.
pub const OTHER_REGION: &str = "us-east-1";

/// The account of the caller, and of each queue when a test says nothing else.
pub const ACCOUNT: &str = "123456789012";

/// A second account.
pub const OTHER_ACCOUNT: &str = "210987654321";

/// A Region of an account: names are unique within it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The Region.
    pub region: String,
    /// The account.
    pub account: String,
}

impl Place {
    /// A Region of an account.
    pub fn new(region: &str, account: &str) -> Self {
        Self { region: region.to_owned(), account: account.to_owned() }
    }

    /// The place of the queue that a call is about: the Region of its signature, and the account of its URL.
    pub(super) fn of(call: &Call) -> Self {
        Self::new(region(call), account(call))
    }

    /// The ARN of a queue here.
    pub fn arn(&self, name: &str) -> String {
        format!("arn:aws:sqs:{}:{}:{name}", self.region, self.account)
    }

    /// The URL of a queue here. Its host is never called: the SDK sends everything to its endpoint.
    pub fn url(&self, name: &str) -> String {
        format!("https://sqs.{}.amazonaws.com/{}/{name}", self.region, self.account)
    }

    /// The URL of a queue here at an emulator's endpoint, which does not say the Region.
    pub(super) fn url_at(&self, endpoint: Option<&str>, name: &str) -> String {
        endpoint.map_or_else(|| self.url(name), |endpoint| format!("{endpoint}/{}/{name}", self.account))
    }
}

/// The URL of a queue in [`REGION`] and [`ACCOUNT`].
pub fn url(name: &str) -> String {
    Place::new(REGION, ACCOUNT).url(name)
}

/// The ARN of a queue in [`REGION`] and [`ACCOUNT`].
pub fn arn(name: &str) -> String {
    Place::new(REGION, ACCOUNT).arn(name)
}

/// The operation of a call without its service, such as `SendMessageBatch`.
pub fn operation(call: &Call) -> &str {
    call.operation.rsplit('.').next().unwrap_or_default()
}

/// The Region that a call is signed for; [`REGION`] when it is not signed.
///
/// Source: "Elements of an AWS API request signature" (IAM User Guide), the credential scope.
pub fn region(call: &Call) -> &str {
    let credential = call.headers.get("authorization").and_then(|header| header.split_once("Credential="));
    credential.and_then(|(_, scope)| scope.split('/').nth(2)).unwrap_or(REGION)
}

/// The account of the queue that a call is about: its URL's, its owner's, or the caller's.
pub fn account(call: &Call) -> &str {
    let from_url = || text(call, "QueueUrl").rsplit('/').nth(1);
    let owner = Some(text(call, "QueueOwnerAWSAccountId")).filter(|owner| !owner.is_empty());
    owner.or_else(from_url).unwrap_or(ACCOUNT)
}

/// The name of the queue that a call is about; empty for a call that is about none.
pub fn queue_name(call: &Call) -> &str {
    let name = text(call, "QueueName");
    if name.is_empty() { text(call, "QueueUrl").rsplit('/').next().unwrap_or_default() } else { name }
}

/// A text in the body of a call; empty when there is none.
pub(super) fn text<'a>(call: &'a Call, key: &str) -> &'a str {
    call.body.get(key).and_then(serde_json::Value::as_str).unwrap_or_default()
}
