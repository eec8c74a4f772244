//! The whole stack: Postgres, LocalStack and cognito-local, with the pipeline deployed and the database migrated.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread::{ScopedJoinHandle, scope};

use anyhow::{Context, anyhow};

use crate::cognito::{self, CONFIRMATION_CODE, Cognito};
use crate::deployment::Deployer;
use crate::hint;
use crate::localstack::{self, LocalStack};
use crate::loopback::free_port;
use crate::messages::USER_POOL;
use crate::pipeline::{self, Binaries, Outputs, SynthContext};
use crate::postgres::{self, Postgres};
use crate::progress::{Progress, step};
use crate::run::Run;
use crate::toolbox::{self, Node, Python, variable};
use crate::{CREDENTIAL, REGION};

/// The database that the consumer writes to.
const DATABASE: &str = "rollcall";

/// How often a start is begun with new ports after another process has taken one of them.
/// Each try loses that race about never; three mean that the ports are not the reason.
const PORT_TRIES: u32 = 3;

/// What LocalStack, cognito-local and Postgres say when their port is taken.
const PORT_TAKEN: [&str; 3] = ["Address already in use", "EADDRINUSE", "CannotListenError"];

/// What a stack is started with. The default suits tests: the product's own values, but a short visibility time-out.
#[derive(Clone, Debug)]
pub struct Options {
    /// Defaults for every function's environment; what the template sets wins.
    /// A LocalStack that was running already cannot take any.
    pub function_env: Vec<(String, String)>,
    /// Seconds until a message that a consumer took along when it died comes back.
    pub visibility_timeout_seconds: u32,
    /// Receives before SQS moves a message to the dead-letter queue.
    pub max_receive_count: u32,
    /// Messages that one invocation of the consumer takes at most.
    pub batch_size: u32,
    /// In LocalStack the time-out of a long poll: a batch goes out as soon as there is a message.
    pub batch_window_seconds: u32,
    /// Consumers that run at the same time at most.
    pub maximum_concurrency: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            function_env: Vec::new(),
            visibility_timeout_seconds: 6, // the consumer's death costs a test this long, and AWS's 180 s three minutes
            max_receive_count: 1_000,
            batch_size: 100, // ten times the deployed one, because each invocation costs the emulator 20 ms
            batch_window_seconds: 1,
            maximum_concurrency: 5,
        }
    }
}

/// A stack that is ready for sign-ups. It stops when this process ends, in whatever way.
#[derive(Debug)]
pub struct Stack {
    /// Where every AWS service but Cognito answers.
    pub aws_endpoint: String,
    /// Where Cognito answers.
    pub cognito_endpoint: String,
    /// The one region.
    pub region: &'static str,
    /// The access key id.
    pub access_key_id: &'static str,
    /// The secret access key.
    pub secret_access_key: &'static str,
    /// The user pool whose confirmations call the producer. Its user names are e-mail addresses.
    pub user_pool_id: String,
    /// The pool's client, which has no secret.
    pub client_id: String,
    /// What the ID tokens of the pool name as their issuer.
    pub issuer: String,
    /// The code that confirms every user.
    pub confirmation_code: &'static str,
    /// The database that the consumer writes to, migrated.
    pub database_url: String,
    /// What the deployed stack says about itself.
    pub outputs: Outputs,
    /// The folder of the synthesized app that was deployed.
    pub assembly: PathBuf,
    /// The workspace's binaries, by name, as they were deployed and as they run outside Lambda: `consumer`, `migrate`, `producer`.
    pub binaries: BTreeMap<String, PathBuf>,
    /// The folder of the services' logs; `functions/<name>.log` holds each function's.
    pub logs: PathBuf,
    /// The database server, for faults and for more databases.
    pub postgres: Postgres,
    /// LocalStack, for faults.
    pub localstack: LocalStack,
    cognito: Cognito,
    deployment: Option<crate::leash::Leash>,
    run: Arc<Run>,
}

impl Stack {
    /// Starts a stack of its own, beside any other, and returns when it is ready.
    ///
    /// # Errors
    ///
    /// A tool is missing, or something did not start: the error ends with the last lines of its log.
    pub fn start(options: &Options, progress: Progress<'_>) -> anyhow::Result<Self> {
        in_a_new_run(|run| Self::start_in(run, options, progress))
    }

    /// The stack that all tests of one process share, started by the first that asks.
    ///
    /// # Errors
    ///
    /// It could not be started; each test that asks hears why.
    pub fn shared() -> anyhow::Result<&'static Self> {
        static SHARED: OnceLock<Result<Stack, String>> = OnceLock::new();
        SHARED
            .get_or_init(|| Self::start(&Options::default(), &|_| ()).map_err(|error| format!("{error:#}")))
            .as_ref()
            .map_err(|reason| anyhow!("the local stack did not start: {reason}"))
    }

    /// The process ids of the services that this process has started.
    pub fn pids(&self) -> Vec<u32> {
        [self.localstack.pid(), self.postgres.pid(), Some(self.cognito.pid())].into_iter().flatten().collect()
    }

    /// The stack as environment variables, under the names that the AWS SDKs and the project's binaries read.
    pub fn environment(&self) -> Vec<(&'static str, &str)> {
        vec![
            ("AWS_ENDPOINT_URL", &self.aws_endpoint),
            ("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", &self.cognito_endpoint),
            ("AWS_REGION", self.region),
            ("AWS_DEFAULT_REGION", self.region), // the name that boto3 and the AWS CLI read
            ("AWS_ACCESS_KEY_ID", self.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", self.secret_access_key),
            ("USER_POOL_ID", &self.user_pool_id),
            ("CLIENT_ID", &self.client_id),
            ("ISSUER", &self.issuer),
            ("CONFIRMATION_CODE", self.confirmation_code),
            ("DATABASE_URL", &self.database_url),
            ("EVENT_BUS_NAME", &self.outputs.bus_name),
            ("QUEUE_URL", &self.outputs.queue_url),
            ("DLQ_URL", &self.outputs.dlq_url),
            ("RULE_DLQ_URL", &self.outputs.rule_dlq_url),
            ("PRODUCER_FUNCTION", &self.outputs.producer_function_name),
            ("CONSUMER_FUNCTION", &self.outputs.consumer_function_name),
        ]
    }

    /// The folder that everything the stack writes lies in, logs included unless `ROLLCALL_LOGS` is set.
    pub fn folder(&self) -> &Path {
        self.run.folder()
    }

    /// Stops everything and returns when it has stopped and its folder is gone.
    pub fn stop(self) {
        drop(self);
    }

    fn start_in(run: &Arc<Run>, options: &Options, progress: Progress<'_>) -> anyhow::Result<Self> {
        let found = variable("AWS_ENDPOINT_URL").map(|url| LocalStack::found(&url.to_string_lossy())).transpose()?;
        if found.is_some() && !options.function_env.is_empty() {
            return Err(anyhow!("this needs a LocalStack of its own: unset AWS_ENDPOINT_URL"));
        }
        let parts = Parts {
            run,
            python: &toolbox::python()?,
            node: &toolbox::node()?,
            prefix: &format!("rollcall-{}", run.id()),
            cognito_port: free_port()?,
        };
        let (postgres, installation, localstack, cognito, binaries, assembly) =
            parts.start_all(options, found, progress)?;

        let database_url = postgres.url(DATABASE);
        let parameters = [
            ("NamePrefix", parts.prefix.to_owned()),
            ("UserPoolId", cognito.pool().to_owned()),
            ("AllowedUserPools", format!("{},{USER_POOL}", cognito.pool())),
            ("DatabaseUrl", database_url.clone()),
            ("VisibilityTimeoutSeconds", options.visibility_timeout_seconds.to_string()),
            ("MaxReceiveCount", options.max_receive_count.to_string()),
            ("BatchSize", options.batch_size.to_string()),
            ("BatchWindowSeconds", options.batch_window_seconds.to_string()),
            ("MaximumConcurrency", options.maximum_concurrency.to_string()),
        ];
        let deployer = Deployer::new(run, &installation, &localstack);
        // A LocalStack of our own takes the deployment along when it stops.
        let hold = match localstack.pid() {
            Some(_) => None,
            None => Some(deployer.hold(parts.python, run, parts.prefix)?),
        };
        let outputs = step(progress, "deploy the stack", || {
            let outputs = deployer.deploy(parts.prefix, (&assembly, pipeline::STACK), &parameters);
            outputs.map_err(|error| {
                anyhow!(
                    "{error:#}
LocalStack, {}",
                    run.explain("localstack")
                )
            })
        })?;
        Ok(Self {
            aws_endpoint: localstack.endpoint().to_owned(),
            cognito_endpoint: cognito.endpoint().to_owned(),
            region: REGION,
            access_key_id: CREDENTIAL,
            secret_access_key: CREDENTIAL,
            user_pool_id: cognito.pool().to_owned(),
            client_id: cognito.client().to_owned(),
            issuer: cognito.issuer(),
            confirmation_code: CONFIRMATION_CODE,
            database_url,
            outputs,
            assembly,
            binaries,
            logs: run.logs().to_owned(),
            postgres,
            localstack,
            cognito,
            deployment: hold,
            run: Arc::clone(run),
        })
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if let Some(deployment) = &self.deployment {
            deployment.stop(); // while LocalStack still answers
        }
        // All at once, then one after the other: the wait is the longest one's, not the sum.
        self.localstack.release();
        self.cognito.release();
        self.postgres.release();
        self.localstack.stop();
        self.cognito.stop();
        self.postgres.stop_immediately();
        self.run.remove();
    }
}

/// What the services are started with.
struct Parts<'a> {
    run: &'a Arc<Run>,
    python: &'a Python,
    node: &'a Node,
    prefix: &'a str,
    cognito_port: u16,
}

type Started = (Postgres, PathBuf, LocalStack, Cognito, Binaries, PathBuf);

impl Parts<'_> {
    /// Starts the services and builds what is deployed, all at the same time.
    fn start_all(
        &self,
        options: &Options,
        found: Option<LocalStack>,
        progress: Progress<'_>,
    ) -> anyhow::Result<Started> {
        let localstack_port = free_port()?;
        // The functions of a LocalStack that was running already do not know this run's Cognito.
        let triggers = if found.is_some() { "none" } else { "attach" };
        let functions = found
            .as_ref()
            .map_or_else(|| format!("http://127.0.0.1:{localstack_port}"), |found| found.endpoint().to_owned());
        scope(|threads| {
            let postgres = threads.spawn(|| self.postgres(progress));
            let localstack = threads.spawn(|| self.localstack(options, found, localstack_port, progress));
            let cognito = threads.spawn(|| self.cognito(&functions, progress));
            let assembly = threads.spawn(|| self.assembly(triggers, progress));
            // Every thread is waited for, whichever fails.
            let (postgres, localstack, cognito, assembly) =
                (joined(postgres), joined(localstack), joined(cognito), joined(assembly));
            let ((installation, localstack), (binaries, assembly)) = (localstack?, assembly?);
            Ok((postgres?, installation, localstack, cognito?, binaries, assembly))
        })
    }

    fn postgres(&self, progress: Progress<'_>) -> anyhow::Result<Postgres> {
        let binaries = step(progress, "find Postgres", || postgres::binaries(self.node))?;
        step(progress, "start Postgres", || {
            let postgres = Postgres::start(self.run, self.python, &binaries)?;
            postgres.create_database(DATABASE)?;
            Ok(postgres)
        })
    }

    fn localstack(
        &self,
        options: &Options,
        found: Option<LocalStack>,
        port: u16,
        progress: Progress<'_>,
    ) -> anyhow::Result<(PathBuf, LocalStack)> {
        let installation = step(progress, "find or install LocalStack", || localstack::installation(self.python))?;
        if let Some(found) = found {
            return Ok((installation, found));
        }
        let mut function_env = options.function_env.clone();
        let cognito = format!("http://127.0.0.1:{}", self.cognito_port);
        function_env.push(("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER".to_owned(), cognito));
        let localstack = step(progress, "start LocalStack", || {
            LocalStack::start(self.run, self.python, &installation, port, &function_env)
        })?;
        Ok((installation, localstack))
    }

    fn cognito(&self, functions: &str, progress: Progress<'_>) -> anyhow::Result<Cognito> {
        let installation = step(progress, "find or install cognito-local", || cognito::installation(self.node))?;
        let producer = format!("{}-producer", self.prefix);
        step(progress, "start cognito-local", || {
            Cognito::start(self.run, self.python, self.node, &installation, self.cognito_port, (functions, &producer))
        })
    }

    fn assembly(&self, triggers: &str, progress: Progress<'_>) -> anyhow::Result<(Binaries, PathBuf)> {
        let binaries = step(progress, "build the functions", || pipeline::build_binaries(self.run))?;
        let context = SynthContext::from_iter([("triggers".to_owned(), triggers.into())]);
        let assembly = step(progress, "synthesize the CDK app", || {
            pipeline::synthesize(self.run, self.python, self.node, &binaries, &context)
        })?;
        Ok((binaries, assembly))
    }
}

/// Starts something in a run of its own, with new ports when another process has taken one of them.
pub(crate) fn in_a_new_run<T>(start: impl Fn(&Arc<Run>) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let mut tries = 1;
    loop {
        let run = Arc::new(Run::create().map_err(hint::for_start)?);
        match start(&run) {
            Ok(started) => return Ok(started),
            Err(error) if tries < PORT_TRIES && lost_a_port(&error) => tries += 1,
            Err(error) => {
                run.keep_logs();
                return Err(hint::for_start(error));
            }
        }
    }
}

pub(crate) fn joined<T>(thread: ScopedJoinHandle<'_, anyhow::Result<T>>) -> anyhow::Result<T> {
    thread.join().map_err(|_| anyhow!("a thread of the start panicked")).flatten().context("starting the local stack")
}

fn lost_a_port(error: &anyhow::Error) -> bool {
    let text = format!("{error:#}");
    PORT_TAKEN.iter().any(|sign| text.contains(sign))
}
