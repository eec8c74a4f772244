//! The whole template created, updated, taken back and deleted, with the custom resource's own function answering CloudFormation, beside a Cognito that really resets what an update is not sent.

use std::{collections::BTreeSet, sync::OnceLock, time::Instant};

use pipeline_tests::{
    Outputs,
    moto::pool::{Pool, THEIRS, every_setting},
    target::{Assembly, Target},
};
use serde_json::{Map, Value, json};

use crate::existing_table::run;

/// One stack, the pool that it is told of, and the database.
pub(crate) struct Site {
    pub(crate) stack: String,
    pub(crate) pool: Pool<'static>,
    pub(crate) database: String,
}

pub(crate) fn target() -> &'static Target {
    Target::shared().unwrap()
}

/// The triggers that are off by default.
const OPTIONAL: [&str; 2] = ["pre-sign-up", "post-authentication"];

pub(crate) fn with_one_trigger() -> &'static Assembly {
    static ASSEMBLY: OnceLock<Assembly> = OnceLock::new();
    let context = OPTIONAL.map(|key| (key, "no"));
    let synthesize = || timed("synth with one trigger", || target().synthesize(&context).unwrap());
    target(); // it starts before the clock does
    ASSEMBLY.get_or_init(synthesize)
}

pub(crate) fn with_every_trigger() -> &'static Assembly {
    static ASSEMBLY: OnceLock<Assembly> = OnceLock::new();
    let context = OPTIONAL.map(|key| (key, "yes"));
    let synthesize = || timed("synth with every trigger", || target().synthesize(&context).unwrap());
    target();
    ASSEMBLY.get_or_init(synthesize)
}

/// The pool of [`every_setting`], with these triggers set differently.
pub(crate) fn pool(triggers: &[(&str, &str)]) -> Pool<'static> {
    let mut settings = every_setting();
    for (trigger, function) in triggers {
        settings["LambdaConfig"][trigger] = json!(function);
    }
    Pool::create(target().moto, &settings).unwrap()
}

impl Site {
    pub(crate) fn new(name: &str, pool: Pool<'static>) -> Self {
        let database = target().postgres.create_database(name).unwrap();
        Self { stack: name.to_owned(), pool, database }
    }

    fn try_deploy(&self, assembly: &Assembly, more: &[(&str, &str)]) -> anyhow::Result<Outputs> {
        let mut parameters = vec![
            ("NamePrefix", self.stack.clone()),
            ("UserPoolId", self.pool.id.clone()),
            ("DatabaseUrl", self.database.clone()),
        ];
        parameters.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        target().deploy(&self.stack, assembly, &parameters)
    }

    pub(crate) fn deploy(&self, assembly: &Assembly, more: &[(&str, &str)]) -> Outputs {
        self.try_deploy(assembly, more).unwrap()
    }

    /// Deploys what must fail, and gives back what the person who deploys is told.
    pub(crate) fn fail(&self, assembly: &Assembly, more: &[(&str, &str)]) -> String {
        let said = format!("{:#}", self.try_deploy(assembly, more).unwrap_err());
        println!("{said}");
        said
    }

    fn delete(&self) {
        target().delete(&self.stack).unwrap();
    }

    pub(crate) fn settings(&self) -> Map<String, Value> {
        self.pool.settings().unwrap()
    }

    pub(crate) fn function(&self, name: &str) -> String {
        format!("arn:aws:lambda:us-east-1:000000000000:function:{}-{name}", self.stack)
    }

    pub(crate) fn status(&self) -> Option<String> {
        let description = target().describe(&self.stack).unwrap()?;
        Some(description["StackStatus"].as_str().unwrap().to_owned())
    }

    pub(crate) fn remains(&self) -> Vec<String> {
        target().functions_and_queues(&self.stack).unwrap()
    }

    /// CloudFormation began with the triggers when every other resource was complete, and with their check when they were attached.
    fn was_attached_last(&self) {
        let mut events = target().events(&self.stack).unwrap();
        events.reverse();
        let begun = events.iter().position(|event| event["ResourceType"] == "Custom::CognitoTriggers").unwrap();
        let later = events[begun..].iter().map(|event| event["ResourceType"].as_str().unwrap());
        let later: BTreeSet<_> = later.collect();
        let check = ["AWS::Events::Rule", "AWS::Lambda::Permission"];
        assert_eq!(later, ["AWS::CloudFormation::Stack", "Custom::CognitoTriggers"].into_iter().chain(check).collect());
        let of = |wanted: &str| events[begun..].iter().position(|event| event["ResourceType"] == wanted).unwrap();
        let attached = events[begun..].iter().position(|event| {
            event["ResourceType"] == "Custom::CognitoTriggers" && event["ResourceStatus"] == "CREATE_COMPLETE"
        });
        for resource in check {
            assert!(of(resource) > attached.unwrap(), "{resource}");
        }
    }

    /// Why the custom resource failed, as the stack's events tell it.
    fn reasons(&self, status: &str) -> Vec<String> {
        let events = target().events(&self.stack).unwrap();
        let ours = events.iter().filter(|event| event["ResourceType"] == "Custom::CognitoTriggers");
        ours.filter(|event| event["ResourceStatus"] == status)
            .map(|event| event["ResourceStatusReason"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// The pool is as it was before, but for these triggers.
    pub(crate) fn has_only_changed(&self, before: &Map<String, Value>, ours: &[(&str, &str)]) {
        let mut wanted = before.clone();
        for (trigger, function) in ours {
            wanted["LambdaConfig"][trigger] = json!(function);
        }
        assert_eq!(self.settings(), wanted);
    }

    fn may_be_called_by_the_pool(&self, function: &str) {
        let policy = target().policy(&format!("{}-{function}", self.stack)).unwrap();
        let statements = policy["Statement"].as_array().unwrap();
        let lets_in = |statement: &Value| {
            statement["Action"] == "lambda:InvokeFunction"
                && statement["Principal"]["Service"] == "cognito-idp.amazonaws.com"
                && statement["Condition"]["ArnLike"]["AWS:SourceArn"].as_str().unwrap().ends_with(&self.pool.id)
        };
        assert!(statements.iter().any(lets_in), "{policy}");
    }
}

/// Does it, and prints how long it took.
fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = work();
    println!("{what}: {:.1} s", begun.elapsed().as_secs_f32());
    done
}

#[test]
fn the_triggers_come_and_go_with_the_stack_and_every_other_setting_of_the_pool_stays() {
    let (without, with) = (with_one_trigger(), with_every_trigger());
    let site = Site::new("life", pool(&[]));
    let before = site.settings();

    let outputs = timed("create", || site.deploy(without, &[]));
    let producer = outputs.producer_function_arn.as_str();
    assert_eq!(producer, site.function("producer"));
    site.has_only_changed(&before, &[("PostConfirmation", producer)]);
    site.may_be_called_by_the_pool("producer");
    site.was_attached_last();

    timed("update to every trigger", || site.deploy(with, &[]));
    let pre_sign_up = site.function("pre-sign-up");
    let every = [("PostConfirmation", producer), ("PreSignUp", &pre_sign_up), ("PostAuthentication", producer)];
    site.has_only_changed(&before, &every);
    site.may_be_called_by_the_pool("pre-sign-up");
    site.may_be_called_by_the_pool("producer");

    // As CloudFormation does when it updates the pool's own stack.
    site.pool.set_triggers(before["LambdaConfig"].clone()).unwrap();
    site.has_only_changed(&before, &[]);
    timed("update of PoolDefinition", || site.deploy(with, &[("PoolDefinition", "2")]));
    site.has_only_changed(&before, &every);

    timed("update to one trigger", || site.deploy(without, &[("PoolDefinition", "2")]));
    site.has_only_changed(&before, &[("PostConfirmation", producer)]);
    assert!(!site.remains().iter().any(|name| name.ends_with("pre-sign-up")), "{:?}", site.remains());

    assert_eq!(site.remains().iter().filter(|name| name.starts_with("http")).count(), 3, "{:?}", site.remains());
    timed("delete", || site.delete());
    assert_eq!(site.settings(), before);
    assert_eq!(site.status(), None);
    assert_eq!(site.remains(), Vec::<String>::new());
}

#[test]
fn a_pool_that_calls_somebody_else_fails_the_creation_with_their_name_and_nothing_is_left_of_it() {
    let (assembly, site) = (with_one_trigger(), Site::new("theirs", pool(&[("PostConfirmation", THEIRS)])));
    let before = site.settings();

    let said = site.fail(assembly, &[]);

    let reason = format!("PostConfirmation already calls {THEIRS}, which is not ours");
    assert!(said.contains("(Custom::CognitoTriggers): CREATE_FAILED: ") && said.contains(&reason), "{said}");
    let reasons = site.reasons("CREATE_FAILED");
    assert!(reasons.len() == 1 && reasons[0].contains(&reason), "{reasons:?}");
    assert_eq!(site.status().unwrap(), "ROLLBACK_COMPLETE");
    assert_eq!(site.settings(), before);
    assert_eq!(site.remains(), Vec::<String>::new());

    // The next deployment deletes what was rolled back, and creates anew.
    site.deploy(assembly, &[("ForceTriggers", "true")]);
    site.has_only_changed(&before, &[("PostConfirmation", &site.function("producer"))]);
    assert_eq!(site.status().unwrap(), "CREATE_COMPLETE");
}

#[tokio::test]
async fn a_table_that_does_not_fit_fails_the_creation_before_anything_reads_the_queue_or_touches_the_pool() {
    let (assembly, site) = (with_one_trigger(), Site::new("unfit", pool(&[])));
    let before = site.settings();
    run(
        &site.database,
        "create table users (cognito_sub uuid primary key, email text, first_name text, last_name text)",
    )
    .await;

    let said = site.fail(assembly, &[]);

    assert!(said.contains("(Custom::UsersTable): CREATE_FAILED: "), "{said}");
    assert!(said.contains("there is no column `is_active`") && said.contains("add column is_active boolean"), "{said}");
    let events = target().events(&site.stack).unwrap();
    for untouched in ["AWS::Lambda::EventSourceMapping", "AWS::Lambda::Permission", "Custom::CognitoTriggers"] {
        assert!(!events.iter().any(|event| event["ResourceType"] == untouched), "{untouched}: {events:?}");
    }
    assert_eq!(site.status().unwrap(), "ROLLBACK_COMPLETE");
    assert_eq!(site.settings(), before);
    assert_eq!(site.remains(), Vec::<String>::new());

    run(&site.database, "alter table users add column is_active boolean").await;
    site.deploy(assembly, &[]);
    assert_eq!(site.status().unwrap(), "CREATE_COMPLETE");
}

#[test]
fn a_pool_that_does_not_exist_fails_the_creation_with_its_name_and_the_stack_can_be_deleted() {
    let assembly = with_one_trigger();
    let site = Site::new("nowhere", Pool::with_id(target().moto, "us-east-1_Gone"));

    let said = site.fail(assembly, &[]);

    let reason = "the user pool us-east-1_Gone does not exist in us-east-1";
    assert!(said.contains(reason), "{said}");
    assert_eq!(site.status().unwrap(), "ROLLBACK_COMPLETE", "the Delete of what failed is a success");
    assert_eq!(site.remains(), Vec::<String>::new());
    site.delete();
    assert_eq!(site.status(), None);
}

#[test]
fn an_update_that_fails_is_taken_back_and_the_stack_goes_on_as_before() {
    let (without, with) = (with_one_trigger(), with_every_trigger());
    let site = Site::new("mended", pool(&[("PreSignUp", THEIRS)]));
    let before = site.settings();
    let Outputs { producer_function_arn: producer, queue_url: queue, .. } = site.deploy(without, &[]);
    let (attached, made) = (site.settings(), site.remains());
    let hidden = target().visibility_timeout(&queue).unwrap();
    assert_ne!(hidden, "999");

    let said = site.fail(with, &[("VisibilityTimeoutSeconds", "999")]);

    let reason = format!("PreSignUp already calls {THEIRS}, which is not ours");
    assert!(said.contains("(Custom::CognitoTriggers): UPDATE_FAILED: ") && said.contains(&reason), "{said}");
    assert!(site.reasons("UPDATE_FAILED").iter().any(|said| said.contains(&reason)));
    assert_eq!(site.status().unwrap(), "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(site.settings(), attached);
    assert_eq!(site.remains(), made, "the function that was added is deleted");
    assert_eq!(target().visibility_timeout(&queue).unwrap(), hidden);

    let outputs = site.deploy(with, &[("ForceTriggers", "true"), ("VisibilityTimeoutSeconds", "999")]);
    assert_eq!(outputs.producer_function_arn, producer);
    assert_eq!(target().visibility_timeout(&queue).unwrap(), "999");
    let pre_sign_up = site.function("pre-sign-up");
    let producer = producer.as_str();
    let every = [("PostConfirmation", producer), ("PreSignUp", &pre_sign_up), ("PostAuthentication", producer)];
    site.has_only_changed(&before, &every);
}
