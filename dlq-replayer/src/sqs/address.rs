//! Which queue is named: a name, a URL or an ARN, and what to say when it is not there.
//!
//! An address is partition, Region, account and name. What was asked for must be what was found: a queue of the same name elsewhere is another queue.

use std::fmt;

use aws_sdk_sqs::types::QueueAttributeName;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    arn::Arn,
    call_error::{CallError, call_error},
    clients::Clients,
    queue::Queue,
    queue_argument::{QueueArgument, is_fifo},
};

/// Queues that are compared with a name that was not found; a list of more is no help.
const LISTED: i32 = 1_000;

/// How many similar names are suggested.
const SUGGESTED: usize = 3;

/// How alike two names must be to be suggested, between 0 and 1 (Jaro-Winkler).
const ALIKE: f64 = 0.8;

/// Where a queue is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct QueueAddress {
    /// Its URL.
    pub url: String,
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Its Region.
    pub region: String,
    /// The account that owns it.
    pub account: String,
}

impl QueueAddress {
    /// Whether the queue is a FIFO queue.
    pub fn is_fifo(&self) -> bool {
        is_fifo(&self.name)
    }

    /// The ARN of a source of this dead-letter queue by the URL that SQS lists: a redrive policy names no queue of another Region.
    /// A URL that does not say it makes an ARN that no queue has.
    pub fn arn_of_source(&self, url: &str) -> String {
        match (Arn::of_queue(&self.arn), QueueArgument::parse(url)) {
            (Some(Arn { partition, region, .. }), QueueArgument::Url { account, name, .. }) => {
                format!("arn:{partition}:sqs:{region}:{account}:{name}")
            }
            _ => String::new(),
        }
    }

    fn new(url: String, arn: String) -> Result<Self, AddressError> {
        let Some(Arn { region, account, resource, .. }) = Arn::of_queue(&arn) else {
            return Err(AddressError::NotAQueue { arn });
        };
        Ok(Self { url, name: resource.to_owned(), region: region.to_owned(), account: account.to_owned(), arn })
    }
}

impl fmt::Display for QueueAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` in {} (account {})", self.name, self.region, self.account)
    }
}

/// Why a queue was not found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// There is no queue of this name.
    #[error("queue `{name}` not found in {region}{}", account.as_ref().map(|id| format!(" (account {id})")).unwrap_or_default())]
    NotFound {
        /// The name.
        name: String,
        /// The Region that was asked.
        region: String,
        /// The account, where one was written.
        account: Option<String>,
        /// Similar names that exist.
        similar: Vec<String>,
    },
    /// The answer is about another queue than the one that was asked for.
    #[error("asked for `{asked}`, but SQS returned `{found}`")]
    Other {
        /// What was asked for.
        asked: String,
        /// What the service answered.
        found: String,
    },
    /// The answer is not the ARN of a queue.
    #[error("`{arn}` is not the ARN of an SQS queue")]
    NotAQueue {
        /// What it is.
        arn: String,
    },
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// Finds the queue that was named, in the Region and account that were written.
///
/// The right to read the queue's attributes is not needed: a sender may lack it.
///
/// # Errors
///
/// [`AddressError`]; a queue of another Region, account or name is never taken for the one that was asked for.
pub async fn find(clients: &Clients, argument: &str) -> Result<Queue, AddressError> {
    find_argument(clients, &QueueArgument::parse(argument)).await
}

/// Finds a source of a dead-letter queue by the URL that SQS lists, in the Region of that queue: a redrive policy names no queue of another
/// Region, and the URLs of some emulators do not say theirs.
///
/// # Errors
///
/// [`AddressError`].
pub async fn find_source(clients: &Clients, dlq: &QueueAddress, url: &str) -> Result<Queue, AddressError> {
    find_argument(clients, &QueueArgument::parse(url).or_in(&dlq.region)).await
}

async fn find_argument(clients: &Clients, argument: &QueueArgument) -> Result<Queue, AddressError> {
    let sqs = clients.sqs(argument.region());
    let url = match url_of(&sqs, argument).await {
        Err(error) if error.is_missing() => return Err(not_found(clients, argument).await),
        url => url?,
    };
    let ask = sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::QueueArn).send().await;
    let arn = match ask.map_err(|error| call_error("GetQueueAttributes", argument.name(), &error)) {
        Ok(answer) => {
            answer.attributes.and_then(|mut all| all.remove(&QueueAttributeName::QueueArn)).unwrap_or_default()
        }
        Err(error) if error.is_denied() => arn_of_url(clients, argument, &url),
        Err(error) if error.is_missing() => return Err(not_found(clients, argument).await),
        Err(error) => return Err(error.into()),
    };
    let address = QueueAddress::new(url, arn)?;
    check(argument, &address)?;
    Ok(Queue::new(sqs, address))
}

async fn url_of(sqs: &aws_sdk_sqs::Client, argument: &QueueArgument) -> Result<String, CallError> {
    let (name, account) = match argument {
        QueueArgument::Url { url, .. } => return Ok(url.clone()),
        QueueArgument::Name(name) => (name, None),
        QueueArgument::Arn { name, account, .. } => (name, Some(account.clone())),
    };
    let answer = sqs.get_queue_url().queue_name(name).set_queue_owner_aws_account_id(account).send().await;
    Ok(answer.map_err(|error| call_error("GetQueueUrl", name, &error))?.queue_url.unwrap_or_default())
}

/// The ARN of a queue whose attributes may not be read: what was written, or what its URL says.
fn arn_of_url(clients: &Clients, argument: &QueueArgument, url: &str) -> String {
    if let QueueArgument::Arn { arn, .. } = argument {
        return arn.clone();
    }
    let region = argument.region().or(clients.region()).unwrap_or_default();
    let partition = match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    let QueueArgument::Url { account, name, .. } = QueueArgument::parse(url) else { return String::new() };
    format!("arn:{partition}:sqs:{region}:{account}:{name}")
}

/// What was found must be what was asked for.
fn check(asked: &QueueArgument, found: &QueueAddress) -> Result<(), AddressError> {
    let same = match asked {
        QueueArgument::Name(name) => *name == found.name,
        QueueArgument::Url { region, account, name, .. } => {
            *name == found.name
                && (account.is_empty() || *account == found.account)
                && region.as_ref().is_none_or(|region| *region == found.region)
        }
        QueueArgument::Arn { arn, .. } => *arn == found.arn,
    };
    let written = || match asked {
        QueueArgument::Name(text) | QueueArgument::Url { url: text, .. } | QueueArgument::Arn { arn: text, .. } => {
            text.clone()
        }
    };
    if same { Ok(()) } else { Err(AddressError::Other { asked: written(), found: found.arn.clone() }) }
}

async fn not_found(clients: &Clients, argument: &QueueArgument) -> AddressError {
    let region = argument.region().or(clients.region()).unwrap_or("no Region").to_owned();
    let account = match argument {
        QueueArgument::Arn { account, .. } | QueueArgument::Url { account, .. } => Some(account.clone()),
        QueueArgument::Name(_) => None,
    };
    // Some emulators' URLs have no account.
    let account = account.filter(|account| !account.is_empty());
    let mut similar = similar_names(&clients.sqs(argument.region()), argument.name()).await;
    similar.retain(|name| name != argument.name());
    AddressError::NotFound { name: argument.name().to_owned(), region, account, similar }
}

/// Names like this one; none when they cannot be listed, because the error that is being told matters more.
async fn similar_names(sqs: &aws_sdk_sqs::Client, name: &str) -> Vec<String> {
    let Ok(answer) = sqs.list_queues().max_results(LISTED).send().await else { return Vec::new() };
    let names = answer.queue_urls().iter().map(|url| QueueArgument::parse(url).name().to_owned());
    let mut similar: Vec<_> =
        names.map(|other| (likeness(name, &other), other)).filter(|(like, _)| *like > ALIKE).collect();
    similar.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    similar.into_iter().take(SUGGESTED).map(|(_, name)| name).collect()
}

fn likeness(one: &str, other: &str) -> f64 {
    if other.contains(one) { 1.0 } else { strsim::jaro_winkler(one, other) }
}

/// The URLs of the queues whose redrive policy names this one. Queues of other accounts are not among them.
///
/// # Errors
///
/// [`CallError`].
pub async fn sources(clients: &Clients, dlq: &QueueAddress) -> Result<Vec<String>, CallError> {
    let sqs = clients.sqs(Some(&dlq.region));
    let mut urls = Vec::new();
    let mut token = None;
    loop {
        let ask = sqs.list_dead_letter_source_queues().queue_url(&dlq.url).set_next_token(token).send().await;
        let answer = ask.map_err(|error| call_error("ListDeadLetterSourceQueues", &dlq.name, &error))?;
        urls.extend(answer.queue_urls);
        token = answer.next_token;
        if token.is_none() {
            return Ok(urls);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(arn: &str) -> QueueAddress {
        QueueAddress::new("u".into(), arn.into()).unwrap()
    }

    #[test]
    fn a_queue_of_the_same_name_elsewhere_is_another_queue() {
        let found = address("arn:aws:sqs:eu-west-1:111111111111:q");
        for (asked, same) in [
            ("q", true),
            ("arn:aws:sqs:eu-west-1:111111111111:q", true),
            ("arn:aws:sqs:us-east-1:111111111111:q", false),
            ("arn:aws:sqs:eu-west-1:222222222222:q", false),
            ("arn:aws-cn:sqs:eu-west-1:111111111111:q", false),
            ("https://sqs.eu-west-1.amazonaws.com/111111111111/q", true),
            ("https://sqs.us-east-1.amazonaws.com/111111111111/q", false),
            ("https://sqs.eu-west-1.amazonaws.com/222222222222/q", false),
        ] {
            assert_eq!(check(&QueueArgument::parse(asked), &found).is_ok(), same, "{asked}");
        }
    }

    #[test]
    fn names_with_a_typo_are_suggested_and_others_are_not() {
        assert!(likeness("orders-dlg", "orders-dlq") > ALIKE);
        assert!(likeness("orders", "prod-orders-dlq") > ALIKE);
        assert!(likeness("orders-dlq", "signups") < ALIKE);
    }
}
