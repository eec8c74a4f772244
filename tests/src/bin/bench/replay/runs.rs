//! One run of one tool, and what is asked of all runs.

use serde::{Deserialize, Serialize};

use super::tool::Tool;
use crate::statistics::Spread;

/// Processor time is given for so many messages.
const PER: f64 = 10_000.0;

/// Shortest net time in seconds: below it, a run cannot be told from one with one message.
const SHORTEST: f64 = 0.01;

/// What the tools run under. Figures are compared within one of them only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Conditions {
    /// A standard queue on this machine.
    Local,
    /// The same with a network's latency.
    Latency,
    /// A FIFO queue with many groups on this machine.
    Fifo,
    /// The same with a network's latency.
    FifoLatency,
    /// A standard queue of the wire model, which holds any number of messages.
    Model,
}

impl Conditions {
    /// The tools that are compared under them.
    pub(crate) fn tools(self) -> &'static [Tool] {
        match self {
            Self::Local => &[Tool::Replayer, Tool::ReplayerUnlimited, Tool::Bare16, Tool::Lumigo, Tool::Boto3],
            // The boto3 script would wait for a minute in each repetition: it has one call under way.
            Self::Latency => &[Tool::Replayer, Tool::ReplayerUnlimited16, Tool::Bare16, Tool::Lumigo],
            Self::Fifo | Self::FifoLatency => &[Tool::ReplayerUnlimited16, Tool::Bare1],
            Self::Model => &[Tool::ReplayerUnlimited],
        }
    }

    pub(crate) fn is_fifo(self) -> bool {
        matches!(self, Self::Fifo | Self::FifoLatency)
    }

    pub(crate) fn has_latency(self) -> bool {
        matches!(self, Self::Latency | Self::FifoLatency)
    }
}

/// Where the messages are after a run, and in which state.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Outcome {
    /// Distinct messages in the destination.
    pub(crate) arrived: u64,
    /// More copies of them there.
    pub(crate) duplicates: u64,
    /// Messages in the source, visible or not.
    pub(crate) left: u64,
    /// Messages that are in neither queue.
    pub(crate) lost: u64,
    /// Messages that are in both.
    pub(crate) in_both: u64,
    /// Messages that came after a later one of their group.
    pub(crate) out_of_order: u64,
    /// Messages whose body differs from the one that was sent.
    pub(crate) changed_bodies: u64,
    /// How many still have the attribute of each type.
    pub(crate) attributes: Attributes,
}

/// Messages that still have the attribute of a type as it was sent.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Attributes {
    pub(crate) string: u64,
    pub(crate) number: u64,
    pub(crate) binary: u64,
}

/// A run of a tool. With one message it shows what starting and ending take; without any, what noticing that there is nothing takes.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Run {
    pub(crate) conditions: Conditions,
    pub(crate) tool: Tool,
    pub(crate) repetition: u32,
    pub(crate) messages: u32,
    pub(crate) seconds: f64,
    pub(crate) processor_seconds: f64,
    /// What the emulator needed meanwhile; 0 for the model, which runs in the benchmark's own process.
    pub(crate) emulator_processor_seconds: f64,
    pub(crate) peak_mib: f64,
    pub(crate) exit: i32,
    pub(crate) outcome: Outcome,
}

impl Run {
    /// What makes its figures worthless, or worse.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let outcome = &self.outcome;
        let all = u64::from(self.messages);
        let attributes = [outcome.attributes.number, outcome.attributes.binary];
        let kept = outcome.attributes.string == all
            && (!self.tool.keeps_all_attributes() || attributes.iter().all(|kept| *kept == all));
        let wrong = [
            (!self.tool.succeeded(self.exit, self.messages), format!("exit code {}", self.exit)),
            (outcome.lost > 0, format!("{} messages lost", outcome.lost)),
            (outcome.left > 0, format!("{} messages left in the source", outcome.left)),
            (outcome.duplicates + outcome.in_both > 0, format!("{} duplicates", outcome.duplicates + outcome.in_both)),
            (outcome.out_of_order > 0, format!("{} messages out of order", outcome.out_of_order)),
            (outcome.changed_bodies > 0, format!("{} changed bodies", outcome.changed_bodies)),
            (!kept, "attributes were lost".to_owned()),
        ];
        let about = |what: String| format!("{}, {} messages: {what}", self.tool.name(), self.messages);
        wrong.into_iter().filter(|(is_so, _)| *is_so).map(|(_, what)| about(what)).collect()
    }
}

/// The runs of one tool under the same conditions.
pub(crate) struct Series<'a> {
    full: Vec<&'a Run>,
    /// With one message.
    least: Vec<&'a Run>,
    empty: Vec<&'a Run>,
}

impl<'a> Series<'a> {
    pub(crate) fn of(runs: &'a [Run], conditions: Conditions, tool: Tool) -> Self {
        let ours = runs.iter().filter(|run| run.conditions == conditions && run.tool == tool);
        let (full, few): (Vec<_>, Vec<_>) = ours.partition(|run| run.messages > 1);
        let (least, empty) = few.into_iter().partition(|run| run.messages == 1);
        Self { full, least, empty }
    }

    /// Its runs with messages.
    pub(crate) fn full(&self) -> &[&'a Run] {
        &self.full
    }

    /// Seconds of each run with messages, start and end included.
    pub(crate) fn seconds(&self) -> Option<Spread> {
        Spread::of(self.full.iter().map(|run| run.seconds))
    }

    /// Seconds of each run with one message.
    pub(crate) fn least(&self) -> Option<Spread> {
        Spread::of(self.least.iter().map(|run| run.seconds))
    }

    /// Seconds of each run on an empty queue.
    pub(crate) fn end(&self) -> Option<Spread> {
        Spread::of(self.empty.iter().map(|run| run.seconds))
    }

    /// Messages per second of each repetition, start and end included.
    pub(crate) fn whole_rates(&self) -> Vec<(u32, f64)> {
        self.full.iter().map(|run| (run.repetition, f64::from(run.messages) / run.seconds)).collect()
    }

    /// Messages per second of each repetition without what the tool's median run with one message takes.
    pub(crate) fn net_rates(&self) -> Vec<(u32, f64)> {
        let least = self.least().map_or(0.0, |least| least.median);
        let rate = |run: &&Run| f64::from(run.messages - 1) / (run.seconds - least).max(SHORTEST);
        self.full.iter().map(|run| (run.repetition, rate(run))).collect()
    }

    /// Processor seconds per 10,000 messages, without what the tool's median run with one message takes.
    pub(crate) fn processor(&self) -> Option<Spread> {
        let least = self.processor_of_least().map_or(0.0, |least| least.median);
        Spread::of(self.full.iter().map(|run| (run.processor_seconds - least) / f64::from(run.messages - 1) * PER))
    }

    /// Processor seconds of the emulator per 10,000 messages, start and end of the tool included.
    pub(crate) fn emulator_processor(&self) -> Option<Spread> {
        Spread::of(self.full.iter().map(|run| run.emulator_processor_seconds / f64::from(run.messages) * PER))
    }

    /// Processor seconds of a run with one message.
    pub(crate) fn processor_of_least(&self) -> Option<Spread> {
        Spread::of(self.least.iter().map(|run| run.processor_seconds))
    }

    /// Largest resident set of the runs with messages, in MiB.
    pub(crate) fn peak(&self) -> Option<Spread> {
        Spread::of(self.full.iter().map(|run| run.peak_mib))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A run in which everything arrived.
    pub(crate) fn run(conditions: Conditions, tool: Tool, repetition: u32, messages: u32, seconds: f64) -> Run {
        let all = u64::from(messages);
        let attributes = Attributes { string: all, number: all, binary: all };
        let outcome = Outcome { arrived: all, attributes, ..Outcome::default() };
        let processor_seconds = seconds / 2.0;
        Run {
            conditions,
            tool,
            repetition,
            messages,
            seconds,
            processor_seconds,
            emulator_processor_seconds: seconds,
            peak_mib: 20.0,
            exit: 0,
            outcome,
        }
    }

    #[test]
    fn net_is_without_the_median_run_with_one_message() {
        let local =
            |repetition, messages, seconds| run(Conditions::Local, Tool::Replayer, repetition, messages, seconds);
        let least = [local(1, 1, 0.5), local(2, 1, 0.7), local(3, 1, 9.0)];
        let runs = [&least[..], &[local(1, 0, 4.0), local(1, 1_001, 1.7), local(2, 1_001, 0.2)]].concat();
        let series = Series::of(&runs, Conditions::Local, Tool::Replayer);
        assert_eq!(series.least(), Some(Spread { median: 0.7, min: 0.5, max: 9.0 }));
        assert_eq!(series.end().map(|end| end.median), Some(4.0));
        let rates: Vec<_> =
            series.net_rates().into_iter().map(|(repetition, rate)| (repetition, rate.round())).collect();
        // The second one was faster than a run with one message: there is no such rate, and the shortest time stands for it.
        assert_eq!(rates, [(1, 1_000.0), (2, 100_000.0)]);
        assert_eq!(series.whole_rates()[1], (2, 5_005.0));
        // (1.7 - 0.7) / 2 processor seconds for 1,000 messages more.
        assert_eq!(format!("{:.1}", series.processor().unwrap().max), "5.0");
        assert!(Series::of(&runs, Conditions::Latency, Tool::Replayer).seconds().is_none());
    }

    #[test]
    fn whatever_did_not_arrive_whole_and_once_is_a_complaint() {
        let good = run(Conditions::Fifo, Tool::Bare1, 1, 10, 1.0);
        assert!(good.complaints().is_empty());
        let broken: [fn(&mut Run); 8] = [
            |run| run.exit = 1,
            |run| run.outcome.lost = 1,
            |run| run.outcome.left = 1,
            |run| run.outcome.duplicates = 1,
            |run| run.outcome.in_both = 1,
            |run| run.outcome.out_of_order = 1,
            |run| run.outcome.changed_bodies = 1,
            |run| run.outcome.attributes.binary = 9,
        ];
        for break_it in broken {
            let mut run = good.clone();
            break_it(&mut run);
            assert_eq!(run.complaints().len(), 1, "{run:?}");
        }
        let mut empty = run(Conditions::Local, Tool::Replayer, 1, 0, 1.0);
        empty.exit = 3;
        assert!(empty.complaints().is_empty(), "nothing matched, because there was nothing");
        let mut lumigo = run(Conditions::Local, Tool::Lumigo, 1, 10, 1.0);
        lumigo.outcome.attributes.binary = 0;
        assert!(lumigo.complaints().is_empty(), "it does not claim to keep them");
    }
}
