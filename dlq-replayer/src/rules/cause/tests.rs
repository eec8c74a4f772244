use super::*;
use crate::sqs::message::Attribute;

const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:orders";
const FUNCTION: &str = "arn:aws:lambda:eu-west-1:111122223333:function:bill";
const SCHEDULE: &str = "arn:aws:scheduler:eu-west-1:111122223333:schedule/default/nightly";
const MARKER: &str = "ada@example.com";

pub(super) fn message(attributes: &[(&str, &str)], system: &[(&str, &str)]) -> Message {
    let mut message: Message = serde_json::from_str(r#"{"id":"m","body":"{}"}"#).unwrap();
    message.attributes = attributes.iter().map(|(k, v)| ((*k).into(), Attribute::text(*v))).collect();
    message.system = system.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    message
}

fn with_body(attributes: &[(&str, &str)], body: &str) -> Message {
    Message { body: body.into(), ..message(attributes, &[]) }
}

fn of(message: &Message) -> (String, Verdict) {
    let cause = Cause::of(message);
    assert!(!cause.detail().contains(MARKER), "{}", cause.detail());
    (cause.reason(), cause.verdict())
}

fn judged(reason: &str, verdict: Verdict) -> (String, Verdict) {
    (reason.to_owned(), verdict)
}

#[test]
fn a_consumers_reason_is_told_as_it_stands() {
    let table = message(&[("failure_reason", "unique_violation:users_email_key")], &[]);
    assert_eq!(of(&table), judged("unique_violation:users_email_key", Verdict::NeedsAFix));
    let version = message(&[("failure_reason", "unsupported_version")], &[]);
    assert_eq!(of(&version), judged("unsupported_version", Verdict::DoNotReplay));
    for elsewhere in ["unknown_user_pool", "row_not_stored"] {
        let cause = message(&[("failure_reason", elsewhere)], &[]);
        assert_eq!(of(&cause), judged(elsewhere, Verdict::LookFirst), "nothing in the body is to be edited");
    }
    assert_eq!(of(&message(&[], &[])), judged("unknown", Verdict::LookFirst));
    assert_eq!(of(&message(&[("ERROR_CODE", "E42")], &[])).0, "unknown", "a code alone is the sender's own");
}

#[test]
fn a_reason_that_is_not_one_word_is_told_only_beside_the_rest_of_our_attributes() {
    let words = format!("card of {MARKER} was declined");
    let foreign = message(&[("failure_reason", &words), ("failure_detail", MARKER)], &[]);
    assert_eq!(of(&foreign), judged("other", Verdict::NeedsAFix));
    for word in ["card_declined", "unique_violation:users_email_key", "E-42.7"] {
        assert_eq!(of(&message(&[("failure_reason", word)], &[])).0, word);
    }
    for text in [&"x".repeat(65), "", "two words", "red\u{1b}[31m"] {
        assert_eq!(of(&message(&[("failure_reason", text)], &[])).0, "other", "{text}");
    }
    for text in ["4111111111111111", "DE89370400440532013000", "order-7d4a1f0e-2c5b-4a8e-9d61-0b3f6a9c1e22"] {
        assert_eq!(of(&message(&[("failure_reason", text)], &[])).0, "other", "{text} is a number of somebody's");
    }
    let told = |reason| {
        let all = [("failure_reason", reason), ("source_message_id", "x"), ("failure_detail", "a sentence")];
        let cause = Cause::of(&message(&all, &[]));
        (cause.reason(), cause.detail())
    };
    for ours in ["panic", "unique_violation:users_email_key", "check_violation:Users' \"odd\" check 2026-11-22"] {
        assert_eq!(told(ours), (ours.to_owned(), "a sentence".to_owned()));
    }
    for foreign in [words.as_str(), "declined: card of Ada Lovelace", "unique_violation:ada@example.com"] {
        let (reason, detail) = told(foreign);
        assert_eq!(reason, "other", "{foreign}");
        assert!(detail.contains("free text") && !detail.contains("a sentence"), "{detail}");
    }
}

#[test]
fn a_redrive_is_newer_than_what_the_attributes_tell() {
    let source = [("DeadLetterQueueSourceArn", QUEUE)];
    assert_eq!(of(&message(&[], &source)), judged("exhausted_retries", Verdict::ReplayAsIs));
    let again = message(&[("failure_reason", "panic")], &source);
    assert_eq!(of(&again), judged("exhausted_retries", Verdict::ReplayAsIs));
    assert!(Cause::of(&again).detail().ends_with("an earlier failure (panic)"));
    let mut delivered = message(&[], &source);
    delivered.body = r#"{"Type":"Notification","TopicArn":"arn:aws:sns:eu-west-1:1:t"}"#.into();
    assert_eq!(Cause::of(&delivered), Cause::Exhausted { earlier: None }, "SNS did deliver this one");
}

#[test]
fn a_rules_code_says_whether_it_may_pass() {
    let rule = |attributes: &[(&str, &str)]| {
        let arns =
            [("RULE_ARN", "arn:aws:events:eu-west-1:1:rule/r"), ("TARGET_ARN", QUEUE), ("ERROR_MESSAGE", MARKER)];
        message(&[&arns, attributes].concat(), &[])
    };
    let denied = rule(&[("ERROR_CODE", "NO_PERMISSIONS")]);
    assert_eq!(of(&denied), judged("eventbridge:NO_PERMISSIONS", Verdict::NeedsAFix));
    assert_eq!(Cause::of(&denied).target(), Some(Target::Queue(QUEUE.into())));
    assert!(Cause::of(&denied).may_go_to(QUEUE) && !Cause::of(&denied).may_go_to(FUNCTION));
    let busy = rule(&[("ERROR_CODE", "THROTTLING")]);
    assert_eq!(of(&busy), judged("eventbridge:THROTTLING", Verdict::ReplayAsIs));
    let late = rule(&[("EXHAUSTED_RETRY_CONDITION", "MaximumRetryAttempts")]);
    assert_eq!(of(&late), judged("eventbridge:MaximumRetryAttempts", Verdict::ReplayAsIs));
    let given_up =
        rule(&[("ERROR_CODE", "ERROR_FROM_TARGET"), ("EXHAUSTED_RETRY_CONDITION", "MaximumEventAgeInSeconds")]);
    assert_eq!(of(&given_up), judged("eventbridge:ERROR_FROM_TARGET", Verdict::ReplayAsIs));
    assert_eq!(of(&rule(&[("ERROR_CODE", MARKER)])).0, "eventbridge:other", "a code is one word");
}

#[test]
fn a_schedules_failure_names_its_target_unless_that_is_an_api() {
    let schedule = |target: &str, truncated: &str| {
        let attributes = [
            ("SCHEDULE_ARN", SCHEDULE),
            ("TARGET_ARN", target),
            ("ERROR_CODE", "AWS.SimpleQueueService.NonExistentQueue"),
            ("ERROR_MESSAGE", MARKER),
            ("IS_PAYLOAD_TRUNCATED", truncated),
        ];
        message(&attributes, &[])
    };
    let reason = "scheduler:AWS.SimpleQueueService.NonExistentQueue";
    assert_eq!(of(&schedule(FUNCTION, "false")), judged(reason, Verdict::NeedsAFix));
    assert_eq!(Cause::of(&schedule(FUNCTION, "false")).target(), Some(Target::Function(FUNCTION.into())));
    assert_eq!(of(&schedule(FUNCTION, "true")), judged(reason, Verdict::DoNotReplay));
    assert_eq!(of(&schedule(FUNCTION, "True")).1, Verdict::DoNotReplay);
    assert_eq!(Cause::of(&schedule("arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "false")).target(), None);
}

#[test]
fn lambdas_queue_gives_the_status() {
    let lambda = |code: &str| message(&[("RequestID", "r"), ("ErrorCode", code), ("ErrorMessage", MARKER)], &[]);
    assert_eq!(of(&lambda("200")), judged("lambda:200", Verdict::ReplayAsIs));
    assert_eq!(of(&lambda("429")), judged("lambda:429", Verdict::ReplayAsIs));
    assert_eq!(of(&lambda("403")), judged("lambda:403", Verdict::NeedsAFix));
    assert_eq!(of(&lambda("503")), judged("lambda:503", Verdict::ReplayAsIs));
}

#[test]
fn lambdas_record_names_the_function() {
    let record = |condition: &str, rest: &str| {
        let context = format!(r#"{{"requestId":"r","functionArn":"{FUNCTION}:$LATEST","condition":"{condition}"}}"#);
        with_body(&[], &format!(r#"{{"version":"1.0","requestContext":{context},{rest}}}"#))
    };
    let failed = record("RetriesExhausted", r#""requestPayload":{"email":"ada@example.com"}"#);
    assert_eq!(of(&failed), judged("lambda:RetriesExhausted", Verdict::ReplayAsIs));
    assert_eq!(Cause::of(&failed).target(), Some(Target::Function(FUNCTION.into())));
    let stream = record("RetryAttemptsExhausted", r#""KinesisBatchInfo":{"batchSize":500}"#);
    assert_eq!(of(&stream), judged("lambda:RetryAttemptsExhausted", Verdict::DoNotReplay));
    assert_eq!(of(&record("Success", r#""requestPayload":{}"#)), judged("lambda:Success", Verdict::DoNotReplay));
}

#[test]
fn topics_and_pipes_are_known_by_their_envelopes() {
    let notification = r#"{"Type":"Notification","TopicArn":"arn:aws:sns:eu-west-1:1:t","Message":"ada@example.com"}"#;
    assert_eq!(of(&with_body(&[], notification)), judged("sns", Verdict::NeedsAFix));
    let gone = [("RequestID", "r"), ("ErrorCode", "AWS.SimpleQueueService.NonExistentQueue"), ("ErrorMessage", MARKER)];
    let reason = "sns:AWS.SimpleQueueService.NonExistentQueue";
    assert_eq!(of(&with_body(&gone, notification)), judged(reason, Verdict::NeedsAFix));
    assert_eq!(of(&with_body(&gone, "raw delivery")), judged(reason, Verdict::NeedsAFix));
    let denied = [("RequestID", "r"), ("ErrorCode", "403")];
    assert_eq!(of(&with_body(&denied, notification)), judged("sns:403", Verdict::NeedsAFix));
    let pipe =
        r#"{"context":{"partnerResourceArn":"arn:aws:pipes:eu-west-1:1:pipe/p","condition":"RetryAttemptsExhausted"}}"#;
    assert_eq!(of(&with_body(&[], pipe)), judged("pipes:RetryAttemptsExhausted", Verdict::DoNotReplay));
}

#[test]
fn a_target_is_what_a_message_can_be_sent_to() {
    let bus = "arn:aws:events:eu-west-1:111122223333:event-bus/orders";
    let flags = [(QUEUE, "--to"), (FUNCTION, "--to-lambda"), (bus, "--to-bus")];
    for (arn, flag) in flags {
        let target = Target::of(arn).unwrap();
        assert_eq!((target.flag(), target.arn()), (flag, arn));
    }
    for arn in
        ["arn:aws:states:eu-west-1:1:stateMachine:s", "arn:aws:lambda:eu-west-1:1:layer:l", "orders", "", "arn:aws:sqs"]
    {
        assert_eq!(Target::of(arn), None, "{arn}");
    }
}

#[test]
fn the_contract_applies_to_our_own_messages() {
    assert!(is_ours(&message(&[], &[]), r#"{"detail-type":"UserConfirmed"}"#));
    assert!(is_ours(&message(&[("failure_reason", "malformed_envelope")], &[]), "not json"));
    assert!(!is_ours(&message(&[], &[]), r#"{"detail-type":"OrderPlaced"}"#));
    assert!(!is_ours(&message(&[("failure_reason", "card declined")], &[]), "not json"));
}
