//! What an operator can do about an error.

use super::permissions::action;
use crate::{
    journal::folder::AlreadyLive,
    report::{exit::Exit, output::say},
    sqs::{address::AddressError, call_error::CallError},
};

/// An error whose hint is known where it arises.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Hinted {
    text: String,
    hint: String,
}

/// An error with its hint.
pub fn hinted(text: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
    Hinted { text: text.into(), hint: hint.into() }.into()
}

/// An error with what to do about it, on its way to the operator.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Explained {
    /// The error.
    pub error: anyhow::Error,
    /// The hint.
    pub hint: String,
}

/// Tells the operator what failed, what to do, and why it failed where that adds something. Gives back how the program ends.
pub fn explain(error: &anyhow::Error) -> Exit {
    let (error, hint) = match error.downcast_ref::<Explained>() {
        Some(Explained { error, hint }) => (error, Some(hint.clone())),
        None => (error, hint(error, None).filter(|_| error.downcast_ref::<Hinted>().is_some())),
    };
    say(&format!("error: {error}"));
    if let Some(hint) = hint {
        say(&format!("hint: {hint}"));
    }
    if let Some(cause) = error.chain().skip(1).last() {
        say(&format!("caused by: {cause}"));
    }
    if error.downcast_ref::<UsageError>().is_some() { Exit::Usage } else { Exit::Error }
}

/// A command line that is not valid, although its parts are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// What to do about an error, when that can be said. `region` is the Region of plain names.
pub fn hint(error: &anyhow::Error, region: Option<&str>) -> Option<String> {
    if let Some(Hinted { hint, .. }) = error.downcast_ref() {
        return Some(hint.clone());
    }
    if let Some(AlreadyLive { .. }) = error.downcast_ref() {
        return Some("wait until it ends, or stop it; `dlq-replayer history` shows it".to_owned());
    }
    match error.downcast_ref() {
        Some(AddressError::Call(call)) => of_call(call, region),
        Some(AddressError::NotFound { similar, .. }) if !similar.is_empty() => {
            let names: Vec<_> = similar.iter().map(|name| format!("`{name}`")).collect();
            Some(format!("did you mean {}?", names.join(", ")))
        }
        Some(AddressError::NotFound { .. }) => Some("check the name, `--region` and `--profile`".to_owned()),
        Some(AddressError::Other { .. } | AddressError::NotAQueue { .. }) => {
            Some("check the queue's Region, account and name".to_owned())
        }
        None => error.downcast_ref().and_then(|call| of_call(call, region)),
    }
}

fn of_call(error: &CallError, region: Option<&str>) -> Option<String> {
    let CallError { operation, resource, code, text, .. } = error;
    let said = format!("{code} {text}").to_lowercase();
    let says = |signs: &[&str]| signs.iter().any(|sign| said.contains(sign));
    let asked = region.unwrap_or("no Region");
    Some(if says(&["kms"]) {
        "the queue is encrypted with a KMS key: allow `kms:Decrypt` (to receive) and `kms:GenerateDataKey` (to send), and check that the key is enabled".to_owned()
    } else if says(&["accessdenied", "not authorized"]) {
        match action(operation) {
            Some(action) => format!("allow `{action}` on `{resource}`, or use another identity with `--profile`"),
            None => "use another identity with `--profile`".to_owned(),
        }
    } else if says(&["expiredtoken", "invalidclienttokenid", "unrecognizedclient", "signaturedoesnotmatch"]) {
        "the credentials are not valid or have expired: sign in again, or use others with `--profile`".to_owned()
    } else if says(&["credential", "imds"]) {
        "no credentials were found: sign in, or set `AWS_PROFILE` or `--profile`".to_owned()
    } else if region.is_none() || says(&["missing region"]) {
        "no Region is set: add `--region`, or set `AWS_REGION`".to_owned()
    } else if error.is_missing() && *operation == "DescribeEventBus" {
        "check the bus name; EventBridge accepts and drops events for a bus that does not exist".to_owned()
    } else if error.is_missing() {
        format!("check the name of `{resource}`, `--region` and `--profile`")
    } else if error.is_foreign() {
        format!(
            "the response may be from a proxy or another program instead of {asked}: check the network and `--endpoint-url`"
        )
    } else if code == "no answer" {
        format!("there was no answer from {asked}: check the network, `--region` and `--endpoint-url`")
    } else {
        return None;
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqs::call_error::Effect;

    fn error(operation: &'static str, code: &str, text: &str) -> anyhow::Error {
        let (resource, code, text) = ("orders-dlq".to_owned(), code.to_owned(), text.to_owned());
        CallError { operation, resource, code, text, effect: Effect::None }.into()
    }

    #[test]
    fn each_kind_of_failure_says_what_to_do() {
        let hint = |operation, code, text| hint(&error(operation, code, text), Some("eu-west-1")).unwrap();
        assert!(hint("SendMessageBatch", "AccessDeniedException", "no").contains("allow `sqs:SendMessage` on"));
        assert!(hint("ReceiveMessage", "AccessDenied", "no").contains("allow `sqs:ReceiveMessage` on"));
        assert!(hint("PutEvents", "AccessDenied", "no").contains("allow `events:PutEvents` on"));
        assert!(hint("Invoke", "AccessDenied", "no").contains("allow `lambda:InvokeFunction` on"));
        assert!(hint("ReceiveMessage", "KMS.AccessDeniedException", "no").contains("`kms:Decrypt`"));
        assert!(hint("DescribeEventBus", "ResourceNotFoundException", "no").contains("check the bus name"));
        assert!(hint("ReceiveMessage", "ExpiredToken", "no").contains("sign in again"));
        assert!(hint("ReceiveMessage", "no answer", "connection refused").contains("`--endpoint-url`"));
        assert!(hint("GetQueueUrl", "HTTP status 302", "no").contains("a proxy"));
        assert!(hint("GetQueueUrl", "no answer", "IMDS is disabled").contains("no credentials"));
        assert_eq!(super::hint(&error("ReceiveMessage", "InvalidParameterValue", "x"), Some("eu-west-1")), None);
    }

    #[test]
    fn a_queue_that_is_not_there_suggests_similar_names() {
        let missing = |similar: &[&str]| AddressError::NotFound {
            name: "q".into(),
            region: "eu-west-1".into(),
            account: None,
            similar: similar.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(hint(&missing(&["a", "b"]).into(), None).unwrap(), "did you mean `a`, `b`?");
        assert!(hint(&missing(&[]).into(), None).unwrap().contains("--region"));
    }
}
