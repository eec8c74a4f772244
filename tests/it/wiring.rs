//! The custom resource against a Cognito that really resets what an update is not sent: promise P8, wiring changes two fields.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use comfy_table::{Table, presets::ASCII_MARKDOWN};
use lambda_runtime::{Context, LambdaEvent};
use pipeline_tests::{
    mailbox::{Letter, Mailbox},
    moto::{
        Moto,
        pool::{Pool, THEIRS, every_setting},
        user_pool_model,
    },
    relay::{Relay, Treatment},
    runtime_api, wait,
};
use rollcall_aws_runtime::{
    environment::Environment,
    lambda_sdk::{Roots, connector, sdk_config},
};
use serde_json::{Map, Value, json};
use trigger_wiring::{handle, image::DESCRIBED_ONLY, pool::Cognito};

pub(crate) const JUDGE: &str = "arn:aws:lambda:us-east-1:123456789012:function:rollcall-pre-sign-up";
pub(crate) const PRODUCER: &str = "arn:aws:lambda:us-east-1:123456789012:function:rollcall-producer";

/// Settings that the pool of these tests leaves out, and why.
const NOT_SET: [(&str, &str); 1] =
    [("DcrConfiguration", "is kept by not being sent, and moto resets it; `wiring_faults` has a pool with it")];

/// The most that one step of another party may take; it takes milliseconds.
const LOOK: Duration = Duration::from_secs(20);

pub(crate) fn moto() -> &'static Moto {
    Moto::shared().unwrap()
}

/// The function's environment, with Cognito at this endpoint.
pub(crate) fn variables(cognito: &str) -> [(&str, &str); 5] {
    [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", cognito),
    ]
}

pub(crate) fn pool(settings: &Value) -> Pool<'static> {
    Pool::create(moto(), settings).unwrap()
}

fn properties(pool: &Pool<'_>, more: &Value) -> Value {
    let mut properties = json!({ "ServiceToken": "arn:…", "UserPoolId": pool.id, "PoolDefinition": "1" });
    properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    properties
}

fn event(pool: &Pool<'_>, kind: &str, (new, old): (&Value, Option<&Value>), mailbox: &Mailbox) -> Value {
    let mut event = json!({
        "RequestType": kind,
        "ResponseURL": mailbox.url(),
        "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/backend/1",
        "RequestId": "request-1",
        "LogicalResourceId": "Triggers",
        "ResourceType": "Custom::CognitoTriggers",
        "ResourceProperties": properties(pool, new),
    });
    if kind != "Create" {
        event["PhysicalResourceId"] = json!(format!("cognito-triggers:{}", pool.id));
    }
    if let Some(old) = old {
        event["OldResourceProperties"] = properties(pool, old);
    }
    event
}

/// Has the custom resource carry out a request, and gives back CloudFormation's letter.
pub(crate) async fn request(pool: &Pool<'_>, kind: &str, new: &Value, old: Option<&Value>) -> Letter {
    request_at(moto().endpoint(), pool, kind, new, old).await
}

/// The same with another way to Cognito.
async fn request_at(cognito: &str, pool: &Pool<'_>, kind: &str, new: &Value, old: Option<&Value>) -> Letter {
    let mailbox = Mailbox::open().await.unwrap();
    let event = event(pool, kind, (new, old), &mailbox);
    let environment = Environment::from_iter(variables(cognito));
    let cognito = Cognito::new(&sdk_config(&environment).unwrap(), connector(Roots::Amazon).unwrap());
    let mut context = Context::default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    context.deadline = u64::try_from((now + Duration::from_mins(1)).as_millis()).unwrap();
    handle(LambdaEvent::new(event, context), &cognito).await.unwrap();
    let letters = mailbox.letters();
    assert_eq!(letters.len(), 1, "one answer, and no more");
    letters[0].clone()
}

/// The same, and it must succeed.
async fn succeed(pool: &Pool<'_>, kind: &str, new: &Value, old: Option<&Value>) -> String {
    let letter = request(pool, kind, new, old).await;
    assert_eq!(letter.body["Status"], "SUCCESS", "{kind}: {}", letter.body);
    assert_eq!(letter.body["PhysicalResourceId"], format!("cognito-triggers:{}", pool.id));
    letter.body["Reason"].as_str().unwrap().to_owned()
}

async fn fail(pool: &Pool<'_>, kind: &str, new: &Value) -> String {
    let letter = request(pool, kind, new, None).await;
    assert_eq!(letter.body["Status"], "FAILED", "{kind}: {}", letter.body);
    assert_eq!(letter.body["PhysicalResourceId"], format!("cognito-triggers:{}", pool.id));
    letter.body["Reason"].as_str().unwrap().to_owned()
}

/// The pool's own triggers with ours among them.
pub(crate) fn with_ours(ours: &[(&str, &str)]) -> Value {
    let mut triggers = every_setting()["LambdaConfig"].clone();
    for (trigger, function) in ours {
        triggers[*trigger] = json!(function);
    }
    triggers
}

fn members(shape: &Value) -> BTreeSet<&str> {
    shape["members"].as_object().unwrap().keys().map(String::as_str).collect()
}

/// The triggers that came and went, or changed.
fn entries(before: &Value, after: &Value) -> String {
    let (before, after) = (before.as_object().unwrap(), after.as_object().unwrap());
    let new =
        after.iter().filter(|(name, value)| before.get(*name) != Some(*value)).map(|(name, _)| format!("+ {name}"));
    let lost = before.keys().filter(|name| !after.contains_key(*name)).map(|name| format!("LOST {name}"));
    new.chain(lost).collect::<Vec<_>>().join(" ")
}

/// Each setting with its value before, and whether it is the same after every step.
fn table(steps: &[(&str, Map<String, Value>)]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    table.set_header(["setting"].into_iter().chain(steps.iter().map(|(step, _)| *step)));
    let before = &steps[0].1;
    let names: BTreeSet<&String> = steps.iter().flat_map(|(_, settings)| settings.keys()).collect();
    for name in names {
        let short = |value: &Value| value.to_string().chars().take(40).collect::<String>();
        let cells = steps.iter().enumerate().map(|(step, (_, settings))| match settings.get(name) {
            None => "—".to_owned(),
            Some(value) if step == 0 => short(value),
            Some(value) if before.get(name) == Some(value) => "same".to_owned(),
            Some(after) if name == "LambdaConfig" => entries(&before[name], after),
            Some(value) => format!("CHANGED to {}", short(value)),
        });
        table.add_row(std::iter::once(name.clone()).chain(cells));
    }
    table
}

#[tokio::test]
async fn attaching_and_detaching_leaves_every_other_setting_of_the_pool_as_it_was() {
    let pool = pool(&every_setting());
    let mfa = json!({ "SoftwareTokenMfaConfiguration": { "Enabled": true }, "MfaConfiguration": "OPTIONAL" });
    pool.call("SetUserPoolMfaConfig", mfa).unwrap();
    let before = pool.settings().unwrap();
    let all = json!({ "PreSignUp": JUDGE, "PostConfirmation": PRODUCER, "PostAuthentication": PRODUCER });
    let both = json!({ "PreSignUp": JUDGE, "PostConfirmation": PRODUCER });
    let one = json!({ "PostConfirmation": PRODUCER });

    assert_eq!(succeed(&pool, "Create", &both, None).await, "PreSignUp set, PostConfirmation set");
    let attached = pool.settings().unwrap();
    assert_eq!(attached["LambdaConfig"], with_ours(&[("PreSignUp", JUDGE), ("PostConfirmation", PRODUCER)]));

    let again = json!({ "PreSignUp": JUDGE, "PostConfirmation": PRODUCER, "PoolDefinition": "2" });
    let reason = succeed(&pool, "Update", &again, Some(&both)).await;
    assert!(reason.contains("nothing was sent"), "{reason}");
    assert_eq!(pool.settings().unwrap(), attached);

    assert_eq!(succeed(&pool, "Update", &all, Some(&again)).await, "PostAuthentication set");
    let added = pool.settings().unwrap();
    let ours = [("PreSignUp", JUDGE), ("PostConfirmation", PRODUCER), ("PostAuthentication", PRODUCER)];
    assert_eq!(added["LambdaConfig"], with_ours(&ours));

    let removed = "PreSignUp removed, PostAuthentication removed";
    assert_eq!(succeed(&pool, "Update", &one, Some(&all)).await, removed);
    let dropped = pool.settings().unwrap();
    assert_eq!(dropped["LambdaConfig"], with_ours(&[("PostConfirmation", PRODUCER)]));

    assert_eq!(succeed(&pool, "Delete", &one, None).await, "PostConfirmation removed");
    let detached = pool.settings().unwrap();

    println!(
        "{}",
        table(&[
            ("before", before.clone()),
            ("Create", attached.clone()),
            ("Update, PostAuthentication added", added.clone()),
            ("Update, both dropped", dropped.clone()),
            ("Delete", detached.clone())
        ])
    );
    assert_eq!(detached, before);
    for (step, mut after) in [("Create", attached), ("Update", added), ("second Update", dropped)] {
        after.insert("LambdaConfig".to_owned(), before["LambdaConfig"].clone());
        assert_eq!(after, before, "{step}");
    }
}

#[tokio::test]
async fn the_cognito_of_these_tests_resets_what_an_update_is_not_sent() {
    let pool = pool(&every_setting());
    let before = pool.settings().unwrap();
    pool.call("UpdateUserPool", json!({ "LambdaConfig": { "PostConfirmation": PRODUCER } })).unwrap();
    let after = pool.settings().unwrap();
    println!("{}", table(&[("before", before.clone()), ("UpdateUserPool with LambdaConfig alone", after.clone())]));
    let lost: Vec<_> =
        before.iter().filter(|(name, value)| after.get(*name) != Some(*value)).map(|(name, _)| name).collect();
    assert!(lost.len() > 15, "{lost:?}");
}

#[tokio::test]
async fn a_trigger_that_belongs_to_somebody_else_is_refused_by_name_and_replaced_only_by_force() {
    let mut settings = every_setting();
    settings["LambdaConfig"]["PostConfirmation"] = json!(THEIRS);
    let pool = pool(&settings);
    let before = pool.settings().unwrap();
    let ours = json!({ "PreSignUp": JUDGE, "PostConfirmation": PRODUCER });
    let reason = fail(&pool, "Create", &ours).await;
    assert!(reason.contains(&format!("PostConfirmation already calls {THEIRS}, which is not ours")), "{reason}");
    assert_eq!(pool.settings().unwrap(), before, "a refusal changes nothing, PreSignUp included");
    // CloudFormation takes back what failed.
    succeed(&pool, "Delete", &ours, None).await;
    assert_eq!(pool.settings().unwrap(), before);

    let forced = json!({ "PreSignUp": JUDGE, "PostConfirmation": PRODUCER, "Force": "true" });
    succeed(&pool, "Create", &forced, None).await;
    assert_eq!(pool.triggers().unwrap(), with_ours(&[("PreSignUp", JUDGE), ("PostConfirmation", PRODUCER)]));
    // Somebody takes the trigger back by hand: it is theirs again, and our deletion leaves it.
    let mut theirs = with_ours(&[("PreSignUp", JUDGE)]);
    theirs["PostConfirmation"] = json!(THEIRS);
    pool.set_triggers(theirs).unwrap();
    assert_eq!(succeed(&pool, "Delete", &forced, None).await, "PreSignUp removed");
    assert_eq!(pool.triggers().unwrap(), with_ours(&[("PostConfirmation", THEIRS)]));
}

#[tokio::test]
async fn a_sign_in_trigger_of_somebody_else_stays_theirs_whatever_becomes_of_ours() {
    let mut settings = every_setting();
    settings["LambdaConfig"]["PostAuthentication"] = json!(THEIRS);
    let pool = pool(&settings);
    let before = pool.settings().unwrap();
    let without = json!({ "PostConfirmation": PRODUCER });
    let with = json!({ "PostConfirmation": PRODUCER, "PostAuthentication": PRODUCER });

    let reason = fail(&pool, "Create", &with).await;
    assert!(reason.contains(&format!("PostAuthentication already calls {THEIRS}, which is not ours")), "{reason}");
    assert_eq!(pool.settings().unwrap(), before);

    assert_eq!(succeed(&pool, "Create", &without, None).await, "PostConfirmation set");
    let theirs = [("PostConfirmation", PRODUCER), ("PostAuthentication", THEIRS)];
    assert_eq!(pool.triggers().unwrap(), with_ours(&theirs));
    // What was never ours is not removed with it, not even by a resource that names it.
    assert_eq!(succeed(&pool, "Delete", &with, None).await, "PostConfirmation removed");
    assert_eq!(pool.settings().unwrap(), before);
}

#[tokio::test]
async fn a_pool_that_is_gone_fails_a_deployment_and_not_a_deletion() {
    let pool = Pool::with_id(moto(), "us-east-1_Gone");
    let ours = json!({ "PostConfirmation": PRODUCER });
    for kind in ["Create", "Update"] {
        assert_eq!(fail(&pool, kind, &ours).await, "the user pool us-east-1_Gone does not exist in us-east-1");
    }
    assert_eq!(succeed(&pool, "Delete", &ours, None).await, "the user pool does not exist any more");
}

#[tokio::test]
async fn what_somebody_else_changes_while_our_update_is_on_its_way_is_kept_when_cognito_refuses_ours() {
    let (pool, relay) = (pool(&every_setting()), Relay::start(moto().endpoint()).unwrap());
    relay.treat("UpdateUserPool", Treatment::Hold);
    let ours = json!({ "PostConfirmation": PRODUCER });
    let (letter, ()) = tokio::join!(request_at(relay.url(), &pool, "Create", &ours, None), async {
        // It has described the pool, and what it now sends is about to be out of date.
        wait::until("our update is on its way", LOOK, async || Ok((relay.held() == 1).then_some(()))).await.unwrap();
        let mut settings = every_setting();
        settings["Policies"]["PasswordPolicy"]["MinimumLength"] = json!(20);
        settings["LambdaConfig"]["UserMigration"] = json!(THEIRS);
        pool.call("UpdateUserPool", settings).unwrap();
        relay.treat("UpdateUserPool", Treatment::Refuse("ConcurrentModificationException"));
        wait::until("it was refused", LOOK, async || Ok((relay.refused() > 0).then_some(()))).await.unwrap();
        relay.pass();
    });
    assert_eq!(letter.body["Status"], "SUCCESS", "{}", letter.body);
    assert_eq!(pool.triggers().unwrap(), with_ours(&[("PostConfirmation", PRODUCER), ("UserMigration", THEIRS)]));
    let mut settings = pool.settings().unwrap();
    assert_eq!(settings["Policies"]["PasswordPolicy"]["MinimumLength"].take(), 20);
    let mut before = every_setting();
    before["Policies"]["PasswordPolicy"]["MinimumLength"].take();
    assert_eq!(settings["Policies"], before["Policies"]);
}

#[tokio::test]
async fn what_somebody_else_changes_right_after_our_update_fails_the_deployment_by_its_name() {
    let (pool, relay) = (pool(&every_setting()), Relay::start(moto().endpoint()).unwrap());
    relay.treat("UpdateUserPool", Treatment::Hold);
    let ours = json!({ "PostConfirmation": PRODUCER });
    let (letter, ()) = tokio::join!(request_at(relay.url(), &pool, "Create", &ours, None), async {
        wait::until("our update is on its way", LOOK, async || Ok((relay.held() == 1).then_some(()))).await.unwrap();
        // The next description waits until somebody else has been there.
        relay.treat("DescribeUserPool", Treatment::Hold);
        relay.treat("UpdateUserPool", Treatment::Pass);
        // Not what the relay holds: that may be our update still, which would then overwrite theirs.
        let is_ours = async || Ok((pool.triggers()?["PostConfirmation"] == PRODUCER).then_some(()));
        wait::until("ours is done", LOOK, is_ours).await.unwrap();
        let mut settings = every_setting();
        settings["LambdaConfig"] = with_ours(&[("PostConfirmation", PRODUCER)]);
        settings["UserPoolTier"] = json!("LITE");
        pool.call("UpdateUserPool", settings).unwrap();
        relay.pass();
    });
    assert_eq!(letter.body["Status"], "FAILED", "{}", letter.body);
    let reason = letter.body["Reason"].as_str().unwrap();
    assert!(reason.contains("which they must not: UserPoolTier;"), "{reason}");
}

#[tokio::test]
async fn a_cognito_that_throttles_is_waited_for() {
    let (pool, relay) = (pool(&every_setting()), Relay::start(moto().endpoint()).unwrap());
    let before = pool.settings().unwrap();
    for operation in ["DescribeUserPool", "GetUserPoolMfaConfig", "UpdateUserPool"] {
        relay.treat(operation, Treatment::Refuse("TooManyRequestsException"));
    }
    let ours = json!({ "PostConfirmation": PRODUCER });
    let (letter, ()) = tokio::join!(request_at(relay.url(), &pool, "Create", &ours, None), async {
        for operation in ["DescribeUserPool", "GetUserPoolMfaConfig", "UpdateUserPool"] {
            let seen = relay.refused();
            wait::until("it was throttled", LOOK, async || Ok((relay.refused() > seen).then_some(()))).await.unwrap();
            relay.treat(operation, Treatment::Pass);
        }
    });
    assert_eq!(letter.body["Status"], "SUCCESS", "{}", letter.body);
    let mut after = pool.settings().unwrap();
    assert_eq!(after["LambdaConfig"], with_ours(&[("PostConfirmation", PRODUCER)]));
    after.insert("LambdaConfig".to_owned(), before["LambdaConfig"].clone());
    assert_eq!(after, before);
}

#[tokio::test]
async fn the_answer_is_put_to_the_signed_url_as_cloudformation_wants_it() {
    let pool = pool(&json!({}));
    let letter = request(&pool, "Create", &json!({ "PostConfirmation": PRODUCER }), None).await;
    let signed = "PUT /arn%3Aaws%3Acloudformation/answer?AWSAccessKeyId=A&Signature=a%2Fb%3D HTTP/1.1";
    assert_eq!(letter.first_line, signed, "not one character of a signed URL may change");
    assert_eq!(letter.headers.get("content-type").map(String::as_str), Some(""), "the URL is signed for this one");
    assert!(!letter.headers.contains_key("authorization"));
    let wanted = json!({
        "Status": "SUCCESS",
        "Reason": "PostConfirmation set",
        "PhysicalResourceId": format!("cognito-triggers:{}", pool.id),
        "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/backend/1",
        "RequestId": "request-1",
        "LogicalResourceId": "Triggers",
        "NoEcho": false,
    });
    assert_eq!(letter.body, wanted);
}

#[tokio::test]
async fn the_function_attaches_and_answers_in_a_process_of_its_own() {
    let function = runtime_api::binary("trigger-wiring").unwrap();
    let (pool, mailbox) = (pool(&every_setting()), Mailbox::open().await.unwrap());
    let event = event(&pool, "Create", (&json!({ "PostConfirmation": PRODUCER }), None), &mailbox).to_string();
    let invocation = runtime_api::invoke(&function, &variables(moto().endpoint()), &event).await.unwrap();
    assert_eq!(invocation.answer.unwrap(), "null");
    assert_eq!(mailbox.letters()[0].body["Status"], "SUCCESS");
    assert_eq!(pool.triggers().unwrap(), with_ours(&[("PostConfirmation", PRODUCER)]));

    let invocation = runtime_api::invoke(&function, &variables(moto().endpoint()), "{}").await.unwrap();
    assert!(invocation.answer.unwrap_err()["errorMessage"].as_str().unwrap().contains("no `ResponseURL`"));
}

#[test]
fn the_deny_list_is_what_cognito_describes_and_does_not_take() {
    let model = user_pool_model().unwrap();
    let (described, taken) = (&model["shapes"]["UserPoolType"], &model["shapes"]["UpdateUserPoolRequest"]);
    let only_described: Vec<_> = members(described).difference(&members(taken)).copied().collect();
    assert_eq!(only_described, DESCRIBED_ONLY, "AWS has added a member that must not be sent, or taken one away");
    let only_taken: Vec<_> = members(taken).difference(&members(described)).copied().collect();
    assert_eq!(only_taken, ["PoolName", "UserPoolId"], "what an update takes and no description gives");
    for member in members(taken).intersection(&members(described)) {
        let shape = |of: &Value| of["members"][*member]["shape"].clone();
        assert_eq!(shape(described), shape(taken), "{member} goes back in another form than it came");
    }
}

#[test]
fn the_pool_of_these_tests_has_every_setting_that_an_update_can_reset() {
    let model = user_pool_model().unwrap();
    let Value::Object(set) = every_setting() else { panic!() };
    let known: BTreeSet<&str> = set.keys().map(String::as_str).chain(NOT_SET.map(|(name, _)| name)).collect();
    let mut wanted = members(&model["shapes"]["UpdateUserPoolRequest"]);
    wanted.retain(|member| !["UserPoolId", "PoolName"].contains(member));
    assert_eq!(known, wanted, "AWS has added a setting: give the pool one");
}
