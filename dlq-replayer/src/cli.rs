//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::{breaker::DEFAULT_SHARE, exit, replay::MAX_REPLAYS};

/// Triage, fix and replay the messages of any SQS dead-letter queue, safe at every step.
///
/// QUEUE is a name, a URL or an ARN. Nothing is sent or deleted without `--execute`.
#[derive(Debug, Parser)]
#[command(name = "dlq-replayer", version, after_help = exit::EXPLAINED, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How to reach AWS, and how to show results.
    #[command(flatten)]
    pub global: Global,
}

/// How to reach AWS, and how to show results.
#[derive(Args, Debug)]
pub struct Global {
    /// A profile of ~/.aws/config
    #[arg(long, global = true, help_heading = "AWS")]
    pub profile: Option<String>,
    /// The Region; the one in a URL or ARN is taken when this is not given
    #[arg(long, global = true, help_heading = "AWS")]
    pub region: Option<String>,
    /// One endpoint for every service, for local use
    #[arg(long, global = true, value_name = "URL", help_heading = "AWS")]
    pub endpoint_url: Option<String>,
    /// Print one JSON document instead of text
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,
    /// Receives, sends and deletes at the same time
    #[arg(long, global = true, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64), help_heading = "AWS")]
    pub concurrency: u16,
    /// How long a message stays hidden when this program is killed, in seconds
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=43_200), help_heading = "AWS")]
    pub visibility: u32,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what is in the queue, by reason, with what to do about it
    #[command(
        after_help = "Example:\n  dlq-replayer triage orders-dlq --parse\n\nLooking is receiving: each message is hidden while the look lasts, given back at its end,\nand its receive count rises by one."
    )]
    Triage(Triage),
    /// List messages, one per line
    #[command(
        after_help = "Example:\n  dlq-replayer list orders-dlq --reason invalid_field --older-than 2h --limit 20"
    )]
    List(List),
    /// Show one message with all its attributes
    #[command(after_help = "Example:\n  dlq-replayer show orders-dlq 7d4a1f0e-2c5b-4a8e-9d61-0b3f6a9c1e22 --reveal")]
    Show(Show),
    /// Send messages again: to the source queue, another queue, or a bus; a dry run unless --execute
    #[command(
        after_help = "Examples:\n  dlq-replayer replay orders-dlq --reason panic\n  dlq-replayer replay orders-dlq --reason invalid_field --edit '.detail.data.first_name |= if . == \"\" then null else . end' --execute\n  dlq-replayer replay orders-dlq --resume last --execute"
    )]
    Replay(Replay),
    /// Move messages to another queue, unchanged; a dry run unless --execute
    #[command(
        after_help = "Example:\n  dlq-replayer move orders-dlq --to orders-quarantine --reason wrong_detail_type --execute"
    )]
    Move(Move),
    /// Write messages to a file, one JSON object per line, and leave them in the queue
    #[command(
        after_help = "Example:\n  dlq-replayer export orders-dlq letters.ndjson --newer-than 1d\n\nThe file holds personal data; only you may read it, and an existing file is never overwritten."
    )]
    Export(Export),
    /// Send the messages of a file to a queue; a dry run unless --execute
    #[command(after_help = "Example:\n  dlq-replayer import orders-dlq letters.ndjson --execute")]
    Import(Import),
    /// Write messages to a file, verify it, and delete them from the queue; a dry run unless --execute
    #[command(after_help = "Example:\n  dlq-replayer purge orders-dlq --archive old.ndjson --older-than 7d --execute")]
    Purge(Purge),
    /// Show the queue's counts and rates until Ctrl-C
    #[command(after_help = "Example:\n  dlq-replayer watch orders-dlq --every 5")]
    Watch(Watch),
    /// Show what earlier runs did
    #[command(after_help = "Example:\n  dlq-replayer history --limit 5")]
    History(History),
    /// Print a completion script
    #[command(after_help = "Example:\n  dlq-replayer completions bash > /etc/bash_completion.d/dlq-replayer")]
    Completions {
        /// The shell
        shell: CompletedShell,
    },
    /// Print the manual page
    #[command(after_help = "Example:\n  dlq-replayer man | man -l -")]
    Man,
}

/// The shells that completions are made for.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum CompletedShell {
    /// Bash
    Bash,
    /// Zsh
    Zsh,
    /// Fish
    Fish,
}

impl From<CompletedShell> for Shell {
    fn from(shell: CompletedShell) -> Self {
        match shell {
            CompletedShell::Bash => Self::Bash,
            CompletedShell::Zsh => Self::Zsh,
            CompletedShell::Fish => Self::Fish,
        }
    }
}

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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_commands_help_teaches_with_an_example() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains(&format!("dlq-replayer {}", command.get_name())), "{}", command.get_name());
        }
    }
}
