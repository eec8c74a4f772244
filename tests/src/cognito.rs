//! cognito-local: a user pool whose PostConfirmation trigger is the producer that is deployed in LocalStack.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use serde_json::json;

use crate::leash::{Leash, Service};
use crate::loopback::{call_json, get, wait_until};
use crate::run::Run;
use crate::toolbox::{Node, Python};
use crate::{CREDENTIAL, REGION, assets, cache};

/// Time from its start until cognito-local answers. It takes under 1 s.
const READY_LIMIT: Duration = Duration::from_mins(1);

/// The code that every confirmation expects.
pub(crate) const CONFIRMATION_CODE: &str = "123456";

/// A running cognito-local with one pool and one client.
#[derive(Debug)]
pub(crate) struct Cognito {
    endpoint: String,
    pool: String,
    client: String,
    leash: Leash,
}

impl Cognito {
    /// Starts it on `port`; confirmations invoke `producer` at `functions`, LocalStack's endpoint.
    pub(crate) fn start(
        run: &Run,
        python: &Python,
        node: &Node,
        installation: &Path,
        port: u16,
        (functions, producer): (&str, &str),
    ) -> anyhow::Result<Self> {
        let folder = run.subfolder("cognito")?;
        cache::create_folder(&folder.join(".cognito"))?;
        let config = json!({
            "LambdaClient": {
                "endpoint": functions,
                "region": REGION,
                "credentials": { "accessKeyId": CREDENTIAL, "secretAccessKey": CREDENTIAL },
                "maxRetries": 0, // the trigger's own tries are counted in strict-trigger.cjs
            },
            "TriggerFunctions": { "PostConfirmation": producer },
            "ServerConfig": { "hostname": "127.0.0.1", "port": port },
            "TokenConfig": { "IssuerDomain": format!("http://127.0.0.1:{port}") },
        });
        fs::write(folder.join(".cognito/config.json"), config.to_string())
            .context("writing cognito-local's configuration")?;
        let lib = installation.join("node_modules/cognito-local/lib");
        let leash = Leash::start(
            python,
            run,
            Service {
                name: "cognito",
                command: vec![
                    node.executable.clone().into(),
                    "--require".into(),
                    assets().join("cognito-local/strict-trigger.cjs").into(),
                    lib.join("bin/start.js").into(),
                ],
                environment: environment(&folder, lib),
                folder,
                account: None,
                stop: ("SIGKILL", 0.0), // nothing in it is kept
            },
        )?;
        let endpoint = format!("http://127.0.0.1:{port}");
        wait_until("cognito-local answers", READY_LIMIT, || {
            leash.check(run)?;
            Ok(get(&format!("{endpoint}/health")).ok())
        })
        .with_context(|| format!("cognito-local did not start; {}", run.explain("cognito")))?;
        leash.check(run)?;
        let (pool, client) = create_pool(&endpoint)?;
        Ok(Self { endpoint, pool, client, leash })
    }

    /// Where the Cognito API answers.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The user pool's id. User names are e-mail addresses.
    pub(crate) fn pool(&self) -> &str {
        &self.pool
    }

    /// What the pool's tokens name as their issuer; its keys are below it, as on AWS.
    pub(crate) fn issuer(&self) -> String {
        format!("{}/{}", self.endpoint, self.pool)
    }

    /// The id of the pool's client, which has no secret.
    pub(crate) fn client(&self) -> &str {
        &self.client
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.leash.pid().as_raw_nonzero().get().unsigned_abs()
    }

    pub(crate) fn release(&self) {
        self.leash.release();
    }

    pub(crate) fn stop(&self) {
        self.leash.stop();
    }
}

/// Installs cognito-local once and returns its folder.
pub(crate) fn installation(node: &Node) -> anyhow::Result<PathBuf> {
    let manifest = include_str!("../local-stack/cognito-local/package.json");
    let lock = include_str!("../local-stack/cognito-local/package-lock.json");
    cache::tool("cognito-local", &[manifest, lock, &node.version], |folder, lock| {
        for file in ["package.json", "package-lock.json"] {
            fs::copy(assets().join("cognito-local").join(file), folder.join(file))?;
        }
        node.install(folder, lock)
    })
}

fn environment(folder: &Path, lib: PathBuf) -> Vec<(String, OsString)> {
    vec![
        ("PATH".into(), std::env::var_os("PATH").unwrap_or_default()),
        ("HOME".into(), folder.into()),
        ("CODE".into(), CONFIRMATION_CODE.into()),
        ("COGNITO_LOCAL_LIB".into(), lib.into()),
        ("AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE".into(), "1".into()),
    ]
}

fn create_pool(endpoint: &str) -> anyhow::Result<(String, String)> {
    let call = |operation: &str, request: serde_json::Value, answer: &str| -> anyhow::Result<String> {
        let response = call_json(endpoint, &format!("AWSCognitoIdentityProviderService.{operation}"), &request)?;
        let id = response.pointer(answer).and_then(serde_json::Value::as_str);
        id.map(str::to_owned).with_context(|| format!("{operation} answered {response}"))
    };
    let pool = json!({ "PoolName": "rollcall", "UsernameAttributes": ["email"], "AutoVerifiedAttributes": ["email"] });
    let pool = call("CreateUserPool", pool, "/UserPool/Id")?;
    let client = json!({ "UserPoolId": pool, "ClientName": "rollcall" });
    let client = call("CreateUserPoolClient", client, "/UserPoolClient/ClientId")?;
    Ok((pool, client))
}
