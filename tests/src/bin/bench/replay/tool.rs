//! The tools and what each is called with.

use std::{ffi::OsString, path::PathBuf};

use pipeline_tests::peers::Peers;
use serde::Serialize;

/// What every run of `dlq-replayer` is called with; the queues' names take the places of `SOURCE` and `DESTINATION`.
const REPLAY: [&str; 8] = ["replay", "SOURCE", "--to", "DESTINATION", "--execute", "--yes", "--contract", "none"];

/// The Region of the queues that are not the model's.
pub(crate) const REGION: &str = "us-east-1";

/// No limit of its own on messages per second.
const UNLIMITED: [&str; 2] = ["--rate", "unlimited"];

/// As many calls under way as [`Tool::Bare16`] has.
const SIXTEEN: [&str; 2] = ["--concurrency", "16"];

/// The exit code of `dlq-replayer` that says that no message matched: what a run on an empty queue is.
const NOTHING_MATCHED: i32 = 3;

/// A tool with its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Tool {
    /// `dlq-replayer` with its default settings.
    Replayer,
    /// With an unlimited rate.
    ReplayerUnlimited,
    /// With an unlimited rate and sixteen calls under way.
    ReplayerUnlimited16,
    /// The bare client, sixteen tasks.
    Bare16,
    /// The bare client as one serial loop.
    Bare1,
    Lumigo,
    Boto3,
}

impl Tool {
    /// Its name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Replayer => "dlq-replayer, defaults",
            Self::ReplayerUnlimited => "dlq-replayer, unlimited rate",
            Self::ReplayerUnlimited16 => "dlq-replayer, unlimited rate, 16 calls",
            Self::Bare16 => "bare client, 16 tasks",
            Self::Bare1 => "bare client, 1 task",
            Self::Lumigo => "lumigo-cli, its 10 pollers",
            Self::Boto3 => "boto3 script",
        }
    }

    /// Whether it keeps attributes that are not Strings. lumigo-cli says in its code that it drops them.
    pub(crate) fn keeps_all_attributes(self) -> bool {
        self != Self::Lumigo
    }

    /// Whether an exit code says that the run did what it was asked for, with so many messages in the queue.
    pub(crate) fn succeeded(self, exit: i32, messages: u32) -> bool {
        let replayer = matches!(self, Self::Replayer | Self::ReplayerUnlimited | Self::ReplayerUnlimited16);
        exit == 0 || (replayer && messages == 0 && exit == NOTHING_MATCHED)
    }

    /// The command as the page shows it.
    pub(crate) fn shown(self) -> String {
        let program = match self {
            Self::Replayer | Self::ReplayerUnlimited | Self::ReplayerUnlimited16 => "dlq-replayer",
            Self::Bare16 | Self::Bare1 => "bare_client",
            Self::Lumigo => "lumigo-cli",
            Self::Boto3 => "python boto3_mover.py",
        };
        format!("{program} {}", self.arguments().join(" "))
    }

    /// The command that runs it.
    pub(crate) fn command(self, peers: &Peers, source: &str, destination: &str) -> Vec<OsString> {
        let program: Vec<PathBuf> = match self {
            Self::Replayer | Self::ReplayerUnlimited | Self::ReplayerUnlimited16 => vec![peers.replayer().to_owned()],
            Self::Bare16 | Self::Bare1 => vec![peers.bare_client().to_owned()],
            Self::Lumigo => peers.lumigo(),
            Self::Boto3 => peers.boto3(),
        };
        let arguments = self.arguments().into_iter().map(|argument| match argument {
            "SOURCE" => source,
            "DESTINATION" => destination,
            argument => argument,
        });
        program.into_iter().map(OsString::from).chain(arguments.map(OsString::from)).collect()
    }

    fn arguments(self) -> Vec<&'static str> {
        match self {
            Self::Replayer => REPLAY.to_vec(),
            Self::ReplayerUnlimited => [REPLAY.as_slice(), &UNLIMITED].concat(),
            Self::ReplayerUnlimited16 => [REPLAY.as_slice(), &UNLIMITED, &SIXTEEN].concat(),
            Self::Bare16 => vec!["move", "SOURCE", "DESTINATION", "16"],
            Self::Bare1 => vec!["move", "SOURCE", "DESTINATION", "1"],
            Self::Lumigo => vec!["replay-sqs-dlq", "-d", "SOURCE", "-n", "DESTINATION", "-r", REGION],
            Self::Boto3 => vec!["SOURCE", "DESTINATION"],
        }
    }
}
