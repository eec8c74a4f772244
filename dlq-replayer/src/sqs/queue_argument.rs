//! What an operator writes in the place of a queue (a name, a URL or an ARN), and what cannot be one.

use super::arn::Arn;

/// Longest name of a queue, in characters.
/// Source: "Amazon SQS standard queue quotas" in the Amazon SQS developer guide.
const LONGEST_NAME: usize = 80;

/// Digits of an account's number.
const ACCOUNT: usize = 12;

/// What was written in the place of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueArgument {
    /// A name in the account and Region of the credentials.
    Name(String),
    /// A URL, with the Region that its host names, and the account and name of its path.
    Url {
        /// The whole URL.
        url: String,
        /// The Region, unless the host is not one of AWS's.
        region: Option<String>,
        /// The account.
        account: String,
        /// The name.
        name: String,
    },
    /// An ARN.
    Arn {
        /// The whole ARN.
        arn: String,
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
            let mut parts = text.split('/').skip(2);
            let (host, rest) = (parts.next().unwrap_or_default(), parts.collect::<Vec<_>>());
            let from_end = |at: usize| rest.iter().rev().nth(at).map(|part| (*part).to_owned()).unwrap_or_default();
            return Self::Url {
                url: text.to_owned(),
                region: region_of_host(host),
                account: from_end(1),
                name: from_end(0),
            };
        }
        match Arn::of_queue(text) {
            Some(Arn { region, account, resource, .. }) => Self::Arn {
                arn: text.to_owned(),
                region: region.to_owned(),
                account: account.to_owned(),
                name: resource.to_owned(),
            },
            None => Self::Name(text.to_owned()),
        }
    }

    /// Why no queue can be called so, where that is certain before SQS is asked.
    pub fn fault(&self) -> Option<String> {
        match self {
            Self::Name(name) if name.starts_with("arn:") => Some(format!("`{name}` is not the ARN of an SQS queue")),
            Self::Arn { arn, region, account, name }
                if !is_region(region) || !is_account(account) || !is_name(name) =>
            {
                Some(format!("`{arn}` is not the ARN of an SQS queue, such as arn:aws:sqs:REGION:ACCOUNT:NAME"))
            }
            Self::Name(name) | Self::Url { name, .. } if !is_name(name) => Some(format!(
                "`{name}` is not the name of a queue: up to {LONGEST_NAME} letters, digits, `-` and `_`, and `.fifo` at the end of a FIFO queue's"
            )),
            _ => None,
        }
    }

    /// The Region that was written; that one is asked and no other.
    pub fn region(&self) -> Option<&str> {
        match self {
            Self::Name(_) => None,
            Self::Url { region, .. } => region.as_deref(),
            Self::Arn { region, .. } => Some(region),
        }
    }

    /// The same in this Region, when it is a URL that names none.
    #[must_use]
    pub fn or_in(mut self, in_region: &str) -> Self {
        if let Self::Url { region: region @ None, .. } = &mut self {
            *region = Some(in_region.to_owned());
        }
        self
    }

    /// The queue's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) | Self::Url { name, .. } | Self::Arn { name, .. } => name,
        }
    }
}

/// Whether a queue of this name is a FIFO queue: SQS demands the suffix for FIFO queues and forbids the dot for others.
pub fn is_fifo(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, suffix)| suffix == "fifo")
}

/// Whether a queue can have this name.
fn is_name(name: &str) -> bool {
    let plain = name.strip_suffix(".fifo").unwrap_or(name);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    !plain.is_empty() && name.len() <= LONGEST_NAME && plain.bytes().all(allowed)
}

fn is_account(account: &str) -> bool {
    account.len() == ACCOUNT && account.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a Region can be called so: it is a part of host names. Emulators have Regions of their own.
pub fn is_region(region: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !region.is_empty() && region.bytes().all(allowed)
}

/// The Region in a host of SQS: `sqs.REGION.…`, `sqs-fips.REGION.…`, `vpce-….sqs.REGION.vpce.…`, and the older `REGION.queue.…` and `queue.…`.
/// Source: "Amazon Simple Queue Service endpoints and quotas" in the AWS general reference.
fn region_of_host(host: &str) -> Option<String> {
    let labels: Vec<_> = host.split('.').collect();
    if let Some(at) = labels.iter().position(|label| *label == "sqs" || *label == "sqs-fips") {
        return labels.get(at + 1).map(|region| (*region).to_owned());
    }
    match labels[..] {
        ["queue", "amazonaws", "com"] => Some("us-east-1".to_owned()),
        [region, "queue", "amazonaws", ..] => Some(region.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_may_be_written_as_name_url_or_arn() {
        assert_eq!(QueueArgument::parse("orders-dlq"), QueueArgument::Name("orders-dlq".into()));
        let url = QueueArgument::parse("https://sqs.eu-west-1.amazonaws.com/123456789012/orders-dlq");
        assert_eq!((url.region(), url.name()), (Some("eu-west-1"), "orders-dlq"));
        let local = QueueArgument::parse("http://127.0.0.1:4566/000000000000/orders-dlq");
        assert_eq!((local.region(), local.name()), (None, "orders-dlq"));
        let arn = QueueArgument::parse("arn:aws-cn:sqs:cn-north-1:123456789012:orders.fifo");
        assert_eq!((arn.region(), arn.name()), (Some("cn-north-1"), "orders.fifo"));
        assert_eq!(QueueArgument::parse("arn:aws:s3:::bucket").region(), None);
    }

    #[test]
    fn what_cannot_be_a_queue_is_known_without_asking() {
        let fault = |text: &str| QueueArgument::parse(text).fault();
        let long = "q".repeat(81);
        for text in [
            "",
            "bad name!",
            ".fifo",
            "q.other",
            long.as_str(),
            "arn:aws:s3:::bucket",
            "arn:aws:sqs:us-east-1:1:foo",
            "arn:aws:sqs:Mars:123456789012:foo",
            "arn:aws:sqs:us-east-1:123456789012:",
            "https://sqs.eu-west-1.amazonaws.com/123456789012/",
        ] {
            assert!(fault(text).is_some(), "{text}");
        }
        for text in [
            "orders-dlq",
            "Orders_2.fifo",
            "arn:aws-cn:sqs:cn-north-1:123456789012:orders.fifo",
            "http://127.0.0.1:4566/000000000000/orders-dlq",
            "https://sqs.eu-west-1.amazonaws.com/orders-dlq",
        ] {
            assert_eq!(fault(text), None, "{text}");
        }
    }

    #[test]
    fn the_region_is_read_off_every_host_of_sqs() {
        for (host, region) in [
            ("sqs.eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("sqs-fips.us-east-2.amazonaws.com", Some("us-east-2")),
            ("vpce-0a1b-c2d3.sqs.eu-central-1.vpce.amazonaws.com", Some("eu-central-1")),
            ("sqs.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("eu-west-1.queue.amazonaws.com", Some("eu-west-1")),
            ("queue.amazonaws.com", Some("us-east-1")),
            ("127.0.0.1:4566", None),
        ] {
            assert_eq!(region_of_host(host).as_deref(), region, "{host}");
        }
    }
}
