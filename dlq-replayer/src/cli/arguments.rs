//! The arguments of each command.

use std::{path::PathBuf, time::Duration};

use clap::{Args, builder::NonEmptyStringValueParser};
use jiff::{SignedDuration, Timestamp};

use super::hints::UsageError;
use crate::{
    rules::{
        decide::Contract,
        jq::Jq,
        select::{SelectionText, age},
    },
    run::rate::RateSetting,
};

/// Which messages match.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Which messages (filters combine)")]
pub struct Filters {
    /// Reason of the failure, as `triage` shows it; can be repeated
    #[arg(long, value_name = "REASON", value_parser = NonEmptyStringValueParser::new())]
    pub reason: Vec<String>,
    /// Attribute that the message must have; repeat it to require several
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub attribute: Vec<(String, String)>,
    /// Minimum time since the message was sent, such as 2h or 3d
    #[arg(long, value_name = "AGE", value_parser = past)]
    pub older_than: Option<SignedDuration>,
    /// Maximum time since the message was sent
    #[arg(long, value_name = "AGE", value_parser = past)]
    pub newer_than: Option<SignedDuration>,
    /// Message id; can be repeated
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub id: Vec<String>,
    /// jq expression over {id, body, attributes, system}; a result must not be false or null
    #[arg(long = "where", value_name = "JQ", value_parser = jq)]
    pub filter: Option<String>,
    /// Maximum number of messages that match [default: 100 for `list`, otherwise no limit]
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = pair.ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Reads an age that lies in the time that can be told.
fn past(text: &str) -> Result<SignedDuration, String> {
    let age = age(text).map_err(|error| error.to_string())?;
    Timestamp::now().checked_sub(age).map(|_| age).map_err(|_| "it is too long ago".to_owned())
}

/// Reads a jq expression, so that a fault in it is found before anything is asked.
fn jq(text: &str) -> Result<String, String> {
    let fault = |error: anyhow::Error| {
        let text = error.to_string();
        text.split_once("is not a jq expression: ").map_or(text.clone(), |(_, fault)| fault.to_owned())
    };
    Jq::compile(text).map(|_| text.to_owned()).map_err(fault)
}

impl Filters {
    /// The selection that they describe; ages count from `now`.
    ///
    /// # Errors
    ///
    /// [`UsageError`] when no message can be of these ages; an age is longer than the time that can be told.
    pub fn selection(&self, now: Timestamp) -> anyhow::Result<SelectionText> {
        if let (Some(oldest), Some(newest)) = (self.newer_than, self.older_than)
            && oldest <= newest
        {
            let text = format!("no message is newer than {oldest:#} and older than {newest:#}");
            return Err(UsageError(text).into());
        }
        let ago = |age: Option<SignedDuration>| age.map(|age| now.checked_sub(age)).transpose();
        Ok(SelectionText {
            reasons: self.reason.clone(),
            attributes: self.attribute.clone(),
            sent_before: ago(self.older_than)?,
            sent_after: ago(self.newer_than)?,
            ids: self.id.clone(),
            filter: self.filter.clone(),
        })
    }
}

/// How a run that changes something goes. A dry run accepts flags of the run, so that `--execute` is all that has to be added.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "How it runs")]
pub struct RunOptions {
    /// Apply the changes; without it, only show what would happen
    #[arg(long)]
    pub execute: bool,
    /// With `--execute`: skip the confirmation for more than 100 messages
    #[arg(short = 'y', long)]
    pub yes: bool,
    /// Repeat the selection and treatment of an earlier run: its name, or `last`
    #[arg(long, value_name = "RUN")]
    pub resume: Option<String>,
    /// With `--execute`: messages per second, such as 50/s, or `unlimited`; adapts automatically if unset
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub rate: Option<RateSetting>,
    /// Show personal data in the dry run
    #[arg(long, conflicts_with = "execute")]
    pub reveal: bool,
}

/// What stops a run whose messages return.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "What stops it (with `--execute`)")]
pub struct StopOptions {
    /// Share of the sent messages (0 to 1) that may return before the run stops; 0.5 if unset
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub max_bounced: Option<f64>,
    /// Number of messages to send first; the rest follows only if they do not return
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub canary: Option<u64>,
    /// Maximum wait for the canary, such as 10m; if unset, the destination's visibility timeout times its maxReceiveCount, at most 1h
    #[arg(long, value_name = "TIME", alias = "settle", requires = "canary", value_parser = duration)]
    pub canary_timeout: Option<Duration>,
}

/// Reads a rate such as `50/s`.
///
/// # Errors
///
/// The text is not a rate.
pub fn rate(text: &str) -> Result<RateSetting, String> {
    if text == "unlimited" {
        return Ok(RateSetting::Unlimited);
    }
    let number = text.strip_suffix("/s").unwrap_or(text);
    // One message in a hundred days is slower than any queue keeps it.
    let rate = number.parse().ok().filter(|rate| *rate >= 1e-7 && f64::is_finite(*rate));
    rate.map(RateSetting::Fixed).ok_or("expected a rate such as 50/s, or `unlimited`".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or("expected a share from 0 to 1".to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    age(text).ok().and_then(|time| Duration::try_from(time).ok()).ok_or("expected a time such as 90s or 10m".to_owned())
}

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
