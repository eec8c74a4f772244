//! Running the tools: each trial on queues of its own, filled before and checked after.

use std::{collections::BTreeSet, time::Duration};

use anyhow::Context;
use pipeline_tests::{
    peers::{Measured, MiniStack, Network, Peers, Usage},
    sqs_model::{self, NewMessage, SqsModel},
};

use super::{
    Plan,
    runs::{Attributes, Conditions, Outcome, Run},
    tool::{REGION, Tool},
};
use crate::say;

/// What is added to each call where there is latency: a round trip to another availability zone or a near Region.
pub(crate) const LATENCY: Duration = Duration::from_millis(15);

/// Groups of the FIFO queues.
pub(crate) const GROUPS: u32 = 1_000;

/// Messages of the memory row.
pub(crate) const SIZES: [u32; 3] = [1_000, 20_000, 200_000];

/// Longest run of a tool. The longest ones take ten seconds, those of the memory row a minute.
const LIMIT: Duration = Duration::from_mins(5);

/// The queues of the memory row.
const QUEUES: [&str; 2] = ["memory-dlq", "memory"];

/// Runs the tools of all these conditions in turn, so many times, in another order each time.
pub(crate) fn emulated(peers: &Peers, plan: &Plan, conditions: &[Conditions]) -> anyhow::Result<Vec<Run>> {
    let emulator = MiniStack::start(peers).context("starting MiniStack")?;
    let network = Network::start(peers, &emulator, LATENCY).context("starting the relay")?;
    let near = Measured::new(peers, &emulator.endpoint(), REGION, LIMIT)?;
    let far = Measured::new(peers, &network.endpoint(), REGION, LIMIT)?;
    let mut runs = Vec::new();
    for repetition in 1..=plan.repetitions {
        for conditions in conditions.iter().copied() {
            let mut trials: Vec<_> = conditions
                .tools()
                .iter()
                .flat_map(|tool| [0, 1, plan.messages].map(|messages| (*tool, messages)))
                .collect();
            fastrand::Rng::with_seed(u64::from(repetition)).shuffle(&mut trials);
            for (tool, messages) in trials {
                let trial = Trial { conditions, tool, repetition, messages };
                let place = Place { emulator: &emulator, near: &near, far: &far };
                let run = trial.run(peers, &place, runs.len());
                runs.push(run.with_context(|| format!("{} under {conditions:?}", tool.name()))?);
            }
        }
    }
    Ok(runs)
}

/// Runs `dlq-replayer` on the model with ever more messages.
pub(crate) fn memory(peers: &Peers, plan: &Plan) -> anyhow::Result<Vec<Run>> {
    let model = SqsModel::new();
    let server = model.serve()?;
    let measured = Measured::new(peers, &server.url(), sqs_model::REGION, LIMIT)?;
    let mut runs = Vec::new();
    for repetition in 1..=plan.repetitions {
        for messages in SIZES {
            for tool in Conditions::Model.tools().iter().copied() {
                let trial = Trial { conditions: Conditions::Model, tool, repetition, messages };
                let run = trial.run_on_model(peers, &measured, &model);
                runs.push(run.with_context(|| format!("{} on the model", tool.name()))?);
            }
        }
    }
    Ok(runs)
}

/// Where trials with an emulator run.
struct Place<'a> {
    emulator: &'a MiniStack,
    /// Tools that talk to the emulator itself, and whatever is not measured.
    near: &'a Measured<'a>,
    /// Tools that talk to it through the network.
    far: &'a Measured<'a>,
}

struct Trial {
    conditions: Conditions,
    tool: Tool,
    repetition: u32,
    messages: u32,
}

impl Trial {
    fn run(&self, peers: &Peers, place: &Place, number: usize) -> anyhow::Result<Run> {
        let Place { emulator, near, far } = place;
        let ending = if self.conditions.is_fifo() { ".fifo" } else { "" };
        let [source, destination] = ["dlq", "queue"].map(|name| format!("{name}-{number}{ending}"));
        near.unmeasured(&["make", &source, &destination])?;
        let messages = self.messages.to_string();
        near.unmeasured(&["seed", &source, &messages, &GROUPS.to_string()])?;
        let before = emulator.processor_seconds()?;
        let measured = if self.conditions.has_latency() { far } else { near };
        let usage = measured.run(&self.tool.command(peers, &source, &destination))?;
        let emulator = emulator.processor_seconds()? - before;
        let outcome = near.unmeasured(&["verify", &source, &destination, &messages])?;
        let outcome = serde_json::from_str(&outcome).context("reading what arrived")?;
        Ok(self.finished(&usage, emulator, outcome))
    }

    fn run_on_model(&self, peers: &Peers, measured: &Measured, model: &SqsModel) -> anyhow::Result<Run> {
        let [source, destination] = QUEUES;
        // In place of those of the run before, and empty.
        for queue in QUEUES {
            model.create(queue);
        }
        for number in 0..self.messages {
            model.put(source, NewMessage::new(format!(r#"{{"seq":{number}}}"#), &[]));
        }
        let usage = measured.run(&self.tool.command(peers, source, destination))?;
        let all = u64::from(self.messages);
        let arrived = model.messages(destination);
        let distinct = u64::try_from(arrived.iter().map(|message| &message.body).collect::<BTreeSet<_>>().len())?;
        let left = u64::try_from(model.count(source))?;
        let outcome = Outcome {
            arrived: distinct,
            duplicates: u64::try_from(arrived.len())? - distinct,
            left,
            lost: all.saturating_sub(distinct + left),
            in_both: (distinct + left).saturating_sub(all),
            // These messages have no attributes.
            attributes: Attributes { string: all, number: all, binary: all },
            ..Outcome::default()
        };
        Ok(self.finished(&usage, 0.0, outcome))
    }

    fn finished(&self, usage: &Usage, emulator_processor_seconds: f64, outcome: Outcome) -> Run {
        let run = Run {
            conditions: self.conditions,
            tool: self.tool,
            repetition: self.repetition,
            messages: self.messages,
            seconds: usage.seconds,
            processor_seconds: usage.processor_seconds,
            emulator_processor_seconds,
            peak_mib: mebibytes(usage.peak_kib),
            exit: usage.exit,
            outcome,
        };
        let (tool, conditions) = (self.tool.name(), self.conditions);
        say(&format!("  {} {conditions:?}: {tool}, {}: {:.2} s", run.repetition, run.messages, run.seconds));
        run.complaints().iter().for_each(|complaint| say(&format!("    ✗ {complaint}")));
        if !self.tool.succeeded(usage.exit, self.messages) {
            say(&usage.said);
        }
        run
    }
}

fn mebibytes(kib: u64) -> f64 {
    // A process with 4 TiB does not fit this machine.
    f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1_024.0
}
