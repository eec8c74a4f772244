//! The wiring while CloudFormation rolls back, played by a script in the order that CloudFormation keeps.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use lambda_runtime::{Context, LambdaEvent};
use pipeline_tests::scripted_http::{Answer, Call, ScriptedHttp};
use serde_json::{Value, json};
use trigger_wiring::{handle, pool::Cognito};

const STACK: &str = "arn:aws:cloudformation:eu-west-1:123456789012:stack/backend/1";
pub(crate) const PRODUCER: &str = "arn:aws:lambda:eu-west-1:123456789012:function:rollcall-producer";
const JUDGE: &str = "arn:aws:lambda:eu-west-1:123456789012:function:rollcall-pre-sign-up";
const THEIRS: &str = "arn:aws:lambda:eu-west-1:123456789012:function:theirs";
pub(crate) const POOL: &str = "eu-west-1_Ab12Cd34E";

/// What CloudFormation, IAM and Cognito know.
pub(crate) struct World {
    /// What each pool calls.
    pub(crate) pools: BTreeMap<String, Value>,
    /// The pools that the policy of the wiring's role names.
    pub(crate) permitted: BTreeSet<String>,
    /// The pools of which an update changes another setting, too.
    pub(crate) moody: BTreeMap<String, &'static str>,
    /// The stack's status; none when it cannot be asked.
    status: Option<&'static str>,
}

impl World {
    fn answer(&mut self, call: &Call) -> Answer {
        if call.operation == "CloudFormation.DescribeStacks" {
            assert!(
                call.text.ends_with(
                    "&StackName=arn%3Aaws%3Acloudformation%3Aeu-west-1%3A123456789012%3Astack%2Fbackend%2F1"
                )
            );
            let status =
                |status| json!(format!("<Stacks><member><StackStatus>{status}</StackStatus></member></Stacks>"));
            return self.status.map_or(Answer::Reply(400, json!("<Code>ValidationError</Code>")), |known| {
                Answer::Reply(200, status(known))
            });
        }
        if call.operation.is_empty() {
            return Answer::Reply(200, json!(null));
        }
        let id = call.body["UserPoolId"].as_str().unwrap();
        if !self.permitted.contains(id) {
            return refusal("AccessDeniedException");
        }
        let Some(config) = self.pools.get_mut(id) else { return refusal("ResourceNotFoundException") };
        match call.operation.rsplit('.').next().unwrap() {
            "DescribeUserPool" => {
                let tier = self.moody.get(id).copied().unwrap_or("LITE");
                let pool = json!({ "Id": id, "Name": "people", "UserPoolTier": tier, "LambdaConfig": config });
                Answer::Reply(200, json!({ "UserPool": pool }))
            }
            "UpdateUserPool" => {
                *config = call.body["LambdaConfig"].clone();
                self.moody.entry(id.to_owned()).and_modify(|tier| *tier = "ESSENTIALS");
                Answer::Reply(200, json!({}))
            }
            _ => Answer::Reply(200, json!({ "MfaConfiguration": "OFF" })),
        }
    }
}

fn refusal(code: &str) -> Answer {
    Answer::Reply(400, json!({ "__type": code, "message": "said by Cognito" }))
}

/// One deployed stack, whose wiring is asked as CloudFormation asks it.
pub(crate) struct Deployment {
    world: Arc<Mutex<World>>,
    http: ScriptedHttp,
    pub(crate) physical_id: String,
}

impl Deployment {
    /// A stack whose pool calls this.
    pub(crate) fn of(triggers: Value) -> Self {
        let (pools, permitted) = (BTreeMap::from([(POOL.to_owned(), triggers)]), BTreeSet::from([POOL.to_owned()]));
        let world = Arc::new(Mutex::new(World {
            pools,
            permitted,
            moody: BTreeMap::new(),
            status: Some("UPDATE_IN_PROGRESS"),
        }));
        let played = Arc::clone(&world);
        let http = ScriptedHttp::new(move |call, _| played.lock().unwrap_or_else(PoisonError::into_inner).answer(call));
        Self { world, http, physical_id: format!("cognito-triggers:{POOL}") }
    }

    pub(crate) fn now(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.world.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn triggers(&self, pool: &str) -> Value {
        self.world.lock().unwrap_or_else(PoisonError::into_inner).pools[pool].clone()
    }

    /// CloudFormation's request, and whether the answer was yes, with its reason.
    pub(crate) async fn request(&mut self, kind: &str, new: &Value, old: Option<&Value>) -> Result<String, String> {
        let mut event = json!({
            "RequestType": kind,
            "ResponseURL": "https://example.com/answer",
            "StackId": STACK,
            "RequestId": "request",
            "LogicalResourceId": "Triggers",
            "PhysicalResourceId": self.physical_id,
            "ResourceProperties": new,
        });
        if let Some(old) = old {
            event["OldResourceProperties"] = old.clone();
        }
        let cognito = Cognito::new(&self.http.sdk_config(), self.http.connector());
        let mut context = Context::default();
        let end = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(6);
        context.deadline = u64::try_from(end.as_millis()).unwrap();
        handle(LambdaEvent::new(event, context), &cognito).await.unwrap();
        let letter = self.http.calls().last().unwrap().body.clone();
        let reason = letter["Reason"].as_str().unwrap().to_owned();
        println!("{kind}: {} {reason}", letter["Status"]);
        if letter["Status"] == "SUCCESS" {
            letter["PhysicalResourceId"].as_str().unwrap().clone_into(&mut self.physical_id);
            return Ok(reason);
        }
        assert_eq!(
            letter["PhysicalResourceId"], self.physical_id,
            "another id would make CloudFormation delete this one"
        );
        Err(reason)
    }

    pub(crate) async fn update(&mut self, new: &Value, old: &Value) -> Result<String, String> {
        self.request("Update", new, Some(old)).await
    }

    /// CloudFormation sends the resource back to its old properties.
    pub(crate) async fn roll_back(&mut self, to: &Value, from: &Value) -> Result<String, String> {
        self.now(|world| world.status = world.status.map(|_| "UPDATE_ROLLBACK_IN_PROGRESS"));
        self.update(to, from).await
    }

    fn asked(&self) -> usize {
        self.http.calls().iter().filter(|call| call.operation == "CloudFormation.DescribeStacks").count()
    }
}

fn one() -> Value {
    json!({ "UserPoolId": POOL, "PostConfirmation": PRODUCER })
}

fn both() -> Value {
    json!({ "UserPoolId": POOL, "PostConfirmation": PRODUCER, "PreSignUp": JUDGE })
}

#[tokio::test]
async fn an_update_refused_because_of_somebody_elses_trigger_is_rolled_back() {
    let mut deployment = Deployment::of(json!({ "PostConfirmation": THEIRS }));
    let refused = deployment.update(&both(), &one()).await.unwrap_err();
    assert!(refused.contains("PostConfirmation already calls"), "{refused}");

    let rolled_back = deployment.roll_back(&one(), &both()).await.unwrap();

    let warning = format!(
        "warning: its trigger PostConfirmation already calls {THEIRS}, which is not ours; it was left as it is"
    );
    assert!(rolled_back.contains(&warning), "{rolled_back}");
    assert_eq!(deployment.triggers(POOL), json!({ "PostConfirmation": THEIRS }));
}

#[tokio::test]
async fn a_rollback_detaches_what_the_failed_update_attached_and_leaves_what_is_somebody_elses() {
    let mut deployment = Deployment::of(json!({ "PostConfirmation": THEIRS, "PreSignUp": JUDGE }));
    let rolled_back = deployment.roll_back(&one(), &both()).await.unwrap();
    assert!(rolled_back.contains("PreSignUp removed"), "{rolled_back}");
    assert_eq!(deployment.triggers(POOL), json!({ "PostConfirmation": THEIRS }));
}

#[tokio::test]
async fn a_rollback_attaches_again_what_something_has_cleared() {
    let mut deployment = Deployment::of(json!({ "PreSignUp": JUDGE }));
    let rolled_back = deployment.roll_back(&one(), &both()).await.unwrap();
    assert_eq!(rolled_back, "PreSignUp removed, PostConfirmation set");
    assert_eq!(deployment.triggers(POOL), json!({ "PostConfirmation": PRODUCER }));
    assert_eq!(deployment.asked(), 0, "nothing stands in the way, whichever direction it is");
}

#[tokio::test]
async fn a_rollback_after_the_pool_was_deleted_succeeds() {
    let mut deployment = Deployment::of(json!({}));
    deployment.now(|world| world.pools.clear());
    assert!(deployment.update(&both(), &one()).await.unwrap_err().contains("does not exist"));
    assert!(deployment.roll_back(&one(), &both()).await.unwrap().contains("does not exist"));
}

#[tokio::test]
async fn a_stack_that_cannot_be_asked_counts_as_going_forward() {
    let mut deployment = Deployment::of(json!({ "PostConfirmation": THEIRS }));
    deployment.now(|world| world.status = None);
    let refused = deployment.roll_back(&one(), &both()).await.unwrap_err();
    assert!(refused.contains("PostConfirmation already calls"), "{refused}");
    assert_eq!(deployment.asked(), 1);
}

#[tokio::test]
async fn a_creation_never_asks_because_it_is_rolled_back_by_a_deletion() {
    let mut deployment = Deployment::of(json!({ "PostConfirmation": THEIRS }));
    deployment.request("Create", &one(), None).await.unwrap_err();
    assert_eq!(deployment.asked(), 0);
}
