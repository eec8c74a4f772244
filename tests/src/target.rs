//! What the CDK app is deployed to where the deployment itself is the test: LocalStack, a Cognito whose updates really reset, and a database server.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread::scope;

use anyhow::{Context, anyhow, ensure};
use serde_json::{Map, Value, json};

use crate::deployment::Deployer;
use crate::functions::authorization;
use crate::localstack::{self, LocalStack};
use crate::loopback::{call_json, free_port};
use crate::moto::Moto;
use crate::pipeline::{self, Binaries, Outputs, SynthContext};
use crate::postgres::Postgres;
use crate::run::Run;
use crate::stack::{in_a_new_run, joined};
use crate::toolbox::{self, Node, Python};

/// The variable that tells a function where Cognito answers.
const COGNITO: &str = "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER";

/// A place to deploy to. What is deployed there goes with the process.
#[derive(Debug)]
pub struct Target {
    /// The Cognito that the deployed functions talk to.
    pub moto: &'static Moto,
    /// Where databases can be made for a deployment.
    pub postgres: Postgres,
    localstack: LocalStack,
    deployer: Deployer,
    binaries: Binaries,
    python: Python,
    node: Node,
    run: Arc<Run>,
}

/// The synthesized app, for any number of deployments.
#[derive(Debug)]
pub struct Assembly {
    folder: PathBuf,
    /// What the stack with the pipeline is called in it.
    pipeline: String,
}

impl Assembly {
    /// What the app calls the stack with the pipeline.
    pub fn stack(&self) -> &str {
        &self.pipeline
    }
}

impl Target {
    /// The one that all tests of a process share, started by the first that asks.
    ///
    /// # Errors
    ///
    /// It could not be started; each test that asks hears why.
    pub fn shared() -> anyhow::Result<&'static Self> {
        static SHARED: OnceLock<Result<Target, String>> = OnceLock::new();
        SHARED
            .get_or_init(|| Self::start(&[]).map_err(|error| format!("{error:#}")))
            .as_ref()
            .map_err(|reason| anyhow!("there is nothing to deploy to: {reason}"))
    }

    /// Starts one, with these defaults for every function's environment.
    ///
    /// # Errors
    ///
    /// A tool is missing, or something did not start.
    pub fn start(function_env: &[(&str, &str)]) -> anyhow::Result<Self> {
        in_a_new_run(|run| Self::start_in(run, function_env))
    }

    fn start_in(run: &Arc<Run>, function_env: &[(&str, &str)]) -> anyhow::Result<Self> {
        let (python, node, port) = (toolbox::python()?, toolbox::node()?, free_port()?);
        scope(|threads| {
            let postgres = threads.spawn(Postgres::start_alone);
            let binaries = threads.spawn(|| pipeline::build_binaries(run));
            let emulators = threads.spawn(|| {
                let moto = Moto::shared()?;
                let more = function_env.iter().copied().chain([(COGNITO, moto.endpoint())]);
                let more: Vec<_> = more.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
                let installation = localstack::installation(&python)?;
                let localstack = LocalStack::start(run, &python, &installation, port, &more)?;
                let deployer = Deployer::new(run, &installation, &localstack);
                Ok((moto, localstack, deployer))
            });
            // Every thread is waited for, whichever fails.
            let (postgres, binaries, emulators) = (joined(postgres), joined(binaries), joined(emulators));
            let (moto, localstack, deployer) = emulators?;
            let (postgres, binaries, run) = (postgres?, binaries?, Arc::clone(run));
            Ok(Self { moto, postgres, localstack, deployer, binaries, python: python.clone(), node: node.clone(), run })
        })
    }

    /// Synthesizes the app with these values of its context, the functions besides; an earlier result is used while nothing has changed.
    ///
    /// # Errors
    ///
    /// What the CDK says.
    pub fn synthesize(&self, context: &[(&str, &str)]) -> anyhow::Result<Assembly> {
        let context: SynthContext = context.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
        let folder = pipeline::synthesize(&self.run, &self.python, &self.node, &self.binaries, &context)?;
        Ok(Assembly { pipeline: pipeline_in(&folder)?, folder })
    }

    /// Creates the stack, or updates it.
    ///
    /// # Errors
    ///
    /// The resources that failed, each with its reason.
    pub fn deploy(&self, stack: &str, assembly: &Assembly, parameters: &[(&str, String)]) -> anyhow::Result<Outputs> {
        self.deployer.deploy(stack, (&assembly.folder, &assembly.pipeline), parameters)
    }

    /// Creates a stack of any synthesized app, under the name that it has there, or updates it; gives back its outputs.
    ///
    /// # Errors
    ///
    /// The resources that failed, each with its reason.
    pub fn deploy_from(&self, folder: &Path, stack: &str) -> anyhow::Result<Map<String, Value>> {
        self.deployer.deploy(stack, (folder, stack), &[])
    }

    /// Packs the construct library for npm and `PyPI`, with the functions of this build inside, and returns the folder with `js` and `python`.
    ///
    /// # Errors
    ///
    /// What npm, jsii or the packer say.
    pub fn pack_construct(&self) -> anyhow::Result<PathBuf> {
        pipeline::pack_construct(&self.python, &self.node, &self.binaries)
    }

    /// A folder that goes with the process.
    ///
    /// # Errors
    ///
    /// It cannot be created.
    pub fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        self.run.subfolder(name)
    }

    /// The Python that the local stack runs on.
    pub fn python(&self) -> &Path {
        &self.python.executable
    }

    /// The Node.js that the CDK app runs on.
    pub fn node(&self) -> &Path {
        &self.node.executable
    }

    /// Makes a secret in Secrets Manager.
    ///
    /// # Errors
    ///
    /// There is one of that name.
    pub fn put_secret(&self, name: &str, value: &Value) -> anyhow::Result<()> {
        let token = uuid::Uuid::new_v4().to_string();
        let request = json!({ "Name": name, "SecretString": value.to_string(), "ClientRequestToken": token });
        call_json(self.localstack.endpoint(), "secretsmanager.CreateSecret", &request).map(|_| ())
    }

    /// Deletes a secret at once.
    ///
    /// # Errors
    ///
    /// There is none of that name.
    pub fn delete_secret(&self, name: &str) -> anyhow::Result<()> {
        let request = json!({ "SecretId": name, "ForceDeleteWithoutRecovery": true });
        call_json(self.localstack.endpoint(), "secretsmanager.DeleteSecret", &request).map(|_| ())
    }

    /// Calls a function as a trigger is called, and gives back its answer.
    ///
    /// # Errors
    ///
    /// There is no such function, or it failed.
    pub fn call_trigger(&self, function: &str, event: &Value) -> anyhow::Result<Value> {
        let request = ureq::post(format!("{}/2015-03-31/functions/{function}/invocations", self.localstack.endpoint()));
        let mut answer = request.header("authorization", &authorization("lambda")).send(event.to_string())?;
        let failed = answer.headers().contains_key("x-amz-function-error");
        let text = answer.body_mut().read_to_string()?;
        ensure!(!failed, "{function} failed: {text}");
        serde_json::from_str(&text).with_context(|| text.clone())
    }

    /// Deletes the stack, if there is one.
    ///
    /// # Errors
    ///
    /// The resources that could not be deleted, each with its reason.
    pub fn delete(&self, stack: &str) -> anyhow::Result<()> {
        self.deployer.delete(stack)
    }

    /// What CloudFormation says about a stack; nothing if there is none.
    ///
    /// # Errors
    ///
    /// CloudFormation does not answer.
    pub fn describe(&self, stack: &str) -> anyhow::Result<Option<Value>> {
        let mut answer = self.cloudformation("DescribeStacks", stack)?;
        let gone = answer.pointer("/ErrorResponse/Error/Message").and_then(Value::as_str);
        if gone.is_some_and(|message| message.ends_with("does not exist")) {
            return Ok(None);
        }
        // A list of one is written as its only member.
        let stack = answer.pointer_mut("/DescribeStacksResponse/DescribeStacksResult/Stacks/member").map(Value::take);
        stack.map(Some).with_context(|| format!("no description of a stack: {answer}"))
    }

    /// What has happened to a stack, the last event first.
    ///
    /// # Errors
    ///
    /// There is no such stack.
    pub fn events(&self, stack: &str) -> anyhow::Result<Vec<Value>> {
        let mut answer = self.cloudformation("DescribeStackEvents", stack)?;
        let events = answer.pointer_mut("/DescribeStackEventsResponse/DescribeStackEventsResult/StackEvents/member");
        let events = events.map(Value::take).with_context(|| format!("no events of a stack: {answer}"))?;
        Ok(serde_json::from_value(events)?)
    }

    /// The names of all functions, and the URLs of all queues, whose name begins so.
    ///
    /// # Errors
    ///
    /// LocalStack does not answer.
    pub fn functions_and_queues(&self, prefix: &str) -> anyhow::Result<Vec<String>> {
        let functions = self.lambda("/2015-03-31/functions/")?;
        let functions = functions.get("Functions").and_then(Value::as_array).into_iter().flatten();
        let functions = functions.filter_map(|function| function.get("FunctionName")?.as_str());
        let request = json!({ "QueueNamePrefix": prefix });
        let queues = call_json(self.localstack.endpoint(), "AmazonSQS.ListQueues", &request)?;
        let queues = queues.get("QueueUrls").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        Ok(functions.filter(|name| name.starts_with(prefix)).chain(queues).map(str::to_owned).collect())
    }

    /// Seconds that a received message of a queue stays hidden.
    ///
    /// # Errors
    ///
    /// There is no such queue.
    pub fn visibility_timeout(&self, queue_url: &str) -> anyhow::Result<String> {
        let request = json!({ "QueueUrl": queue_url, "AttributeNames": ["VisibilityTimeout"] });
        let answer = call_json(self.localstack.endpoint(), "AmazonSQS.GetQueueAttributes", &request)?;
        let seconds = answer.pointer("/Attributes/VisibilityTimeout").and_then(Value::as_str);
        seconds.map(str::to_owned).with_context(|| format!("no visibility time-out: {answer}"))
    }

    /// Who may invoke a function: its policy.
    ///
    /// # Errors
    ///
    /// There is no such function, or nobody may.
    pub fn policy(&self, function: &str) -> anyhow::Result<Value> {
        let answer = self.lambda(&format!("/2015-03-31/functions/{function}/policy"))?;
        let policy = answer.get("Policy").and_then(Value::as_str).context("a function without a policy")?;
        serde_json::from_str(policy).with_context(|| format!("a policy that is no JSON: {policy}"))
    }

    /// A call of CloudFormation, answered in JSON; also when the answer is that it cannot be done.
    fn cloudformation(&self, action: &str, stack: &str) -> anyhow::Result<Value> {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let form = [("Action", action), ("StackName", stack), ("Version", "2010-05-15")];
        let request = agent.post(self.localstack.endpoint()).header("authorization", &authorization("cloudformation"));
        let mut answer = request.header("accept", "application/json").send_form(form)?;
        let text = answer.body_mut().read_to_string()?;
        serde_json::from_str(&text).with_context(|| text.clone())
    }

    fn lambda(&self, path: &str) -> anyhow::Result<Value> {
        let request = ureq::get(format!("{}{path}", self.localstack.endpoint()));
        let text = request.header("authorization", &authorization("lambda")).call()?.body_mut().read_to_string()?;
        serde_json::from_str(&text).with_context(|| text.clone())
    }
}

/// The name of the stack with the pipeline: the environment's, and `Pipeline` behind it.
fn pipeline_in(assembly: &Path) -> anyhow::Result<String> {
    let names = std::fs::read_dir(assembly)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let names: Vec<_> = names.collect::<std::io::Result<_>>()?;
    let stack =
        names.iter().find_map(|name| name.strip_suffix(".template.json").filter(|stack| stack.ends_with("Pipeline")));
    stack.map(str::to_owned).context("no stack with the pipeline was synthesized")
}
