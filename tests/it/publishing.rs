//! The producer against services that misbehave: promise P6, sign-up is never broken.

use std::{
    sync::mpsc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use lambda_runtime::{Context, LambdaEvent};
use pipeline_tests::scripted_http::{Answer, Call, ScriptedHttp};
use producer::{Producer, SignUpNotRecorded, config::Config, handle, publish::Publisher};
use rollcall_aws_runtime::{environment::Environment, metrics::Metrics};
use rollcall_events::UserConfirmed;
use serde_json::{Value, json, value::RawValue};

pub(crate) const PUT_EVENTS: &str = "AWSEvents.PutEvents";
const SEND_MESSAGE: &str = "AmazonSQS.SendMessage";
pub(crate) const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../producer/fixtures/cognito");

/// As Lambda hands it to the function.
const TRACE: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

/// Both services when they are well. SQS refuses what it documents and no emulator looks at.
pub(crate) fn accepted(call: &Call) -> Answer {
    if call.body["MessageBody"].as_str().is_some_and(|body| !body.chars().all(is_accepted_by_sqs)) {
        return error(400, "InvalidMessageContents");
    }
    Answer::Reply(
        200,
        match call.operation.as_str() {
            PUT_EVENTS => json!({ "FailedEntryCount": 0, "Entries": [{ "EventId": "1" }] }),
            _ => json!({ "MessageId": "1", "MD5OfMessageBody": "x" }),
        },
    )
}

/// The characters of a message.
/// Source: `SendMessage` in the Amazon SQS API reference.
fn is_accepted_by_sqs(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// What PutEvents says, with HTTP 200, when it did not take the entry.
fn entry_failed(code: &str) -> Answer {
    Answer::Reply(200, json!({ "FailedEntryCount": 1, "Entries": [{ "ErrorCode": code, "ErrorMessage": "no" }] }))
}

fn error(status: u16, code: &str) -> Answer {
    Answer::Reply(status, json!({ "__type": code, "message": "no" }))
}

pub(crate) struct Run {
    pub(crate) answer: Result<Box<RawValue>, SignUpNotRecorded>,
    pub(crate) calls: Vec<Call>,
    pub(crate) metrics: String,
    took: Duration,
}

impl Run {
    pub(crate) fn operations(&self) -> Vec<&str> {
        self.calls.iter().map(|call| call.operation.as_str()).collect()
    }

    fn sends(&self) -> Vec<&Call> {
        self.calls.iter().filter(|call| call.operation == SEND_MESSAGE).collect()
    }

    pub(crate) fn echoed(&self, event: &str) -> bool {
        self.answer.as_ref().is_ok_and(|answer| answer.get() == event.trim_end())
    }
}

pub(crate) fn fixture(name: &str) -> String {
    std::fs::read_to_string(format!("{FIXTURES}/{name}")).unwrap()
}

/// Invokes the handler once, with five seconds left as in Cognito.
pub(crate) async fn invoke(
    event: &str,
    more: &[(&str, &str)],
    script: impl Fn(&Call, usize) -> Answer + Send + Sync + 'static,
) -> Run {
    invoke_within(Duration::from_secs(5), event, more, script).await
}

async fn invoke_within(
    left: Duration,
    event: &str,
    more: &[(&str, &str)],
    script: impl Fn(&Call, usize) -> Answer + Send + Sync + 'static,
) -> Run {
    let http = ScriptedHttp::new(script);
    let variables = [("EVENT_BUS_NAME", "bus"), ("FALLBACK_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/1/q")];
    let environment: Environment = variables.iter().chain(more).copied().collect();
    let publisher = Publisher::new(&http.sdk_config(), Config::read(&environment).unwrap());
    let mut context = Context::default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    context.deadline = u64::try_from((now + left).as_millis()).unwrap();
    "arn:aws:lambda:eu-west-1:123456789012:function:rollcall-producer".clone_into(&mut context.invoked_function_arn);
    context.xray_trace_id = Some(TRACE.to_owned());
    let payload = RawValue::from_string(event.trim_end().to_owned()).unwrap();
    let (line, lines) = mpsc::channel();
    let metrics = Metrics::written_by(&environment, move |text| line.send(text.to_owned()).unwrap());
    let producer = Producer { publisher: Ok(publisher), metrics };
    let start = Instant::now();
    let answer = handle(LambdaEvent::new(payload, context), &producer).await;
    Run { answer, calls: http.calls(), metrics: lines.try_iter().collect(), took: start.elapsed() }
}

#[tokio::test]
async fn a_failed_entry_behind_http_200_is_tried_again() {
    let event = fixture("01-email-pool.json");
    let run = invoke(&event, &[], |call, before| match before {
        0 => entry_failed("InternalFailure"),
        1 => entry_failed("ThrottlingException"),
        _ => accepted(call),
    })
    .await;
    assert!(run.echoed(&event));
    assert_eq!(run.operations(), [PUT_EVENTS; 3]);
    let entries: Vec<_> = run.calls.iter().map(|call| call.body["Entries"][0]["Detail"].clone()).collect();
    assert!(entries.iter().all(|entry| *entry == entries[0]), "a retry is the same event");
}

#[tokio::test]
async fn an_event_that_eventbridge_refuses_for_good_takes_the_queue_at_once() {
    let event = fixture("01-email-pool.json");
    for refusal in [
        entry_failed("NotAuthorizedForDetailTypeException"),
        error(400, "AccessDeniedException"),
        error(400, "ResourceNotFoundException"),
    ] {
        let run = invoke(
            &event,
            &[],
            move |call, _| {
                if call.operation == PUT_EVENTS { refusal.clone() } else { accepted(call) }
            },
        )
        .await;
        assert!(run.echoed(&event));
        assert_eq!(run.operations(), [PUT_EVENTS, SEND_MESSAGE], "no second attempt at what cannot succeed");
    }
}

#[tokio::test]
async fn the_fallback_writes_the_same_envelope_that_eventbridge_would_have_delivered() {
    let event = fixture("09-names-that-break-sql-and-json.json");
    let run = invoke(&event, &[], |call, _| {
        if call.operation == PUT_EVENTS { error(400, "AccessDeniedException") } else { accepted(call) }
    })
    .await;
    let body = run.sends()[0].body["MessageBody"].as_str().unwrap();
    let user = UserConfirmed::from_envelope(body).unwrap();
    assert_eq!(user.data.last_name.unwrap().as_str(), "O\"Brien \\ \u{2028} 👩\u{200d}💻");
    let envelope: Value = serde_json::from_str(body).unwrap();
    assert_eq!(envelope["account"], "123456789012");
    assert_eq!(envelope["region"], "eu-west-1");
    assert_eq!(envelope["source"], "rollcall");
    let sent: Value = serde_json::from_str(run.calls[0].body["Entries"][0]["Detail"].as_str().unwrap()).unwrap();
    assert_eq!(envelope["detail"], sent);
}

#[tokio::test]
async fn a_name_with_a_character_that_sqs_does_not_take_travels_on_both_paths() {
    let name: String = ('\u{1}'..' ').chain(['\u{7f}', '\u{fffd}', '\u{fffe}', '\u{ffff}', '\u{1fffe}']).collect();
    let mut event: Value = serde_json::from_str(&fixture("01-email-pool.json")).unwrap();
    event["request"]["userAttributes"]["given_name"] = json!(name);
    let event = event.to_string();
    let run = invoke(&event, &[], |call, _| {
        if call.operation == PUT_EVENTS { error(400, "AccessDeniedException") } else { accepted(call) }
    })
    .await;
    assert!(run.metrics.contains("\"UserConfirmedPublished\":1"), "{}", run.metrics);
    let body = run.sends()[0].body["MessageBody"].as_str().unwrap();
    assert_eq!(UserConfirmed::from_envelope(body).unwrap().data.first_name.unwrap().as_str(), name);
    let detail = run.calls[0].body["Entries"][0]["Detail"].as_str().unwrap();
    assert!(detail.chars().all(is_accepted_by_sqs), "EventBridge delivers it to a queue");
}

#[tokio::test]
async fn an_answer_of_eventbridge_that_names_no_event_proves_nothing() {
    let event = fixture("01-email-pool.json");
    for unproven in [
        json!({}),
        json!({ "FailedEntryCount": 0 }),
        json!({ "FailedEntryCount": 0, "Entries": [] }),
        json!({ "FailedEntryCount": 0, "Entries": [{}] }),
        json!({ "FailedEntryCount": 0, "Entries": [{ "EventId": "" }] }),
        json!({ "Entries": [{ "ErrorCode": "InternalFailure" }] }),
    ] {
        let answer = Answer::Reply(200, unproven.clone());
        let run = invoke(&event, &[("PUBLISH_BUDGET_MS", "600")], move |call, _| {
            if call.operation == PUT_EVENTS { answer.clone() } else { accepted(call) }
        })
        .await;
        assert!(run.echoed(&event), "{unproven}");
        assert_eq!(run.sends().len(), 1, "{unproven}: {:?}", run.operations());
    }
}

#[tokio::test]
async fn the_trace_goes_with_the_event_on_both_paths() {
    let event = fixture("01-email-pool.json");
    let run = invoke(&event, &[], |call, _| accepted(call)).await;
    assert_eq!(run.calls[0].body["Entries"][0]["TraceHeader"], TRACE);
    let run =
        invoke(
            &event,
            &[],
            |call, _| {
                if call.operation == PUT_EVENTS { entry_failed("NotAuthorized") } else { accepted(call) }
            },
        )
        .await;
    let attributes = &run.sends()[0].body["MessageSystemAttributes"];
    assert_eq!(attributes["AWSTraceHeader"]["StringValue"], TRACE, "{attributes}");
}

#[tokio::test]
async fn however_eventbridge_is_down_the_queue_takes_the_event_within_the_budget() {
    let event = fixture("01-email-pool.json");
    let budget = Duration::from_millis(600);
    for outage in [Answer::Hang, Answer::Break, error(500, "InternalException"), error(400, "ThrottlingException")] {
        let down = outage.clone();
        let run = invoke(&event, &[("PUBLISH_BUDGET_MS", "600")], move |call, _| {
            if call.operation == PUT_EVENTS { down.clone() } else { accepted(call) }
        })
        .await;
        assert!(run.echoed(&event), "{outage:?}");
        assert_eq!(run.sends().len(), 1, "{outage:?}: {:?}", run.operations());
        assert!(run.took < budget, "{outage:?}: {:?}", run.took);
    }
}

#[tokio::test]
async fn when_nothing_takes_the_event_a_sign_up_succeeds_unless_the_owner_says_otherwise() {
    let event = fixture("01-email-pool.json");
    for outage in [Answer::Hang, Answer::Break] {
        let down = outage.clone();
        let run = invoke(&event, &[("PUBLISH_BUDGET_MS", "300")], move |_, _| down.clone()).await;
        assert!(run.echoed(&event), "{outage:?}");
        // The handler is given 300 ms; what it takes beyond them is only computing.
        assert!(run.took < Duration::from_secs(2), "{outage:?}: {:?}", run.took);
        assert!(run.metrics.contains("\"UserConfirmedUnpublished\":1"), "{outage:?}: it is counted");
        let down = outage.clone();
        let failing = [("PUBLISH_BUDGET_MS", "300"), ("ON_PUBLISH_FAILURE", "fail")];
        let run = invoke(&event, &failing, move |_, _| down.clone()).await;
        assert_eq!(run.answer.unwrap_err(), SignUpNotRecorded, "{outage:?}");
    }
}

#[tokio::test]
async fn neither_a_sign_in_nor_a_new_password_ever_fails_for_a_row() {
    let failing = [("PUBLISH_BUDGET_MS", "300"), ("ON_PUBLISH_FAILURE", "fail")];
    for file in ["05-forgot-password.json", "19-first-sign-in.json"] {
        let event = fixture(file);
        let run = invoke(&event, &failing, |_, _| Answer::Break).await;
        assert!(run.echoed(&event), "{file}");
        assert!(run.metrics.contains("\"UserConfirmedUnpublished\":1"), "{file}: it is counted");
    }
}

#[tokio::test]
async fn an_answer_comes_before_the_invocation_ends_however_large_the_budget() {
    let event = fixture("01-email-pool.json");
    let left = Duration::from_secs(1);
    let run = invoke_within(left, &event, &[("PUBLISH_BUDGET_MS", "4500")], |_, _| Answer::Hang).await;
    assert!(run.echoed(&event));
    assert!(run.took < left, "answered after {:?} of {left:?}", run.took);
}

#[tokio::test]
async fn without_a_fallback_queue_eventbridge_gets_the_whole_budget_and_sqs_is_never_called() {
    let event = fixture("01-email-pool.json");
    let run = invoke(&event, &[("FALLBACK_QUEUE_URL", ""), ("PUBLISH_BUDGET_MS", "400")], |_, _| Answer::Break).await;
    assert!(run.echoed(&event));
    assert!(run.operations().iter().all(|operation| *operation == PUT_EVENTS));
    assert!(run.calls.len() > 1, "it tried again");
}

#[tokio::test]
async fn a_panic_while_publishing_never_fails_a_sign_up() {
    let event = fixture("01-email-pool.json");
    let run = invoke(&event, &[], |_, _| panic!("a flaw in the client")).await;
    assert!(run.echoed(&event));
    assert!(run.metrics.contains("UserConfirmedUnpublished"));
}
