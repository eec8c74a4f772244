//! The scheduled check against a Cognito that really resets what an update is not sent: lost triggers are noticed, and put back.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector},
    orchestrator::HttpRequest,
};
use lambda_runtime::{Context, LambdaEvent};
use pipeline_tests::{
    mailbox::Mailbox,
    moto::pool::{Pool, THEIRS, every_setting},
    runtime_api,
    scripted_http::{Answer, ScriptedHttp},
};
use rollcall_aws_runtime::{
    environment::Environment,
    lambda_sdk::{Roots, connector, sdk_config},
    metrics::Metrics,
};
use serde_json::{Map, Value, json};
use trigger_wiring::{
    check::{MEMBER, Schedule, VARIABLE},
    invoked,
    pool::Cognito,
};

use crate::wiring::{JUDGE, PRODUCER, moto, pool, request, variables, with_ours};

const FUNCTION: &str = "rollcall-trigger-wiring";

/// A stack that nothing is done to.
const AT_REST: &[&str] = &["UPDATE_COMPLETE"];

/// The constant input of the rule.
fn scheduled(pool: &Pool<'_>, heal: &str) -> Value {
    json!({ MEMBER: {
        "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/backend/1",
        "UserPoolId": pool.id,
        "PreSignUp": JUDGE,
        "PostConfirmation": PRODUCER,
        "Heal": heal,
    } })
}

/// What one invocation did.
struct Run {
    /// Every call, by its operation.
    calls: Vec<String>,
    metrics: Vec<Value>,
}

impl Run {
    fn updates(&self) -> usize {
        self.calls.iter().filter(|call| *call == "UpdateUserPool").count()
    }

    /// The value of the one metric, if there is one.
    fn attached(&self) -> Option<f64> {
        assert!(self.metrics.len() <= 1, "{:?}", self.metrics);
        self.metrics.first().map(|line| line["TriggersAttached"].as_f64().unwrap())
    }
}

/// Cognito is moto; CloudFormation says what the test says, and that it knows no such stack when that is used up.
#[derive(Clone, Debug)]
struct Aws {
    rest: SharedHttpConnector,
    cloudformation: SharedHttpConnector,
    calls: Arc<Mutex<Vec<String>>>,
}

impl HttpConnector for Aws {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").and_then(|target| target.rsplit('.').next());
        // CloudFormation names the operation in its form, and its answers are put to a mailbox.
        let operation =
            target.unwrap_or(if request.method() == "PUT" { "answer" } else { "DescribeStacks" }).to_owned();
        let service = if operation == "DescribeStacks" { &self.cloudformation } else { &self.rest };
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(operation);
        service.call(request)
    }
}

fn cloudformation(statuses: &[&'static str]) -> SharedHttpConnector {
    let left = Mutex::new(statuses.iter().copied().collect::<VecDeque<_>>());
    let http = ScriptedHttp::new(move |_, _| {
        let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
        // The last one stays.
        let status = if left.len() > 1 { left.pop_front() } else { left.front().copied() };
        status.map_or(Answer::Reply(400, json!("<Code>ValidationError</Code>")), |status| {
            Answer::Reply(200, json!(format!("<Stacks><member><StackStatus>{status}</StackStatus></member></Stacks>")))
        })
    });
    http.connector()
}

/// Invokes the function of the deployment that expects `expected` with this event, while the stack has these statuses, one for each question.
async fn invoke(event: Value, expected: &Value, statuses: &[&'static str]) -> Run {
    let expected = expected.to_string();
    let own = [(VARIABLE, expected.as_str()), ("AWS_LAMBDA_FUNCTION_NAME", FUNCTION)];
    let environment = variables(moto().endpoint()).into_iter().chain(own).collect::<Environment>();
    let calls = Arc::<Mutex<Vec<String>>>::default();
    let aws = Aws {
        rest: connector(Roots::Amazon).unwrap(),
        cloudformation: cloudformation(statuses),
        calls: Arc::clone(&calls),
    };
    let cognito = Cognito::new(&sdk_config(&environment).unwrap(), SharedHttpConnector::new(aws));
    let (line, lines) = mpsc::channel();
    let metrics =
        Metrics::written_by(&environment, move |text| line.send(serde_json::from_str(text).unwrap()).unwrap());
    let schedule = Schedule::new(&environment, metrics);
    let mut context = Context::default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    context.deadline = u64::try_from((now + Duration::from_mins(1)).as_millis()).unwrap();
    invoked(LambdaEvent::new(event, context), &cognito, &schedule).await.unwrap();
    let calls = calls.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Run { calls, metrics: lines.try_iter().collect() }
}

/// The scheduled event of the deployment itself.
async fn check(pool: &Pool<'_>, heal: &str, statuses: &[&'static str]) -> Run {
    let event = scheduled(pool, heal);
    invoke(event.clone(), &event, statuses).await
}

/// A pool that our triggers were attached to, and whose owner has then deployed a stack that says nothing of triggers.
async fn cleared() -> Pool<'static> {
    let pool = pool(&every_setting());
    let ours = json!({ "PreSignUp": JUDGE, "PostConfirmation": PRODUCER });
    assert_eq!(request(&pool, "Create", &ours, None).await.body["Status"], "SUCCESS");
    let Value::Object(mut template) = every_setting() else { panic!() };
    template.remove("LambdaConfig");
    pool.call("UpdateUserPool", Value::Object(template)).unwrap();
    assert_eq!(pool.settings().unwrap().get("LambdaConfig").cloned().unwrap_or(json!({})), json!({}));
    pool
}

/// Everything but the triggers, as text.
fn others(mut settings: Map<String, Value>) -> String {
    settings.remove("LambdaConfig");
    Value::Object(settings).to_string()
}

#[tokio::test]
async fn triggers_that_the_pools_own_stack_has_cleared_are_back_with_everything_else_as_it_was() {
    let pool = cleared().await;
    let before = pool.settings().unwrap();
    let healed = check(&pool, "yes", AT_REST).await;
    assert_eq!(pool.triggers().unwrap(), json!({ "PreSignUp": JUDGE, "PostConfirmation": PRODUCER }));
    let after = pool.settings().unwrap();
    assert_eq!(others(after.clone()), others(before));
    assert_eq!((healed.attached(), healed.updates()), (Some(0.0), 1), "users confirmed without an event until then");

    let again = check(&pool, "yes", AT_REST).await;
    assert_eq!(again.calls, ["DescribeUserPool"], "nothing is sent the second time");
    assert_eq!(again.attached(), Some(1.0));
    assert_eq!(pool.settings().unwrap(), after);
}

#[tokio::test]
async fn a_trigger_that_alone_is_missing_is_attached_beside_those_of_somebody_else() {
    let pool = pool(&every_setting());
    pool.set_triggers(with_ours(&[("PostConfirmation", PRODUCER)])).unwrap();
    assert_eq!(check(&pool, "yes", AT_REST).await.attached(), Some(0.0));
    assert_eq!(pool.triggers().unwrap(), with_ours(&[("PreSignUp", JUDGE), ("PostConfirmation", PRODUCER)]));
}

#[tokio::test]
async fn somebody_elses_trigger_in_place_of_ours_is_reported_and_nothing_is_changed() {
    let pool = pool(&every_setting());
    // PreSignUp is missing beside it, and stays so: who has taken one may be about to take both.
    pool.set_triggers(with_ours(&[("PostConfirmation", THEIRS)])).unwrap();
    let before = pool.settings().unwrap();
    for heal in ["yes", "no"] {
        let run = check(&pool, heal, AT_REST).await;
        assert_eq!((run.attached(), run.updates()), (Some(0.0), 0), "{heal}");
        assert_eq!(pool.settings().unwrap(), before, "{heal}");
    }
}

#[tokio::test]
async fn without_healing_missing_triggers_are_reported_and_nothing_is_changed() {
    let pool = cleared().await;
    let before = pool.settings().unwrap();
    for _ in 0..2 {
        let run = check(&pool, "no", AT_REST).await;
        assert_eq!(run.calls, ["DescribeUserPool", "DescribeStacks"], "it reads and does nothing else");
        assert_eq!(run.attached(), Some(0.0));
        assert_eq!(pool.settings().unwrap(), before);
    }
}

#[tokio::test]
async fn while_cloudformation_changes_or_deletes_the_stack_nothing_is_changed_and_nothing_reported() {
    let pool = cleared().await;
    let before = pool.settings().unwrap();
    for status in ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS", "DELETE_IN_PROGRESS"] {
        let run = check(&pool, "yes", &[status]).await;
        assert_eq!((run.attached(), run.updates()), (None, 0), "{status}");
    }
    // The stack begins to be deleted after it was asked for, and before the update.
    let overtaken = check(&pool, "yes", &["UPDATE_COMPLETE", "DELETE_IN_PROGRESS"]).await;
    assert_eq!((overtaken.attached(), overtaken.updates()), (None, 0));
    // When nobody knows, a report does no harm, and an update may.
    let unknown = check(&pool, "yes", &[]).await;
    assert_eq!((unknown.attached(), unknown.updates()), (Some(0.0), 0));
    assert_eq!(pool.settings().unwrap(), before);
}

#[tokio::test]
async fn an_event_of_an_earlier_deployment_attaches_nothing_that_this_one_does_not_expect() {
    let pool = pool(&every_setting());
    let earlier = scheduled(&pool, "yes");
    let mut this = earlier.clone();
    this[MEMBER].as_object_mut().unwrap().remove("PreSignUp");
    let before = pool.settings().unwrap();
    let late = invoke(earlier.clone(), &this, AT_REST).await;
    assert_eq!(late.calls, Vec::<String>::new());
    assert_eq!(late.attached(), None);
    assert_eq!(pool.settings().unwrap(), before);
    // A function whose variable is no JSON has no schedule either.
    assert_eq!(invoke(earlier, &json!(null), AT_REST).await.calls, Vec::<String>::new());
}

#[tokio::test]
async fn a_deletion_is_no_check_whatever_else_it_holds() {
    let pool = cleared().await;
    pool.set_triggers(with_ours(&[("PreSignUp", JUDGE), ("PostConfirmation", PRODUCER)])).unwrap();
    let (mailbox, expected) = (Mailbox::open().await.unwrap(), scheduled(&pool, "yes"));
    let mut delete = expected.clone();
    let properties = json!({ "UserPoolId": pool.id, "PreSignUp": JUDGE, "PostConfirmation": PRODUCER });
    for (name, value) in [
        ("RequestType", json!("Delete")),
        ("ResponseURL", json!(mailbox.url())),
        ("PhysicalResourceId", json!(format!("cognito-triggers:{}", pool.id))),
        ("ResourceProperties", properties),
    ] {
        delete[name] = value;
    }
    let run = invoke(delete, &expected, AT_REST).await;
    assert_eq!(mailbox.letters()[0].body["Reason"], "PreSignUp removed, PostConfirmation removed");
    assert_eq!(pool.triggers().unwrap(), with_ours(&[]));
    assert_eq!(run.attached(), None);
}

#[tokio::test]
async fn the_metric_names_the_pool_and_one_that_is_gone_is_not_attached() {
    let (one, gone) = (pool(&every_setting()), Pool::with_id(moto(), "us-east-1_Gone"));
    one.set_triggers(with_ours(&[("PreSignUp", JUDGE), ("PostConfirmation", PRODUCER)])).unwrap();
    for (pool, attached) in [(&one, 1.0), (&gone, 0.0)] {
        let run = check(pool, "yes", AT_REST).await;
        assert_eq!(run.attached(), Some(attached));
        let line = &run.metrics[0];
        assert_eq!(
            (line["UserPool"].as_str(), line["FunctionName"].as_str()),
            (Some(pool.id.as_str()), Some(FUNCTION))
        );
        let of_the_pool = json!(["FunctionName", "UserPool"]);
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0], of_the_pool);
    }
}

#[tokio::test]
async fn the_function_checks_in_a_process_of_its_own_and_writes_the_metric() {
    let function = runtime_api::binary("trigger-wiring").unwrap();
    let pool = pool(&every_setting());
    pool.set_triggers(with_ours(&[("PreSignUp", JUDGE), ("PostConfirmation", PRODUCER)])).unwrap();
    let event = scheduled(&pool, "no").to_string();
    let variables: Vec<_> = variables(moto().endpoint()).into_iter().chain([(VARIABLE, event.as_str())]).collect();
    let invocation = runtime_api::invoke(&function, &variables, &event).await.unwrap();
    assert_eq!(invocation.answer.unwrap(), "null");
    assert!(invocation.log.contains("\"TriggersAttached\":1"), "{}", invocation.log);
}
