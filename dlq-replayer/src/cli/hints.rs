//! What a person can do about a call that failed.

use crate::sqs::call_error::CallError;

/// The action that a call needs; the batch operations have none of their own.
fn action(operation: &str) -> String {
    match operation {
        "PutEvents" => "events:PutEvents".to_owned(),
        other => format!("sqs:{}", other.strip_suffix("Batch").unwrap_or(other)),
    }
}

/// What to do about a failed call, when that can be said. `region` is the one that was asked.
pub fn advice(error: &CallError, region: Option<&str>) -> Option<String> {
    let CallError { operation, resource, code, text, .. } = error;
    let said = format!("{code} {text}").to_lowercase();
    let says = |signs: &[&str]| signs.iter().any(|sign| said.contains(sign));
    let asked = region.unwrap_or("no Region");
    Some(if says(&["kms"]) {
        "the queue is encrypted with a KMS key: allow `kms:Decrypt` (to receive) and `kms:GenerateDataKey` (to send) on it, and check that the key is enabled".to_owned()
    } else if says(&["accessdenied", "not authorized"]) {
        let action = action(operation);
        format!(
            "allow `{action}` on `{resource}` for the identity that you use, or choose another one with `--profile`"
        )
    } else if says(&["nonexistentqueue", "queuedoesnotexist"]) {
        format!("there is no queue `{resource}` in {asked}: check the name, `--region` and `--profile`")
    } else if says(&["expiredtoken", "invalidclienttokenid", "unrecognizedclient", "signaturedoesnotmatch"]) {
        "the credentials are not valid (any more): sign in again, or choose others with `--profile`".to_owned()
    } else if says(&["credential"]) {
        "no credentials were found: sign in, or set `AWS_PROFILE` or `--profile`".to_owned()
    } else if region.is_none() || says(&["missing region"]) {
        "no Region is set: give `--region`, or set `AWS_REGION`".to_owned()
    } else if says(&["overlimit"]) {
        "too many messages are in flight: wait until they are visible again, or use `--limit`".to_owned()
    } else if code == "no answer" {
        format!("{operation} had no answer from {asked}: check the network, `--region` and `--endpoint-url`")
    } else {
        return None;
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqs::call_error::Effect;

    fn error(operation: &'static str, code: &str, text: &str) -> CallError {
        let (resource, code, text) = ("orders-dlq".to_owned(), code.to_owned(), text.to_owned());
        CallError { operation, resource, code, text, effect: Effect::None }
    }

    #[test]
    fn each_kind_of_failure_says_what_to_do() {
        let advise = |operation, code, text| advice(&error(operation, code, text), Some("eu-west-1")).unwrap();
        assert!(advise("SendMessageBatch", "AccessDeniedException", "no").contains("allow `sqs:SendMessage` on"));
        assert!(advise("ReceiveMessage", "AccessDenied", "no").contains("allow `sqs:ReceiveMessage` on"));
        assert!(advise("PutEvents", "AccessDenied", "no").contains("allow `events:PutEvents` on"));
        assert!(advise("ReceiveMessage", "KMS.AccessDeniedException", "no").contains("`kms:Decrypt`"));
        assert!(advise("GetQueueUrl", "QueueDoesNotExist", "no").contains("in eu-west-1"));
        assert!(advise("ReceiveMessage", "ExpiredToken", "no").contains("sign in again"));
        assert!(advise("ReceiveMessage", "no answer", "connection refused").contains("`--endpoint-url`"));
        assert!(advise("ReceiveMessage", "OverLimit", "no").contains("in flight"));
        assert_eq!(advice(&error("ReceiveMessage", "InvalidParameterValue", "x"), Some("eu-west-1")), None);
    }
}
