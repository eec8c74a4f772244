//! What an operator can do about an error.

use std::{collections::BTreeSet, io};

use super::{config::ConfigError, permissions::action};
use crate::{
    journal::{folder::AlreadyLive, given::UnknownIds, settled::UnreadableJournal},
    report::{
        exit::Exit,
        output::{ReaderGone, say},
    },
    run::job::Repetition,
    sqs::{
        address::AddressError,
        archive::FileExists,
        call_error::CallError,
        line_fault::{NotAMessage, RepeatedId},
    },
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
    if error.is::<ReaderGone>() {
        return Exit::ReaderGone;
    }
    let (error, hint) = match error.downcast_ref::<Explained>() {
        Some(Explained { error, hint }) => (error, Some(hint.clone())),
        None => (error, of_this_machine(error)),
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

/// What is asked, and as whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The Region of plain names.
    pub region: Option<String>,
    /// The profile, where one was chosen.
    pub profile: Option<String>,
    /// The endpoint, where it is not AWS's.
    pub endpoint: Option<String>,
}

/// An error with what to do about it, when that can be said and was not yet.
pub fn explained(error: anyhow::Error, asked: &Asked) -> anyhow::Error {
    match hint(&error, asked).filter(|_| !error.is::<Explained>()) {
        Some(hint) => Explained { error, hint }.into(),
        None => error,
    }
}

/// An error of a command that something goes on with: where the disk is full, the hint says what is `safe`, and what to do when there is room again.
pub fn going_on(error: anyhow::Error, safe: &str, then: &str) -> anyhow::Error {
    if !is_without_room(&error) {
        return error;
    }
    Explained { error, hint: format!("{safe}; free some disk space, {then}") }.into()
}

/// What to do about an error, when that can be said.
fn hint(error: &anyhow::Error, asked: &Asked) -> Option<String> {
    of_this_machine(error).or_else(|| of_aws(error, asked))
}

/// What to do about an error that has nothing to do with AWS.
fn of_this_machine(error: &anyhow::Error) -> Option<String> {
    if let Some(Hinted { hint, .. }) = error.downcast_ref() {
        return Some(hint.clone());
    }
    let hint = if error.is::<AlreadyLive>() {
        "wait until it ends, or stop it; `dlq-replayer history` shows it"
    } else if error.is::<ConfigError>() {
        "correct the file, or rename it to go on without it"
    } else if error.is::<NotAMessage>() {
        "each line must be one message as `pull` and `export` write it, whose `id` and `body` are strings"
    } else if error.is::<UnreadableJournal>() {
        "look into it, and move it to another folder: then the run goes on without what is in it, and may send its messages again"
    } else if error.is::<UnknownIds>() {
        "make it readable, or move it to another folder: then messages that a FIFO queue drops because that run has just sent them count as sent"
    } else if error.is::<Repetition>() {
        "pass `--again` to send its messages a second time"
    } else if error.is::<FileExists>() {
        "choose another file, or remove this one"
    } else if error.is::<RepeatedId>() {
        "remove one of the two lines"
    } else {
        return of_file(error).map(str::to_owned);
    };
    Some(hint.to_owned())
}

/// Numbers of the operating system that say that there is no room: too large, disk full, quota.
/// A file of lines gives its errors back as texts.
const NO_ROOM: [&str; 3] = ["(os error 27)", "(os error 28)", "(os error 122)"];

fn is_without_room(error: &anyhow::Error) -> bool {
    let said: Vec<_> = error.chain().map(ToString::to_string).collect();
    NO_ROOM.iter().any(|number| said.iter().any(|text| text.contains(number)))
}

fn of_file(error: &anyhow::Error) -> Option<&'static str> {
    if is_without_room(error) {
        return Some("free some disk space, and run the command again");
    }
    let fault = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>())?;
    match fault.kind() {
        io::ErrorKind::NotFound => Some("check the path: the file or its folder does not exist"),
        io::ErrorKind::PermissionDenied => Some("check the permissions of the file and its folder"),
        io::ErrorKind::AlreadyExists => Some("choose another file"),
        io::ErrorKind::IsADirectory => Some("name a file, and not a folder"),
        io::ErrorKind::InvalidData => Some("the file must be a text in UTF-8"),
        _ => None,
    }
}

fn of_aws(error: &anyhow::Error, asked: &Asked) -> Option<String> {
    match error.downcast_ref() {
        Some(AddressError::Call(call)) => of_call(call, asked),
        Some(AddressError::NotFound { similar, .. }) if !similar.is_empty() => {
            let names: Vec<_> = similar.iter().map(|name| format!("`{name}`")).collect();
            Some(format!("did you mean {}?", names.join(", ")))
        }
        Some(AddressError::NotFound { .. }) => Some("check the name, `--region` and `--profile`".to_owned()),
        Some(AddressError::Other { .. } | AddressError::NotAQueue { .. }) => {
            Some("check the queue's Region, account and name".to_owned())
        }
        None => error.downcast_ref().and_then(|call| of_call(call, asked)),
    }
}

/// What to do about calls that were refused, each hint once.
pub fn of_calls(errors: &[CallError], asked: &Asked) -> BTreeSet<String> {
    errors.iter().filter_map(|error| of_call(error, asked)).collect()
}

fn of_call(error: &CallError, asked: &Asked) -> Option<String> {
    let CallError { operation, resource, code, text, .. } = error;
    let said = format!("{code} {text}").to_lowercase();
    let says = |signs: &[&str]| signs.iter().any(|sign| said.contains(sign));
    let Asked { region, profile, endpoint } = asked;
    let answers = endpoint.as_deref().or(region.as_deref()).unwrap_or("no Region");
    let check = if endpoint.is_some() { "the endpoint" } else { "the network, `--region` and `--endpoint-url`" };
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
        match profile {
            Some(profile) => {
                format!("profile `{profile}` has no credentials: check its name in `~/.aws/config`, or sign in")
            }
            None => "no credentials were found: sign in, or set `AWS_PROFILE` or `--profile`".to_owned(),
        }
    } else if region.is_none() || says(&["missing region"]) {
        "no Region is set: add `--region`, or set `AWS_REGION`".to_owned()
    } else if error.is_missing() && *operation == "DescribeEventBus" {
        "check the bus name; EventBridge accepts and drops events for a bus that does not exist".to_owned()
    } else if error.is_missing() {
        format!("check the name of `{resource}`, `--region` and `--profile`")
    } else if error.is_foreign() {
        format!("the response may be from a proxy or another program instead of {answers}: check {check}")
    } else if code == "no answer" {
        format!("there was no answer from {answers}: check {check}")
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
        let asked = Asked { region: Some("eu-west-1".into()), ..Asked::default() };
        let hint = |operation, code, text| super::hint(&error(operation, code, text), &asked).unwrap();
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
        assert_eq!(super::hint(&error("ReceiveMessage", "InvalidParameterValue", "x"), &asked), None);
    }

    #[test]
    fn a_queue_that_is_not_there_suggests_similar_names() {
        let missing = |similar: &[&str]| AddressError::NotFound {
            name: "q".into(),
            region: "eu-west-1".into(),
            account: None,
            similar: similar.iter().map(ToString::to_string).collect(),
        };
        let hint = |names| hint(&missing(names).into(), &Asked::default()).unwrap();
        assert_eq!(hint(&["a", "b"]), "did you mean `a`, `b`?");
        assert!(hint(&[]).contains("--region"));
    }

    #[test]
    fn what_was_chosen_is_what_is_to_be_checked() {
        let asked = Asked {
            region: Some("eu-west-1".into()),
            profile: Some("nope".into()),
            endpoint: Some("http://127.0.0.1:9".into()),
        };
        let hint = |code, text| super::hint(&error("GetQueueUrl", code, text), &asked).unwrap();
        assert!(hint("not sent", "no credentials found in chain").starts_with("profile `nope` has no credentials"));
        assert_eq!(hint("no answer", "refused"), "there was no answer from http://127.0.0.1:9: check the endpoint");
        assert!(hint("HTTP status 302", "no").contains("instead of http://127.0.0.1:9"));
    }

    #[test]
    fn a_full_disk_is_told_from_the_text_too() {
        let text = "cannot write the journal j: No space left on device (os error 28)";
        assert!(of_this_machine(&anyhow::anyhow!(text)).unwrap().starts_with("free some disk space"));
        let missing = anyhow::Error::from(io::Error::from(io::ErrorKind::NotFound)).context("cannot read the file f");
        assert!(of_this_machine(&missing).unwrap().contains("does not exist"));
    }
}
