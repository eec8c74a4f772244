//! The arguments of each command.

use std::path::PathBuf;

use super::options::{Filters, RunOptions, StopOptions, jq};
use clap::Args;

use crate::rules::decide::Contract;

/// When rollcall's contract applies.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum ContractArgument {
    /// Those that say that they are rollcall's events
    Auto,
    /// All
    Rollcall,
    /// None
    None,
}

impl From<ContractArgument> for Contract {
    fn from(contract: ContractArgument) -> Self {
        match contract {
            ContractArgument::Auto => Self::Auto,
            ContractArgument::Rollcall => Self::Rollcall,
            ContractArgument::None => Self::None,
        }
    }
}

/// `triage`.
#[derive(Args, Debug)]
#[expect(missing_docs, reason = "the help texts say it")]
pub struct Triage {
    /// Dead-letter queue (name, URL, ARN or alias), or file of `pull`
    pub source: String,
    /// Group by the result of this jq expression over {id, body, attributes, system} instead of by reason
    #[arg(long, value_name = "JQ", value_parser = jq)]
    pub group_by: Option<String>,
    /// Which bodies are validated against rollcall's contract
    #[arg(long, value_enum, default_value = "auto")]
    pub contract: ContractArgument,
    /// Show personal data
    #[arg(long)]
    pub reveal: bool,
    #[command(flatten)]
    pub filters: Filters,
}

/// `list`.
#[derive(Args, Debug)]
#[expect(missing_docs, reason = "the help texts say it")]
pub struct List {
    /// Dead-letter queue (name, URL, ARN or alias), or file of `pull`
    pub source: String,
    /// Print comma-separated values
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// Show personal data
    #[arg(long)]
    pub reveal: bool,
    #[command(flatten)]
    pub filters: Filters,
}

/// `show`.
#[derive(Args, Debug)]
pub struct Show {
    /// Dead-letter queue (name, URL, ARN or alias), or file of `pull`
    pub source: String,
    /// Message id
    pub id: String,
    /// Show personal data
    #[arg(long)]
    pub reveal: bool,
}

/// Where `replay` sends.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Where to (each message's own source queue if unset)")]
#[group(multiple = true)]
pub struct Destinations {
    /// Send to this queue
    #[arg(long, value_name = "QUEUE", conflicts_with_all = ["to_bus", "to_lambda"])]
    pub to: Option<String>,
    /// Put the bodies on this event bus; every target of every rule that matches gets them again
    #[arg(long, value_name = "BUS", conflicts_with = "to_lambda", group = "without_attributes")]
    pub to_bus: Option<String>,
    /// Invoke this function asynchronously with each body, or with the payload in it
    #[arg(long, value_name = "FUNCTION", group = "without_attributes")]
    pub to_lambda: Option<String>,
    /// Move messages that were replayed too often to this queue instead of leaving them
    #[arg(long, value_name = "QUEUE")]
    pub quarantine: Option<String>,
}

/// What `replay` may lose on the way to a bus or function.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "What may be lost")]
pub struct Losses {
    /// Put events on the bus that no enabled rule matches, which drops them
    #[arg(long, requires = "to_bus")]
    pub allow_unmatched: bool,
    /// Send messages without their attributes and groups to a bus or function
    #[arg(long, requires = "without_attributes")]
    pub drop_attributes: bool,
}

/// What `replay` changes and accepts.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "What is sent")]
pub struct Changes {
    /// Send the bodies in this file of `pull`, and only its messages
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Change each JSON body with this jq expression
    #[arg(long, value_name = "JQ", conflicts_with = "edit_file", value_parser = jq)]
    pub edit: Option<String>,
    /// The same, with the expression in a file
    #[arg(long, value_name = "FILE")]
    pub edit_file: Option<PathBuf>,
    /// Which bodies must match rollcall's contract [default: auto]
    #[arg(long, value_enum)]
    pub contract: Option<ContractArgument>,
    /// Refuse messages that were replayed this often [default: 3]
    #[arg(long, value_name = "N")]
    pub max_replays: Option<u32>,
}

/// `replay`.
#[derive(Args, Debug)]
#[expect(missing_docs, reason = "the help texts say it")]
pub struct Replay {
    /// Dead-letter queue: name, URL, ARN or alias
    pub queue: String,
    #[command(flatten)]
    pub destinations: Destinations,
    #[command(flatten)]
    pub losses: Losses,
    #[command(flatten)]
    pub changes: Changes,
    #[command(flatten)]
    pub filters: Filters,
    #[command(flatten)]
    pub run: RunOptions,
    #[command(flatten)]
    pub stop: StopOptions,
}

/// `move`.
#[derive(Args, Debug)]
#[expect(missing_docs, reason = "the help texts say it")]
pub struct Move {
    /// Dead-letter queue: name, URL, ARN or alias
    pub queue: String,
    /// Queue to move messages to
    #[arg(long, value_name = "QUEUE", required_unless_present = "resume")]
    pub to: Option<String>,
    #[command(flatten)]
    pub filters: Filters,
    #[command(flatten)]
    pub run: RunOptions,
    #[command(flatten)]
    pub stop: StopOptions,
}

/// `export` and `pull`.
#[derive(Args, Debug)]
#[expect(missing_docs, reason = "the help texts say it")]
pub struct Export {
    /// Dead-letter queue: name, URL, ARN or alias
    pub queue: String,
    /// File to write, which must not exist
    pub file: PathBuf,
    #[command(flatten)]
    pub filters: Filters,
}

/// `edit`.
#[derive(Args, Debug)]
#[expect(missing_docs, reason = "the help texts say it")]
pub struct Edit {
    /// File of `pull`
    pub file: PathBuf,
    #[command(flatten)]
    pub filters: Filters,
}

/// `import`.
#[derive(Args, Debug)]
#[expect(missing_docs, reason = "the help texts say it")]
pub struct Import {
    /// Queue to send to: name, URL, ARN or alias
    pub queue: String,
    /// File to read
    pub file: PathBuf,
    /// Import the file again, although an earlier run has imported it to this queue
    #[arg(long)]
    pub again: bool,
    #[command(flatten)]
    pub run: RunOptions,
}

/// `purge`.
#[derive(Args, Debug)]
#[expect(missing_docs, reason = "the help texts say it")]
pub struct Purge {
    /// Dead-letter queue: name, URL, ARN or alias
    pub queue: String,
    /// File that messages are written to before they are deleted; it must not exist
    #[arg(long, value_name = "FILE", required_unless_present = "resume")]
    pub archive: Option<PathBuf>,
    #[command(flatten)]
    pub filters: Filters,
    #[command(flatten)]
    pub run: RunOptions,
}

/// `watch`.
#[derive(Args, Debug)]
pub struct Watch {
    /// Queue: name, URL, ARN or alias
    pub queue: String,
    /// Seconds between two lines
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..))]
    pub every: u64,
    /// Number of lines after which it ends
    #[arg(long, value_name = "N", alias = "looks", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
}

/// `history`.
#[derive(Args, Debug)]
pub struct History {
    /// Run to show with all its messages that need attention
    pub run: Option<String>,
    /// Maximum number of runs
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub limit: usize,
}

/// The commands whose permissions `preflight` checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum PlannedCommand {
    /// triage, list, show, export, pull, and every dry run
    Triage,
    /// replay
    Replay,
    /// move
    Move,
    /// purge
    Purge,
}

/// `preflight`.
#[derive(Args, Debug)]
#[expect(missing_docs, reason = "the help texts say it")]
pub struct Preflight {
    /// Dead-letter queue: name, URL, ARN or alias
    pub queue: String,
    /// Command that you plan to run
    #[arg(long = "for", value_enum, default_value = "replay", value_name = "COMMAND")]
    pub command: PlannedCommand,
    #[command(flatten)]
    pub destinations: Destinations,
}
