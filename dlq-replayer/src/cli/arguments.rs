//! The arguments of each command.

use std::path::PathBuf;

use clap::Args;

use crate::{rules::decide::MAX_REPLAYS, run::breaker::DEFAULT_SHARE};

/// Which messages are meant.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Which messages (filters combine)")]
pub struct Filters {
    /// Given up for this reason, as `triage` shows it; repeat it for several
    #[arg(long, value_name = "REASON")]
    pub reason: Vec<String>,
    /// With this attribute; repeat it for several, which must all match
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub attribute: Vec<(String, String)>,
    /// Sent at least this long ago, such as 2h or 3d
    #[arg(long, value_name = "AGE")]
    pub older_than: Option<String>,
    /// Sent at most this long ago
    #[arg(long, value_name = "AGE")]
    pub newer_than: Option<String>,
    /// With this id; repeat it for several
    #[arg(long, value_name = "ID")]
    pub id: Vec<String>,
    /// For which this jq expression over {id, body, attributes, system} is true
    #[arg(long = "where", value_name = "JQ")]
    pub filter: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// How a run that changes something goes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "How it runs")]
pub struct Running {
    /// Do it; without this, only say what would happen
    #[arg(long)]
    pub execute: bool,
    /// Do not ask before more than 100 messages are touched
    #[arg(long)]
    pub yes: bool,
    /// Finish a run that was stopped: its name, or `last`
    #[arg(long, value_name = "RUN")]
    pub resume: Option<String>,
    /// Messages per second, such as 50/s; without it the pace finds itself
    #[arg(long, value_name = "N/s", value_parser = rate)]
    pub rate: Option<f64>,
    /// Stop when more than this share of the last sent messages came back
    #[arg(long, value_name = "SHARE", default_value_t = DEFAULT_SHARE)]
    pub max_bounced: f64,
    /// Show personal data
    #[arg(long)]
    pub reveal: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix("/s").unwrap_or(text);
    number.parse().ok().filter(|rate| *rate > 0.0 && f64::is_finite(*rate)).ok_or("write it as 50/s".to_owned())
}

/// `triage`.
#[derive(Args, Debug)]
pub struct Triage {
    /// The dead-letter queue: a name, URL or ARN
    pub queue: String,
    /// Ask the consumer's own contract whether each body would be read now
    #[arg(long)]
    pub parse: bool,
    /// Look at no more than so many messages
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub most: u64,
    /// Show personal data
    #[arg(long)]
    pub reveal: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its own type says it")]
    pub filters: Filters,
}

/// `list`.
#[derive(Args, Debug)]
#[expect(missing_docs, reason = "the help texts say it")]
pub struct List {
    /// The dead-letter queue: a name, URL or ARN
    pub queue: String,
    /// Show personal data
    #[arg(long)]
    pub reveal: bool,
    #[command(flatten)]
    pub filters: Filters,
}

/// `show`.
#[derive(Args, Debug)]
pub struct Show {
    /// The dead-letter queue: a name, URL or ARN
    pub queue: String,
    /// The message's id
    pub id: String,
    /// Show personal data
    #[arg(long)]
    pub reveal: bool,
}

/// `replay`.
#[derive(Args, Debug)]
#[expect(missing_docs, reason = "the help texts say it")]
pub struct Replay {
    /// The dead-letter queue: a name, URL or ARN
    pub queue: String,
    /// Send to this queue instead of the source queue
    #[arg(long, value_name = "QUEUE", conflicts_with = "to_bus")]
    pub to: Option<String>,
    /// Put the bodies on this event bus
    #[arg(long, value_name = "NAME")]
    pub to_bus: Option<String>,
    /// Agree to lose attributes and groups, which a bus does not take
    #[arg(long, requires = "to_bus")]
    pub drop_attributes: bool,
    /// Change each JSON body with this jq expression
    #[arg(long, value_name = "JQ", conflicts_with = "edit_file")]
    pub edit: Option<String>,
    /// The same, from a file
    #[arg(long, value_name = "FILE")]
    pub edit_file: Option<PathBuf>,
    /// Send bodies that rollcall's contract refuses, too
    #[arg(long, conflicts_with = "validate")]
    pub no_validate: bool,
    /// Send only bodies that rollcall's contract accepts, whoever wrote them
    #[arg(long)]
    pub validate: bool,
    /// Refuse messages that have been replayed so often
    #[arg(long, value_name = "N", default_value_t = MAX_REPLAYS)]
    pub max_replays: u32,
    /// Move those messages to this queue instead of leaving them
    #[arg(long, value_name = "QUEUE")]
    pub quarantine: Option<String>,
    #[command(flatten)]
    pub filters: Filters,
    #[command(flatten)]
    pub running: Running,
}

/// `move`.
#[derive(Args, Debug)]
#[expect(missing_docs, reason = "the help texts say it")]
pub struct Move {
    /// The dead-letter queue: a name, URL or ARN
    pub queue: String,
    /// Where to
    #[arg(long, value_name = "QUEUE")]
    pub to: String,
    #[command(flatten)]
    pub filters: Filters,
    #[command(flatten)]
    pub running: Running,
}

/// `export`.
#[derive(Args, Debug)]
#[expect(missing_docs, reason = "the help texts say it")]
pub struct Export {
    /// The dead-letter queue: a name, URL or ARN
    pub queue: String,
    /// The file, which must not exist
    pub file: PathBuf,
    #[command(flatten)]
    pub filters: Filters,
}

/// `import`.
#[derive(Args, Debug)]
#[expect(missing_docs, reason = "the help texts say it")]
pub struct Import {
    /// The queue to send to: a name, URL or ARN
    pub queue: String,
    /// The file
    pub file: PathBuf,
    #[command(flatten)]
    pub running: Running,
}

/// `purge`.
#[derive(Args, Debug)]
#[expect(missing_docs, reason = "the help texts say it")]
pub struct Purge {
    /// The dead-letter queue: a name, URL or ARN
    pub queue: String,
    /// The file that everything is written to before it is deleted; it must not exist
    #[arg(long, value_name = "FILE")]
    pub archive: PathBuf,
    #[command(flatten)]
    pub filters: Filters,
    #[command(flatten)]
    pub running: Running,
}

/// `watch`.
#[derive(Args, Debug)]
pub struct Watch {
    /// The queue: a name, URL or ARN
    pub queue: String,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    pub every: u64,
    /// End after so many looks
    #[arg(long, value_name = "N")]
    pub looks: Option<u64>,
}

/// `history`.
#[derive(Args, Debug)]
pub struct History {
    /// At most so many runs
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: usize,
}
