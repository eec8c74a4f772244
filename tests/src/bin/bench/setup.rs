//! The two deployments that go through the same outage.

use anyhow::ensure;
use pipeline_tests::{
    Options, Stack, Step,
    clients::Clients,
    functions,
    relay::{Relay, Treatment},
};

use crate::say;

/// Seconds that a received message stays hidden, in both: SQS's own default, and the least that AWS allows a function of 30 s.
pub(crate) const VISIBILITY: u32 = 30;

/// Receives of the usual deployment: what most examples of a dead-letter queue show.
const USUAL_RECEIVES: u32 = 5;

/// Starts a stack and says how far it is. Its LocalStack must be its own: another one keeps the functions' logs to itself.
pub(crate) fn start_stack(options: &Options) -> anyhow::Result<Stack> {
    let stack = Stack::start(options, &|step| match step {
        Step::Started(_) => {}
        Step::Finished(..) | Step::Failed(..) => say(&format!("  {step}")),
    })?;
    ensure!(stack.localstack.pid().is_some(), "this needs a LocalStack of its own: unset AWS_ENDPOINT_URL");
    Ok(stack)
}

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No back-off of the visibility, few receives.
    Usual,
    /// The product's own values.
    Ours,
}

impl Kind {
    /// Its name in tables, files and the graph.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Usual => "usual",
            Self::Ours => "rollcall",
        }
    }

    /// Receives before SQS moves a message to the dead letters.
    pub(crate) fn receives(self) -> u32 {
        match self {
            Self::Usual => USUAL_RECEIVES,
            Self::Ours => Options::default().max_receive_count,
        }
    }
}

/// A deployment that runs.
pub(crate) struct Setup {
    pub(crate) kind: Kind,
    pub(crate) stack: Stack,
    pub(crate) clients: Clients,
    /// Keeps the usual consumer from holding messages back, as long as it lives.
    _relay: Option<Relay>,
}

impl Setup {
    /// Starts one with the deployed binary in it.
    ///
    /// The usual consumer is the same binary: it cannot reach ChangeMessageVisibilityBatch, which costs it the back-off and nothing else.
    pub(crate) fn start(kind: Kind, batch_size: u32, batch_window_seconds: u32) -> anyhow::Result<Self> {
        say(&format!("starting the stack `{}`", kind.name()));
        let options = Options {
            visibility_timeout_seconds: VISIBILITY,
            max_receive_count: kind.receives(),
            batch_size,
            batch_window_seconds,
            ..Options::default()
        };
        let stack = start_stack(&options)?;
        let relay = match kind {
            Kind::Ours => None,
            Kind::Usual => {
                let relay = Relay::start(&stack.aws_endpoint)?;
                // An error that no SDK tries again.
                relay
                    .treat("ChangeMessageVisibilityBatch", Treatment::Refuse("com.amazonaws.sqs#UnsupportedOperation"));
                let consumer = &stack.outputs.consumer_function_name;
                functions::set_variable(&stack, consumer, "AWS_ENDPOINT_URL_SQS", relay.url())?;
                Some(relay)
            }
        };
        let clients = Clients::of(&stack)?;
        Ok(Self { kind, stack, clients, _relay: relay })
    }
}
