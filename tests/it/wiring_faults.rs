//! The custom resource against a Cognito that misbehaves, played by a script: what no emulator does.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use futures_util::future::join_all;
use lambda_runtime::{Context, LambdaEvent};
use pipeline_tests::scripted_http::{Answer, Call, ScriptedHttp};
use rollcall_custom_resource::NotAnswered;
use serde_json::{Value, json};
use trigger_wiring::{handle, image::DESCRIBED_ONLY, pool::Cognito};

const PRODUCER: &str = "arn:aws:lambda:eu-west-1:123456789012:function:rollcall-producer";
const URL: &str =
    "https://cloudformation-custom-resource-response-euwest1.s3.eu-west-1.amazonaws.com/answer?Signature=a%2Fb%3D";

const DESCRIBE: &str = "AWSCognitoIdentityProviderService.DescribeUserPool";
const UPDATE: &str = "AWSCognitoIdentityProviderService.UpdateUserPool";
const MFA: &str = "AWSCognitoIdentityProviderService.GetUserPoolMfaConfig";
/// The answer to CloudFormation has no operation.
const PUT: &str = "";

/// A pool with settings that no SDK of today knows, with one that is kept by not being sent, and with numbers that are easily damaged.
fn description() -> Value {
    json!({
        "Id": "eu-west-1_Ab12Cd34E",
        "Name": "people",
        "Arn": "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_Ab12Cd34E",
        "CreationDate": 1_700_000_000.123,
        "EstimatedNumberOfUsers": 7,
        "UsernameAttributes": ["email"],
        "SchemaAttributes": [{ "Name": "sub" }],
        "Policies": { "PasswordPolicy": { "MinimumLength": 12, "TemporaryPasswordValidityDays": 3 } },
        "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": false, "UnusedAccountValidityDays": 3 },
        "UserPoolTier": "LITE",
        "UserPoolTags": { "team": "identity", "aws:cloudformation:stack-name": "auth" },
        "DcrConfiguration": { "EnableStatus": "Disabled" },
        "LambdaConfig": { "CustomMessage": "arn:theirs", "FutureTrigger": { "Arn": "arn:theirs", "Weight": 0.1 } },
        "FutureSetting": { "Mode": "STRICT", "Limit": 18_446_744_073_709_551_615_u64, "Ratio": 0.300_000_000_000_000_04, "Off": false },
    })
}

/// Cognito's memory of one pool.
struct Pool {
    description: Value,
    mfa: Value,
}

impl Pool {
    /// As the real one: what is not sent is reset, but for what is kept, and for what cannot change.
    fn update(&mut self, request: &Value) {
        let mut request = request.as_object().unwrap().clone();
        assert_eq!(request.remove("UserPoolId").unwrap(), self.description["Id"]);
        assert_eq!(request.remove("PoolName").unwrap(), self.description["Name"]);
        for refused in DESCRIBED_ONLY {
            assert!(!request.contains_key(refused), "{refused} is no setting of an update");
        }
        let kept = |name: &str| DESCRIBED_ONLY.contains(&name) || name == "DcrConfiguration";
        let description = self.description.as_object_mut().unwrap();
        description.retain(|name, _| kept(name));
        description.extend(request);
        description["UserPoolTags"]["aws:cloudformation:stack-name"] = json!("auth");
        description.entry("UserPoolTier").or_insert(json!("ESSENTIALS"));
        // The new name decides, and is described under the old one too.
        let days = description["Policies"]["PasswordPolicy"]["TemporaryPasswordValidityDays"].clone();
        description["AdminCreateUserConfig"]["UnusedAccountValidityDays"] = days;
    }

    fn answer(&mut self, call: &Call) -> Answer {
        Answer::Reply(
            200,
            match call.operation.as_str() {
                DESCRIBE => json!({ "UserPool": self.description }),
                MFA => self.mfa.clone(),
                UPDATE => {
                    self.update(&call.body);
                    json!({})
                }
                _ => json!(null),
            },
        )
    }
}

fn refusal(status: u16, code: &str) -> Answer {
    Answer::Reply(status, json!({ "__type": code, "message": "said by Cognito" }))
}

/// What one invocation did.
struct Run {
    answered: Result<(), NotAnswered>,
    calls: Vec<Call>,
    pool: Value,
    took: Duration,
}

impl Run {
    fn count(&self, operation: &str) -> usize {
        self.calls.iter().filter(|call| call.operation == operation).count()
    }

    /// The one answer that CloudFormation took.
    fn letter(&self) -> &Value {
        assert_eq!(self.answered, Ok(()));
        &self.calls.last().unwrap().body
    }

    fn success(&self) -> &str {
        assert_eq!(self.letter()["Status"], "SUCCESS", "{}", self.letter());
        self.letter()["Reason"].as_str().unwrap()
    }

    fn failure(&self) -> &str {
        assert_eq!(self.letter()["Status"], "FAILED", "{}", self.letter());
        assert_eq!(self.letter()["PhysicalResourceId"], "cognito-triggers:eu-west-1_Ab12Cd34E");
        self.letter()["Reason"].as_str().unwrap()
    }
}

fn event(kind: &str, properties: &Value) -> Value {
    let mut event = json!({
        "RequestType": kind,
        "ResponseURL": URL,
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Triggers",
        "ResourceProperties": { "UserPoolId": "eu-west-1_Ab12Cd34E", "PostConfirmation": PRODUCER },
    });
    event["ResourceProperties"].as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
    if kind != "Create" {
        event["PhysicalResourceId"] = json!("cognito-triggers:eu-west-1_Ab12Cd34E");
    }
    event
}

/// Invokes the function once with `seconds` left. `fault` gets every call, how many of its kind came before, and the pool; where it gives none, the pool answers.
async fn invoke(
    event: Value,
    seconds: u64,
    fault: impl Fn(&Call, usize, &mut Pool) -> Option<Answer> + Send + Sync + 'static,
) -> Run {
    let mfa = json!({ "MfaConfiguration": "OFF", "SoftwareTokenMfaConfiguration": { "Enabled": true } });
    let mut description = description();
    if event["RequestType"] != "Create" {
        description["LambdaConfig"]["PostConfirmation"] = json!(PRODUCER);
    }
    let pool = Arc::new(Mutex::new(Pool { description, mfa }));
    let played = Arc::clone(&pool);
    let http = ScriptedHttp::new(move |call, before| {
        // A script that panics is one of the faults.
        let mut pool = played.lock().unwrap_or_else(PoisonError::into_inner);
        fault(call, before, &mut pool).unwrap_or_else(|| pool.answer(call))
    });
    let cognito = Cognito::new(&http.sdk_config(), http.connector());
    let mut context = Context::default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    context.deadline = u64::try_from((now + Duration::from_secs(seconds)).as_millis()).unwrap();
    let start = Instant::now();
    let answered = handle(LambdaEvent::new(event, context), &cognito).await;
    let description = pool.lock().unwrap_or_else(PoisonError::into_inner).description.clone();
    Run { answered, calls: http.calls(), pool: description, took: start.elapsed() }
}

async fn create(fault: impl Fn(&Call, usize, &mut Pool) -> Option<Answer> + Send + Sync + 'static) -> Run {
    invoke(event("Create", &json!({})), 30, fault).await
}

/// The pool as it was, with our trigger.
fn attached() -> Value {
    let mut attached = description();
    attached["LambdaConfig"]["PostConfirmation"] = json!(PRODUCER);
    attached
}

#[tokio::test]
async fn settings_that_are_newer_than_this_code_survive_with_every_digit() {
    let run = create(|_, _, _| None).await;
    assert_eq!(run.success(), "PostConfirmation set");
    assert_eq!(run.pool.to_string(), attached().to_string());
    let update = run.calls.iter().find(|call| call.operation == UPDATE).unwrap();
    assert_eq!(update.body["FutureSetting"], description()["FutureSetting"]);
    assert!(update.body["DcrConfiguration"].is_null(), "sent in part, it would be switched on");
    assert_eq!(update.body["UserPoolTags"], json!({ "team": "identity" }), "tags of AWS's own cannot be sent");
    assert_eq!(update.body["AdminCreateUserConfig"], json!({ "AllowAdminCreateUserOnly": false }));
    assert_eq!(update.url.trim_end_matches('/'), "https://cognito-idp.eu-west-1.amazonaws.com");
    let authorization = &update.headers["authorization"];
    assert!(authorization.contains("/eu-west-1/cognito-idp/aws4_request"), "{authorization}");
}

#[tokio::test]
async fn what_somebody_else_changes_between_describe_and_update_is_kept() {
    let run = create(|call, before, pool| {
        (call.operation == UPDATE && before == 0).then(|| {
            pool.description["Policies"]["PasswordPolicy"]["MinimumLength"] = json!(20);
            pool.description["LambdaConfig"]["UserMigration"] = json!("arn:theirs");
            refusal(400, "ConcurrentModificationException")
        })
    })
    .await;
    assert_eq!(run.success(), "PostConfirmation set");
    let mut wanted = attached();
    wanted["Policies"]["PasswordPolicy"]["MinimumLength"] = json!(20);
    wanted["LambdaConfig"]["UserMigration"] = json!("arn:theirs");
    assert_eq!(run.pool, wanted);
    assert_eq!((run.count(UPDATE), run.count(DESCRIBE)), (2, 3), "each attempt starts from a fresh description");
}

#[tokio::test]
async fn what_another_attempt_can_cure_is_tried_again() {
    for answer in [
        refusal(400, "TooManyRequestsException"),
        refusal(429, "Whatever"),
        refusal(400, "AccessDeniedException"),
        refusal(500, "InternalErrorException"),
        Answer::Break,
    ] {
        let cured = [DESCRIBE, MFA, UPDATE].map(async |operation| {
            let bad = answer.clone();
            let run =
                create(move |call, before, _| (call.operation == operation && before == 0).then(|| bad.clone())).await;
            assert_eq!(run.success(), "PostConfirmation set", "{operation}: {answer:?}");
            assert_eq!(run.pool, attached());
        });
        join_all(cured).await;
    }
}

#[tokio::test]
async fn an_update_whose_answer_was_lost_is_not_sent_twice_and_is_verified_all_the_same() {
    let lost = |spoil: bool| {
        move |call: &Call, before: usize, pool: &mut Pool| {
            (call.operation == UPDATE && before == 0).then(|| {
                pool.update(&call.body);
                if spoil {
                    pool.description["UserPoolTier"] = json!("ESSENTIALS");
                }
                Answer::Break
            })
        }
    };
    let run = create(lost(false)).await;
    assert_eq!((run.success(), run.count(UPDATE)), ("PostConfirmation set", 1));
    let run = create(lost(true)).await;
    assert!(run.failure().contains("UserPoolTier"), "{}", run.failure());
}

#[tokio::test]
async fn a_setting_that_changed_together_with_the_triggers_fails_the_deployment_by_name() {
    for kind in ["Create", "Delete"] {
        let run = invoke(event(kind, &json!({})), 30, |call, _, pool| {
            (call.operation == UPDATE).then(|| {
                pool.update(&call.body);
                pool.description["UserPoolTier"] = json!("ESSENTIALS");
                pool.description["EmailConfiguration"] = json!({ "From": "ada@example.com" });
                pool.description["LambdaConfig"].as_object_mut().unwrap().remove("CustomMessage");
                pool.description["DcrConfiguration"] = json!({ "EnableStatus": "Enabled" });
                pool.mfa["SoftwareTokenMfaConfiguration"]["Enabled"] = json!(false);
                Answer::Reply(200, json!({}))
            })
        })
        .await;
        let names = "DcrConfiguration.EnableStatus, EmailConfiguration, LambdaConfig.CustomMessage, UserPoolTier, MfaConfig.SoftwareTokenMfaConfiguration.Enabled";
        assert!(run.failure().contains(names), "{kind}: {}", run.failure());
        assert!(!run.failure().contains("ada@example.com"));
    }
}

#[tokio::test]
async fn a_description_that_lags_behind_its_update_is_looked_at_again() {
    let run = create(|call, before, _| {
        (call.operation == DESCRIBE && before == 1).then(|| Answer::Reply(200, json!({ "UserPool": description() })))
    })
    .await;
    assert_eq!((run.success(), run.count(UPDATE), run.count(DESCRIBE)), ("PostConfirmation set", 1, 3));
}

#[tokio::test]
async fn when_nothing_is_to_be_done_nothing_is_sent() {
    let run = invoke(event("Update", &json!({ "PoolDefinition": "2" })), 30, |_, _, _| None).await;
    assert!(run.success().contains("nothing was sent"));
    assert_eq!((run.count(DESCRIBE), run.count(MFA), run.count(UPDATE), run.count(PUT)), (1, 0, 0, 1));
}

#[tokio::test]
async fn a_pool_with_templates_of_both_kinds_loses_the_unused_one_only_if_cognito_insists_and_says_so() {
    for insists in [true, false] {
        let run = create(move |call, before, pool| match (call.operation.as_str(), before) {
            (DESCRIBE, 0) => {
                pool.description["VerificationMessageTemplate"] =
                    json!({ "DefaultEmailOption": "CONFIRM_WITH_CODE", "EmailMessage": "a", "EmailMessageByLink": "b" });
                None
            }
            (UPDATE, 0) if insists => Some(refusal(400, "InvalidParameterException")),
            _ => None,
        })
        .await;
        assert_eq!(
            run.success().contains("VerificationMessageTemplate.EmailMessageByLink"),
            insists,
            "{}",
            run.success()
        );
        assert_eq!(run.pool["VerificationMessageTemplate"]["EmailMessageByLink"].is_null(), insists);
    }
}

#[tokio::test]
async fn a_refusal_for_good_is_answered_at_once_with_cognitos_words_and_without_addresses() {
    let run = create(|call, _, _| {
        let message = "Value at emailConfiguration.from is ada@example.com, which is not verified";
        (call.operation == UPDATE)
            .then(|| Answer::Reply(400, json!({ "__type": "InvalidParameterException", "message": message })))
    })
    .await;
    assert!(run.failure().contains("UpdateUserPool was refused (InvalidParameterException)"), "{}", run.failure());
    assert!(!run.failure().contains("ada"), "{}", run.failure());
    assert_eq!((run.count(UPDATE), run.pool.clone()), (1, description()));
}

#[tokio::test]
async fn cloudformation_is_answered_whatever_happens() {
    let misspelt = invoke(event("Create", &json!({ "PostConfirmaton": PRODUCER })), 30, |_, _, _| None).await;
    assert!(misspelt.failure().contains("`PostConfirmaton` is unknown"), "{}", misspelt.failure());
    assert_eq!(misspelt.count(DESCRIBE), 0);

    let panicked = create(|call, _, _| if call.operation == UPDATE { panic!("a flaw") } else { None }).await;
    assert!(panicked.failure().contains("panicked"), "{}", panicked.failure());

    // Of three seconds, one is kept back for the answer.
    let hung =
        invoke(event("Create", &json!({})), 3, |call, _, _| (call.operation == DESCRIBE).then_some(Answer::Hang)).await;
    assert!(hung.failure().contains("no time left"), "{}", hung.failure());
    assert!(hung.took < Duration::from_secs(3), "{:?}", hung.took);

    let throttled = invoke(event("Create", &json!({})), 3, |call, _, _| {
        (call.operation == UPDATE).then(|| refusal(400, "TooManyRequestsException"))
    })
    .await;
    let reason = throttled.failure();
    assert!(
        reason.contains("no time left") && reason.contains("UpdateUserPool was refused (TooManyRequestsException)"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_deletion_of_what_could_not_be_created_succeeds() {
    let event = event("Delete", &json!({ "UserPoolId": "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/x" }));
    let run = invoke(event, 30, |_, _, _| None).await;
    assert_eq!(run.success(), "nothing was attached with these properties");
    assert_eq!(run.calls.len(), 1, "Cognito is not asked");
}

#[tokio::test]
async fn an_answer_that_is_not_taken_is_sent_again_and_its_url_is_never_told() {
    let run = create(|call, before, _| match (call.operation.as_str(), before) {
        (PUT, 0) => Some(Answer::Break),
        (PUT, 1) => Some(Answer::Reply(503, json!(null))),
        _ => None,
    })
    .await;
    assert_eq!((run.success(), run.count(PUT)), ("PostConfirmation set", 3));
    assert!(run.calls.iter().filter(|call| call.operation == PUT).all(|call| call.url == URL && call.method == "PUT"));

    let expired = create(|call, _, _| (call.operation == PUT).then_some(Answer::Reply(403, json!(null)))).await;
    let error = expired.answered.as_ref().unwrap_err().to_string();
    assert_eq!((error.as_str(), expired.count(PUT)), ("CloudFormation did not take the answer (HTTP 403)", 1));

    let nobody = invoke(json!({ "RequestType": "Create" }), 30, |_, _, _| None).await;
    assert!(nobody.answered.unwrap_err().to_string().contains("no `ResponseURL`"));
    assert_eq!(nobody.calls.len(), 0);
}
