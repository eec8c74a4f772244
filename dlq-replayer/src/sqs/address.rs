//! Which queue is meant: a name, a URL or an ARN, and what to say when there is none.

use std::fmt;

use anyhow::{Context, bail};
use aws_sdk_sqs::{Client, types::QueueAttributeName};
use schemars::JsonSchema;
use serde::Serialize;

use crate::sqs::call_error::{CallError, call_error};

/// Queues that are looked at for near names; a list of more is no help.
const LISTED: i32 = 1_000;

/// How many near names are shown.
const NEAR: usize = 3;

/// How alike two names must be to be near, between 0 and 1 (Jaro-Winkler).
const ALIKE: f64 = 0.8;

/// Where a queue is, and who it is.
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
    /// The account it belongs to.
    pub account: String,
}

impl QueueAddress {
    /// Whether the queue is a FIFO queue.
    pub fn is_fifo(&self) -> bool {
        self.arn.rsplit('.').next() == Some("fifo")
    }

    fn new(url: String, arn: String) -> anyhow::Result<Self> {
        let ["arn", _, "sqs", region, account, name] = arn.split(':').collect::<Vec<_>>()[..] else {
            bail!("`{arn}` is not the ARN of a queue");
        };
        Ok(Self { url, name: name.to_owned(), region: region.to_owned(), account: account.to_owned(), arn })
    }
}

/// What a person wrote in the place of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueArgument {
    /// A name in the account and Region of the credentials.
    Name(String),
    /// A URL, with the Region that its host names.
    Url(String, Option<String>),
    /// An ARN.
    Arn {
        /// The Region in it.
        region: String,
        /// The account in it.
        account: String,
        /// The name in it.
        name: String,
    },
}

impl QueueArgument {
    /// Reads what was written. Anything that is neither a URL nor an ARN is a name.
    pub fn parse(text: &str) -> Self {
        if text.starts_with("http://") || text.starts_with("https://") {
            let host = text.split('/').nth(2).unwrap_or_default();
            let region = host.strip_prefix("sqs.").and_then(|rest| rest.split('.').next());
            return Self::Url(text.to_owned(), region.map(str::to_owned));
        }
        match text.split(':').collect::<Vec<_>>()[..] {
            ["arn", _, "sqs", region, account, name] => {
                Self::Arn { region: region.to_owned(), account: account.to_owned(), name: name.to_owned() }
            }
            _ => Self::Name(text.to_owned()),
        }
    }

    /// The Region that was written, which is then the one to ask.
    pub fn region(&self) -> Option<&str> {
        match self {
            Self::Name(_) => None,
            Self::Url(_, region) => region.as_deref(),
            Self::Arn { region, .. } => Some(region),
        }
    }
}

impl fmt::Display for QueueArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) | Self::Arn { name, .. } => f.write_str(name),
            Self::Url(url, _) => f.write_str(url.rsplit('/').next().unwrap_or(url)),
        }
    }
}

/// Finds a queue.
///
/// # Errors
///
/// The queue is not there, with the near names that are, or SQS says no.
pub async fn find(sqs: &Client, queue: &QueueArgument) -> anyhow::Result<QueueAddress> {
    match look_up(sqs, queue).await {
        Err(error) if error.code.contains("NonExistentQueue") || error.code.contains("QueueDoesNotExist") => {
            let near = near_names(sqs, &queue.to_string()).await;
            Err(anyhow::Error::from(error)).context(match near.as_slice() {
                [] => format!("no queue `{queue}`, and none with a name like it"),
                names => format!("no queue `{queue}`; did you mean {}?", listed(names)),
            })
        }
        found => {
            let (url, arn) = found?;
            QueueAddress::new(url, arn)
        }
    }
}

async fn look_up(sqs: &Client, queue: &QueueArgument) -> Result<(String, String), CallError> {
    let ask = sqs.get_queue_url();
    let ask = match queue {
        QueueArgument::Url(..) => None,
        QueueArgument::Name(name) => Some(ask.queue_name(name)),
        QueueArgument::Arn { account, name, .. } => Some(ask.queue_name(name).queue_owner_aws_account_id(account)),
    };
    let shown = queue.to_string();
    let url = match (ask, queue) {
        (Some(ask), _) => {
            let answer = ask.send().await.map_err(|error| call_error("GetQueueUrl", &shown, &error))?;
            answer.queue_url.unwrap_or_default()
        }
        (None, QueueArgument::Url(url, _)) => url.clone(),
        (None, _) => String::new(),
    };
    let answer = sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::QueueArn).send().await;
    let attributes = answer.map_err(|error| call_error("GetQueueAttributes", &shown, &error))?.attributes;
    let arn = attributes.and_then(|mut attributes| attributes.remove(&QueueAttributeName::QueueArn));
    Ok((url, arn.unwrap_or_default()))
}

/// The queues whose dead letters come here.
///
/// # Errors
///
/// [`CallError`].
pub async fn sources(sqs: &Client, dlq: &QueueAddress) -> Result<Vec<String>, CallError> {
    let mut urls = Vec::new();
    let mut token = None;
    loop {
        let answer = sqs
            .list_dead_letter_source_queues()
            .queue_url(&dlq.url)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| call_error("ListDeadLetterSourceQueues", &dlq.name, &error))?;
        urls.extend(answer.queue_urls);
        token = answer.next_token;
        if token.is_none() {
            return Ok(urls);
        }
    }
}

/// The one queue that a replay goes back to.
///
/// # Errors
///
/// There is none, or more than one.
pub async fn source(sqs: &Client, dlq: &QueueAddress) -> anyhow::Result<QueueAddress> {
    let urls = sources(sqs, dlq).await?;
    match urls.as_slice() {
        [url] => find(sqs, &QueueArgument::parse(url)).await,
        [] => bail!(
            "no queue has `{}` as its dead-letter queue, so there is no source to replay to: say where with `--to QUEUE` or `--to-bus NAME`",
            dlq.name
        ),
        several => {
            let names: Vec<_> = several.iter().map(|url| QueueArgument::parse(url).to_string()).collect();
            bail!("`{}` is the dead-letter queue of {}: choose one with `--to QUEUE`", dlq.name, listed(&names))
        }
    }
}

/// Names like this one; none when they cannot be listed, because the error that is being told matters more.
async fn near_names(sqs: &Client, name: &str) -> Vec<String> {
    let Ok(answer) = sqs.list_queues().max_results(LISTED).send().await else { return Vec::new() };
    let names = answer.queue_urls().iter().map(|url| QueueArgument::parse(url).to_string());
    let mut near: Vec<_> =
        names.map(|other| (likeness(name, &other), other)).filter(|(like, _)| *like > ALIKE).collect();
    near.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    near.into_iter().take(NEAR).map(|(_, name)| name).collect()
}

fn likeness(one: &str, other: &str) -> f64 {
    if other.contains(one) { 1.0 } else { strsim::jaro_winkler(one, other) }
}

fn listed(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_may_be_written_as_name_url_or_arn() {
        assert_eq!(QueueArgument::parse("orders-dlq"), QueueArgument::Name("orders-dlq".into()));
        let url = QueueArgument::parse("https://sqs.eu-west-1.amazonaws.com/123456789012/orders-dlq");
        assert_eq!((url.region(), url.to_string().as_str()), (Some("eu-west-1"), "orders-dlq"));
        let local = QueueArgument::parse("http://127.0.0.1:4566/000000000000/orders-dlq");
        assert_eq!((local.region(), local.to_string().as_str()), (None, "orders-dlq"));
        let arn = QueueArgument::parse("arn:aws-cn:sqs:cn-north-1:123456789012:orders.fifo");
        assert_eq!((arn.region(), arn.to_string().as_str()), (Some("cn-north-1"), "orders.fifo"));
        assert_eq!(QueueArgument::parse("arn:aws:s3:::bucket").region(), None);
    }

    #[test]
    fn names_with_a_slip_are_near_and_others_are_not() {
        assert!(likeness("orders-dlg", "orders-dlq") > ALIKE);
        assert!(likeness("orders", "prod-orders-dlq") > ALIKE);
        assert!(likeness("orders-dlq", "signups") < ALIKE);
    }
}
